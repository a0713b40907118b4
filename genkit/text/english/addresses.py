"""Web and mail addresses, handles, hashtags, IP addresses, versions, telephone numbers: to words.

Readers here and in the neighbouring modules take a match and give spoken words, "," for a short rest, and a capital for a
letter by its name; None where the match is something else after all.
"""

from __future__ import annotations

import re

from genkit.text.english.numbers import DIGITS, cardinal, digits, pairs
from genkit.text.tables import table

_SIGNS: dict[str, str] = table("english/words")["address_signs"]
_TLD = r"(?:com|org|net|edu|gov|mil|int|info|io|dev|app|ai|co|uk|de|fr|ru|eu|us|ca|au|jp|ch|nl|se|it|es|pl|tv|me|biz)"
_END = r"[^\s<>\"“”«»]*[^\s<>\"“”«».,;:!?()\[\]{}'’*_…]/?"
URL = re.compile(rf"(?:https?://|ftp://|www\.){_END}|(?:[A-Za-z0-9-]+\.)+{_TLD}(?![\w-]|\.\w)(?:[/?#]{_END})?/?", re.IGNORECASE)
MAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
HANDLE = re.compile(r"(?P<sign>[@#])(?P<name>[A-Za-z]\w+|\d+[A-Za-z]\w+)")
_KINDS = (
    "txt|pdf|docx?|xlsx?|pptx?|csv|tsv|json|xml|html?|css|js|ts|py|md|rst|jpe?g|png|gif|svg|mp3|mp4|wav|flac|zip|tar|gz|exe|dll|"
    "sh|bat|toml|ya?ml|cfg|ini|log|sql|cpp|java|epub|iso|bin|dat"
)
FILE = re.compile(rf"[\w-]+(?:\.[\w-]+)*\.(?:{_KINDS})(?![\w.]*\w)")
PATH = re.compile(r"(?:[A-Za-z]:|~|\.{1,2})?(?:[/\\][\w.-]*\w){2,}[/\\]?|~/[\w.-]*\w|[A-Za-z]:\\(?:[\w.-]*\w)?")
IP = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?:/\d{1,2})?(?![\w.]*\w)")
MAC = re.compile(r"[\dA-Fa-f]{2}(?::[\dA-Fa-f]{2}){5}(?!\w)")
VERSION = re.compile(r"(?P<v>[vV]\.?\s?)?(?P<number>\d+(?:\.\d+){2,}|(?<=[vV])\d+(?:\.\d+)*)(?!\w)")
_EXTENSION = r"(?:,?\s?(?:x|ext\.?|extension)\s?(?P<ext>\d{1,6}))?"
PHONE = re.compile(
    r"(?:(?:\+?\d{1,2}[-.\s]?)?\(\d{3}\)[-.\s]?\d{3}[-.\s]\d{4}|(?:\+?1[-.\s])?\d{3}([-.\s])\d{3}(?:\1|[-.])\d{4}"
    r"|\+\d{1,3}(?:[\s.-]?\(?\d{1,8}\)?){2,5}|0\d{2,5}/\d{3,9}(?:-\d{1,5})?|0\d{4}\s\d{6}|0\d{2,4}(?:\s\d{3,4}){1,2}|1[38]00\s\d{3}\s\d{3}"
    r"|\d{3}-\d{4}|\+\d{8,15})" + _EXTENSION + r"(?![\w-])"
)
PHONE_WORD = re.compile(r"1-(?P<code>[89]\d\d)-(?P<word>[A-Z]{4,8}|[A-Z]{3}-[A-Z]{4})(?![\w-])")  # 1-800-FLOWERS
# ISBN and other numbers in groups; social security; cards of four fours
GROUPS = re.compile(r"(?:\d{1,7}(?:-\d{1,7}){3,12}|\d{2}-\d{7}|\d{3}-\d{2}-\d{4}|\d{4}(?:[ -]\d{4}){3})(?![\w-])")
PLAN = re.compile(r"(?P<number>\d{3})\((?P<letter>[a-zA-Z])\)(?:\((?P<sub>\d{1,2})\))?(?P<more>s\b)?")  # 401(k), 501(c)(3)
CODE = re.compile(r"(?P<letters>[A-Z]{1,4})-(?P<number>\d{3,4})(?P<more>[A-Z]?)(?![\w-]|[.,]\d)")  # ABC-123
COLOUR = re.compile(r"#(?P<code>(?=[\da-fA-F]*\d)[\da-fA-F]{6})(?!\w)")
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
        elif run.isdecimal():
            words += cardinal(run) if len(run) <= 4 and run[0] != "0" else digits(run)
        elif run.isalpha():
            spelt = low not in _SAID and (len(run) <= 2 or not set(low) & set("aeiouyäöü"))
            words += letters(run) if spelt else [low]
    return words


def url(match: re.Match[str]) -> list[str]:
    text = re.sub(r"^(?:https?|ftp)://", "", match[0], flags=re.IGNORECASE).rstrip("/")
    return spoken_runs(text)


def path(match: re.Match[str]) -> list[str]:
    return spoken_runs(match[0])


def mail(match: re.Match[str]) -> list[str]:
    return spoken_runs(match[0])


def handle(match: re.Match[str]) -> list[str]:
    from genkit.text.english.acronyms import SHOUTED, spelt

    words = ["at" if match["sign"] == "@" else "hashtag"]
    for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+", match["name"]):
        if part.isupper() and spelt(part.lower()):
            words += letters(part)
        else:
            words += [part.lower()] if part.lower() in SHOUTED else spoken_runs(part)  # me and we are words here
    return words


def ip(match: re.Match[str]) -> list[str]:
    address, _, width = match[0].partition("/")
    words = [word for one in address for word in (["dot"] if one == "." else [DIGITS[int(one)]])]
    return words + (["slash", *cardinal(width)] if width else [])


def mac(match: re.Match[str]) -> list[str]:
    words: list[str] = []
    for pair in match[0].split(":"):
        words += ([","] if words else []) + [DIGITS[int(one)] if one.isdigit() else one.upper() for one in pair]
    return words


def version(match: re.Match[str]) -> list[str] | None:
    if not match["v"] and re.fullmatch(r"[1-9]\d{0,2}(?:\.\d{3}){2,}", match["number"]):
        return None  # 1.000.000
    words = ["version"] if match["v"] else []
    for place, part in enumerate(match["number"].split(".")):
        words += (["point"] if place else []) + cardinal(part)
    return words


def phone(match: re.Match[str]) -> list[str]:
    """Digit by digit, with a rest between the groups."""
    extension = match["ext"]
    text = match[0][: match.start("ext") - match.start()] if extension else match[0]
    words = ["plus"] if text.startswith("+") else []
    for place, group in enumerate(re.findall(r"\d+", text)):
        words += ([","] if place else []) + (["eight", "hundred"] if group == "800" and place == 1 else digits(group))
    return words + ([",", "extension", *digits(extension)] if extension else [])


def phone_word(match: re.Match[str]) -> list[str]:
    code = ["eight", "hundred"] if match["code"] == "800" else digits(match["code"])
    return ["one", ",", *code, ",", *match["word"].lower().replace("-", " ").split()]


def plan(match: re.Match[str]) -> list[str]:
    words = [*pairs(match["number"]), match["letter"].upper() + ("'s" if match["more"] else "")]
    return words + (cardinal(match["sub"]) if match["sub"] else [])


def code(match: re.Match[str]) -> list[str] | None:
    """Letters and the number behind them in twos; COVID and what else is a word has its own reading."""
    from genkit.text.english.acronyms import spelt

    letters_said = (
        [*match["letters"]] if spelt(match["letters"].lower()) or len(match["letters"]) == 1 else [match["letters"].lower()]
    )
    number = digits(match["number"]) if match["number"][0] == "0" else pairs(match["number"])
    return [*letters_said, *number, *match["more"]]


def colour(match: re.Match[str]) -> list[str]:
    return ["hash", *(word for one in match["code"] for word in (digits(one) if one.isdigit() else [one.upper()]))]


def groups(match: re.Match[str]) -> list[str]:
    """Digit by digit, with a rest between the groups."""
    words: list[str] = []
    for group in re.split(r"[ -]", match[0]):
        words += ([","] if words else []) + digits(group)
    return words
