"""Words in Cyrillic and Greek letters, and words in phonetic signs, as Latin letters.

That is what a voice of a language written in Latin can say of a foreign word in the midst of its own. Other scripts stay
as they are, and the voice leaves them out.
"""

from __future__ import annotations

import unicodedata
from functools import lru_cache

from genkit.text.english.arpabet import from_ipa

# how English spells these sounds; after BGN/PCGN where that can be read aloud
_CYRILLIC = (
    "а a б b в v г g д d е e ё yo ж zh з z и i й y к k л l м m н n о o п p р r с s т t у u ф f х kh ц ts ч ch ш sh щ shch "
    "ъ - ы y ь - э e ю yu я ya є ye і i ї yi ґ g ў w ј y љ ly њ ny ћ ch ђ j џ j ѓ gy ќ ky ѕ dz қ k ғ gh ң ng ө o "
    "ұ u ү u һ h ә a"
)
_GREEK = (
    "α a β v γ g δ d ε e ζ z η i θ th ι i κ k λ l μ m ν n ξ x ο o π p ρ r σ s ς s τ t υ y φ f χ ch ψ ps ω o"
)  # fmt: skip
_PHONETIC = (
    "ə e ɛ e ɜ er ɝ er ɚ er ɐ a ɑ a ɒ o ʌ u ɔ aw ɪ i ʊ oo ɨ i ʃ sh ʒ zh ŋ ng θ th ð th ɡ g ɹ r ɾ t ɫ l ʍ wh ʧ ch ʤ j ʁ r ʀ r "
    "ɲ ny ɣ g ɬ l ʎ ly ɸ f ʂ sh ɕ sh ʐ zh ʑ zh ɯ oo ɤ u ʉ oo ɵ u ʔ - ʰ - ʲ - ʷ - ː - ˈ - ˌ - ˑ - ‿ - β v χ ch ɓ b ɗ d ƒ f ħ h "
    "ŧ t ſ s ƙ k ɱ m ɳ n ɽ r ɻ r ɭ l ʋ v ɦ h ʝ y ɟ j ʼ -"
)


def _table(pairs: str) -> dict[int, str]:
    words = pairs.split()
    return {ord(one): other.strip("-") for one, other in zip(words[::2], words[1::2], strict=True)}


_LETTERS = _table(_CYRILLIC) | _table(_GREEK)
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
    said = word.translate(_LETTERS if not is_phonetic(word) else _SIGNS)
    if said.isascii():
        return said
    # accents on letters that have just become Latin ones, such as those of Greek: what stood in Latin keeps its own
    plain = unicodedata.normalize("NFD", word)
    parts: list[tuple[str, bool]] = []  # a spelling, and whether it stood in Latin letters
    for one in plain:
        if unicodedata.combining(one) and parts and not parts[-1][1]:
            continue
        parts.append((one.translate(_LETTERS).translate(_SIGNS), one.isascii()))
    return unicodedata.normalize("NFC", "".join(text for text, _ in parts))
