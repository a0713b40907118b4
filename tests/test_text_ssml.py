"""The subset of SSML: what it does to pieces, where words stood, and errors that name the tag and its place."""

from __future__ import annotations

import contextlib
import time

import pytest

from genkit.errors import InputError
from genkit.text.composing import check
from genkit.text.front import sentences


def read(inside: str) -> list:
    return list(sentences(f"<speak>{inside}</speak>", ssml=True))


def test_breaks_are_silences():
    (one,) = read('Hello <break time="300ms"/> big<break time="1.5s"></break> world. <break strength="strong"/>')
    assert [(piece.said, piece.pause) for piece in one.pieces] == [
        ("hello", 0.0), ("", 0.3), ("big", 0.0), ("", 1.5), ("world.", 0.0), ("", 0.75),
    ]  # fmt: skip


def test_prosody_nests():
    (one,) = read('<prosody rate="slow">a b <prosody rate="200%" pitch="+2st">c</prosody> d</prosody> e')
    assert [(piece.said, piece.rate, piece.pitch) for piece in one.pieces] == [
        ("a b", 0.75, 0.0), ("c", 1.5, 2.0), ("d", 0.75, 0.0), ("e.", 1.0, 0.0),
    ]  # fmt: skip
    (one,) = read('<prosody rate="+20%" pitch="-50%">x</prosody>')
    assert one.pieces[0].rate == pytest.approx(1.2) and one.pieces[0].pitch == pytest.approx(-12)


@pytest.mark.parametrize(
    ("inside", "words"),
    [
        ('<sub alias="World Wide Web Consortium">W3C</sub>', "world wide web consortium."),
        ('<say-as interpret-as="characters">abc1</say-as>', "a b c one."),
        ('<say-as interpret-as="cardinal">1999</say-as>', "one thousand nine hundred ninety nine."),
        ('<say-as interpret-as="ordinal">21</say-as>', "twenty first."),
        ('<say-as interpret-as="digits">1999</say-as>', "one nine nine nine."),
        ('<say-as interpret-as="telephone">555 12</say-as>', "five five five one two."),
        ('<say-as interpret-as="date" format="dmy">3/4/2020</say-as>', "april third twenty twenty."),
        ('<say-as interpret-as="time">3:05</say-as>', "three oh five."),
        ('<say-as interpret-as="fraction">7/9</say-as>', "seven ninths."),
        ('<say-as interpret-as="currency">$2.50</say-as>', "two dollars and fifty cents."),
        ("Tom &amp; Jerry &lt;3&#33;", "tom and jerry less than three!"),
        ("<!-- not --><?not?>said", "said."),
    ],
)
def test_what_tags_say(inside: str, words: str):
    assert " ".join(one.said for one in read(inside)) == words


@pytest.mark.parametrize(
    ("inside", "words", "notes"),
    [
        ('Hello <mark name="a"/>there, <emphasis level="strong">you</emphasis>.', "hello there, you.", 2),
        ('<voice name="Bob">Hi <lang xml:lang="de">Otto</lang>!</voice>', "hi otto!", 2),
        ('<audio src="bell.mp3"><desc>a bell</desc>Ding.</audio> <audio src="x"/>Dong.', "ding. dong.", 2),
        ('<w role="x:noun">lead</w> <prosody volume="loud" contour="(0%,+20Hz)">on</prosody>', "lead on.", 3),
        ('<mstts:express-as style="sad">No.</mstts:express-as> <amazon:effect name="x">Yes.</amazon:effect>', "no. yes.", 2),
        ('<metadata><x:y>not said</x:y></metadata><p xml:lang="en">Said.</p>', "said.", 2),
        ('<prosody rate="+0.00%" pitch="+10Hz">Plain.</prosody>', "plain.", 1),
        ('<say-as interpret-as="verbatim">ab</say-as> <say-as interpret-as="vxml:digits">12</say-as>', "a b one two.", 0),
        ('<say-as interpret-as="number" format="ordinal">3</say-as> <say-as interpret-as="address">5 Oak Ave</say-as>',
         "third five oak avenue.", 0),
        ('<![CDATA[AT&T <3]]>', "a t and t less than three.", 0),
        ('<bookmark mark="x"/>A<mark name="1"/> b<mark name="2"/>', "a b.", 2),
    ],
)  # fmt: skip
def test_what_other_engines_have_is_passed_over(inside: str, words: str, notes: int):
    markup = f"<speak>{inside}</speak>"
    assert " ".join(one.said for one in sentences(markup, ssml=True)) == words
    told = check(markup, "en", None, True).notes
    assert len(told) == notes and all("is left out" in one and "line 1" in one for one in told), told


@pytest.mark.parametrize("signs", ["<", "&", "<a ", "a &amp; b ", "<p>", "x<!--", "]]>", "<![CDATA[", "<mark/>", " ", "'"])
def test_time_does_not_grow_with_the_square_of_markup(signs: str):
    begun = time.process_time()
    with contextlib.suppress(InputError):
        check(f"<speak>{signs * (40_000 // len(signs))}</speak>", "en", None, True)
    assert time.process_time() - begun < 4


def test_long_text_behind_an_entity_is_no_tag():
    assert check("<speak>a &amp; " + "b " * 5000 + "</speak>", "en", None, True).notes == ()


def test_documents_of_other_engines_are_read():
    markup = """<?xml version="1.0"?>
<!DOCTYPE speak PUBLIC "-//W3C//DTD SYNTHESIS 1.0//EN" "http://www.w3.org/TR/speech-synthesis/synthesis.dtd">
<speak version="1.0" xmlns="http://www.w3.org/2001/10/synthesis" xmlns:mstts="https://www.w3.org/2001/mstts" xml:lang="en-US">
<voice name="en-US-JennyNeural"><mstts:express-as style="cheerful" styledegree="2"><p><s>Hi&#33;</s> <s>Bye.</s></p>
</mstts:express-as></voice></speak>"""
    assert [one.said for one in sentences(markup, ssml=True)] == ["hi!", "bye."]


def test_phonemes_come_in_two_alphabets():
    (one,) = read(
        '<phoneme alphabet="ipa" ph="təˈmeɪtoʊ">tomato</phoneme> <phoneme alphabet="arpabet" ph="OW1 K">oak</phoneme>'
    )
    assert [word.phonemes for word in one.pieces[0].words] == [("T", "AH0", "M", "EY1", "T", "OW0"), ("OW1", "K")]


def test_paragraphs_and_sentences():
    found = read("<p><s>One</s><s>two. Three</s></p><p>Four</p>")
    assert [(one.said, one.paragraph_end) for one in found] == [
        ("one.", False),
        ("two.", False),
        ("three.", True),
        ("four.", True),
    ]


def test_places_are_those_of_the_markup():
    markup = '<speak>Hi <sub alias="two words">W</sub> there.\n<p>Mr. <prosody rate="fast">Fox</prosody> ran.</p></speak>'
    found = list(sentences(markup, ssml=True))
    assert [[markup[word.start : word.end] for piece in one.pieces for word in piece.words] for one in found] == [
        ["Hi", "W", "W", "there"],
        ["Mr.", "Fox", "ran"],
    ]
    for place, one in enumerate(found):
        assert list(sentences(markup, ssml=True, start=one.start)) == found[place:]


def test_a_sentence_does_not_end_within_a_tag():
    assert [one.said for one in read('<sub alias="it is">A. B. The</sub> end')] == ["it is end."]


@pytest.mark.parametrize(
    ("markup", "message"),
    [
        ("<speak>\n a <blink/></speak>", r"SSML <blink> at line 2, column 4: is not supported"),
        ("<mark name='a'/><speak>a</speak>", r"SSML <mark> at line 1, column 1: is outside <speak>"),
        ("<speak><emphasis>a</speak>", r"SSML </speak> at line 1, column 19: closes <emphasis> of line 1, column 8"),
        ("<speak><break tyme='1s'/></speak>", r"attribute tyme is not supported"),
        ("<speak><say-as interpret-as='cardinal'>" + "1" * 5000 + "</say-as></speak>", r"5000 letters are too many"),
        ("<speak><p a='" + "x" * 5000 + "'>a</p></speak>", r"line 1, column 8 is longer than 4000 letters"),
        ("<speak><p>a</speak>", r"SSML </speak> at line 1, column 12: closes <p> of line 1, column 8"),
        ("<speak><prosody rate='fast'>a</speak>", r"closes <prosody>"),
        ("<speak>a", r"SSML <speak> at line 1, column 1: is never closed"),
        ("hello", r"SSML text at line 1, column 1 is outside <speak>"),
        ("<speak><break time='soon'/></speak>", r"SSML <break> at line 1, column 8: time 'soon'"),
        ("<speak><break time='90s'/></speak>", r"too long"),
        ("<speak><break strength='huge'/></speak>", r"strength 'huge'"),
        ("<speak><prosody rate='quick'>a</prosody></speak>", r"SSML <prosody> at line 1, column 8: rate 'quick'"),
        ("<speak><prosody rate='900%'>a</prosody></speak>", r"out of range"),
        ("<speak><prosody pitch='+5'>a</prosody></speak>", r"pitch '\+5'"),
        ("<speak><prosody>a</prosody></speak>", r"needs rate or pitch"),
        ("<speak><say-as interpret-as='bleep'>a</say-as></speak>", r"SSML <say-as> at line 1, column 8: interpret-as bleep"),
        ("<speak><say-as interpret-as='ordinal'>ab</say-as></speak>", r"<say-as interpret-as=\"ordinal\">: 'ab'"),
        ("<speak><phoneme alphabet='ipa' ph='ü'>a</phoneme></speak>", r"SSML <phoneme> at line 1, column 8: ü is no IPA"),
        ("<speak><phoneme ph=''>a</phoneme></speak>", r"needs ph"),
        ("<speak><sub alias='x'></sub></speak>", r"SSML <sub> at line 1, column 8: has no text"),
        ("<speak><sub alias='x'><p>a</p></sub></speak>", r"SSML <p> at line 1, column 23: cannot stand in <sub>"),
        ("<speak><s><p>a</p></s></speak>", r"SSML <p> .*: cannot stand in <s>"),
        ("<speak>a < b</speak>", r"SSML '<' at line 1, column 10"),
        ("<speak>&nbsp;</speak>", r"SSML entity &nbsp; at line 1, column 8"),
        ("<!DOCTYPE x [<!ENTITY a 'b'>]><speak>&a;</speak>", r"SSML '<!DOCTYPE' at line 1, column 1"),
        ("<speak><speak>a</speak></speak>", r"SSML <speak> at line 1, column 8: may only stand once"),
    ],
)
def test_errors_name_the_tag_and_its_place(markup: str, message: str):
    with pytest.raises(InputError, match=message):
        list(sentences(markup, ssml=True))
