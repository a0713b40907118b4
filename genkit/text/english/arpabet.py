"""ARPAbet as CMUdict writes it: 39 phonemes, vowels with a stress of 0, 1 or 2; from IPA where a text gives that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

VOWELS = ("AA", "AE", "AH", "AO", "AW", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW")
CONSONANTS = (
    *("B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N"),
    *("NG", "P", "R", "S", "SH", "T", "TH", "V", "W", "Y", "Z", "ZH"),
)
SYMBOLS = (*CONSONANTS, *(vowel + stress for vowel in VOWELS for stress in "012"))  # 69: what a model's ids are made of
_KNOWN = frozenset(SYMBOLS)

_IPA = {
    "tʃ": "CH", "t͡ʃ": "CH", "dʒ": "JH", "d͡ʒ": "JH", "ʧ": "CH", "ʤ": "JH", "aʊ": "AW", "aɪ": "AY", "eɪ": "EY", "oʊ": "OW",
    "əʊ": "OW", "ɔɪ": "OY", "ɜːr": "ER", "ɜr": "ER", "ər": "ER", "ɝ": "ER", "ɚ": "ER", "ɜː": "ER", "ɜ": "ER", "ɑ": "AA",
    "a": "AA", "ɒ": "AA", "æ": "AE", "ʌ": "AH", "ə": "AH", "ɐ": "AH", "ɔ": "AO", "ɛ": "EH", "e": "EH", "ɪ": "IH", "i": "IY",
    "ɨ": "IH", "o": "OW", "ʊ": "UH", "u": "UW", "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH",
    "k": "K", "l": "L", "ɫ": "L", "m": "M", "n": "N", "ŋ": "NG", "p": "P", "r": "R", "ɹ": "R", "s": "S", "ʃ": "SH", "t": "T",
    "ɾ": "T", "θ": "TH", "v": "V", "w": "W", "ʍ": "W", "j": "Y", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
# sounds that English has not, by what an American listener takes them for
_NEAR = {
    "ʁ": "R", "ʀ": "R", "ɻ": "R", "ɽ": "R", "x": "K", "χ": "K", "ç": "HH", "ħ": "HH", "ɦ": "HH", "ɲ": "N Y", "ɳ": "N",
    "ɱ": "M", "ɣ": "G", "ɟ": "JH", "c": "K", "q": "K", "ʎ": "L Y", "ɬ": "L", "ɭ": "L", "β": "V", "ʋ": "V", "ɸ": "F", "ʂ": "SH",
    "ɕ": "SH", "ʐ": "ZH", "ʑ": "ZH", "ʝ": "Y", "ts": "T S", "y": "UW", "ʏ": "UH", "ø": "ER", "œ": "ER", "ɵ": "UH", "ɯ": "UH",
    "ʉ": "UW", "ɤ": "AH", "ɘ": "AH", "ɞ": "ER", "ɶ": "AA", "ʔ": "", "ʰ": "", "ʲ": "", "ʷ": "", "ʼ": "",
}  # fmt: skip
_SIGN = re.compile("|".join(sorted(_IPA, key=len, reverse=True)) + r"|[ˈˌ'ː.\s‿ˑ|/]")
_NEAR_SIGN = re.compile("|".join(sorted([*_IPA, *_NEAR], key=len, reverse=True)) + r"|[ˈˌ'’ː.\s‿ˑ|/]|[\u0300-\u036f]")


def stressed(phonemes: Sequence[str]) -> tuple[str, ...]:
    """The same phonemes; vowels written without a stress get the primary one if no vowel has it, else none.

    Raises: ValueError that names what is no phoneme.
    """
    if not phonemes:
        raise ValueError("no phonemes")
    said: list[str] = []
    primary = any(one.endswith("1") for one in phonemes)
    for one in phonemes:
        if one in VOWELS:
            one += "0" if primary else "1"
            primary = True
        if one not in _KNOWN:
            raise ValueError(f"{one} is no ARPAbet phoneme (vowels carry a stress: AH0, AH1)")
        said.append(one)
    return tuple(said)


def from_ipa(text: str, *, near: bool = False) -> tuple[str, ...]:
    """American English in IPA to ARPAbet; with `near` other languages' too, as an American would say them.

    Raises: ValueError that names the sign that English does not have.
    """
    said: list[str] = []
    stress, at = "", 0
    text = unicodedata.normalize("NFD", text).replace("c\u0327", "ç") if near else text.strip()
    while at < len(text):
        match = (_NEAR_SIGN if near else _SIGN).match(text, at)
        if match is None:
            raise ValueError(f"{text[at]} is no IPA sign of American English")
        at = match.end()
        if match[0] in "ˈ'":
            stress = "1"
        elif match[0] == "ˌ":
            stress = "2"
        elif (phoneme := _IPA.get(match[0])) is not None or (near and (phoneme := _NEAR.get(match[0]))):
            for one in phoneme.split():
                said.append(one + (stress or "0") if one in VOWELS else one)
                stress = "" if one in VOWELS else stress
    vowels = [place for place, one in enumerate(said) if one[-1].isdigit()]
    if len(vowels) == 1 and said[vowels[0]].endswith("0") and not said[vowels[0]].startswith("AH"):
        said[vowels[0]] = said[vowels[0]][:-1] + "1"
    return stressed(said)
