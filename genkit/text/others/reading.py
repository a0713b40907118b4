"""Words, numbers, dates, times, money, units and signs of a language other than English.

Readers are tried at each place in order, as for English. Whatever no reader says stays as it stands: the voice may know it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache

from genkit.text.english.numbers import roman
from genkit.text.others.numbers import WORD, Language, language_of
from genkit.text.scripts import LETTER
from genkit.text.tables import table

Reader = Callable[[re.Match[str]], list[str] | None]

_SPACE = r"[ \u00a0\u2009\u202f]"
# 1.234.567, 10 000, 1'000, 12; what parts groups and decimals is sorted out by `_parts`
_NUMBER = rf"(?:\d{{1,3}}(?:[.,'’]\d{{3}})+(?!\d)|\d{{1,3}}(?:{_SPACE}\d{{3}})+(?!\d)|\d+)(?:[.,]\d+)?"
_LEFT = re.compile(r"(?:[^\s.,;:!?、。()\[\]\d]|\d|(?<=\d)[.,:](?=\d))+")  # with what is written with a number
_NOUN = re.compile(rf"\s({LETTER}{{2,}})")
_NAME_BEFORE = re.compile(r"\b[A-ZÄÖÜ]\w+\s$")
_ROMAN = re.compile(r"[IVX]{2,6}(?![A-Z])")
# signs that are words and not marks: what languages.toml does not name is left to the voice
_SIGN = re.compile(r"[%٪‰°²³§&@#+=×÷±<>≤≥≠≈∞√№]|[^\W\d]?[\u20a0-\u20cf$£¥¢]")


@lru_cache(maxsize=16)
def _readers(code: str) -> Readings:
    return Readings(language_of(code))


def read(part: str, at: int, code: str) -> tuple[list[str], int]:
    """What is said for what stands at a place of a sentence, and where that ends; nothing where nothing can be said of it."""
    return _readers(code).read(part, at)


def unended(code: str) -> tuple[frozenset[str], frozenset[str], re.Pattern[str] | None]:
    """Words before a full stop that end no sentence, those that end none before a number, and what else ends none though it
    looks so: `3. Mai` in German."""
    language = language_of(code).table
    written = (one for one in language.get("abbreviations", ()) if one.endswith("."))
    short = frozenset(part.lower() for one in written for part in re.split(r"[.\s]+", one) if part)
    return short, frozenset(_readers(code).month_numbers), _readers(code).ordinal_ahead


@lru_cache(maxsize=16)
def shortened(code: str) -> frozenset[str]:
    """Words in small letters that stand for others, with a full stop or without: they are not said as they stand."""
    return frozenset(re.split(r"[.\s]", one)[0].lower() for one in language_of(code).table.get("abbreviations", ()))


class Readings:
    """The readers of one language."""

    def __init__(self, language: Language):
        self.language = language
        known = language.table
        units: Mapping[str, str] = {**known.get("units", {}), **table("others/cldr")["units"]}
        self.units = dict(units)
        own = {sign: code for sign, code in known.get("money", {}).items() if isinstance(code, str) and code.isupper()}
        self.currencies: Mapping[str, str] = {**table("others/cldr")["currencies"], **own}
        unit = "|".join(sorted(map(re.escape, units), key=len, reverse=True))
        money = "|".join(sorted(map(re.escape, self.currencies), key=len, reverse=True))
        dash = r"\s?[-–—]\s?"
        wide, short = language.months("wide"), language.months("abbreviated")
        self.month_numbers = {name.lower().rstrip("."): place % 12 + 1 for place, name in enumerate([*wide, *short])}
        self.month_names = wide
        month = "|".join(sorted((re.escape(one) for one in self.month_numbers), key=len, reverse=True))
        marks = known.get("clock_marks", "")
        before = known.get("clock_before")
        self.ordinals = [(re.compile(pattern), form) for pattern, form in known.get("ordinals", ())]
        self.ordinal_ahead = None
        if any(pattern.startswith("\\.") for pattern, _ in known.get("ordinals", ())) and month:
            follow = "|".join([*([month] if month else []), *str(known.get("no_end", "")).split()])
            self.ordinal_ahead = re.compile(rf"\s+(?:{follow})(?!\w)", re.IGNORECASE)
        self.abbreviations = {one.replace(" ", ""): said.split() for one, said in known.get("abbreviations", {}).items()}
        shorts = (
            re.escape(one).replace("\\ ", "\\s?") for one in sorted(known.get("abbreviations", {}), key=len, reverse=True)
        )
        self.short = re.compile(rf"(?:{'|'.join(shorts)})(?!\w)") if self.abbreviations else None
        self.signs: Mapping[str, str] = known.get("signs", {})
        self.fractions: Mapping[str, str] = known.get("fractions", {})
        named = "|".join(sorted(map(re.escape, self.signs), key=len, reverse=True))
        self.named_sign = re.compile(named) if named else None
        self.numeric: list[tuple[re.Pattern[str], Reader]] = [
            (re.compile(r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2})(?![\w-])"), self._date),
            (re.compile(r"(?P<d>\d{1,2})(?P<s>[./-]\s?)(?P<m>\d{1,2})(?P=s)(?P<y>\d{4}|\d{2}(?!\d))(?![\w/])"), self._date),
        ]
        if self.ordinal_ahead:
            self.numeric.append((re.compile(r"(?P<d>\d{1,2})\.\s?(?P<m>\d{1,2})\.(?!\d)"), self._date))
        if month:
            self.numeric.append((
                re.compile(
                    rf"(?:(?P<from>\d{{1,2}})\.?\s?[-–]\s?)?(?P<d>\d{{1,2}})(?:\.|er|re|º|\.º|°|:e|:a)?{_SPACE}(?P<of>de\s|d['’])?(?P<name>{month})(?!\w)\.?"
                    r"(?:\s(?P<of2>del?\s)?(?P<y>\d{4})(?!\d))?",
                    re.IGNORECASE,
                ),
                self._day_month,
            ))  # fmt: skip
        if known.get("clock"):
            self.numeric += [
                (
                    re.compile(
                        rf"(?P<h>\d{{1,2}}):(?P<min>\d{{2}})(?::(?P<sec>\d{{2}}))?(?:\s?(?:{marks or '(?!)'})\b)?(?![\d:])"
                    ),
                    self._clock,
                ),
                (
                    re.compile(r"(?P<h>\d{1,2})\s?[hH]\s?(?P<min>\d{2})?(?!\w)"),
                    self._clock if "h" in marks.split("|") else _none,
                ),
            ]
            if marks:
                self.numeric.append((re.compile(rf"(?P<h>\d{{1,2}})(?:\.(?P<min>\d{{2}}))?\s?(?:{marks})\b"), self._clock))
            if before:
                self.numeric.append((re.compile(r"(?<=\s)(?P<h>\d{1,2})\.(?P<min>\d{2})(?!\d)"), self._clock_after(before)))
        self.numeric += [
            (re.compile(r"\+\d{1,3}(?:[ -]?\(?\d{1,8}\)?){2,5}(?!\w)"), self._telephone),
            (re.compile(rf"(?P<sign>{money})\s?(?P<n>{_NUMBER})(?:{dash}(?P<to>{_NUMBER}))?(?!\w)"), self._money),
            (re.compile(rf"(?P<n>{_NUMBER})(?:{dash}(?P<to>{_NUMBER}))?\s?(?P<sign>{money})(?!\w)"), self._money),
            (
                re.compile(
                    rf"(?P<minus>(?<!\w)[-−+])?(?P<n>{_NUMBER})(?:\s?(?:%|°)?{dash}(?P<to>{_NUMBER}))?(?P<gap>\s?)(?P<unit>{unit})"
                    rf"(?![\w'’])"
                ),
                self._unit,
            ),
            (re.compile(r"(?P<n>\d+)?\s?(?P<part>[½¼¾])"), self._fraction),
            (re.compile(rf"(?P<n>{_NUMBER}){dash}(?P<to>{_NUMBER})(?![\w/-])"), self._range),
            (re.compile(r"(?P<top>\d{1,3})/(?P<bottom>\d{1,3})(?![\d/])"), self._over),
            (re.compile(r"\d{1,4}"), self._ordinal),
            (re.compile(rf"(?P<minus>(?<!\w)[-−+])?(?P<n>{_NUMBER})"), self._number),
        ]

    def read(self, part: str, at: int) -> tuple[list[str], int]:
        free = not (at and part[at - 1].isalnum())
        if (
            free
            and part[at] in "IVX"
            and self.language.speaks
            and (match := _ROMAN.match(part, at))
            and (number := roman(match[0]))
        ):
            for ending, form in self.ordinals:
                if (end := ending.match(part, match.end())) is not None:
                    king = self.language.code == "de" and _NAME_BEFORE.search(part[max(at - 30, 0) : at])
                    said = self.language.ordinal(number, form, "" if king else self._ending(part, at))
                    return (["der"] if king else []) + said, end.end()
            if not part[match.end() : match.end() + 1].isalpha():
                return self.language.cardinal(number), match.end()
        if free and self.short is not None and (match := self.short.match(part, at)) is not None:
            return self.abbreviations[re.sub(r"\s", "", match[0])], match.end()
        near = part[at : at + 4]
        if any(map(str.isdigit, near)) or near[:1] in "½¼¾":
            if not self.language.speaks:
                return self._left(part, at)
            for pattern, reader in self.numeric:
                if (match := pattern.match(part, at)) is None:
                    continue
                if reader == self._ordinal:
                    for ending, form in self.ordinals:
                        if (end := ending.match(part, match.end())) is not None:
                            return self._agreeing(
                                self.language.ordinal(int(match[0]), form, self._ending(part, at)), part, end.end()
                            )
                elif (words := reader(match)) is not None:
                    return words, match.end()
        if (
            self.named_sign is not None
            and (match := self.named_sign.match(part, at)) is not None
            and _is_sign(match[0], part, at)
        ):
            return self.signs[match[0]].split(), match.end()
        if (match := WORD.match(part, at)) is not None:
            return [unicodedata.normalize("NFC", match[0]).replace("’", "'").lower()], match.end()
        if (match := _SIGN.match(part, at)) is not None and _is_sign(match[0], part, at):
            return self._sign_alone(match[0]), match.end()
        return [], at

    def _agreeing(self, words: list[str], part: str, end: int) -> tuple[list[str], int]:
        """A Polish ordinal in the gender of the noun behind it: trzecie miejsce, druga klasa."""
        noun = WORD.match(part, end + 1) if self.language.code == "pl" else None
        if noun is not None and words[-1].endswith(("y", "i")) and noun[0][-1] in "aoeę":
            stem = words[-1][:-1] if words[-1].endswith("y") else words[-1]
            soft = stem.removesuffix("i") if stem.endswith(("gi", "ki")) else stem
            words = [*words[:-1], soft + "a" if noun[0][-1] == "a" else stem + "e"]
        return words, end

    def _left(self, part: str, at: int) -> tuple[list[str], int]:
        """A number of a language that num2words does not know, with all that is written with it."""
        match = _LEFT.match(part, at)
        if match is not None and any(map(str.isdigit, match[0])):
            return [unicodedata.normalize("NFC", match[0]).lower()], match.end()
        word = WORD.match(part, at)
        return ([unicodedata.normalize("NFC", word[0]).lower()], word.end()) if word else ([], at)

    def _sign_alone(self, sign: str) -> list[str]:
        """A sign without a number: its name by CLDR, or itself."""
        if not self.language.speaks:
            return [sign]
        if (unit := self.units.get(sign)) and (pattern := self.language._unit_pattern(unit, 5)):
            return WORD.findall((pattern[0] + pattern[2]).lower())
        if sign in self.currencies and (said := self.language.money("5", "", self.currencies[sign])):
            return said[len(self.language.counted(5)) :]
        return [sign]

    def _parts(self, text: str) -> tuple[str, str]:
        """The whole number and the decimals of what is written."""
        text = re.sub(rf"{_SPACE}|['’]", "", text)
        decimal = self.language.decimal_sign
        other = "," if decimal == "." else "."
        if re.fullmatch(rf"\d{{1,3}}(?:\{other}\d{{3}})+(?:\{decimal}\d+)?", text):
            text = text.replace(other, "")
        elif re.fullmatch(rf"\d{{1,3}}(?:\{decimal}\d{{3}}){{2,}}", text):
            text = text.replace(decimal, "")
        whole, _, rest = text.replace(other, decimal).partition(decimal)
        return whole, re.sub(r"\D", "", rest)

    def _plain(self, text: str) -> list[str]:
        whole, rest = self._parts(text)
        if rest:
            return self.language.decimal(whole, rest)
        if len(whole) > 1 and whole[0] == "0":
            return self.language.digits(whole)
        if len(whole) == 4 and text.isdigit() and 1100 <= int(whole) <= 1999:
            return self.language.year(int(whole))
        return self.language.cardinal(int(whole))

    def _counted(self, number: int, noun: str) -> list[str] | None:
        """A number in the gender of the noun that it counts, where that can be guessed; None where nothing is to be changed."""
        known, low = self.language.table, noun.lower()
        if number % 10 not in (1, 2) or not re.match(str(known.get("nouns", ".")), noun):
            return None
        if low in str(known.get("function_words", "")).split() or not known.get("one"):
            return None
        if self.language.code in ("ru", "uk"):  # одна минута, две минуты, две хвилини
            feminine = low[-1] in ("ая" if number % 10 == 1 else "ыи") and low[-2:] not in ("ий", "ый")
        elif ending := known.get("feminine_ending"):
            feminine = bool(re.search(rf"{ending}$", low)) and low not in str(known.get("masculine_nouns", "")).split()
        else:
            feminine = low in str(known.get("feminine_nouns", "")).split()
        return self.language.counted(number, feminine)

    def _sign_of(self, match: re.Match[str]) -> list[str]:
        sign = match.groupdict().get("minus") or ""
        return [] if not sign else self.signs.get("+", "").split() if sign == "+" else self.language.minus()

    def _to(self) -> list[str]:
        return str(self.language.table.get("to", "")).split()

    def _day(self, day: int, match: re.Match[str]) -> list[str]:
        known, language = self.language.table, self.language
        if day == 1 and known.get("first"):
            return [known["first"]]
        kind = known.get("day", "cardinal")
        if kind == "cardinal":
            return language.cardinal(day)
        form = "genitive" if kind == "genitive" else "n n" if language.code == "ru" else "ordinal"
        return language.ordinal(day, form, self._ending(match.string, match.start()))

    def _ending(self, part: str, at: int) -> str:
        """What a German ordinal ends with, by the article before it: der dritte, am dritten, dritter."""
        if self.language.code != "de":
            return ""
        before = re.search(r"(\w+)\s+$", part[max(at - 16, 0) : at])
        word = before[1].lower() if before else ""
        if word in ("und", "oder"):
            return "r"
        if word in ("der", "die", "das", "jede", "eine", "seine", "ihre", "meine", "unsere", "keine"):
            return ""
        weak = ("am", "im", "vom", "zum", "beim", "ab", "bis", "seit", "dem", "den", "des", "zur", "ins")
        return (
            "n"
            if word in weak or word.endswith(("em", "en", "es"))
            else "r"
            if not word or part[at - 2 : at - 1] in ",("
            else "n"
        )

    def _date(self, match: re.Match[str]) -> list[str] | None:
        groups = match.groupdict()
        day, month = int(groups["d"]), int(groups["m"])
        if not (1 <= day <= 31 and 1 <= month <= 12) or not self.month_names:
            return None
        padded = len(groups["d"]) == len(groups["m"]) == 2
        if groups.get("s", ".")[0] == "." and groups.get("y") and len(groups["y"]) == 2 and not (self.ordinal_ahead or padded):
            return None  # a version
        said = self._day(day, match)
        if not groups.get("y"):
            return [*said, self.month_names[month - 1].lower()]
        number = int(groups["y"]) if len(groups["y"]) == 4 else int(groups["y"]) + (2000 if int(groups["y"]) < 50 else 1900)
        form = str(self.language.table.get("date", "{day} {month} {year}"))
        year = self.language.ordinal(number, "m g") if self.language.code == "ru" else self.language.year(number)
        return form.format(day=" ".join(said), month=self.month_names[month - 1].lower(), year=" ".join(year)).split()

    def _day_month(self, match: re.Match[str]) -> list[str] | None:
        day = int(match["d"])
        if not 1 <= day <= 31:
            return None
        month = self.month_names[self.month_numbers[match["name"].lower()] - 1].lower()
        said = [*self._day(int(match["from"]), match), *self._to()] if match["from"] else []
        said += [*self._day(day, match), *((match["of"] or "").lower().replace("’", "'").split()), month]
        if match["y"]:
            ru = self.language.code == "ru" and re.match(r"\s(?:г\.|года)", match.string[match.end() :])
            year = self.language.ordinal(int(match["y"]), "m g") if ru else self.language.year(int(match["y"]))
            said += [*(match["of2"] or "").lower().split(), *year]
        return said

    def _clock(self, match: re.Match[str]) -> list[str] | None:
        groups = match.groupdict()
        hour, minute = int(groups["h"]), int(groups.get("min") or 0)
        if hour > 24 or minute > 59 or (groups.get("sec") and int(groups["sec"]) > 59):
            return None
        known, language = self.language.table, self.language
        names = known.get("hours")
        feminine = bool(known.get("clock_feminine")) or (bool(names) and language.code == "fr")
        hours = language.counted(hour, feminine) if feminine or names or language.code == "de" else language.cardinal(hour)
        form = known.get("clock" if minute else "hour", "{hour} {minute}")
        said = form.format(
            hour=" ".join(hours),
            hours=self._plural(names, hour),
            minute=" ".join(language.counted(minute, True) if known.get("minutes") else language.cardinal(minute)),
            minutes=self._plural(known.get("minutes"), minute),
        )
        return said.split() + (language.cardinal(int(groups["sec"])) if groups.get("sec") and int(groups["sec"]) else [])

    def _plural(self, names: list[str] | None, number: int) -> str:
        return names[self.language.plural(names, number)] if names else ""

    def _clock_after(self, before: str) -> Reader:
        known = re.compile(rf"(?:^|\s)(?:{before})\s$", re.IGNORECASE)
        return lambda match: self._clock(match) if known.search(match.string[: match.start()]) else None

    def _telephone(self, match: re.Match[str]) -> list[str]:
        words = self.signs.get("+", "plus").split()
        for place, group in enumerate(re.findall(r"\d+", match[0])):
            words += ([","] if place else []) + self.language.digits(group)
        return words

    def _money(self, match: re.Match[str]) -> list[str] | None:
        code = self.currencies[match["sign"]]
        said = self.language.money(*self._parts(match["to"] or match["n"]), code)
        if said is None:
            return None
        return [*self._plain(match["n"]), *self._to(), *said] if match["to"] else said

    def _unit(self, match: re.Match[str]) -> list[str] | None:
        unit, gap = match["unit"], match["gap"]
        alone = gap and len(unit) == 1 and unit.isalpha()
        if alone and (unit.isupper() or unit in str(self.language.table.get("letter_words", "")).split()):
            return None  # a word of one letter: 5 s přáteli, 3 A
        if not gap and unit in ("A", "V", "J", "W", "L", "m", "s", "t", "h") and len(match["n"]) > 3:
            return None
        whole, rest = self._parts(match["to"] or match["n"])
        if len(whole) > 1 and whole[0] == "0" and not rest:
            return None
        said = self.language.unit(self.units[unit], whole, rest)
        if said == (self.language.decimal(whole, rest) if rest else self.language.counted(int(whole))):
            return None  # no name for it: the sign is left
        return [*self._sign_of(match), *([*self._plain(match["n"]), *self._to()] if match["to"] else []), *said]

    def _fraction(self, match: re.Match[str]) -> list[str] | None:
        if (part := self.fractions.get(match["part"])) is None:
            return None
        return [*(self.language.cardinal(int(match["n"])) if match["n"] else []), *part.split()]

    def _over(self, match: re.Match[str]) -> list[str]:
        sign = {("1", "2"): "½", ("1", "4"): "¼", ("3", "4"): "¾"}.get((match["top"], match["bottom"]), "")
        if sign in self.fractions:
            return self.fractions[sign].split()
        over = str(self.language.table.get("over", "/")).split()
        return [*self.language.cardinal(int(match["top"])), *over, *self.language.cardinal(int(match["bottom"]))]

    def _range(self, match: re.Match[str]) -> list[str] | None:
        return [*self._plain(match["n"]), *self._to(), *self._plain(match["to"])] if self._to() else None

    def _ordinal(self, match: re.Match[str]) -> list[str] | None:
        raise NotImplementedError  # `read` sees to it: what follows decides the form

    def _number(self, match: re.Match[str]) -> list[str]:
        noun = _NOUN.match(match.string, match.end())
        said = self._counted(int(match["n"]), noun[1]) if noun and match["n"].isdigit() and match["n"][0] != "0" else None
        return [*self._sign_of(match), *(said or self._plain(match["n"]))]


def _none(match: re.Match[str]) -> None:
    return None


def _is_sign(sign: str, part: str, at: int) -> bool:
    """Whether a sign is one of its own, and no markup around words or arrow: + and < beside numbers or between blanks."""
    if sign not in ("+", "=", "<", ">", "#"):
        return True
    before, after = part[at - 1 : at], part[at + 1 : at + 2]
    return (before + after).strip() == "" or (before + after).strip()[:1].isdigit() or after.isdigit()
