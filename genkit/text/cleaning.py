"""A sentence as its readers want it, and where each character of that stood in the text.

Invisible signs go, hyphens at the ends of lines join their words, and what Unicode keeps for other writings' sake becomes what
it stands for: ligatures, letters in circles, squared units, full-width letters, digits of other scripts. Signs between letters
that are meant as apostrophes become some. What is read as a sign of its own stays: fractions, powers, phonetic letters.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache

_APOSTROPHES = "‘ʼ´′‛＇ʹ`"
_HYPHENS = {"‐": "-", "‑": "-", "﹣": "-", "－": "-", "⁃": "-", "‒": "–", "―": "—", "﹘": "—"}
_RAISED = dict(zip("ˢᵗⁿᵈʳʰ", "stndrh", strict=True))  # 1ˢᵗ
# the letters of the phonetic alphabet among those, and what is read as it stands
_KEPT = set("²³¹⁰⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿ₀₁₂₃₄₅₆₇₈₉₊₋½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞ªº…℃℉№™℠µ″‴⁗ʰʲʷˠˤ\u200c\u200d")
# ascii that stands for them in small capitals, where a whole word is in such
_SMALL = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
_ODD = re.compile(
    r"[⁰¹²³⁴-⁹]+⁄[₀-₉]+|[Ⅰ-ↈ]+|(?=[ʙɢʜɪʟɴʀʏ]*[ᴀ-ᴢꜰꜱꞯ])[ᴀ-ᴢꜰꜱꞯʙɢʜɪʟɴʀʏ]{2,}|&(?:[a-zA-Z]{2,8}|#\d{1,5});|[^\x00-\x7f]|(?<=[^\W\d_])`(?=[^\W\d_])|(?<=[^\W\d_])-[^\S\n]*\r?\n[^\S\n]*(?=[^\W\d_])"
)  # what may have to change
_SHORTENED = re.compile(r"(?:em|tis|twas|til|till|cause|bout|cuz|round|n|\d0s|\d\d)\b", re.IGNORECASE)
_NAME_BEFORE = re.compile(r"\b[^\W\d_a-z][^\W\d_]*\s$")
_PART = re.compile(r"[^\W\d_]+")


@lru_cache(maxsize=4096)
def _plain(sign: str) -> str:
    """What one character stands for."""
    if sign in _KEPT:
        return sign
    if sign in _HYPHENS:
        return _HYPHENS[sign]
    kind = unicodedata.category(sign)
    if kind == "Cf" or "\ufe00" <= sign <= "\ufe0f" or "\U000e0100" <= sign <= "\U000e01ef":
        return ""
    if kind == "Nd":
        return str(unicodedata.digit(sign))
    if sign in "⁄∕":
        return "/"
    form = unicodedata.decomposition(sign)
    if not form.startswith("<") or kind == "Zs":
        return sign
    plain = unicodedata.normalize("NFKC", sign)
    if plain.startswith(" "):  # an accent that stands alone
        return sign
    if form.startswith("<square>") and plain[-1] in "23" and plain[:-1].isalpha():  # ㎡
        plain = plain[:-1] + "²³"[int(plain[-1]) - 2]
    if form.startswith("<sub>") or (form.startswith("<circle>") and plain.isdigit()):  # xₙ, ①②
        plain = f" {plain} "
    return plain.replace("⁄", "/")


def clean(text: str, is_word: Callable[[str], bool] | None = None) -> tuple[str, Sequence[int]]:
    """The plain text, and for each of its characters and its end the place in the one that was given.

    `is_word` knows the words of the language, so that a broken line's well-known is told from its won-derful.
    """
    first = _ODD.search(text)
    if first is None:
        return text, range(len(text) + 1)
    parts: list[str] = []
    places: list[int] = []
    at = 0
    for match in _ODD.finditer(text, first.start()):
        parts.append(text[at : match.start()])
        places.extend(range(at, match.start()))
        new = _replacement(text, match, is_word)
        parts.append(new)
        places.extend([match.start()] * len(new))
        at = match.end()
    parts.append(text[at:])
    places.extend(range(at, len(text) + 1))
    return "".join(parts), places


def _replacement(text: str, match: re.Match[str], is_word: Callable[[str], bool] | None) -> str:
    sign, start, end = match[0], match.start(), match.end()
    if sign[0] == "-":
        return _joint(text, start, end, is_word)
    before, after = text[start - 1 : start], text[end : end + 1]
    if sign[0] == "&":
        return html.unescape(sign)
    if "⁄" in sign[1:]:
        return unicodedata.normalize("NFKC", sign).replace("⁄", "/")
    if "Ⅰ" <= sign[0] <= "ↈ":  # behind a name the letters tell a king from a chapter
        return unicodedata.normalize("NFKC", sign) if _NAME_BEFORE.search(text[max(start - 30, 0) : start]) else _roman(sign)
    if len(sign) > 1:
        return "".join(_SMALL[one] for one in sign)
    if sign in "\u200c\u200d" and before.isascii():
        return ""
    if sign in _APOSTROPHES:
        inside = before.isalpha() and after.isalpha()
        opening = not before.isalnum() and (_SHORTENED.match(text, end) if sign in "‘‛" else sign == "ʼ" and after.isalpha())
        return "'" if inside or opening else sign
    if sign in _RAISED and (before.isdigit() or before in _RAISED):
        return _RAISED[sign]
    return _plain(sign)


def _roman(signs: str) -> str:
    values = [int(unicodedata.numeric(one)) for one in signs]
    return str(sum(-one if one < max(values[place + 1 :], default=0) else one for place, one in enumerate(values)))


def _joint(text: str, start: int, end: int, is_word: Callable[[str], bool] | None) -> str:
    """What a hyphen at the end of a line comes to: nothing where it parted a word, itself between two words."""
    head = text[:start]
    first = re.search(r"[^\W\d_]+$", head[-40:])
    last = _PART.match(text, end)
    if first is None or last is None or not last[0].islower():
        return "-"
    if is_word is None or is_word((first[0] + last[0]).lower()):
        return ""
    return "-" if is_word(first[0].lower()) and is_word(last[0]) else ""
