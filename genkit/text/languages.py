"""Which language a text seems to be in (py3langid: byte n-grams of 97 languages).

Scripts tell Russian from English (`text/scripts.py`); this tells languages apart that share one. It is for refusing a text that
a voice would mumble, so it says nothing where it is not sure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache

from genkit.text.tables import word_set

SURE, LIKELY = 0.9, 0.3  # of a language's probability: to refuse a text, and to say what it may be
MARGIN = 10  # times as probable as what a voice speaks
LEAST_WORDS = 4  # to be sure of
SHORT = 20  # words: below, only languages of Europe and its neighbours are thought of, or two words are in Walloon
MOST = 16_000  # letters that are looked at
# Words that English alone has: a text with enough of them need not wait for the model, which takes half a second to read.
_ENGLISH = word_set(
    "the and you that with this have they which were from what would there hello his her it's i'm don't are these of to who"
)
_NEAR = word_set(
    "en de fr es it pt nl pl sv da no fi cs sk hu ro tr id vi hr sl et lv lt ca la sq is eu gl cy ga sw tl ms af eo ru uk be bg"
)


@lru_cache(maxsize=1)
def _identifier():
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def guess_language(text: str, expected: Collection[str] = (), *, sure: bool = True) -> str | None:
    """The language that a text is in; None where that is not clear, or where it may as well be one that is expected.

    Not `sure`: what it may be, also of two words.
    """
    words = [one.casefold() for one in re.findall(r"[^\W\d_]+(?:['’][^\W\d_]+)?", text[:MOST])]
    if len(words) < (LEAST_WORDS if sure else 2):
        return None
    if sum(one in _ENGLISH for one in words) >= 0.2 * len(words):
        return "en"
    found = {language: share for language, share in _identifier().rank(text[:MOST]) if len(words) >= SHORT or language in _NEAR}
    whole = sum(found.values())
    language = max(found, key=found.__getitem__)
    own = max((found.get(one.partition("-")[0].lower(), 0.0) for one in expected), default=0.0)
    clear = found[language] > (SURE if sure else LIKELY) * whole and found[language] > MARGIN * own
    return language if clear and language != "zxx" else None  # zxx: no language at all


def sample(texts: Sequence[str]) -> str:
    """Parts of a text as one that is short enough, from its beginning to its end: a preface may be in another language."""
    if sum(map(len, texts)) <= MOST:
        return " ".join(texts)
    some = [texts[place * len(texts) // 16] for place in range(16)] if len(texts) > 16 else list(texts)
    share = MOST // (4 * len(some))
    return " ".join(one[at * len(one) // 4 :][:share] for one in some for at in range(4))


def speaks(languages: Collection[str], language: str) -> bool:
    """Whether one of a voice's languages (`en-US`) is the wanted one (`en`, or `en-US` to the letter)."""
    wanted = language.replace("_", "-").lower()
    return any(one.lower() == wanted or ("-" not in wanted and one.lower().partition("-")[0] == wanted) for one in languages)
