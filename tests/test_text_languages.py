"""Which language a text is in, and how numbers, signs and dates are said in others than English."""

from __future__ import annotations

import re
import sys

import pytest
from test_text_normalise import rows, said

from genkit.text.languages import guess_language

TEN = ("de", "fr", "es", "it", "pt", "nl", "pl", "ru", "sv", "tr")
MORE = re.findall(
    r"\w+",
    "ar az be bn ca cs cy da el eo et eu fa fi ga he hi hr hu id is ja ka kk ko lt lv mk ms mt no ro sk sl sq sr sw ta te th "
    "tl uk ur vi zh deu rus hin nob xxx",
)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Der Zug nach Ulm fährt heute leider erst um zehn.", "de"),
        ("Wie geht es dir?", "de"),
        ("Le chat dort sous la table depuis ce matin.", "fr"),
        ("Det här är en mening på svenska.", "sv"),
        ("Dit is een zin die in het Nederlands geschreven is.", "nl"),
        ("W ogrodzie rosną jabłonie i grusze.", "pl"),
        ("Il treno per Milano parte dal terzo binario.", "it"),
        ("Bu sabah pazardan elma ve ekmek aldım.", "tr"),
        ("Jeanne and Pierre both gazed at it.", None),
        ("Robbery, bribery, fraud, and what not.", "en"),
        ("San Francisco, California", None),
        ("Rio de Janeiro", None),
        ("The Mona Lisa by Leonardo da Vinci", None),
        ("Hmm. Oh!", None),
    ],
)
def test_a_language_is_named_where_it_is_clear(text: str, language: str | None):
    assert guess_language(text, ["en-US"]) == language


def test_two_words_may_be_in_a_language():
    assert guess_language("Guten Morgen.", ["en-US"]) is None
    assert guess_language("Guten Morgen.", ["en-US"], sure=False) == "de"
    assert guess_language("Guten Morgen.", ["de-DE"], sure=False) is None, "it is what the voice speaks"
    assert guess_language("His eyes smiled", ["en"], sure=False) in (None, "en")


def test_plain_english_needs_no_model(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "py3langid.langid", None)
    assert guess_language("Hello there, and what would you like to eat?", ["en-US"]) == "en"


@pytest.mark.parametrize(("language", "text", "words"), [(one, *row) for one in (*TEN, "hi", "ar") for row in rows(one)])
def test_numbers_and_signs_are_said_or_left(language: str, text: str, words: str):
    assert said(text, language) == words


def test_ten_languages_have_a_table():
    assert all(len(rows(one)) >= 25 for one in TEN)


@pytest.mark.parametrize(
    "language", [*TEN, *MORE]
)  # fmt: skip
def test_no_number_and_no_sign_is_dropped(language: str):
    """A sign that has no name and a number that nobody can say stay as they stand, for the voice may know them."""
    for text in (
        "12ab",
        "7kg",
        "50%",
        "50 %",
        "5€",
        "€5",
        "$5",
        "20°",
        "3D",
        "4x",
        "1.5",
        "1,5",
        "1/2",
        "5-6",
        "9:30",
        "+5",
        "3.",
    ):
        words = re.findall(r"\S+", said(text, language).rstrip("."))
        groups = 1 if "/" in text else len(re.findall(r"\d+", text))  # 1/2 is a half
        assert any(map(str.isdigit, "".join(words))) or len(words) >= groups, (text, words)
        signs = set(text) & set("%€$°")
        assert not signs or len(words) > 1 or signs & set("".join(words)), (text, words)


@pytest.mark.parametrize(
    ("language", "word"),
    [
        ("hi", "नमस्ते"), ("ar", "مُحَمَّدٌ"), ("he", "שָׁלוֹם"), ("th", "ภาษาไทย"), ("bn", "বাংলা"), ("ta", "தமிழ்"), ("my", "မြန်မာ"),
        ("km", "ខ្មែរ"), ("ml", "മലയാളം"), ("si", "සිංහල"), ("bo", "བོད་"), ("fa", "می\u200cخواهم"),
        ("vi", "tiếng"), ("de", "u\u0308ber"),
        ("lo", "ພາສາ"), ("te", "తెలుగు"), ("gu", "ગુજરાતી"), ("pa", "ਪੰਜਾਬੀ"), ("am", "አማርኛ"), ("ne", "नेपाली"),
    ],
)  # fmt: skip
def test_marks_belong_to_their_letters(language: str, word: str):
    composed = {"u\u0308ber": "über", "བོད་": "བོད"}.get(word, word)
    assert said(f"{word} {word}", language) == f"{composed} {composed}."
