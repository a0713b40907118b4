"""FastSpeech 2 as a voice: symbols to rows, rows to frames by the network's durations, frames to sound; numpy between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from genkit import runtime
from genkit.models.running import Running, of_modules
from genkit.models.shapes import Chunk, Mark
from genkit.models.tts.griffin_lim import check_mel, sound_of
from genkit.models.tts.speaking import Speak
from genkit.nets.mel import MelScale
from genkit.nets.spectrum import inverse

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.text.sentence import Sentence, Word

# how a mark is read where the voice has not got it, or never heard it
ALIKE = {";": ",", ":": ",", "—": ",", "…": ".", "!": ".", "?": "."}
STRESSES = "102"  # in the order in which one stands in for another
UNKNOWN, END, SILENCE = "<unk>", "<sos/eos>", "SIL"


class FastSpeech2(Running, Speak):
    """`network` are networks by name: `symbols` and `frames` of `conformer.py`, and one named as `vocoder`: `spectrum`
    (`vocos.Spectrum`, of our own features), or `sound`, mel features (1, F, bands) to a sound (1, T); `hop` samples a frame."""

    FACTS = ("symbols", "hop", "sample_rate", "speakers", "vocoder")
    TOLERANCE = 1e-3  # -60 dB
    takes = "phonemes"

    def __init__(
        self,
        network: Any,
        card: Card,
        *,
        symbols: dict[str, int],
        hop: int,
        sample_rate: int,
        speakers: int,
        vocoder: str,
        device: Any = runtime.CPU,
        dtype: Any = "float32",
    ):
        super().__init__(card, sample_rate=sample_rate, voices=[str(one) for one in range(speakers)] if speakers > 1 else ())
        self._put(network, device, dtype, of_modules("symbols", "frames", vocoder))
        self.symbols, self.hop, self.speakers, self.vocoder = symbols, hop, speakers, vocoder
        self._semitone = float(card.params.get("pitch_per_semitone", 0.0))  # of the unit that the network's pitches have
        self._end = card.params.get("end", END)
        # lengths are learned as logarithms, whose means are short: what the voice's own recordings last longer by
        self._pace = float(card.params.get("pace", 1.0))
        self._unheard = frozenset(card.params.get("unheard", ()))  # symbols that the recordings it learned from had not got

    @classmethod
    def remade(
        cls, runner: Any, facts: Mapping[str, Any], card: Card, files: Mapping[str, Path], load: Callable[[], Self]
    ) -> Self:
        return cls(runner, card, **facts)

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        given: dict[str, list[list[np.ndarray]]] = {"symbols": [], "frames": [], self.vocoder: []}
        for length in (9, 30):
            ids = 1 + np.arange(length)[None] * 7 % max(1, len(self.symbols) - 1)
            speaker = [np.zeros(1, np.int64)] if self.voices else []
            given["symbols"].append([ids, np.full(1, 0.3, np.float32), *speaker])
            rows = np.repeat(self.runner.run("symbols", *given["symbols"][-1])[0], 4, axis=1)
            given["frames"].append([rows])
            given[self.vocoder].append([self.runner.run("frames", rows)[0]])
        return given

    def _say(
        self, sentence: Sentence, seed: int, voice: str | None, speed: float, pitch: float, options: Mapping[str, Any]
    ) -> Iterator[Chunk]:
        tokens, words = self.tokens(sentence, options.get("lexicon"))
        if not words:
            return
        ids = np.array([[self.symbols.get(one, self.symbols.get(UNKNOWN, 0)) for one in tokens]], np.int64)
        speaker = [np.array([int(voice or 0)], np.int64)] if self.voices else []
        rows, logarithms = self.runner.run("symbols", ids, np.array([pitch * self._semitone], np.float32), *speaker)
        frames = durations(logarithms[0], speed * self._pace)
        features = self.runner.run("frames", np.repeat(rows, frames, axis=1))[0]  # (1, F, bands)
        if options.get("vocoder") == "griffin-lim":
            sound = self._griffin_lim(features[0], seed)
        elif self.vocoder == "spectrum":
            real, imaginary = self.runner.run("spectrum", features)
            sound = np.clip(inverse(real[0], imaginary[0], self.hop), -1, 1)
        else:
            sound = np.clip(self.runner.run("sound", features)[0][0], -1, 1)
        yield sound[: max(int(frames.sum()), 1) * self.hop], self._marks(tokens, words, frames)

    def tokens(self, sentence: Sentence, lexicon: Any = None) -> tuple[list[str], list[tuple[Word, int, int]]]:
        """The symbols of a sentence in a row, and each word with its first and its last place among them."""
        from genkit.text.english.phonemes import words_of

        row: list[str] = []
        words: list[tuple[Word, int, int]] = []
        for piece in sentence.pieces:
            for word, phonemes in words_of(piece, lexicon):
                if word.text and not phonemes:
                    self._pass_over(word.text)
                    continue
                if row and " " in self.symbols:
                    row.append(" ")
                words.append((word, len(row), len(row) + len(phonemes)))
                row += [self._heard(one) for one in phonemes]
            mark = self._heard(piece.mark) if piece.mark else ""
            row += [mark] if mark and mark in self.symbols else []  # "" is the symbol of padding
        if row and row[-1][0].isalpha() and SILENCE in self.symbols:
            row.append(SILENCE)  # genkit's own voices learned from texts that all end on a mark or a silence
        row += [self._end] if self._end in self.symbols else []
        return row, [one for one in words if one[2] > one[1]]

    def _heard(self, symbol: str) -> str:
        """The symbol, or the one nearest to it that the voice has heard: another mark, another stress."""
        others = [ALIKE[symbol]] if symbol in ALIKE else [symbol[:-1] + stress for stress in STRESSES if symbol[-1].isdigit()]
        known = (one for one in (symbol, *others) if one in self.symbols and one not in self._unheard)
        return next(known, symbol)

    def _griffin_lim(self, features: np.ndarray, seed: int) -> np.ndarray:
        if self.vocoder == "spectrum":  # of features that are our own
            scale = MelScale.of(self.card.params["mel"])
            return sound_of(scale.logarithms(features).T, scale.params() | {"logarithm": "e"}, seed)
        return sound_of(features.T, check_mel(self.card.name, self.card.params.get("mel")), seed)

    def _marks(self, tokens: Sequence[str], words: Sequence[tuple[Word, int, int]], frames: np.ndarray) -> list[Mark]:
        ends = (frames.cumsum() * self.hop / self.sample_rate).tolist()
        starts = [0.0, *ends[:-1]]
        marks = []
        for word, first, behind in words:
            marks.append(Mark("word", word.text, starts[first], ends[behind - 1], (word.start, word.end)))
            marks += [Mark("phoneme", tokens[place], starts[place], ends[place]) for place in range(first, behind)]
        return marks


def durations(logarithms: np.ndarray, speed: float) -> np.ndarray:
    """Frames (L,) of each symbol, of logarithms of one more; at least one in all. What is rounded off goes to the next."""
    frames = np.rint(np.exp(logarithms) - 1).clip(0).astype(np.int64)
    if speed != 1:
        ends = np.rint(frames.cumsum().astype(np.float32) / np.float32(speed)).astype(np.int64)
        frames = np.diff(ends, prepend=0)
    return frames if frames.any() else np.ones_like(frames)
