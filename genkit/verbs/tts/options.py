"""The options of `genkit tts`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.options import OUTPUT, RUN, DrawOptions

TEXT, VOICE, SOUND = "Text", "Voice", "Sound"


def flag(*names: str, panel: str, help: str, metavar: str | None = None, default: str | bool = False) -> Any:
    """An option with our conventions."""
    return typer.Option(*names, metavar=metavar, rich_help_panel=panel, show_default=default, help=help)


Format = Annotated[
    str | None,
    typer.Option(
        "--format", metavar="NAME", rich_help_panel=OUTPUT, show_default="wav", help="wav, flac, ogg or mp3; raw with -o -."
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality", metavar="1-100", min=1, max=100, rich_help_panel=OUTPUT, show_default="80", help="Quality of ogg and mp3."
    ),
]


@dataclass(frozen=True)
class SpeechOptions(DrawOptions):
    """What the verbs that draw share, with words that fit sound."""

    format: Format = None
    quality: Quality = None


@dataclass(frozen=True)
class TextOptions:
    """Where the text comes from and how it is read."""

    source: Annotated[
        list[str] | None,
        flag(
            "--from",
            panel=TEXT,
            metavar="PATH",
            help="A text to read, again for each: txt, md, csv, jsonl (id and text), srt, vtt, ass (in their times), epub; "
            "a folder; -.",
        ),
    ] = None
    split: Annotated[
        bool, flag("--split", panel=TEXT, help="One output a line (a row, a chapter): 0001-<first-words>.wav.")
    ] = False
    join: Annotated[bool, flag("--join", panel=TEXT, help="Everything in one output, with chapters.")] = False
    language: Annotated[
        str | None,
        flag(
            "--language", panel=TEXT, metavar="CODE", default="as the voice", help="The text's language, such as de or en-GB."
        ),
    ] = None
    lexicon: Annotated[
        Path | None,
        flag("--lexicon", panel=TEXT, metavar="FILE", help="Pronunciations: a word and its ARPAbet phonemes a line."),
    ] = None
    ssml: Annotated[
        bool, flag("--ssml", panel=TEXT, help="The text is SSML: break, prosody (rate, pitch), say-as, phoneme.")
    ] = False


@dataclass(frozen=True)
class VoiceOptions:
    """Who speaks, and how."""

    voice: Annotated[
        str | None,
        flag(
            "--voice", panel=VOICE, metavar="NAME|FILE", default="the model's first", help="A speaker of the model, or a file."
        ),
    ] = None
    speed: Annotated[
        float,
        typer.Option("--speed", metavar="X", rich_help_panel=VOICE, help="0.5 to 2: how fast it speaks, at the same pitch."),
    ] = 1.0
    pitch: Annotated[
        float, typer.Option("--pitch", metavar="SEMITONES", rich_help_panel=VOICE, help="-12 to 12: how high it speaks.")
    ] = 0.0
    pause: Annotated[
        float | None,
        flag(
            "--pause",
            panel=VOICE,
            metavar="S",
            default="by the punctuation",
            help="Seconds between sentences, twice that between paragraphs.",
        ),
    ] = None
    vocoder: Annotated[
        str | None,
        flag("--vocoder", panel=VOICE, metavar="NAME", default="the model's", help="griffin-lim: no network, for comparison."),
    ] = None
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            metavar="N",
            rich_help_panel=RUN,
            min=0,
            show_default="at random, where the voice draws noise",
            help="Seed.",
        ),
    ] = None
    list_voices: Annotated[
        bool, flag("--list-voices", panel=VOICE, help="List voices, those of --language alone if given; say nothing.")
    ] = False


@dataclass(frozen=True)
class SoundOptions:
    """What is written."""

    bits: Annotated[int, typer.Option("--bits", metavar="16|24", rich_help_panel=SOUND, help="Depth of wav and flac.")] = 16
    rate: Annotated[
        int | None, flag("--rate", panel=SOUND, metavar="HZ", default="the voice's own", help="Samples a second.")
    ] = None
    lufs: Annotated[
        float | None,
        flag(
            "--lufs",
            panel=SOUND,
            metavar="N",
            default="left as it is",
            help="How loud (EBU R 128): -16 for podcasts, -23 for TV.",
        ),
    ] = None
    subtitles: Annotated[
        str | None,
        flag(
            "--subtitles",
            panel=SOUND,
            metavar="srt|vtt|json",
            help="Times beside each output, of words where the voice has them.",
        ),
    ] = None
    plot: Annotated[
        bool, flag("--plot", panel=SOUND, help="A picture beside each output: waveform and mel spectrogram, with phonemes.")
    ] = False
    play: Annotated[bool, flag("--play", panel=SOUND, help="Play it while it is made (without -o nothing is written).")] = False
