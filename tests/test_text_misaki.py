"""English as misaki writes it: what CMUdict's vowels become, words of grammar in their places, British voices."""

from __future__ import annotations

import pytest

from genkit.models.tts.kokoro_phones import MOST_PHONES, NUMBERS, numbers
from genkit.text.english.arpabet import SYMBOLS
from genkit.text.english.misaki import british, phones, spoken
from genkit.text.front import sentences


def said(text: str, lexicon: dict[str, tuple[str, ...]] | None = None) -> str:
    pieces = next(sentences(text, lexicon=lexicon)).pieces
    return " ".join(" ".join(sounds for _, sounds in spoken(piece, lexicon)) + piece.mark for piece in pieces)


@pytest.mark.parametrize(
    "word, arpabet, wanted",
    [
        ("water", "W AO1 T ER0", "wˈɔTəɹ"),
        ("party", "P AA1 R T IY0", "pˈɑɹTi"),
        ("attack", "AH0 T AE1 K", "ətˈæk"),
        ("button", "B AH1 T AH0 N", "bˈʌtn"),
        ("little", "L IH1 T AH0 L", "lˈɪTᵊl"),
        ("social", "S OW1 SH AH0 L", "sˈOʃəl"),
        ("sudden", "S AH1 D AH0 N", "sˈʌdᵊn"),
        ("nation", "N EY1 SH AH0 N", "nˈAʃən"),
        ("wanted", "W AA1 N T IH0 D", "wˈɑntᵻd"),
        ("boxes", "B AA1 K S AH0 Z", "bˈɑksᵻz"),
        ("music", "M Y UW1 Z IH0 K", "mjˈuzɪk"),
        ("family", "F AE1 M IH0 L IY0", "fˈæməli"),
        ("unhappy", "AH0 N HH AE1 P IY0", "ˌʌnhˈæpi"),
        ("fire", "F AY1 R", "fˈIəɹ"),
        ("annual", "AE1 N Y UW0 AH0 L", "ˈænjəwəl"),
        ("bird", "B ER1 D", "bˈɜɹd"),
        ("city", "S IH1 T IY2", "sˈɪTi"),
    ],
)
def test_sounds_of_words(word: str, arpabet: str, wanted: str) -> None:
    assert phones(arpabet.split(), word) == wanted


def test_every_phoneme_has_a_number() -> None:
    for symbol in SYMBOLS:
        assert all(one in NUMBERS for one in phones((symbol,)) + british(phones((symbol,))))


def test_words_of_grammar_go_by_their_places() -> None:
    assert said("I was at a party.") == "ˌI wʌz æt ɐ pˈɑɹTi."
    assert said("The apple and the pear.") == "ði ˈæpᵊl ænd ðə pˈɛɹ."
    assert said("To eat is to live, which I want to.") == "tʊ ˈit ɪz tə lˈɪv, wˌɪʧ ˌI wˈɑnt tu."
    assert said("It is in.").endswith("ˈɪn."), "the last word has its stress"
    assert "ðˈɛɹ" in said("We are there.") and "ðɛɹ" in said("There was a cat.")
    assert said("[[DH AH1]] a.", None).startswith("ðˈʌ"), "what is given as phonemes is said so"
    assert said("a cat", {"a": ("EY1",)}).startswith("ˈA"), "the lexicon goes before the table"


def test_british_voices_drop_their_r() -> None:
    assert british("pˈɑɹTi fɔɹ fˈIv") == "pˈɑːti fɔː fˈIv"
    assert british("ɡˈO vˈɛɹi fˈɑɹ") == "ɡˈQ vˈɛɹi fˈɑː"
    assert british("lˈɑt bˈɜɹd wˈɔTəɹ hˈɪɹ kˈæt") == "lˈɒt bˈɜːd wˈɔːtə hˈɪə kˈat"


def test_numbers_are_bounded() -> None:
    assert numbers("") == []
    assert numbers("hˈI.") == [0, 50, 156, 25, 4, 0]
    assert len(numbers("a" * 2000)) == MOST_PHONES + 2
