"""`genkit eval tts`: is a voice understood, does it sound like the speaker, and how fast is it?

The protocol is in `protocol`. Recordings of the same texts, where there are any, stand beside under the same recogniser: as
they are, and through mel features and Griffin and Lim's algorithm, which loses the phases.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from genkit.data.names import read_names
from genkit.data.utterances import Recordings, resample
from genkit.errors import UsageError
from genkit.evaluate.cepstra import cepstra, distortion
from genkit.evaluate.recognising import RATE_HZ, Recognise, edit_distance, words_of
from genkit.evaluate.speech_quality import Score
from genkit.nets.mel import MelScale

if TYPE_CHECKING:
    from genkit.models.shapes import SpeakModel

Say = Callable[[str, int], tuple[np.ndarray, int]]  # a text and a seed to mono float32 and its rate
SCALE = MelScale()
LEVEL = 0.09  # root mean square that everything is brought to


@dataclass(frozen=True)
class Line:
    """A text, and how it was recorded, if it was: audio and its rate."""

    name: str
    text: str
    recorded: tuple[np.ndarray, int] | None = None


@dataclass
class Tally:
    """What was counted for one voice."""

    model: str
    words: int = 0
    seconds: float = 0.0
    took: float = 0.0
    errors: dict[str, int] = field(default_factory=dict)
    distortions: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)

    def row(self) -> dict[str, Any]:
        rates = {name: count / max(1, self.words) for name, count in self.errors.items()}
        return {
            "model": self.model,
            "words": self.words,
            "seconds": round(self.seconds, 1),
            **rates,
            **({"mos": float(np.mean(self.scores))} if self.scores else {}),
            "mcd": float(np.mean(self.distortions)) if self.distortions else float("nan"),
            "real_time": self.took / self.seconds if self.took and self.seconds else float("nan"),
        }


def read_lines(text: Path | None, data: Path | None, names: Path | None) -> list[Line]:
    """Sentences of a text file (one a line, or `id|text`), or recordings with their texts, of all or of those listed.

    Raises:
        UsageError: nothing to say.
    """
    if data is None:
        assert text is not None
        rows = read_names(text)
        lines = [Line(row.split("|")[0] if "|" in row else f"{at:04}", row.split("|")[-1]) for at, row in enumerate(rows, 1)]
    else:
        listed = None if names is None else set(read_names(names))
        with Recordings(data) as source:
            chosen = [each for each in source.utterances if listed is None or each.name in listed]
            lines = [Line(each.name, each.text, source.read(each)) for each in chosen]
    if not lines:
        raise UsageError(f"{data or text}: nothing in it to say")
    return lines


def of_folder(folder: Path, lines: Sequence[Line]) -> Callable[[Line], tuple[np.ndarray, int]]:
    """Sounds of another program, one for each line: NAME.wav, or NAME-anything.wav as `genkit tts --split` names them.

    Raises:
        UsageError: there is none for a line.
    """
    from genkit.media.sound.audio import read_sound
    from genkit.media.sound.formats import FORMATS

    sounds = sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS) if folder.is_dir() else []
    paths: dict[str, Path] = {}
    for line in lines:
        for path in sounds:
            if path.stem == line.name or path.stem.startswith(f"{line.name}-"):
                paths.setdefault(line.name, path)
    if missing := [line.name for line in lines if line.name not in paths]:
        raise UsageError(f"--against {folder}: no sound for {missing[0]} and {len(missing) - 1} more", f"{missing[0]}.wav, ...")
    return lambda line: read_sound(paths[line.name])


def evaluate(
    lines: Sequence[Line],
    voices: Mapping[str, Say],
    recognisers: Mapping[str, Recognise],
    *,
    others: Mapping[str, Callable[[Line], tuple[np.ndarray, int]]] | None = None,
    quality: Score | None = None,
    report: Callable[[str], None] = lambda name: None,
    keep: Callable[[str, str, np.ndarray, int], None] = lambda model, name, audio, rate: None,
) -> list[dict[str, Any]]:
    """A row for the recordings (and one for them through Griffin-Lim), one for each of `others`, and one for each voice."""
    recorded = any(line.recorded is not None for line in lines)
    methods: dict[str, Callable[[Line], tuple[np.ndarray, int] | None]] = {}
    if recorded:
        methods["recordings"] = lambda line: line.recorded
        methods["recordings, Griffin-Lim"] = lambda line: griffin_lim(line.recorded) if line.recorded else None
    methods |= others or {}
    for name, say in voices.items():
        methods[name] = lambda line, say=say: say(line.text, 0)  # type: ignore[misc]
    tallies = []
    for name, method in methods.items():
        tally = Tally(name)
        for line in lines:
            report(f"{name}: {line.name}")
            begun = time.monotonic()
            sound = method(line)
            if sound is None:
                continue
            took = time.monotonic() - begun
            audio, rate = sound
            keep(name, line.name, audio, rate)
            _count(tally, line, audio, rate, recognisers, quality)
            tally.took += took if name in voices else 0.0
        tallies.append(tally.row())
    return tallies


def _count(
    tally: Tally, line: Line, audio: np.ndarray, rate: int, recognisers: Mapping[str, Recognise], quality: Score | None
) -> None:
    said = words_of(spoken(line.text))
    heard = resample(levelled(audio), rate, RATE_HZ)
    tally.words += len(said)
    tally.seconds += len(audio) / rate
    for name, recognise in recognisers.items():
        tally.errors[name] = tally.errors.get(name, 0) + edit_distance(said, words_of(spoken(recognise(heard))))
    if quality is not None:
        tally.scores.append(quality(heard))
    if line.recorded is not None and tally.model != "recordings":
        tally.distortions.append(distortion(_cepstra(audio, rate), _cepstra(*line.recorded)))


def spoken(text: str) -> str:
    """The text as words that are said: numbers, abbreviations and signs spelt out."""
    from genkit.text.front import sentences

    return " ".join(sentence.said for sentence in sentences(text))


def levelled(audio: np.ndarray) -> np.ndarray:
    level = float(np.sqrt((audio.astype(np.float64) ** 2).mean())) if len(audio) else 0.0
    return (audio * (LEVEL / level)).astype(np.float32) if level > 0 else audio


def _logarithms(audio: np.ndarray, rate: int) -> np.ndarray:
    sound = torch.from_numpy(resample(levelled(audio), rate, SCALE.rate_hz))
    return SCALE.logarithms(SCALE.features(sound[None])[0]).numpy()


def _cepstra(audio: np.ndarray, rate: int) -> np.ndarray:
    return cepstra(_logarithms(audio, rate))


def griffin_lim(recorded: tuple[np.ndarray, int]) -> tuple[np.ndarray, int]:
    """A recording through the mel features of genkit's voices and back, with phases that librosa finds."""
    from genkit.models.tts.griffin_lim import sound_of

    return sound_of(_logarithms(*recorded), SCALE.params() | {"logarithm": "e"}, 0), SCALE.rate_hz


def of_voice(model: SpeakModel) -> Say:
    """A loaded voice (`models/tts/speaking.py`) as something that says a text."""

    def say(text: str, seed: int) -> tuple[np.ndarray, int]:
        parts: Iterable[np.ndarray] = [audio for audio, _ in model(text, seed)]
        return np.concatenate([np.zeros(0, np.float32), *parts]), model.sample_rate

    return say


def protocol(count: int, recognisers: Sequence[str], scored: bool = False) -> str:
    mos = "; MOS: mean of Distill-MOS (version 7), 1 to 5, at 16 kHz" if scored else ""
    return (
        f"{count} texts; everything brought to one level and to 16 kHz; word error rate (substitutions, insertions and "
        f"deletions in shares of the words said, both sides spelt out by genkit's front end) by {', '.join(recognisers)}; mcd: "
        "mel-cepstral distortion in dB from the recordings of the same texts, coefficients 1 to 13 of 80 mel bands at 22,050 "
        f"Hz (window 1024, hop 256), time-warped, silences included; real_time: seconds taken for a second of speech{mos}"
    )
