"""What every voice is asked for, with a voice that writes down what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genkit.models.shapes import SpeakModel
from genkit.text.books.passages import Passage
from genkit.text.front import sentences
from genkit.verbs.tts.task import Manner, flowing, say, utterances

RATE = 1000
CHAPTERS = [Passage("1", "One is here. Two is here."), Passage("2", "Three. Four."), Passage("3", "Five, and no more.")]


class Voice(SpeakModel):
    """Ten samples a letter."""

    sample_rate, takes, can = RATE, "text", frozenset({"speed"})

    def __init__(self, longest: int | None = None):
        self.longest, self.texts = longest, list[str]()
        self.card = SimpleNamespace(name="voice")

    def __call__(self, sentence: Any, seed: int, **options: Any) -> Iterator[tuple[np.ndarray, tuple[Any, ...]]]:
        self.texts.append(sentence.text)
        yield np.full(10 * len(sentence.text), 0.5, np.float32), ()


def sound_of(found: Any) -> np.ndarray:
    return np.concatenate([part for one in found for part in (np.zeros(round(one.silence * RATE), np.float32), one.sound)])


@pytest.mark.parametrize("stop", range(1, 5))
def test_what_goes_on_sounds_as_what_never_stopped(stop: int) -> None:
    whole = list(utterances(Voice(), CHAPTERS, Manner(), seed=1))
    assert len(whole) == 5
    voice = Voice()
    rest = list(utterances(voice, CHAPTERS, Manner(), seed=1, skip=stop, rest=whole[stop - 1].rest))
    assert [one.number for one in rest] == list(range(stop, 5)) and len(voice.texts) == 5 - stop, "nothing twice"
    assert [one.silence for one in rest] == [one.silence for one in whole[stop:]]
    assert np.array_equal(np.concatenate([sound_of(whole[:stop]), sound_of(rest)]), sound_of(whole))


def test_a_stream_is_what_a_file_holds() -> None:
    assert np.array_equal(np.concatenate(list(flowing(Voice(), CHAPTERS[:2], Manner(), seed=1))), sound_of(
        utterances(Voice(), CHAPTERS[:2], Manner(), seed=1)
    ))  # fmt: skip


def test_what_is_too_long_for_one_call_is_said_once() -> None:
    sentence = next(sentences("The quick brown fox jumps over the lazy dog again and again"))
    voice = Voice(longest=20)
    list(say(voice, sentence, Manner(), 0))
    assert " ".join(voice.texts) == "the quick brown fox jumps over the lazy dog again and again."
    voice.texts.clear()
    list(say(voice, replace(sentence, text="The quick"), Manner(), 0, by_clause=True))
    assert "The quick" not in voice.texts
