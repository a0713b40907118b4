"""The options of `genkit tts`; what is done with them is `verb.py`'s."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from genkit.run.beside import is_device
from genkit.run.option import option
from genkit.run.settings import Run
from genkit.run.verb import SpeechVerb

TEXT, VOICE, SOUND = "Text", "Voice", "Sound"


@dataclass(frozen=True)
class TtsDeclaration(SpeechVerb):
    """In the order of help."""

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

    @property
    def suffixes(self) -> list[str]:
        """Those of the files beside each output."""
        return [*([f".{self.subtitles}"] if self.subtitles else []), *([".png"] if self.plot else [])]

    def streams(self, run: Run) -> bool:
        """Whether the sound goes out as it is made, to standard output, a device or a player, and into no file."""
        return run.output == "-" or is_device(run.output) or (self.play and run.output is None)
