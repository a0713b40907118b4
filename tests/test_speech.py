"""What every voice is asked for, with a voice that writes down what it is given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from genkit.models.shapes import Mark, SpeakModel
from genkit.text.books.passage import Passage
from genkit.text.front import sentences
from genkit.verbs.tts.inputs import slug
from genkit.verbs.tts.subtitles import Cue, cue_of, lines_of, overrun_notices, split
from genkit.verbs.tts.task import SpeechSettings, Synthesizer, Utterance, seed_at

RATE = 1000
CHAPTERS = [Passage("1", "One is here. Two is here."), Passage("2", "Three. Four."), Passage("3", "Five, and no more.")]


class Voice(SpeakModel):
    """Ten samples a letter."""

    sample_rate, takes, can = RATE, "text", frozenset({"speed"})

    def __init__(self, longest: int | None = None):
        self.longest, self.texts = longest, list[str]()
        self.seeds, self.speeds = list[int](), list[float]()
        self.card = SimpleNamespace(name="voice")

    def __call__(self, sentence: Any, seed: int, **options: Any) -> Iterator[tuple[np.ndarray, tuple[Any, ...]]]:
        self.texts.append(sentence.text)
        self.seeds.append(seed)
        self.speeds.append(options["speed"])
        yield np.full(10 * len(sentence.text), 0.5, np.float32), ()


def sound_of(utterances: Any) -> np.ndarray:
    return np.concatenate([utterance.with_silence(RATE) for utterance in utterances])


def test_the_silence_before_an_utterance_is_as_long_as_it_says() -> None:
    second = list(Synthesizer(Voice(), SpeechSettings(pause=0.25), 1).utterances(CHAPTERS[:1]))[1]
    assert not second.with_silence(RATE)[:250].any() and np.array_equal(second.with_silence(RATE)[250:], second.sound)


@pytest.mark.parametrize("stop", range(1, 5))
def test_what_goes_on_sounds_as_what_never_stopped(stop: int) -> None:
    whole = list(Synthesizer(Voice(), SpeechSettings(), 1).utterances(CHAPTERS))
    assert len(whole) == 5
    voice = Voice()
    rest = list(Synthesizer(voice, SpeechSettings(), 1).utterances(CHAPTERS, skip=stop, rest=whole[stop - 1].rest))
    assert [one.text for one in rest] == [one.text for one in whole[stop:]] and len(voice.texts) == 5 - stop, "nothing twice"
    assert voice.seeds == [seed_at(1, number) for number in range(stop, 5)]
    assert [one.silence for one in rest] == [one.silence for one in whole[stop:]]
    assert np.array_equal(np.concatenate([sound_of(whole[:stop]), sound_of(rest)]), sound_of(whole))


def test_a_stream_is_what_a_file_holds() -> None:
    streamed = np.concatenate(list(Synthesizer(Voice(), SpeechSettings(), 1).stream(CHAPTERS[:2])))
    assert np.array_equal(streamed, sound_of(Synthesizer(Voice(), SpeechSettings(), 1).utterances(CHAPTERS[:2])))


def test_what_is_too_long_for_one_call_is_said_once() -> None:
    sentence = next(sentences("The quick brown fox jumps over the lazy dog again and again"))
    voice = Voice(longest=20)
    synthesizer = Synthesizer(voice, SpeechSettings())
    list(synthesizer.chunks(sentence, 0))
    assert " ".join(voice.texts) == "the quick brown fox jumps over the lazy dog again and again."
    voice.texts.clear()
    list(synthesizer.chunks(replace(sentence, text="The quick"), 0, by_clause=True))
    assert "The quick" not in voice.texts


def test_a_name_keeps_the_marks_of_its_letters() -> None:
    assert slug("नमस्ते दुनिया!") == "नमस्ते-दुनिया" and slug("مُحَمَّدٌ") == "مُحَمَّدٌ" and slug("<p>One two</p> 3²") == "one-two-3"


def test_subtitles_that_do_not_fit_say_by_how_much() -> None:
    many = "one two three four five six seven eight nine ten eleven twelve"
    cues = [
        Passage("1", many, start=0, end=0.2),
        Passage("2", many, start=0.2, end=0.4),
        Passage("3", "Well.", start=0.5, end=9.5),
    ]
    said: list[Utterance] = []
    for one in Synthesizer(Voice(), SpeechSettings()).utterances(
        cues, now=lambda: sum(len(one.with_silence(RATE)) for one in said) / RATE
    ):
        said.append(one)
    assert said[0].overrun == pytest.approx(len(said[0].sound) / RATE - 0.2) and said[0].overrun > 0.2
    assert said[1].overrun > 0.2 and said[2].overrun == 0
    assert overrun_notices([("1", 1.34), ("2", 0.2)], 3) == [
        "2 of 3 subtitles last beyond their time, the most by 1.3 s: 1 by 1.3 s, 2 by 0.2 s"
    ]
    assert overrun_notices([("7", 2.0)], 9) == ["1 of 9 subtitles lasts beyond its time: 7 by 2.0 s"]
    assert (
        overrun_notices([(str(one), 1.0) for one in range(8)], 9)[0].endswith(", and 3 more") and overrun_notices([], 9) == []
    )


def test_words_of_a_cue_are_those_of_the_text() -> None:
    source = "The FTSE rose 0.25 to 5.25%, all of it; Ann &amp; Bo."
    (sentence,) = sentences(source)
    words = [word for piece in sentence.pieces for word in piece.words]
    marks = [Mark("word", word.text, place, place + 1, (word.start, word.end)) for place, word in enumerate(words)]
    cue = cue_of(marks, source, 0, 99, source)
    written = [text for text, _, _ in cue.words]
    assert written[:8] == ["the", "FTSE", "rose", "0.25", "to", "5.25%", "all", "of"] and written[-3:] == ["ann", "and", "bo"]
    assert [text for text, _, _ in cue_of(marks, source, 0, 99).words][3] == "zero point two five"
    assert cue.words[3][1:] == (6, 10)


def test_cues_keep_their_marks() -> None:
    text = "Well, it cost 0.25, and no more; “so,” he said, “be it as it may, and let us never, never speak of it again.”"
    words = [(one.strip(".,;“”"), float(place), place + 0.9) for place, one in enumerate(text.split())]
    whole = Cue(text, 0, 30, tuple(words))
    parts = list(split(whole))
    assert len(parts) == 2 and " ".join(one.text for one in parts) == text
    vtt = "".join(lines_of("vtt", [whole]))
    assert "Well, <00:00:01.000>it <00:00:02.000>cost <00:00:03.000>0.25, " in vtt and vtt.rstrip().endswith("again.”")


def test_a_subtitle_begins_at_its_time_and_is_said_faster_where_that_is_short() -> None:
    voice = Voice()
    times = (("One is here. Two.", 1.0, 1.1), ("Three.", 1.1, 1.2), ("Four.", 9.0, 9.5))
    subtitles = [Passage("", text, start=start, end=end) for text, start, end in times]
    position = [0]
    made = []
    for utterance in Synthesizer(voice, SpeechSettings(), 1).utterances(subtitles, now=lambda: position[0] / RATE):
        made.append(utterance)
        position[0] += len(utterance.with_silence(RATE))
    assert [one.text for one in made] == [text for text, _, _ in times]
    assert [one.silence for one in made[:2]] == [1.0, 0.0], "the second one begins late, behind the first"
    assert voice.speeds == [1.0, 1.0, 2.0, 2.0, 1.0, 1.0], "its time until the third is long enough for the second"
    assert position[0] == 9 * RATE + len(made[2].sound)
