"""The network that says how an English word sounds from its letters; numpy alone, weights of eight bits.

Every letter is labelled with the zero to two phonemes that it makes, all letters at once, by residual convolutions over the
word; the likeliest labels with exactly one primary stress are taken. Trained by genkit/train/tts/g2p.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

ALPHABET = "'abcdefghijklmnopqrstuvwxyz"
_IDS = {letter: i for i, letter in enumerate(ALPHABET)}

Layer = tuple[np.ndarray, np.ndarray]  # weight (in, out), bias (out,)


def letters_of(word: str) -> list[int]:
    """The network's numbers of the letters of a word, which must all be in ALPHABET."""
    return [_IDS[letter] for letter in word]


class Network:
    """embed (27, width); each layer (kernel * width, width): taps outermost; head (width, chunks)."""

    def __init__(self, embed: np.ndarray, layers: Sequence[Layer], head: Layer, chunks: Sequence[tuple[str, ...]]):
        self.embed, self.layers, self.head, self.chunks = embed, list(layers), head, list(chunks)
        self.stressed = np.array([any(one[-1] == "1" for one in chunk) for chunk in self.chunks])
        self.vowel = np.array([any(one[-1] in "012" for one in chunk) for chunk in self.chunks])

    def logits(self, words: Sequence[str]) -> np.ndarray:
        """Words of one length to (words, letters, chunks)."""
        x = self.embed[np.array([letters_of(word) for word in words])]
        count, length, width = x.shape
        for weight, bias in self.layers:
            kernel = weight.shape[0] // width
            padded = np.pad(x, ((0, 0), (kernel // 2, kernel // 2), (0, 0)))
            window = np.concatenate([padded[:, tap : tap + length] for tap in range(kernel)], axis=2)
            x = x + np.maximum(window.reshape(-1, kernel * width) @ weight + bias, 0).reshape(count, length, -1)
        return x @ self.head[0] + self.head[1]

    def __call__(self, words: Sequence[str]) -> list[tuple[str, ...]]:
        """Phonemes of each word; the words may have any lengths."""
        by_length: dict[int, list[int]] = {}
        for place, word in enumerate(words):
            by_length.setdefault(len(word), []).append(place)
        said: list[tuple[str, ...]] = [()] * len(words)
        for length, places in by_length.items():
            if not length:
                continue
            for first in range(0, len(places), 512):
                part = places[first : first + 512]
                for place, chunks in zip(part, self._choose(self.logits([words[one] for one in part])), strict=True):
                    said[place] = tuple(one for chunk in chunks for one in self.chunks[chunk])
        return said

    def _choose(self, logits: np.ndarray) -> np.ndarray:
        """The best chunk of each letter (words, letters), under the rule that one vowel and no more has the primary stress."""
        best = logits.argmax(2)
        with_stress = np.where(self.stressed, logits, -np.inf)
        without = np.where(self.stressed, -np.inf, logits)
        on, off = with_stress.max(2), without.max(2)
        rows = np.flatnonzero((self.stressed[best].sum(1) != 1) & self.vowel[best].any(1))
        if rows.size:
            letter = (on[rows] - off[rows]).argmax(1)  # the letter whose stress costs least
            best[rows] = without[rows].argmax(2)
            best[rows, letter] = with_stress[rows, letter].argmax(1)
        return best
