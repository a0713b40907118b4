"""`tts`: read text aloud."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError
from genkit.run.verb import Context
from genkit.verbs.tts.declaration import TtsDeclaration

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import SpeakModel
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.settings import Run
    from genkit.run.verb import Outcome
    from genkit.verbs.tts.request import SpeechRequest


@dataclass(frozen=True)
class Tts(TtsDeclaration):
    """Read text aloud.

    \b
      genkit tts "Hello there." -o hello.wav
      genkit tts --from book.epub -o book.mp3 --subtitles srt
      genkit tts --from lines.txt --split -o lines/
      genkit tts "Hello there." -o - | aplay
      genkit tts --list-voices --language ru
    """

    name = "tts"
    first = "texts"

    def names_file(self, name: str) -> bool:
        if name == "lexicon":  # pronunciations themselves, from Python
            return not isinstance(self.lexicon, Mapping)
        return name != "voice" or (self.voice is not None and Path(self.voice).is_file())

    def recorded(self, context: Context) -> dict[str, Any]:
        return {key: value for key, value in super().recorded(context).items() if key != "lexicon"}  # it is among the files

    def listed(self, run: Run) -> int | None:
        if not self.list_voices:
            return None
        from genkit.verbs.tts.listing import list_voices

        return list_voices(self.language, run.json)

    def check(self, context: Context) -> None:
        run = context.run
        if self.play and run.output is not None and self.streams(run):
            raise UsageError(f"--play and -o {run.output} contradict each other", "leave out one of them")
        if self.streams(run):
            reason = "needs the whole sound, and a stream goes out as it is made"
            self._refuse_without_file(run, reason, "write to a file: -o FILE", lufs=self.lufs is not None)
        self.request(context)

    def _refuse_without_file(self, run: Run, reason: str, way_out: str, *, lufs: bool = False) -> None:
        wanted = {"--subtitles": self.subtitles is not None, "--plot": self.plot, "--lufs": lufs, "--sidecar": run.sidecar}
        for flag in (flag for flag, given in wanted.items() if given):
            raise UsageError(f"{flag} {reason}", way_out)

    def request(self, context: Context) -> SpeechRequest:
        """What is to be said and how; read once for the whole run.

        Raises:
            UsageError: it cannot be said.
        """
        from genkit.verbs.tts.request import make_request

        request: SpeechRequest = context.once("request", lambda: make_request(self, context))
        return request

    def carry_out(self, context: Context, reporter: Reporter, session: Session, stop: threading.Event | None) -> Outcome:
        from genkit.verbs.tts.stream import find_player, play_files, run_stream
        from genkit.verbs.tts.work import run_speech

        request = self.request(context)
        player = find_player(request.encoding.format) if self.play else None
        if self.streams(context.run):
            return run_stream(request, context, reporter, session, player)
        outcome = run_speech(self, request, context, reporter, session, stop)
        if player is not None and outcome.counts is not None and outcome.exit_code == 0:
            play_files(player, [item.target for item in outcome.plan.items if item.target])
        return outcome

    def in_memory(self, model: SpeakModel, context: Context, reporter: Reporter) -> tuple[np.ndarray, int]:
        import numpy as np

        from genkit.media.sound.audio import resampled
        from genkit.verbs.tts.task import Synthesizer
        from genkit.verbs.tts.voices import unread_notice
        from genkit.verbs.tts.work import loudness

        self._refuse_without_file(context.run, "lies beside a file, and none is written", "name one: output=...")
        request, own_rate = self.request(context), model.sample_rate
        synthesizer = Synthesizer(model, request.settings, request.seed or 0)
        synthesizer.check()
        blocks: list[np.ndarray] = []
        passages = [part for script in request.scripts for part in script.passages]
        for utterance in synthesizer.utterances(passages, now=lambda: sum(map(len, blocks)) / own_rate):
            blocks.append(utterance.with_silence(own_rate))
        gain, notices = loudness(blocks, own_rate, self.lufs)
        for notice in (*request.notices, unread_notice(model), *notices):
            if notice:
                reporter.say(notice)
        if not any(map(len, blocks)):
            raise InputError("there is nothing in the text that can be said")
        samples = np.concatenate(list(resampled(blocks, own_rate, self.rate)))
        return (samples if gain == 1 else samples * np.float32(gain)), self.rate or own_rate
