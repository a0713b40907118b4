"""Speech that is heard while it is made: to standard output, or to a player."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from genkit.errors import InputError, RunError, UsageError
from genkit.verbs.tts.options import SpeechOptions

if TYPE_CHECKING:
    from genkit.run.report import Reporter
    from genkit.verbs.tts.work import SpeechVerb

# players that take WAV from standard input, and how
PLAYERS: dict[str, tuple[str, ...]] = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"),
    "mpv": ("--no-video", "--really-quiet", "-"),
    "aplay": ("-q", "-"),
    "play": ("-q", "-t", "wav", "-"),
}


def run_stream(shared: SpeechOptions, verb: SpeechVerb, *, play: bool) -> int:
    """Say everything one after another, and return the exit code.

    Raises:
        UsageError: there is no player, or the terminal would get the samples.
    """
    from genkit.run.making import reporting

    player = find_player() if play else None
    with reporting(shared, pipe=shared.output == "-") as reporter:
        if shared.dry_run:
            reporter.say(f"{len(verb.scripts)} to say with {verb.card.name}; nothing was said")
            return 0
        if player is None:
            return _say(shared, verb, reporter, sys.stdout.buffer)
        process = subprocess.Popen(player, stdin=subprocess.PIPE)
        assert process.stdin is not None
        try:
            code = _say(shared, verb, reporter, process.stdin)  # type: ignore[arg-type]
            process.stdin.close()
            if process.wait():
                raise RunError(f"{player[0]} ended with {process.returncode}", "-o FILE writes it instead")
        except BrokenPipeError as error:
            raise RunError(f"{player[0]} stopped listening", "-o FILE writes it instead") from error
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
        return code


def find_player() -> list[str]:
    """The command of a player that is installed.

    Raises:
        UsageError: there is none.
    """
    for name, words in PLAYERS.items():
        if (path := shutil.which(name)) is not None:
            return [path, *words]
    raise UsageError("--play: no player is installed", f"install one of {', '.join(PLAYERS)}, or write to a file: -o FILE")


def play_files(paths: Sequence[Path]) -> None:
    """Play what was written, one after another.

    Raises:
        UsageError: there is no player. RunError: it failed.
    """
    for path in paths:
        command = find_player()
        with path.open("rb") as stream:
            if path.suffix.lower() != ".wav" and Path(command[0]).name in ("aplay", "play"):
                raise UsageError(f"{Path(command[0]).name} plays wav alone", "install ffplay or mpv")
            done = subprocess.run(command, stdin=stream, check=False)
        if done.returncode:
            raise RunError(f"{command[0]} ended with {done.returncode}")


def _say(shared: SpeechOptions, verb: SpeechVerb, reporter: Reporter, out: BinaryIO) -> int:
    import time

    from genkit.media.sound.audio import SoundStream
    from genkit.run.making import Making
    from genkit.run.planning import settings_of
    from genkit.verbs.tts.task import flowing
    from genkit.verbs.tts.work import tell_unread

    _, model = Making(shared, verb, settings_of(shared, verb.name), reporter).load()
    manner = verb.manner
    model.check(voice=manner.voice, speed=manner.speed, pitch=manner.pitch)
    for notice in verb.notices:
        reporter.say(notice)
    if verb.drawn:
        reporter.say(f"seed {verb.seed}")
    begun = time.monotonic()
    first: float | None = None
    stream = SoundStream(out, model.sample_rate, verb.encoding)
    parts: list[Any] = [part for script in verb.scripts for part in script.passages]
    count = 0
    for sound in flowing(model, parts, manner, seed=verb.seed or 0):
        first = time.monotonic() - begun if first is None else first
        count += len(sound)
        stream.write(sound)
    stream.close()
    tell_unread(model, reporter)
    if not count:
        raise InputError("there is nothing in it that can be said")
    if shared.verbose and first is not None:
        seconds, length = time.monotonic() - begun, count / model.sample_rate
        reporter.say(f"{length:.1f} s of sound in {seconds:.1f} s, the first after {first:.2f} s")
    return 0
