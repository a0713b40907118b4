"""Where each phoneme of a recording lies, by PocketSphinx's forced alignment with pronunciations that are ours.

Every pronunciation is put into the recogniser's dictionary as a word of its own, so that what comes back is exactly what went
in, and silences that the speaker made between words. Times come in steps of 10 ms, and no phoneme is shorter than 30 ms:
both are the recogniser's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from genkit.errors import UsageError

RATE_HZ = 16_000
FRAME_S = 0.01
SILENCE = "SIL"
ATTEMPTS = ((1.0, 0.0), (0.6, 0.0), (1.0, 0.1), (0.4, 0.05))  # what one search loses, another level or edge may find


@dataclass(frozen=True)
class Span:
    """`word` is the index of the word that was said, or -1 in a silence."""

    phone: str
    word: int
    start_s: float
    end_s: float


class Aligner:
    """One recogniser for many recordings."""

    def __init__(self) -> None:
        try:
            from pocketsphinx import Decoder
        except ImportError as error:
            raise UsageError(
                "preparing recordings needs PocketSphinx, which finds where each sound of a text lies",
                "pip install 'genkit-media[speech]'; prepared.npz of an earlier run needs it not",
            ) from error
        self._decoder: Any = Decoder(lm=None, loglevel="FATAL")

    def align(self, audio: np.ndarray, words: Sequence[Sequence[str]]) -> list[Span] | None:
        """Find the phonemes of `words` (each a sequence of ARPAbet, stress or not) in mono float audio at 16 kHz.

        Returns None where the recording does not fit the words.
        """
        for gain, before_s in ATTEMPTS:
            edge = np.zeros(round(before_s * RATE_HZ), np.float32)
            spans = self._attempt(np.concatenate([edge, audio * gain, edge]), words)
            if spans is None:
                continue
            end = len(audio) / RATE_HZ
            moved = [replace(s, start_s=max(0.0, s.start_s - before_s), end_s=min(end, s.end_s - before_s)) for s in spans]
            spoken = [span for span in moved if span.word >= 0]
            if all(span.end_s > span.start_s for span in spoken):  # else a phoneme lies in the edge, and this was no fit
                return [span for span in moved if span.end_s > span.start_s]
        return None

    def _attempt(self, audio: np.ndarray, words: Sequence[Sequence[str]]) -> list[Span] | None:
        raw = (np.clip(audio, -1, 1) * 32767).astype(np.int16).tobytes()
        try:
            self._decoder.set_align_text(" ".join(self._name(word) for word in words))
            self._hear(raw)
            if self._decoder.hyp() is None:
                return None
            self._decoder.set_alignment()
            self._hear(raw)
            alignment = self._decoder.get_alignment()
        except RuntimeError:
            return None  # the search has no path to the last word
        return None if alignment is None else self._spans(alignment, words)

    def _name(self, word: Sequence[str]) -> str:
        phones = [phone.rstrip("012") for phone in word]
        name = "=" + "_".join(phones)  # no English word begins so
        if self._decoder.lookup_word(name) is None:
            self._decoder.add_word(name, " ".join(phones), True)
        return name

    def _hear(self, raw: bytes) -> None:
        self._decoder.start_utt()
        self._decoder.process_raw(raw, full_utt=True)
        self._decoder.end_utt()

    @staticmethod
    def _spans(alignment: Any, words: Sequence[Sequence[str]]) -> list[Span] | None:
        spans: list[Span] = []
        place = 0
        for word in alignment:
            phones = [(phone.name, phone.start * FRAME_S, (phone.start + phone.duration) * FRAME_S) for phone in word]
            if all(name == SILENCE or name.startswith("+") for name, _, _ in phones):
                spans += [Span(SILENCE, -1, start, end) for _, start, end in phones]
                continue
            if place >= len(words) or [name for name, _, _ in phones] != [phone.rstrip("012") for phone in words[place]]:
                return None
            spans += [Span(name, place, start, end) for name, start, end in phones]
            place += 1
        return spans if place == len(words) else None
