"""SSML 1.1 (W3C) as far as it changes what is said: speak, p, s, break, prosody rate/pitch, say-as, phoneme, sub.

Read by a scanner of our own, because every error must name the tag and its place, because the places of the words in the markup
are needed afterwards, and because a general XML reader would also follow entities. What other engines have and no word depends
on (marks, voices, emphasis, loudness, their own namespaces) is passed over with a note; what is unknown is refused.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from dataclasses import dataclass, field

from genkit.errors import InputError
from genkit.text.lexicon import phonemes_from

ATTRIBUTES = {
    "speak": {"version", "xmlns", "xml:lang", "xmlns:xsi", "xsi:schemaLocation"}, "p": set(), "s": set(),
    "break": {"time", "strength"},
    "prosody": {"rate", "pitch"}, "say-as": {"interpret-as", "format"}, "phoneme": {"alphabet", "ph"}, "sub": {"alias"},
}  # fmt: skip
PASSED_TAGS = {"mark", "bookmark", "emphasis", "voice", "lang", "w", "token", "audio", "lexicon", "lookup", "meta"}
SILENT_TAGS = {"desc", "metadata"}  # what is in them is not for the ear
PASSED_ATTRIBUTES = {
    "xml:lang", "xml:base", "onlangfailure", "volume", "contour", "range", "duration", "detail", "role", "level", "name",
    "effect", "xml:id", "type",
}  # fmt: skip
SAY_AS = (
    "characters", "spell-out", "cardinal", "number", "ordinal", "digits", "telephone", "date", "time", "currency", "unit",
    "fraction", "address", "name", "net",
)  # fmt: skip
_SAY_AS_ELSEWHERE = {"verbatim": "characters", "letters": "characters", "acronym": "characters", "measure": "unit",
                     "phone": "telephone", "duration": "time", "interjection": "name", "words": "name"}  # fmt: skip
LONGEST_TAG = 4000  # letters
BREAKS = {"none": 0.0, "x-weak": 0.1, "weak": 0.2, "medium": 0.4, "strong": 0.75, "x-strong": 1.2}  # seconds
LONGEST_BREAK_S = 60.0
RATES = {"x-slow": 0.5, "slow": 0.75, "medium": 1.0, "default": 1.0, "fast": 1.25, "x-fast": 1.6}
PITCHES = {"x-low": -6.0, "low": -3.0, "medium": 0.0, "default": 0.0, "high": 3.0, "x-high": 6.0}  # semitones
_ENTITIES = {"amp": "&", "lt": "<", "gt": ">", "quot": '"', "apos": "'"}
_OPENING = re.compile("[<&]")
_PART = re.compile(
    r"<!--.*?-->|<\?.*?\?>|<!DOCTYPE[^<>\[]{0,1000}>|<!\[CDATA\[(?P<data>.*?)\]\]>|<(?P<close>/)?(?P<name>[A-Za-z][\w:-]*)(?P<attributes>[^<>]*?)(?P<empty>/)?>|&(?P<entity>#?\w+);",
    re.DOTALL,
)
_ATTRIBUTE = re.compile(r"\s+(?P<name>[A-Za-z_][\w:.-]*)\s*=\s*(?:\"(?P<double>[^\"]*)\"|'(?P<single>[^']*)')")


@dataclass(frozen=True, slots=True)
class Atom:
    """Text that a tag says how to read: plain[start:end], kind "sub", "phoneme" or "say-as", with what the tag said."""

    start: int
    end: int
    kind: str
    value: str
    phonemes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Event:
    """At an offset of the plain text: a silence, or another rate and pitch from here on. `source` is where its tag stands."""

    at: int
    pause: float | None
    rate: float = 1.0
    pitch: float = 0.0
    source: int = 0


@dataclass
class Plain:
    """Text without its markup; `source(offset)` is where a character stood in the markup."""

    text: str = ""
    events: list[Event] = field(default_factory=list)
    atoms: list[Atom] = field(default_factory=list)
    _plain: list[int] = field(default_factory=list)
    _source: list[int] = field(default_factory=list)
    end: int = 0
    passed: dict[str, list[int]] = field(default_factory=dict)  # what was passed over, with its places

    def source(self, offset: int) -> int:
        if offset >= len(self.text):
            return self.end
        place = bisect_right(self._plain, offset) - 1
        return self._source[place] + offset - self._plain[place]

    def plain(self, offset: int) -> int:
        """The first plain offset that stood at or after a place of the markup."""
        low, high = 0, len(self.text)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.source(middle) < offset else (low, middle)
        return low


@dataclass
class _Open:
    name: str
    at: int  # in the markup
    start: int  # in the plain text
    part: int  # among the parts of the plain text
    attributes: dict[str, str]
    before: tuple[float, float]


def place(markup: str, at: int) -> str:
    line = markup.count("\n", 0, at) + 1
    return f"line {line}, column {at - markup.rfind(chr(10), 0, at)}"


class _Reader:
    def __init__(self, markup: str):
        self.markup = markup
        self.out = Plain(end=len(markup))
        self.parts: list[str] = []
        self.length = 0
        self.open: list[_Open] = []
        self.prosody = (1.0, 0.0)
        self.rooted = False
        self.silent = 0  # tags around here whose text is not said

    def fail(self, tag: str, at: int, why: str, hint: str | None = None) -> InputError:
        return InputError(f"SSML <{tag}> at {place(self.markup, at)}: {why}", hint)

    def add(self, text: str, at: int) -> None:
        if text:
            self.out._plain.append(self.length)
            self.out._source.append(at)
            self.parts.append(text)
            self.length += len(text)

    def read(self) -> Plain:
        at = 0
        markup = self.markup
        while (opening := _OPENING.search(markup, at)) is not None:
            start = opening.start()
            self.text(at, start)
            end = markup.find(">", start) if markup[start] == "<" and markup[start + 1 : start + 2] not in ("!", "?") else start
            if end - start > LONGEST_TAG:
                raise InputError(f"SSML tag at {place(markup, start)} is longer than {LONGEST_TAG} letters")
            match = _PART.match(markup, start)
            if match is None:
                raise InputError(
                    f"SSML {markup[start : start + 12].split()[0]!r} at {place(markup, start)}: neither a tag nor an entity",
                    "write &lt; for < and &amp; for &; a DOCTYPE is not read",
                )
            at = match.end()
            if match["entity"]:
                self.add(self.entity(match["entity"], start), start)
            elif match["data"]:
                self.text(match.start("data"), match.end("data"))
            elif match["name"]:
                self.tag(match)
        self.text(at, len(markup))
        if self.open:
            one = self.open[-1]
            raise self.fail(one.name, one.at, "is never closed", f"add </{one.name}>")
        self.out.text = "".join(self.parts)
        return self.out

    def text(self, start: int, end: int) -> None:
        text = self.markup[start:end]
        if text.strip() and not self.open:
            raise InputError(
                f"SSML text at {place(self.markup, start + len(text) - len(text.lstrip()))} is outside <speak>",
                "put <speak>…</speak> around it",
            )
        if self.open and not self.silent:
            self.add(text, start)

    def pass_over(self, what: str, at: int) -> None:
        self.out.passed.setdefault(what, []).append(at)

    def entity(self, name: str, at: int) -> str:
        if name in _ENTITIES:
            return _ENTITIES[name]
        number = name[1:]
        try:
            if name[0] == "#":
                return chr(int(number[1:], 16) if number[:1] in "xX" else int(number))
        except (ValueError, OverflowError):
            pass
        raise InputError(
            f"SSML entity &{name}; at {place(self.markup, at)} is not known", "only amp, lt, gt, quot, apos and numbers are"
        )

    def tag(self, match: re.Match[str]) -> None:
        name, at = match["name"], match.start()
        if name not in ATTRIBUTES:
            self.foreign(name, match)
            return
        if match["close"]:
            self.close(name, at)
            return
        attributes = self.attributes(name, match["attributes"], at)
        if name == "speak" and (self.open or self.rooted):
            raise self.fail(name, at, "may only stand once, around everything")
        if name != "speak" and not self.open:
            raise self.fail(name, at, "is outside <speak>", "put <speak>…</speak> around everything")
        if any(one.name in ("sub", "phoneme", "say-as") for one in self.open):
            raise self.fail(name, at, f"cannot stand in <{self.open[-1].name}>, which takes text alone")
        if name in ("p", "s"):
            inside = next((one.name for one in reversed(self.open) if one.name in ("p", "s")), "")
            if inside == "s" or (inside == "p" and name == "p"):
                raise self.fail(name, at, f"cannot stand in <{inside}>")
            self.add("\u2029" if name == "p" else "\u2028", at)
        if name == "break":
            self.out.events.append(Event(self.length, self.silence(attributes, at)))
            if match["empty"]:
                return
        self.rooted = True
        self.open.append(_Open(name, at, self.length, len(self.parts), attributes, self.prosody))
        if name == "prosody":
            rate, pitch = self.prosody
            if not attributes and not match["attributes"].strip():
                raise self.fail(name, at, "needs rate or pitch")
            self.prosody = (rate * self.rate(attributes, at), pitch + self.pitch(attributes, at))
            self.out.events.append(Event(self.length, None, *self.prosody, source=at))
        if match["empty"]:
            self.close(name, at)

    def foreign(self, name: str, match: re.Match[str]) -> None:
        """A tag of another engine, around words that stay: it is only held against the one that closes it."""
        at = match.start()
        if name not in PASSED_TAGS | SILENT_TAGS and ":" not in name:
            raise self.fail(name, at, "is not supported", f"supported: {', '.join(ATTRIBUTES)}")
        if match["close"]:
            self.close(name, at)
            return
        if not self.open:
            raise self.fail(name, at, "is outside <speak>", "put <speak>…</speak> around everything")
        self.pass_over(f"<{name}>", at)
        if not match["empty"]:
            self.silent += name in SILENT_TAGS
            self.open.append(_Open(name, at, self.length, len(self.parts), {}, self.prosody))

    def close(self, name: str, at: int) -> None:
        if not self.open or self.open[-1].name != name:
            inside = self.open[-1] if self.open else None
            why = f"closes <{inside.name}> of {place(self.markup, inside.at)}" if inside else "closes nothing"
            raise self.fail("/" + name, at, why)
        one = self.open.pop()
        self.silent -= name in SILENT_TAGS
        if name in ("p", "s"):
            self.add("\u2029" if name == "p" else "\u2028", at)
        elif name == "prosody":
            self.prosody = one.before
            self.out.events.append(Event(self.length, None, *self.prosody, source=at))
        elif name == "break" and self.length > one.start:
            raise self.fail(name, one.at, "must be empty", "write <break/>")
        elif name in ("sub", "phoneme", "say-as"):
            self.atom(one)

    def atom(self, one: _Open) -> None:
        attributes = one.attributes
        needed = {"sub": "alias", "phoneme": "ph", "say-as": "interpret-as"}[one.name]
        value = attributes.get(needed, "")
        if not value.strip():
            raise self.fail(one.name, one.at, f"needs {needed}")
        if not "".join(self.parts[one.part :]).strip():
            raise self.fail(one.name, one.at, "has no text in it")
        phonemes: tuple[str, ...] = ()
        if one.name == "phoneme":
            alphabet = attributes.get("alphabet", "ipa").lower()
            if alphabet not in ("ipa", "arpabet", "x-arpabet", "x-cmu", "cmu"):
                raise self.fail(one.name, one.at, f"alphabet {alphabet} is not known", "use ipa or arpabet")
            try:
                phonemes = phonemes_from(value, "ipa" if alphabet == "ipa" else "arpabet")
            except ValueError as error:
                raise self.fail(one.name, one.at, str(error)) from error
        elif one.name == "say-as":
            value = _SAY_AS_ELSEWHERE.get(value.removeprefix("vxml:"), value.removeprefix("vxml:"))
            if value not in SAY_AS:
                raise self.fail(one.name, one.at, f"interpret-as {value} is not supported", f"supported: {', '.join(SAY_AS)}")
            value += f":{attributes.get('format', '')}"
        self.out.atoms.append(Atom(one.start, self.length, one.name, value, phonemes))

    def attributes(self, name: str, text: str, at: int) -> dict[str, str]:
        found = {}
        end = 0
        for one in _ATTRIBUTE.finditer(text):
            if text[end : one.start()].strip():
                break
            end = one.end()
            if one["name"] not in ATTRIBUTES[name]:
                if one["name"] in PASSED_ATTRIBUTES or one["name"].partition(":")[1]:
                    if not one["name"].startswith(("xmlns", "xml:")):
                        self.pass_over(f"{one['name']} of <{name}>", at)
                    continue
                known = ", ".join(sorted(ATTRIBUTES[name])) or "none"
                raise self.fail(name, at, f"attribute {one['name']} is not supported", f"supported: {known}")
            value = one["double"] if one["double"] is not None else one["single"]
            found[one["name"]] = re.sub(r"&(#?\w+);", lambda entity: self.entity(entity[1], at), value)
        if text[end:].strip():
            raise self.fail(name, at, f"attributes cannot be read: {text[end:].strip()}", 'write name="value"')
        return found

    def silence(self, attributes: dict[str, str], at: int) -> float:
        if "time" in attributes:
            match = re.fullmatch(r"\s*\+?(\d+(?:\.\d+)?|\.\d+)\s*(ms|s)\s*", attributes["time"])
            if match is None:
                raise self.fail("break", at, f"time {attributes['time']!r} is no time", "write 500ms or 1.5s")
            seconds = float(match[1]) / (1000 if match[2] == "ms" else 1)
            if seconds > LONGEST_BREAK_S:
                raise self.fail("break", at, f"{seconds:g} s is too long", f"at most {LONGEST_BREAK_S:g} s")
            return seconds
        strength = attributes.get("strength", "medium")
        if strength not in BREAKS:
            raise self.fail("break", at, f"strength {strength!r} is not known", f"one of {', '.join(BREAKS)}")
        return BREAKS[strength]

    def rate(self, attributes: dict[str, str], at: int) -> float:
        text = attributes.get("rate", "medium").strip()
        match = re.fullmatch(r"([-+]?)(\d+(?:\.\d+)?)(%?)", text)
        if text in RATES:
            rate = RATES[text]
        elif match is not None and not float(match[2]):  # 0%, +0.00%: nothing is changed
            rate = 1.0
        elif match is None or (match[1] and not match[3]):
            raise self.fail("prosody", at, f"rate {text!r} is not known", f"one of {', '.join(RATES)}, 80%, +20% or 0.8")
        else:
            number = float(match[2]) / (100 if match[3] else 1)
            rate = 1 + number if match[1] == "+" else 1 - number if match[1] == "-" else number
        if not 0.2 <= rate <= 5:
            raise self.fail("prosody", at, f"rate {text!r} is out of range", "between 20% and 500%")
        return rate

    def pitch(self, attributes: dict[str, str], at: int) -> float:
        text = attributes.get("pitch", "medium").strip()
        if text in PITCHES:
            return PITCHES[text]
        match = re.fullmatch(r"([-+]?)(\d+(?:\.\d+)?)(st|%)", text)
        if re.fullmatch(r"[-+]?\d+(?:\.\d+)?Hz", text):
            self.pass_over("pitch in Hz", at)
            return 0.0
        if match is not None and not float(match[2]):
            return 0.0
        if match is None or not (match[1] or match[3] == "%"):
            raise self.fail("prosody", at, f"pitch {text!r} is not known", f"one of {', '.join(PITCHES)}, +2st or -10%")
        number = float(match[2]) * (-1 if match[1] == "-" else 1)
        if match[3] == "%":
            factor = 1 + number / 100 if match[1] else number / 100
            number = 12 * math.log2(factor) if factor > 0 else -math.inf
        if not -24 <= number <= 24:
            raise self.fail("prosody", at, f"pitch {text!r} is out of range", "at most 24 semitones either way")
        return number


def notes_on(plain: Plain, markup: str) -> list[str]:
    """What is to be told of markup that was passed over: one line for each kind."""
    notes = []
    for what, places in plain.passed.items():
        more = f", and {len(places) - 1} more" if len(places) > 1 else ""
        notes.append(f"SSML {what} is left out, its words are read ({place(markup, places[0])}{more})")
    return notes


def read_ssml(markup: str) -> Plain:
    """Take the markup off, and keep what it said.

    Raises: InputError that names the tag and its line and column.
    """
    return _Reader(markup).read()
