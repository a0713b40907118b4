"""Which language a text is in, and how numbers, signs and dates are said in others than English."""

from __future__ import annotations

import sys

import pytest

from genkit.text.languages import guess_language


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
