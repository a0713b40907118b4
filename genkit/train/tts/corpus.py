"""Recordings made ready to train a voice on, in one file that needs numpy alone to read.

Audio is kept in 12 bits as differences of neighbours, packed by LZMA: the rounding lies 20 dB below the noise of a good home
recording, and an hour takes about 60 MB.
"""

from __future__ import annotations

import io
import random
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from genkit.errors import UsageError
from genkit.media.atomic import temporary_beside

BITS = 12
VERSION = 1
ROWS = ("ids", "frames", "pitch", "energy")  # a number for each symbol


@dataclass(frozen=True)
class AlignedUtterance:
    """One utterance: `audio` (T,) int16 of BITS bits; for each symbol its index `ids`, its `frames` (which add up to the mel
    spectrogram's), `pitch` (natural logarithm of hertz, 0 where nothing is voiced) and `energy` (logarithm)."""

    name: str
    text: str
    audio: np.ndarray
    ids: np.ndarray
    frames: np.ndarray
    pitch: np.ndarray
    energy: np.ndarray
    held: bool = False

    def waveform(self) -> np.ndarray:
        """float32 (T,), -1 to 1."""
        return self.audio.astype(np.float32) / (1 << (BITS - 1))


@dataclass(frozen=True)
class Corpus:
    """`symbols[0]` is padding. `unaligned` are the recordings that did not fit their words, and were left out."""

    rate_hz: int
    hop: int
    symbols: tuple[str, ...]
    utterances: tuple[AlignedUtterance, ...]
    unaligned: tuple[str, ...] = ()
    source: str = ""
    training: tuple[AlignedUtterance, ...] = field(init=False, default=())
    held: tuple[AlignedUtterance, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Divide the utterances. One that says what a held-out one says is in neither part: a voice is tested on new texts."""
        texts = {plain(each.text) for each in self.utterances if each.held}
        object.__setattr__(self, "held", tuple(each for each in self.utterances if each.held))
        object.__setattr__(self, "training", tuple(each for each in self.utterances if plain(each.text) not in texts))

    def divided(self, holdout: frozenset[str] | None) -> Corpus:
        """With other recordings held out: those of these names, or with None as it is, or one in twenty if none is.

        Raises:
            UsageError: none of the names is here, or nothing is left to train on.
        """
        if holdout is None and (self.held or len(self.utterances) < 2):
            return self
        names = holdout
        if names is None:
            known = sorted(each.name for each in self.utterances)
            names = frozenset(random.Random(0).sample(known, min(20, max(1, len(known) // 20))))
        corpus = replace(self, utterances=tuple(replace(each, held=each.name in names) for each in self.utterances))
        if not corpus.held:
            raise UsageError("none of the held-out names is among the recordings")
        if not corpus.training:
            raise UsageError("every recording is held out: nothing is left to train on")
        return corpus


def plain(text: str) -> str:
    """Letters, digits and single spaces, small."""
    return " ".join("".join(sign if sign.isalnum() else " " for sign in text.lower()).split())


def quantised(audio: np.ndarray) -> np.ndarray:
    """Float audio to int16 of BITS bits."""
    top = 1 << (BITS - 1)
    return np.clip(np.round(audio * top), -top, top - 1).astype(np.int16)


def write_corpus(corpus: Corpus, target: Path) -> None:
    """Write it whole or not at all."""
    utterances = corpus.utterances
    sizes = np.array([(len(each.audio), len(each.ids)) for each in utterances], np.int32).reshape(-1, 2)
    steps = [np.diff(each.audio, prepend=np.int16(0)) for each in utterances]
    audio = np.concatenate(steps) if steps else np.zeros(0, np.int16)
    arrays = {
        "about": np.array([str(VERSION), str(corpus.rate_hz), str(corpus.hop), corpus.source]),
        "symbols": np.array(corpus.symbols),
        "unaligned": np.array(corpus.unaligned, np.str_),
        "names": np.array([each.name for each in utterances]),
        "texts": np.array([each.text for each in utterances]),
        "held": np.array([each.held for each in utterances]),
        "sizes": sizes,
        "audio": audio.view(np.uint8).reshape(-1, 2).T.copy(),  # low bytes, then high ones: they pack better apart
        **{key: np.concatenate([getattr(each, key) for each in utterances]) for key in ROWS},
    }
    target.parent.mkdir(parents=True, exist_ok=True)
    with temporary_beside(target) as partial, zipfile.ZipFile(partial, "w", zipfile.ZIP_LZMA) as archive:
        for key, value in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, value, allow_pickle=False)
            archive.writestr(f"{key}.npy", member.getvalue())


def is_corpus(path: Path) -> bool:
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return {"about.npy", "sizes.npy", "frames.npy"} <= set(archive.namelist())


def read_corpus(source: Path) -> Corpus:
    """Read what `write_corpus` wrote.

    Raises:
        UsageError: it is no such file, or of another version of genkit.
    """
    try:
        with np.load(source, allow_pickle=False) as arrays:
            members = {key: arrays[key] for key in arrays.files}
        version, rate, hop, origin = map(str, members["about"])
        if int(version) != VERSION:
            raise UsageError(f"{source}: made by another version of genkit", "prepare it again from the recordings")
        return _corpus(members, int(rate), int(hop), origin)
    except (OSError, KeyError, ValueError, zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise UsageError(f"{source}: not a prepared set of recordings ({error})") from error


def _corpus(arrays: dict[str, np.ndarray], rate: int, hop: int, origin: str) -> Corpus:
    steps = np.ascontiguousarray(arrays["audio"].T).view(np.int16).reshape(-1)
    audio_ends, symbol_ends = np.cumsum(arrays["sizes"], 0).T if len(arrays["sizes"]) else (np.zeros(0), np.zeros(0))
    audio = _parts(steps, audio_ends)
    rows = {key: _parts(arrays[key], symbol_ends) for key in ROWS}
    utterances = tuple(
        AlignedUtterance(
            name=str(arrays["names"][place]),
            text=str(arrays["texts"][place]),
            audio=np.cumsum(audio[place], dtype=np.int16),
            held=bool(arrays["held"][place]),
            **{key: parts[place] for key, parts in rows.items()},
        )
        for place in range(len(arrays["names"]))
    )
    symbols, unaligned = (tuple(map(str, arrays[key])) for key in ("symbols", "unaligned"))
    return Corpus(rate, hop, symbols, utterances, unaligned, origin)


def _parts(values: np.ndarray, ends: np.ndarray) -> Sequence[np.ndarray]:
    return np.split(values, ends[:-1].astype(int))
