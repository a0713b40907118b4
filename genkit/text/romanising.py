"""Words in other alphabets, and words in phonetic signs, as Latin letters (anyascii).

That is what a voice of a language written in Latin can say of a foreign word in the midst of its own. Scripts whose letters
alone do not say how a word sounds (Arabic, Hebrew, Chinese, most of India's) stay as they are, and the voice leaves them out.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from genkit.text.english.arpabet import from_ipa

_SPELLING = ("CYRILLIC", "GREEK", "ARMENIAN", "GEORGIAN", "HANGUL", "HIRAGANA", "KATAKANA", "ETHIOPIC")
# where English spells a sound otherwise than anyascii: after BGN/PCGN where that can be read aloud; "-" is nothing
_OWN = "ー - ё yo ъ - ь - є ye ї yi ў w ј y љ ly њ ny ћ ch ђ j џ j ѓ gy ќ ky қ k"
_PHONETIC = (
    "ə e ɛ e ɜ er ɝ er ɚ er ɐ a ɑ a ɒ o ʌ u ɔ aw ɪ i ʊ oo ɨ i ʃ sh ʒ zh ŋ ng θ th ð th ɡ g ɹ r ɾ t ɫ l ʍ wh ʧ ch ʤ j ʁ r ʀ r "
    "ɲ ny ɣ g ɬ l ʎ ly ɸ f ʂ sh ɕ sh ʐ zh ʑ zh ɯ oo ɤ u ʉ oo ɵ u ʔ - ʰ - ʲ - ʷ - ː - ˈ - ˌ - ˑ - ‿ - β v χ ch ɓ b ɗ d ƒ f ħ h "
    "ŧ t ſ s ƙ k ɱ m ɳ n ɽ r ɻ r ɭ l ʋ v ɦ h ʝ y ɟ j ʼ -"
)


def _table(pairs: str) -> dict[str, str]:
    words = pairs.split()
    return {one: other.strip("-") for one, other in zip(words[::2], words[1::2], strict=True)}


_LETTERS = _table(_OWN)
_SIGNS = _table(_PHONETIC)
# signs that no spelling of English or its neighbours has: with one of them a word is phonetic writing
_TELLING = frozenset("əɛɜɝɚɐɑɒʌɔɪʊɨʃʒŋɡɹɾɫʍʧʤʁʀɲɣɬʎɸʂɕʐʑɯɤʉɵʔʰʲʷːˈˌ")


def is_phonetic(word: str) -> bool:
    """Whether a word holds signs of the International Phonetic Alphabet that no ordinary spelling has."""
    return not word.isascii() and not _TELLING.isdisjoint(word)


@lru_cache(maxsize=4096)
def phonetic(word: str) -> tuple[str, ...]:
    """A word in phonetic signs as ARPAbet, sounds that English has not by their neighbours; empty where that cannot be."""
    try:
        return from_ipa(word, near=True)
    except ValueError:
        return ()


@lru_cache(maxsize=4096)
def romanised(word: str) -> str:
    """A word (small letters) with what has a Latin spelling in it spelt so: сегодня as segodnya, ʃip as ship."""
    from anyascii import anyascii

    if any(unicodedata.name(one, "").startswith("CJK") for one in word):  # kana beside Chinese characters are endings alone
        return word
    first, then = (_SIGNS, _LETTERS) if is_phonetic(word) else (_LETTERS, _SIGNS)
    spelling = ""
    foreign = False  # an accent goes with its letter where that becomes Latin; what stood in Latin keeps its own
    for one in unicodedata.normalize("NFC", word):
        if unicodedata.combining(one) and foreign:
            continue
        foreign = one in first or one in then or unicodedata.name(one, "").startswith(_SPELLING)
        spelling += first.get(one, then.get(one, anyascii(one).lower())) if foreign else one
    return spelling
