"""ARPAbet to the phonemes that Kokoro and its kin read: the American ones of misaki (hexgrad 2025), a letter a sound.

The alphabet is IPA with capitals for diphthongs (A in "day", I "my", O "go", W "now", Y "boy"), T for the tapped t of "water",
ᵊ for a vowel that is nearly gone and ᵻ for that of "wanted"; a mark of stress stands right before its vowel. CMUdict's AH0 and
IH0 are several of these sounds, told apart by what stands beside them; the rules below are what holds for most of the words
that CMUdict and misaki's own dictionary have in common. Words of grammar lose their stress in a sentence, as it has them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from genkit.text.english.arpabet import VOWELS
from genkit.text.english.phonemes import words_of
from genkit.text.lexicon import Lexicon
from genkit.text.sentence import Piece, Word

_CONSONANTS = {
    "B": "b", "CH": "ʧ", "D": "d", "DH": "ð", "F": "f", "G": "ɡ", "HH": "h", "JH": "ʤ", "K": "k", "L": "l", "M": "m", "N": "n",
    "NG": "ŋ", "P": "p", "R": "ɹ", "S": "s", "SH": "ʃ", "T": "t", "TH": "θ", "V": "v", "W": "w", "Y": "j", "Z": "z", "ZH": "ʒ",
}  # fmt: skip
_VOWELS = {
    "AA": "ɑ", "AE": "æ", "AH": "ʌ", "AO": "ɔ", "AW": "W", "AY": "I", "EH": "ɛ", "ER": "ɜɹ", "EY": "A", "IH": "ɪ", "IY": "i",
    "OW": "O", "OY": "Y", "UH": "ʊ", "UW": "u",
}  # fmt: skip
_STRESS = {"0": "", "1": "ˈ", "2": "ˌ"}
_TAPPED_BEFORE = ("AH0", "IH0", "ER0", "IY0", "IH2", "IY2")
_HIGH_BEFORE = ("K", "V", "SH", "JH", "G")  # what ends a syllable with the full sound of IH0: "music", "active", "village"

_NO_VOWEL = "(?![ˈˌ]?[AIOQWYaiuæɑɒɔəɛɜɪʊʌᵊᵻ])"  # behind an r that a British voice leaves out
_BRITISH = [
    (re.compile(pattern), sounds)
    for pattern, sounds in (
        ("ɑ(?!ɹ)", "ɒ"), ("æ", "a"), ("O", "Q"), ("T", "t"), (f"ɑɹ{_NO_VOWEL}", "ɑː"), ("ɔ(?!ɹ)", "ɔː"),
        (f"ɔɹ{_NO_VOWEL}", "ɔː"), (f"ɜɹ{_NO_VOWEL}", "ɜː"), ("ɜɹ", "ɜːɹ"), (f"ɛɹ{_NO_VOWEL}", "ɛː"),
        (f"ɪɹ{_NO_VOWEL}", "ɪə"), (f"ʊɹ{_NO_VOWEL}", "ʊə"), (f"ɹ{_NO_VOWEL}", ""), ("([ˈˌ]i|[ˈˌ]u)", r"\1ː"),
    )
]  # fmt: skip

PRIMARY, SECONDARY = "ˈˌ"
# words of grammar inside a sentence: said otherwise than alone, without stress, with half of it
_OTHERWISE = {
    "a": "ɐ", "of": "ʌv", "and": "ænd", "was": "wʌz", "were": "wɜɹ", "than": "ðən", "your": "jʊɹ", "because": "bəkˈʌz",
    "i": "ˌI", "an": "ɐn", "in": "ɪn",
}  # fmt: skip
_AT_END = {"to": "tu", "in": "ˈɪn"}
_WEAK = frozenset(
    (
        *("as", "at", "be", "by", "can", "could", "for", "from", "has", "had", "have", "he", "her", "his", "if", "is", "it"),
        *("its", "my", "or", "she", "that", "the", "their", "there", "they", "this", "we", "will", "with", "would", "you"),
        "are",
    )
)
_HALF = frozenset(
    (
        *("been", "but", "him", "how", "me", "not", "on", "our", "should", "so", "some", "them", "up", "us", "what", "when"),
        *("where", "which", "who", "whom", "why"),
    )
)
_FULL_AT_END = frozenset(
    ("be", "been", "by", "can", "could", "had", "has", "have", "her", "his", "my", "there", "this", "will", "would")
)


def phones(phonemes: Sequence[str], word: str = "") -> str:
    """The sounds of one word; `word` is how it is written, which tells some endings from others."""
    return "".join(_sounds(phonemes, word))


def spoken(piece: Piece, lexicon: Lexicon | None = None) -> Iterator[tuple[Word, str]]:
    """Each word of a piece with its sounds in this place; none for a word that cannot be read."""
    words = words_of(piece, lexicon)
    for place, (word, phonemes) in enumerate(words):
        plain = not (word.phonemes or word.letter or (lexicon and word.text in lexicon))
        following = words[place + 1][1] if place + 1 < len(words) else ()
        yield word, (_in_place(word.text, phonemes, following) if plain else phones(phonemes, word.text))


def british(phones: str) -> str:
    """American phonemes as a British voice says them: r only before vowels, the o of "lot", no tapped t.

    The long a of "bath" is not told from that of "trap": that is a matter of words, which no rule knows.
    """
    for pattern, sounds in _BRITISH:
        phones = pattern.sub(sounds, phones)
    return phones


def _in_place(word: str, phonemes: Sequence[str], following: Sequence[str]) -> str:
    """A word of grammar as its neighbours make it; any other word as it is."""
    if not following and word in _AT_END:
        return _AT_END[word]
    if word == "to":
        return "tʊ" if _is_vowel(following[0]) else "tə"
    if word in _OTHERWISE:
        return _OTHERWISE[word]
    said = phones(phonemes, word)
    if not following and word in _FULL_AT_END:
        return said
    if word in _WEAK:
        return said.replace(PRIMARY, "").replace(SECONDARY, "")
    return said.replace(PRIMARY, SECONDARY) if word in _HALF else said


def _sounds(phonemes: Sequence[str], word: str) -> Iterator[str]:
    swallowed = False
    for place, one in enumerate(phonemes):
        before = phonemes[place - 1] if place else ""
        after = phonemes[place + 1] if place + 1 < len(phonemes) else ""
        closed = place + 2 >= len(phonemes) or not _is_vowel(phonemes[place + 2])  # the consonant behind ends this syllable
        if swallowed:  # the vowel of "button", behind a t that is stopped
            swallowed = False
        elif one == "T" and (_is_vowel(before) or before == "R"):
            swallowed = after in ("AH0", "IH0") and "N" in phonemes[place + 2 : place + 3] and _ends(phonemes, place + 3)
            yield "T" if after in _TAPPED_BEFORE and not swallowed else "t"
        elif one in ("AH0", "IH0"):
            yield _reduced(one, before, after, closed, place, len(phonemes), word)
        elif one == "UW0" and _is_vowel(after):
            yield "əw"
        elif one == "ER0":
            yield "əɹ"
        elif _is_vowel(one):
            stress = "" if one == "IY2" and not after else _STRESS[one[-1]]  # "city" ends without any
            yield stress + _VOWELS[one[:-1]] + ("ə" if one[:-1] in ("AY", "AW") and after == "R" else "")
        else:
            yield _CONSONANTS[one]


def _reduced(one: str, before: str, after: str, closed: bool, place: int, count: int, word: str) -> str:
    """AH0 and IH0 as one of ə, ᵊ, ɪ, ᵻ."""
    last = place + 2 == count  # one consonant behind it, and the word ends
    if place == 0 and one == "AH0" and after == "N" and word.startswith("un"):
        return "ˌʌ"
    if (last and ((after == "D" and word.endswith("ed")) or (after == "Z" and word.endswith("es")))) or (
        place + 3 == count and after == "S" and word.endswith("est")
    ):
        return "ᵻ"
    if one == "AH0" or (after == "N" and last):
        faint = after == "L" and closed and before and not _is_vowel(before) and before not in ("R", "SH", "Y")
        faint = faint or (after == "N" and closed and before in ("T", "D", "S", "Z"))
        return "ᵊ" if faint else "ə"
    high = place == 0 or not after or after in ("NG", "R") or (closed and after in (*_HIGH_BEFORE, "N", "S"))
    return "ɪ" if high or _is_vowel(after) else "ə"


def _ends(phonemes: Sequence[str], place: int) -> bool:
    return place >= len(phonemes) or not _is_vowel(phonemes[place])


def _is_vowel(phoneme: str) -> bool:
    return phoneme[:-1] in VOWELS
