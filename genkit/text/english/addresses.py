"""Web and mail addresses, handles, hashtags, IP addresses, versions, telephone numbers: to words.

Readers here and in the neighbouring modules take a match and give spoken words, "," for a short rest, and a capital for a
letter by its name; None where the match is something else after all.
"""

from __future__ import annotations

import re

from genkit.text.english.numbers import DIGITS, cardinal, digits
from genkit.text.tables import table

_SIGNS: dict[str, str] = table("english/words")["address_signs"]
_TLD = r"(?:com|org|net|edu|gov|mil|int|info|io|dev|app|ai|co|uk|de|fr|ru|eu|us|ca|au|jp|ch|nl|se|it|es|pl|tv|me|biz)"
_END = r"[^\s<>\"“”«»]*[^\s<>\"“”«».,;:!?()\[\]{}'’*_…]/?"
URL = re.compile(rf"(?:https?://|ftp://|www\.){_END}|(?:[A-Za-z0-9-]+\.)+{_TLD}(?![\w-]|\.\w)(?:[/?#]{_END})?/?", re.IGNORECASE)
MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HANDLE = re.compile(r"(?P<sign>[@#])(?P<name>[A-Za-z]\w+)")
_KINDS = (
    "txt|pdf|docx?|xlsx?|pptx?|csv|tsv|json|xml|html?|css|js|ts|py|md|rst|jpe?g|png|gif|svg|mp3|mp4|wav|flac|zip|tar|gz|exe|dll|"
    "sh|bat|toml|ya?ml|cfg|ini|log|sql|cpp|java|epub|iso|bin|dat"
)
FILE = re.compile(rf"[\w-]+(?:\.[\w-]+)*\.(?:{_KINDS})(?![\w.]*\w)")
PATH = re.compile(r"(?:[A-Za-z]:|~|\.{1,2})?(?:[/\\][\w.-]*\w){2,}[/\\]?|~/[\w.-]*\w|[A-Za-z]:\\(?:[\w.-]*\w)?")
IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?![\w.]*\w)")
VERSION = re.compile(r"(?P<v>[vV]\.?\s?)?(?P<number>\d+(?:\.\d+){2,}|(?<=[vV])\d+(?:\.\d+)*)(?!\w)")
PHONE = re.compile(
    r"(?:(?:\+?1[-.\s])?(?:\(\d{3}\)\s?|\d{3}[-.\s])\d{3}[-.]\d{4}|\+\d{1,3}(?:[\s-]\(?\d{1,8}\)?){2,5}|0\d{2,5}/\d{3,9}(?:-\d{1,5})?|0\d{2,4}(?:\s\d{3,4}){1,2}|1[38]00\s\d{3}\s\d{3}|\d{3}-\d{4}"
    r"|1-\d{3}-\d{3}-\d{4}|\+\d{8,15})(?![\w-])"
)
GROUPS = re.compile(r"\d{1,7}(?:-\d{1,7}){3,}(?![\w-])")  # ISBN and other numbers in groups
_RUNS = re.compile(r"[^\W\d_]+|\d+|.")
_SAID = frozenset(["com", "org", "net", "edu", "gov", "info", "dev", "app", "biz", "co"])


def letters(text: str) -> list[str]:
    return [one.upper() for one in text if one.isalnum()]


def spoken_runs(text: str) -> list[str]:
    """An address bit by bit: words as words, what cannot be a word letter by letter, signs by name."""
    words: list[str] = []
    for run in _RUNS.findall(text):
        low = run.lower()
        if run in _SIGNS:
            words += _SIGNS[run].split()
        elif run.isdigit():
            words += cardinal(run) if len(run) <= 4 and run[0] != "0" else digits(run)
        elif run.isalpha():
            spelt = low not in _SAID and (len(run) <= 2 or not set(low) & set("aeiouyäöü"))
            words += letters(run) if spelt else [low]
    return words


def url(found: re.Match[str]) -> list[str]:
    text = re.sub(r"^(?:https?|ftp)://", "", found[0], flags=re.IGNORECASE).rstrip("/")
    return spoken_runs(text)


def path(found: re.Match[str]) -> list[str]:
    return spoken_runs(found[0])


def mail(found: re.Match[str]) -> list[str]:
    return spoken_runs(found[0])


def handle(found: re.Match[str]) -> list[str]:
    from genkit.text.english.words import spelt

    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", found["name"])
    words = [
        word for part in parts for word in (letters(part) if part.isupper() and spelt(part.lower()) else spoken_runs(part))
    ]
    return ["at" if found["sign"] == "@" else "hashtag", *words]


def ip(found: re.Match[str]) -> list[str]:
    return [word for one in found[0] for word in (["dot"] if one == "." else [DIGITS[int(one)]])]


def version(found: re.Match[str]) -> list[str]:
    words = ["version"] if found["v"] else []
    for place, part in enumerate(found["number"].split(".")):
        words += (["point"] if place else []) + cardinal(part)
    return words


def phone(found: re.Match[str]) -> list[str]:
    """Digit by digit, with a rest between the groups."""
    words = ["plus"] if found[0].startswith("+") else []
    for place, group in enumerate(re.findall(r"\d+", found[0])):
        words += ([","] if place else []) + (["eight", "hundred"] if group == "800" and place == 1 else digits(group))
    return words


def groups(found: re.Match[str]) -> list[str]:
    """Digit by digit, with a rest at each hyphen."""
    words: list[str] = []
    for group in found[0].split("-"):
        words += ([","] if words else []) + digits(group)
    return words
