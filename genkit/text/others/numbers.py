"""Numbers, ordinals, years, units and money of a language to words, one list item a spoken word."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from genkit.text.scripts import LETTER
from genkit.text.tables import table

if TYPE_CHECKING:
    from babel import Locale

_SHORT = {  # three letters (ISO 639-3, as MMS voices have) to two
    "eng": "en", "deu": "de", "rus": "ru", "fra": "fr", "spa": "es", "ita": "it", "por": "pt", "nld": "nl", "pol": "pl",
    "ukr": "uk", "tur": "tr", "swe": "sv", "nob": "no", "dan": "da", "fin": "fi", "ces": "cs", "hun": "hu", "ron": "ro",
    "heb": "he", "ara": "ar", "jpn": "ja", "kor": "ko", "vie": "vi", "tha": "th", "ind": "id", "fas": "fa", "kaz": "kk",
    "lit": "lt", "lav": "lv", "slv": "sl", "srp": "sr", "bel": "be", "cat": "ca", "isl": "is", "hin": "hi", "ben": "bn",
    "nb": "no", "nn": "no",
}  # fmt: skip
_CONVERTERS = {"kk": "kz", "da": "da dk"}  # what num2words calls a language, in its versions
WORD = re.compile(rf"{LETTER}+(?:['’׳״]{LETTER}+)*")
LONGEST = 15  # digits; a longer number is said digit by digit


def language_tag(language: str) -> str:
    """The short form of a language with its region: "en-gb" for "en_GB", "de" for "deu"."""
    code, _, region = re.sub("_", "-", language.lower()).partition("-")
    return _SHORT.get(code, code) + (f"-{region}" if region else "")


@lru_cache(maxsize=16)
def language_of(code: str) -> Language:
    return Language(code)


class Language:
    """What is known of a language: num2words' converter, CLDR's locale, and its part of languages.toml."""

    def __init__(self, code: str):
        import num2words
        from babel import Locale, UnknownLocaleError

        names = _CONVERTERS.get(code, code).split()
        self.code = code
        self.converter: Any = next(
            (num2words.CONVERTER_CLASSES[one] for one in names if one in num2words.CONVERTER_CLASSES), None
        )
        self.table: Mapping[str, Any] = table("others/languages").get(code, {})
        try:
            self.locale: Locale | None = Locale.parse(code)
        except (UnknownLocaleError, ValueError):
            self.locale = None
        self.feminine = frozenset(str(self.table.get("feminine", "")).split())

    @property
    def speaks(self) -> bool:
        """Whether it can say a number."""
        return self.converter is not None

    @property
    def decimal_sign(self) -> str:
        from babel.numbers import get_decimal_symbol

        return get_decimal_symbol(self.locale) if self.locale else "."

    def months(self, width: str) -> list[str]:
        """The twelve names, as they stand in dates; none where CLDR has numbers for them."""
        from babel.dates import get_month_names

        names = [get_month_names(width, "format", self.locale)[one] for one in range(1, 13)] if self.locale else []  # type: ignore[arg-type]
        return [] if any(any(map(str.isdigit, one)) for one in names) else names

    def words(self, number: int | str, to: str = "cardinal", **form: Any) -> list[str]:
        """What num2words says, without its hyphens and commas."""
        said = getattr(self.converter, f"to_{to}")(number, **form)
        return [one.lower() if one.isupper() else one for one in WORD.findall(str(said))]

    def cardinal(self, number: int) -> list[str]:
        if number < 0:
            return [*self.minus(), *self.cardinal(-number)]
        return self.digits(str(number)) if number >= 10**LONGEST else self.words(number)

    def minus(self) -> list[str]:
        return str(self.table.get("minus", "")).split()

    def digits(self, text: str) -> list[str]:
        return [word for one in text if one.isdigit() for word in self.words(int(one))]

    def counted(self, number: int, feminine: bool = False) -> list[str]:
        """A number before what it counts: un for uno, eine for eins."""
        if self.code in ("ru", "uk") and self.converter is not None:
            return self.words(number, gender={"ru": "f", "uk": "feminine"}[self.code] if feminine else "m")
        ones, twos = self.table.get("one"), self.table.get("two")
        words = self.cardinal(number)
        if number == 2 and twos:
            return [twos[feminine]]
        if not ones or number % 10 != 1 or number % 100 == 11:
            return words
        if number == 1:
            return [ones[feminine]]
        if self.code == "es":
            last = words[-1].removesuffix("uno")
            return [*words[:-1], last + ("una" if feminine else "ún" if last else "un")]
        return [*words[:-1], ones[feminine]] if words[-1] == self.words(1)[-1] and self.code in ("fr", "pt") else words

    def decimal(self, whole: str, rest: str) -> list[str]:
        """3,05: what stands behind the sign as a number, or digit by digit, as the language has it."""
        if self.table.get("decimals") == "library":
            return self.words(f"{int(whole)}.{rest}")
        point = str(self.table.get("point", getattr(self.converter, "pointword", "")))
        if not point:
            return [f"{whole}{self.decimal_sign}{rest}"]
        said = [*self.cardinal(int(whole)), *WORD.findall(point.lower())]
        if self.table.get("decimals") != "number" or len(rest) > 3:
            return [*said, *self.digits(rest)]
        zeros = len(rest) - len(rest.lstrip("0"))
        return [*said, *self.digits(rest[:zeros]), *(self.cardinal(int(rest)) if rest.strip("0") else [])]

    def year(self, number: int) -> list[str]:
        if 1100 <= number <= 1999 and (hundreds := self.table.get("century_years")):
            high, low = divmod(number, 100)
            if self.table.get("every_century") or self.code == "de":  # as one word
                return ["".join([*self.words(high), hundreds, *(self.words(low) if low else [])])]
        try:
            return self.words(number, "year") if self.code in ("de", "nl", "da", "no") else self.words(number)
        except (NotImplementedError, AttributeError, ValueError):
            return self.cardinal(number)

    def ordinal(self, number: int, form: str = "ordinal", ending: str = "") -> list[str]:
        """21. and 1er and 3-я; `form` is what languages.toml asks for, `ending` what German puts behind."""
        if self.code == "ru":
            gender, case = form.split() if " " in form else ("n", "n")
            plural = gender == "p" or (gender == "n" and number % 100 >= 20 and number % 10 == 0)  # 90-е
            return self.words(number, "ordinal", case=case, gender="m" if plural else gender, plural=plural)
        if form == "er" and self.code == "de":  # 90er
            words = self.cardinal(number)
            return [*words[:-1], words[-1] + "er"]
        try:
            words = self.words(number, "ordinal")
        except (NotImplementedError, KeyError, IndexError):  # no such ordinal, or none of 0
            return self.cardinal(number)
        if not words:
            return self.cardinal(number)
        if form == "genitive":
            return [_polish_genitive(one) for one in words]
        if self.code == "fr" and form == "f" and number == 1:
            return ["première"]
        if form == "f" and self.code in ("es", "it", "pt"):
            return [one[:-1] + "a" if one.endswith("o") else one for one in words]
        if form == "er":  # primer, tercer
            return [*words[:-1], words[-1].removesuffix("o")]
        return [*words[:-1], words[-1] + ending]

    def unit(self, name: str, whole: str, rest: str) -> list[str]:
        """A number with a unit of CLDR, in its plural; the number's own words alone where CLDR has no name."""
        said = self.decimal(whole, rest) if rest else self.counted(int(whole), name in self.feminine)
        pattern = self._unit_pattern(name, float(f"{whole}.{rest or 0}") if rest else int(whole))
        if pattern is None:
            return said
        before, between, after = pattern
        return [*_words_of(before), *(said if between else []), *_words_of(after)]

    def _unit_pattern(self, name: str, value: float) -> tuple[str, str, str] | None:
        from babel.numbers import format_decimal
        from babel.units import UnknownUnitError, format_unit

        if self.locale is None:
            return None
        try:
            shown = format_unit(value, name, "long", locale=self.locale)
        except UnknownUnitError:
            return None
        before, number, after = shown.partition(format_decimal(value, locale=self.locale))
        if not any(map(str.isalpha, before + after)):
            return None
        return before, number, after

    def plural(self, names: Sequence[str], number: int) -> int:
        """Which of two forms (one, more) or three (one, few, many) a number takes; -1 is one with decimals."""
        if len(names) == 2:
            return int(number != 1 and not (number == 0 and self.code == "fr"))
        if number < 0:
            return 1
        tens, ones = number % 100 // 10, number % 10
        if self.code == "pl" and ones == 1 and number != 1:
            return 2
        return 2 if tens == 1 or ones == 0 or ones > 4 else 0 if ones == 1 else 1

    def money(self, whole: str, rest: str, code: str) -> list[str] | None:
        """None where CLDR has no name for the currency."""
        from babel.numbers import get_currency_name

        if self.locale is None:
            return None
        value = float(f"{whole}.{rest or 0}") if rest else int(whole)
        name = self.table.get("money", {}).get(code) or get_currency_name(code, value, self.locale)
        if name == code:
            return None
        name = name if isinstance(name, str) else name[self.plural(name, int(whole) if not rest.strip("0") else -1)]
        if len(rest) == 2 and rest != "00":
            try:
                return self.words(f"{int(whole)}.{rest}", "currency", currency=code)
            except (NotImplementedError, TypeError, AttributeError, IndexError):
                pass
        said = self.decimal(whole, rest) if rest.strip("0") else self.counted(int(whole))
        return [*said, *_words_of(name.lower())]


def _words_of(text: str) -> list[str]:
    return WORD.findall(text.lower())


def _polish_genitive(word: str) -> str:
    """trzeci as trzeciego, pierwszy as pierwszego."""
    return word + "ego" if word.endswith("i") else word[:-1] + "ego" if word.endswith("y") else word
