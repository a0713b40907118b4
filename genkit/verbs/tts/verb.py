"""`tts`: read text aloud."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError
from genkit.run.beside import is_device
from genkit.run.option import option
from genkit.run.verb import Context, SpeechVerb

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import SpeakModel
    from genkit.run.call import Outcome
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.settings import Run
    from genkit.verbs.tts.request import SpeechRequest

TEXT, VOICE, SOUND = "Text", "Voice", "Sound"


@dataclass(frozen=True)
class Tts(SpeechVerb):
    """Read text aloud.

    \b
      genkit tts "Hello there." -o hello.wav
      genkit tts --from book.epub -o book.mp3 --subtitles srt
      genkit tts --from lines.txt --split -o lines/
      genkit tts "Hello there." -o - | aplay
      genkit tts --list-voices --language ru
    """

    texts: list[str] | None = option(
        None,
        "What to say, or - for standard input; each text is an output.",
        argument=True,
        metavar="[TEXT]...",
        shown=False,
        recorded=False,
        former=("text",),
    )
    source: list[str] | None = option(
        None,
        "A text to read: txt, md, html, epub, csv, jsonl (id, text), srt, vtt, ass (with times); a folder; -; repeatable.",
        panel=TEXT,
        flags=("--from",),
        metavar="PATH",
        shown=False,
        recorded=False,
        recorded_as="from",
    )
    split: bool = option(
        False, "One output a line (a row, a chapter): 0001-<first-words>.wav.", panel=TEXT, shown=False, recorded=False
    )
    join: bool = option(False, "Everything in one output, with chapters.", panel=TEXT, shown=False)
    language: str | None = option(
        None, "The text's language, such as de or en-GB.", panel=TEXT, metavar="CODE", shown="as the voice"
    )
    lexicon: Path | None = option(
        None,
        "Pronunciations: a word and its ARPAbet phonemes a line.",
        panel=TEXT,
        metavar="FILE",
        shown=False,
        needs="phonemes",
        file="one",
        content=Mapping,
    )
    ssml: bool = option(False, "The text is SSML: break, prosody (rate, pitch), say-as, phoneme.", panel=TEXT, shown=False)
    voice: str | None = option(
        None,
        "A speaker of the model, or a file.",
        panel=VOICE,
        metavar="NAME|FILE",
        shown="the model's first",
        file="one",
    )
    speed: float = option(
        1.0,
        "0.5 to 2: how fast it speaks, at the same pitch.",
        panel=VOICE,
        metavar="X",
        least=0.5,
        most=2,
        bounds="0.5 to 2",
        needs="speed",
    )
    pitch: float = option(
        0.0,
        "-12 to 12: how high it speaks.",
        panel=VOICE,
        metavar="SEMITONES",
        least=-12,
        most=12,
        bounds="-12 to 12 semitones",
        unit="semitones",
        needs="pitch",
    )
    pause: float | None = option(
        None,
        "Seconds between sentences, twice that between paragraphs.",
        panel=VOICE,
        metavar="S",
        shown="by the punctuation",
        least=0,
        most=60,
        bounds="0 to 60 seconds",
        unit="s",
    )
    vocoder: str | None = option(
        None,
        "griffin-lim: no network, for comparison.",
        panel=VOICE,
        metavar="NAME",
        shown="the model's",
        of_model=True,
    )
    list_voices: bool = option(
        False,
        "List voices, those of --language alone if given; say nothing.",
        panel=VOICE,
        shown=False,
        recorded=False,
        terminal=True,
    )
    bits: int = option(16, "Depth of wav and flac.", panel=SOUND, metavar="16|24", choices=(16, 24), bounds="16 or 24")
    rate: int | None = option(
        None,
        "Samples a second.",
        panel=SOUND,
        metavar="HZ",
        shown="the voice's own",
        least=4000,
        most=192_000,
        bounds="4000 to 192000 Hz",
        unit="Hz",
    )
    lufs: float | None = option(
        None,
        "How loud (EBU R 128): -16 for podcasts, -23 for TV.",
        panel=SOUND,
        metavar="N",
        shown="left as it is",
        least=-70,
        most=0,
        bounds="-70 to 0",
        unit="LUFS",
    )
    subtitles: str | None = option(
        None,
        "Times beside each output, of words where the voice has them.",
        panel=SOUND,
        metavar="srt|vtt|json",
        shown=False,
        choices=("srt", "vtt", "json"),
        recorded=False,
    )
    plot: bool = option(
        False,
        "A picture beside each output: waveform and mel spectrogram, with phonemes.",
        panel=SOUND,
        shown=False,
        recorded=False,
    )
    play: bool = option(
        False,
        "Play it while it is made (without -o nothing is written).",
        panel=SOUND,
        shown=False,
        recorded=False,
        terminal=True,
    )

    name = "tts"
    first = "texts"

    @property
    def suffixes(self) -> list[str]:
        """Those of the files beside each output."""
        return [*([f".{self.subtitles}"] if self.subtitles else []), *([".png"] if self.plot else [])]

    def streams(self, run: Run) -> bool:
        """Whether the sound goes out as it is made, to standard output, a device or a player, and into no file."""
        return run.output == "-" or is_device(run.output) or (self.play and run.output is None)

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
