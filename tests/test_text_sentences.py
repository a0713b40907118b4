"""Where sentences end, what rests between them, and that a book can be read lazily and taken up anywhere."""

from __future__ import annotations

import re
import time
import tracemalloc
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from genkit.errors import InputError
from genkit.text.composing import check
from genkit.text.front import sentences
from genkit.text.lexicon import read_lexicon
from genkit.text.scripts import unspeakable
from genkit.text.sentence import PARAGRAPH_PAUSE_S, PAUSES, Sentence
from genkit.text.splitting import LONGEST, spans

SPLIT = [
    "Mr. J. R. R. Tolkien met Dr. Smith.|They talked.",
    "It was 5.30 p.m. when he came.|She left at 6 p.m. Nobody saw her.",
    "I live in the U.S. The rest is far.".replace(". The", ".|The"),
    "The U.S. Navy sailed.|It won.",
    "Acme Inc. makes cars.|He works at Acme Inc.|They pay well.",
    '"Really?" he said.|"Yes!"|She left.',
    "Wait... what?|And then... it fell.|Well…|Then nothing.",
    "See https://example.com/a.b?c=d. for more.",
    "It cost $3.50.|Pi is 3.14.|Done.",
    "He lives on Main St.|The house is red.",
    "St. Paul's is old.|We went to St. Louis.",
    "I like vitamin C.|It helps.",
    "So do I.|Then we left.",
    "No. 5 is alive.|He said no.|She left.",
    "Smith et al. wrote it, cf. page 5, in Jan. 2020.|It is long.",
    "e.g. this one, i.e. that, etc. and so on.|The end.",
    "What?!|No!!|(He laughed.)|Fine.",
    "1. First we eat.|2. Then we sleep.".replace("|", "\n"),
    "John F. Kennedy spoke.|George W. Bush listened.",
    "Use Node.js today.|Visit example.com now.",
    "He said: “Go.” Then he went.".replace("” T", "”|T"),
    "これは本です。|あれは犬です。",
    "Version 1.2.3 is out.|Get it.",
]


@pytest.mark.parametrize("marked", SPLIT)
def test_a_sentence_ends_where_a_reader_would_end_it(marked: str):
    if "\n" in marked:
        assert [marked[a:b] for a, b, _ in spans(marked)] == marked.split("\n")
        return
    marked = marked.replace("6 p.m. Nobody", "6 p.m.|Nobody")
    text = marked.replace("|", " ")
    assert [text[a:b] for a, b, _ in spans(text)] == marked.split("|")


def test_blank_lines_end_paragraphs_and_short_lines_are_titles():
    text = "Chapter One\nIt was a dark night and all the lamps along the river had gone out\nlong ago. He ran.\n\nShe did not."
    found = [(text[a:b].split("\n")[0][:12], ends) for a, b, ends in spans(text)]
    assert found == [("Chapter One", False), ("It was a dar", False), ("He ran.", True), ("She did not.", True)]
    last = list(sentences(text))[-2]
    assert last.paragraph_end and last.pause == PARAGRAPH_PAUSE_S


def test_marks_become_pieces_and_rests():
    (one,) = sentences("Well, he (really) said: yes — no; wait... what?!")
    assert [(piece.said, piece.mark) for piece in one.pieces] == [
        ("well,", ","),
        ("he,", ","),
        ("really,", ","),
        ("said:", ":"),
        ("yes—", "—"),
        ("no;", ";"),
        ("wait…", "…"),
        ("what?", "?"),
    ]
    assert one.pause == PARAGRAPH_PAUSE_S and all(piece.mark in PAUSES for piece in one.pieces)


def test_every_word_knows_where_it_stood():
    text = "Pay $5.50, well-known Mr. Smith!"
    (one,) = sentences(text)
    assert [(word.text, text[word.start : word.end]) for piece in one.pieces for word in piece.words] == [
        ("pay", "Pay"),
        *[(word, "$5.50") for word in ("five", "dollars", "and", "fifty", "cents")],
        ("well", "well"),
        ("known", "known"),
        ("mister", "Mr."),
        ("smith", "Smith"),
    ]


BOOK = (
    "Chapter 1\n\nMr. Smith paid $5.50 in 1999. “Why?” she asked, e.g. at 3:45 p.m. He lives on Main St. The end... "
    "Call 555-1234!\n\n- one item\n- another item\n\nThe U.S. won 3-2. " + "so long and on " * 60 + "it went, " * 40 + "on.\n"
)


def test_reading_goes_on_at_any_sentence():
    whole = list(sentences(BOOK))
    assert len(whole) > 10
    for place, one in enumerate(whole):
        assert list(sentences(BOOK, start=one.start)) == whole[place:]
        assert list(sentences(BOOK, start=one.end)) == whole[place + 1 :]


def test_a_sentence_has_a_longest_length():
    text = "word " * 1000
    found = list(spans(text))
    assert len(found) > 5 and all(b - a <= LONGEST for a, b, _ in found)
    assert "".join(text[a:b] for a, b, _ in found).count("word") == 1000
    assert [ends for _, _, ends in found] == [False] * (len(found) - 1) + [True]


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="aB1 .,!?\n\"'()-$5%:/@#[]\u2028é я…", max_size=80))
def test_any_text_is_read_in_order_without_loss(text: str):
    found = [(a, b) for a, b, _ in spans(text)]
    assert all(a < b for a, b in found) and all(x[1] <= y[0] for x, y in pairwise(found))
    covered = "".join(text[a:b] for a, b in found)
    assert sum(not one.isspace() for one in covered) == sum(not one.isspace() for one in text)
    try:
        made = list(sentences(text))
    except InputError as error:
        assert "[[" in text and "phoneme" in error.message
        return
    for one in made:
        for piece in one.pieces:
            assert piece.mark in PAUSES and (piece.words or piece.pause > 0)
            assert all(one.start <= word.start < word.end <= one.end for word in piece.words)


def test_a_book_of_a_hundred_thousand_words_takes_no_memory_that_grows():
    text = BOOK[:240] + "\n\n"
    text = text * (100_000 // len(text.split()) + 1)
    assert len(text.split()) >= 100_000
    peaks = []
    tracemalloc.start()
    try:
        count = 0
        for one in sentences(text):
            count += isinstance(one, Sentence)
            if one.start > len(text) // 40:
                break
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.reset_peak()
        begun = tracemalloc.get_traced_memory()[0]
        count += sum(1 for _ in spans(text))
        count += sum(1 for _ in sentences(text, start=len(text) - len(text) // 40))
        peaks.append(tracemalloc.get_traced_memory()[1] - begun)
    finally:
        tracemalloc.stop()
    assert count > 5000 and peaks[1] < 300_000, peaks


def test_phonemes_stand_in_brackets():
    (one,) = sentences("Say [[HH AH0 L OW1]] now.")
    assert [(word.text, word.phonemes) for word in one.pieces[0].words] == [
        ("say", ()),
        ("", ("HH", "AH0", "L", "OW1")),
        ("now", ()),
    ]
    with pytest.raises(InputError, match=r"\[\[HH AH0 Q\]\] at character 4: Q is no ARPAbet phoneme"):
        list(sentences("Say [[HH AH0 Q]] now."))


def test_brackets_without_phonemes_are_text():
    text = "See [[Other page]]; [[ -f x ]] tests [[NASA]] files, [[]] and [[HH AH0]]."
    assert [one.said for one in sentences(text)] == ["see other page; f x, tests nasa, files, and."]
    told = check(text, "en", None, False)
    assert told.notes == ("[[Other page]] at line 1, column 5 holds no phonemes: it is read as text, and 3 more",)
    assert told.phonemes == text.index("[[HH")


@pytest.mark.parametrize(
    "signs", [*"[](){}<>*_`'\"#@%&$+-=/\\|~^,.;:!? \n", "[[", "a@", "1-", "&a;", "[[a", "-\n", "①", "x^", "("]
)
def test_time_does_not_grow_with_the_square_of_signs(signs: str):
    text = signs * (40_000 // len(signs))
    begun = time.process_time()
    check(text, "en", None, False)
    list(sentences(text))
    assert time.process_time() - begun < 8


def test_words_of_the_lexicon_stay_as_they_are(tmp_path):
    path = tmp_path / "own.txt"
    path.write_text("# ours\nNASA\tN AE1 S AH0\ngif  JH IH1 F ;;; not G\n\nZoë Z OW1 IY0\n", encoding="utf-8")
    lexicon = read_lexicon(path)
    assert lexicon == {"nasa": ("N", "AE1", "S", "AH0"), "gif": ("JH", "IH1", "F"), "zoë": ("Z", "OW1", "IY0")}
    (one,) = sentences("A GIF of NASA.", lexicon=lexicon)
    assert one.said == "a gif of nasa."


@pytest.mark.parametrize(
    ("content", "message"),
    [("ok OW1 K\nbad XX1", r"own.txt, line 2: bad: XX1 is no ARPAbet"), ("alone", r"own.txt, line 1: alone: no phonemes")],
)
def test_a_wrong_lexicon_is_named_with_its_line(tmp_path, content: str, message: str):
    path = tmp_path / "own.txt"
    path.write_text(content)
    with pytest.raises(InputError, match=message):
        read_lexicon(path)
    with pytest.raises(InputError, match=r"none.txt"):
        read_lexicon(tmp_path / "none.txt")


def test_words_of_a_foreign_script_cannot_be_said():
    assert unspeakable("Сегодня отличная погода, не правда ли?", ["en"], most=2) == ["Сегодня", "отличная"]
    assert unspeakable("naïve Zoë São café ½ € “x” α", ["en"]) == []
    assert unspeakable("привет", ["ru"]) == unspeakable("привет", ["rus", "en"]) == []
    assert unspeakable("Hello мир", ["ru"]) == ["Hello"]
    assert unspeakable("今日は κόσμε", ["en-US"]) == ["今日は", "κόσμε"]
    assert unspeakable("мир", []) == []


PARTS = re.findall(
    r"\S+|\s+",
    "0 1 99 007 1990 1,000 10\u00a0000 .5 1/2 ½ ² ⁵ ₂ Ⅳ ① st nd th km kg m in. ft lb Jan May Dec. am p.m. \n St. Dr. Mr N W. "
    "Ave IV X iv p. pp. No. I A the of to World\u00a0War Louis x e k M bn USD Rs. US$ é ﬁ -\n ʼ ‘ ` § → − ’90s GMT UTC+ "
    "http://a.b a@b.co #x CA zip 3:45 1-2-3 (a) (s) 's [1] [[ ]] &amp; ²³⁵U Fe³⁺ 🙂 я क ा 中 。 . , : ; - – — / \\ ( ) [ ' "
    '" $ € % ° # @ & + * = < > ^ _ ~ ! ? | {',
)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(PARTS), max_size=12),
    st.sampled_from(["en", "en-GB", "de", "fr", "es", "pl", "ru", "pt", "hi", "zh"]),
)
def test_no_text_stops_a_reader(parts: list[str], language: str):
    text = "".join(parts)
    try:
        found = list(sentences(text, language=language))
    except InputError:
        assert "[[" in text
        return
    for one in found:
        for word in (word for piece in one.pieces for word in piece.words):
            assert one.start <= word.start < word.end <= one.end and word.text == word.text.lower()
