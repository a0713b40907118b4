"""Speech that is heard while it is made: to standard output, or to a player."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from genkit.errors import InputError, RunError, UsageError
from genkit.media.atomic import output_error
from genkit.run.verb import Outcome

if TYPE_CHECKING:
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.verb import Context
    from genkit.verbs.tts.request import SpeechRequest

# players that take WAV from standard input, and how
PLAYERS: dict[str, tuple[str, ...]] = {
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-i", "-"),
    "mpv": ("--no-video", "--really-quiet", "-"),
    "aplay": ("-q", "-"),
    "play": ("-q", "-t", "wav", "-"),
}
WAV_ALONE = ("aplay", "play")


def run_stream(
    request: SpeechRequest, context: Context, reporter: Reporter, session: Session, player: Sequence[str] | None
) -> Outcome:
    """Say everything one after another, to a player's standard input, a device or our standard output.

    Raises:
        InputError: there is nothing to say. RunError: the player failed.
    """
    from genkit.run.plan import Plan

    outcome = Outcome(Plan(), None, 0)
    if context.run.dry_run:
        reporter.say(f"{len(request.scripts)} to say with {context.card.name}; nothing was said")
        return outcome
    if player is None and context.run.output not in (None, "-"):
        device = Path(context.run.output)
        try:
            with device.open("wb") as out:
                _say(request, context, reporter, session, out)
        except OSError as error:
            raise output_error(device, error) from error
        return outcome
    if player is None:
        _say(request, context, reporter, session, sys.stdout.buffer)
        return outcome
    process = subprocess.Popen(player, stdin=subprocess.PIPE)
    assert process.stdin is not None
    try:
        _say(request, context, reporter, session, process.stdin)  # type: ignore[arg-type]
        process.stdin.close()
        if process.wait():
            raise RunError(f"{player[0]} ended with {process.returncode}", "-o FILE writes it instead")
    except BrokenPipeError as error:
        raise RunError(f"{player[0]} stopped listening", "-o FILE writes it instead") from error
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return outcome


def find_player(format: str) -> list[str]:
    """The command of a player that is installed, and plays sound of that format.

    Raises:
        UsageError: there is none.
    """
    players = [name for name in PLAYERS if format == "WAV" or name not in WAV_ALONE]
    for name in players:
        if (path := shutil.which(name)) is not None:
            return [path, *PLAYERS[name]]
    raise UsageError(
        f"--play: no player {'' if format == 'WAV' else f'of {format.lower()} '}is installed",
        f"install one of {', '.join(players)}, or write to a file: -o FILE",
    )


def play_files(player: Sequence[str], paths: Sequence[Path]) -> None:
    """Play what was written, one after another.

    Raises:
        RunError: the player failed.
    """
    for path in paths:
        with path.open("rb") as stream:
            done = subprocess.run(player, stdin=stream, check=False)
        if done.returncode:
            raise RunError(f"{player[0]} ended with {done.returncode}")


def _say(request: SpeechRequest, context: Context, reporter: Reporter, session: Session, out: BinaryIO) -> None:
    import time

    from genkit.media.sound.audio import SoundStream
    from genkit.run.work import load
    from genkit.verbs.tts.task import Synthesizer
    from genkit.verbs.tts.voices import unread_notice

    _, model = load(context, session, reporter)
    synthesizer = Synthesizer(model, request.settings, request.seed or 0)
    synthesizer.check()
    for notice in request.notices:
        reporter.say(notice)
    if request.drawn:
        reporter.say(f"seed {request.seed}")
    begun = time.monotonic()
    first: float | None = None
    stream = SoundStream(out, model.sample_rate, request.encoding)
    count = 0
    for sound in synthesizer.stream([part for script in request.scripts for part in script.passages]):
        first = time.monotonic() - begun if first is None else first
        count += len(sound)
        stream.write(sound)
    stream.close()
    if unread := unread_notice(model):
        reporter.say(unread)
    if not count:
        raise InputError("there is nothing in it that can be said")
    if context.run.verbose and first is not None:
        seconds, length = time.monotonic() - begun, count / model.sample_rate
        reporter.say(f"{length:.1f} s of sound in {seconds:.1f} s, the first after {first:.2f} s")
