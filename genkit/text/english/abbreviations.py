"""What English writes short, and how a sentence boundary looks after it (words.toml)."""

from __future__ import annotations

from genkit.text.tables import table, word_set

_WORDS = table("english/words")

TITLES: dict[str, str] = _WORDS["titles"]
INSIDE: dict[str, str] = _WORDS["inside"]
EITHER: dict[str, str] = _WORDS["either"]
MONTHS: dict[str, str] = _WORDS["months"]
WEEKDAYS: dict[str, str] = _WORDS["weekdays"]
FOLDED: dict[str, str] = _WORDS["folded"]
FULL_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
               "december")  # fmt: skip

BEFORE_NUMBER = word_set(_WORDS["before_number"])
STARTERS = word_set(_WORDS["starters"])
PRONOUNCED = word_set(_WORDS["pronounced"])
SPELT = word_set(_WORDS["spelt"])
SHOUTED = word_set(_WORDS["shouted"])
TIME_ZONES = word_set(_WORDS["time_zones"])
REGNAL = word_set(_WORDS["regnal"])
NUMBERED = word_set(_WORDS["numbered"])

NEVER_LAST = set(TITLES) | set(INSIDE)
MAYBE_LAST = set(EITHER) | set(MONTHS) | set(WEEKDAYS)
