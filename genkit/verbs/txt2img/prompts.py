r"""What prompts say beside their words: alternatives `{a|b|c}`, weights `(words:1.3)`, and the signs that stand for themselves.

A backslash before one of `{}|():` (or before a backslash) makes it plain text; it stays in the text until a model reads it, so
that what was expanded once can be expanded again. Parentheses without a number are plain text. Standard library only.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

from genkit.errors import UsageError

Pieces = list[tuple[str, float]]

MOST = 100_000  # prompts that one text may stand for
LARGEST_WEIGHT = 4.0  # beyond about 2 pictures fall apart already
SIGNS = r"{}|():\\"
_ESCAPED = re.compile(rf"\\([{SIGNS}])")
_WEIGHT = re.compile(r":\s*([-+]?(?:\d+\.?\d*|\.\d+))\s*$")
SLUG_BYTES = 80


def as_one(text: str) -> str:
    """Write a text so that it is one prompt, with its weights: no braces of it are taken for alternatives."""
    return re.sub(r"(\\.)|([{}|])", lambda found: found[1] or f"\\{found[2]}", text, flags=re.DOTALL)


def unescape(text: str) -> str:
    """Take the backslashes away."""
    return _ESCAPED.sub(r"\1", text)


# --- alternatives ---------------------------------------------------------------------------------------------------------


def expand(text: str) -> list[str]:
    """Every prompt that a text stands for, in order, each once; `{red|blue} bike` is two. Groups may hold others; an empty
    alternative leaves the words out; braces without `|` between them are plain text.

    Raises:
        UsageError: a brace without its partner, too many prompts, or braces too deep inside each other.
    """
    try:
        found, place = _alternatives(text, 0, inside=False)
    except RecursionError:
        raise UsageError(f"prompt {_short(text)}: braces too deep inside each other", "use fewer") from None
    if place < len(text):
        raise _unpaired(text, "}")
    prompts = found[0]
    if prompts == [text]:
        return [text]
    return list(dict.fromkeys(" ".join(one.split()) for one in prompts))


def _alternatives(text: str, place: int, *, inside: bool) -> tuple[list[list[str]], int]:
    """What stands between the `|` from `place` up to the closing brace or the end, each as its own expansions; and where
    that is. Outside of braces `|` is plain text."""
    branches: list[list[str]] = []
    current = [""]
    while place < len(text):
        sign = text[place]
        if sign == "\\" and place + 1 < len(text):
            current = [one + text[place : place + 2] for one in current]
            place += 2
        elif sign == "{":
            choices, end = _alternatives(text, place + 1, inside=True)
            if end >= len(text):
                raise _unpaired(text, "{")
            flat = [one for branch in choices for one in branch]
            if len(choices) == 1:
                flat = [f"{{{one}}}" for one in flat]
            if len(current) * len(flat) > MOST:
                raise UsageError(f"prompt {_short(text)}: stands for more than {MOST:,} prompts", "use fewer {a|b}")
            current = [one + choice for one in current for choice in flat]
            place = end + 1
        elif sign == "}":
            break
        elif sign == "|" and inside:
            branches.append(current)
            current, place = [""], place + 1
        else:
            current = [one + sign for one in current]
            place += 1
    return [*branches, current], place


def _unpaired(text: str, brace: str) -> UsageError:
    return UsageError(f"prompt {_short(text)}: a {brace} without its partner", f"write \\{brace} for a brace that is meant")


def _short(text: str) -> str:
    text = " ".join(text.split())
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


# --- weights --------------------------------------------------------------------------------------------------------------


def pieces(text: str) -> Pieces:
    """Part a prompt into (text, weight): `a (red:1.3) bike` is `a `, `red` of 1.3 and ` bike`. Weights inside of weights
    multiply.

    Raises:
        UsageError: a weight out of bounds, with what to write where none is meant.
    """
    found: Pieces = []
    for words, weight in _weighted(text, 1.0):
        if found and found[-1][1] == weight:
            found[-1] = found[-1][0] + words, weight
        elif words:
            found.append((words, weight))
    return [(unescape(words), weight) for words, weight in found]


def has_weights(text: str) -> bool:
    return any(weight != 1 for _, weight in pieces(text))


def plain(text: str) -> str:
    """The words alone, as a reader would write them."""
    return "".join(words for words, _ in pieces(text))


def _weighted(text: str, factor: float) -> Iterator[tuple[str, float]]:
    start = place = 0
    while place < len(text):
        if text[place] == "\\":
            place += 2
            continue
        end = _partner(text, place) if text[place] == "(" else None
        weight = _WEIGHT.search(text, place + 1, end) if end is not None else None
        # an escaped colon is none, and one in a group of its own is that group's
        if end is None or weight is None or text[weight.start() - 1] == "\\":
            place += 1
            continue
        number = float(weight[1])
        if not 0 <= number <= LARGEST_WEIGHT:
            raise UsageError(
                f"weight {weight[1]} in the prompt {_short(text)}: expected 0 to {LARGEST_WEIGHT:g}",
                f"where no weight is meant, write \\{text[place : place + 12]}...",
            )
        yield text[start:place], factor
        yield from _weighted(text[place + 1 : weight.start()], round(factor * number, 6))
        start = place = end + 1
    yield text[start:], factor


def _partner(text: str, place: int) -> int | None:
    """Where the parenthesis that opens at `place` is closed."""
    depth = 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == "(":
            depth += 1
        elif text[place] == ")":
            depth -= 1
            if depth == 0:
                return place
        place += 1
    return None


# --- the web UI's way of writing ------------------------------------------------------------------------------------------

_EMPHASIS = 1.1  # what one pair of round brackets multiplies by there, and square ones divide by
_NETWORK = re.compile(r"<(lora|lyco):([^:<>]+)(?::([-+.\d]+))?[^<>]*>")
_BREAK = re.compile(r"\s*\bBREAK\b\s*")


def from_web_ui(text: str) -> tuple[str, list[tuple[str, float]], list[str]]:
    """Read a prompt of the common web UI: ours with the same weights, the LoRAs it names (name, weight), and what it says
    that has no counterpart here.

    `(words)` and `[words]` become weights with numbers; words that change during the drawing (`[a:b:0.5]`, `[a|b]`) stay as
    they are written.
    """
    loras = [(name.strip(), _number(weight, 1.0)) for _, name, weight in _NETWORK.findall(text)]
    lost = []
    text = _NETWORK.sub("", text)
    if _BREAK.search(text):
        lost.append("BREAK")
        text = _BREAK.sub(" ", text)
    if re.search(r"\bAND\b", text):
        lost.append("AND (prompts joined by it are one text here)")
    if re.search(r"\[[^\[\]]*[:|][^\[\]]*\]", text):
        lost.append("[a:b:N] and [a|b] (words that change while drawing)")
    text = re.sub(r"(?<!\\)([{}|])", r"\\\1", text)
    return " ".join(_emphasised(text).split()).strip(" ,"), loras, lost


def _emphasised(text: str) -> str:
    """Brackets without a number get theirs, so that ours, which take such for plain text, weigh as much."""
    found, place = "", 0
    while place < len(text):
        sign = text[place]
        if sign == "\\" and place + 1 < len(text):
            found += text[place + 1] if text[place + 1] in "[]" else text[place : place + 2]
            place += 2
            continue
        end = _partner(text, place) if sign == "(" else _square(text, place) if sign == "[" else None
        if end is None:
            found += rf"\{sign}" if sign in "()" else sign
            place += 1
            continue
        inside = text[place + 1 : end]
        weight = _WEIGHT.search(inside) if sign == "(" else None
        if weight is not None:
            found += f"({_emphasised(inside[: weight.start()])}:{weight[1]})"
        elif sign == "[" and re.search(r"[:|]", inside):
            found += f"[{inside}]"
        else:
            found += f"({_emphasised(inside)}:{round(_EMPHASIS if sign == '(' else 1 / _EMPHASIS, 3):g})"
        place = end + 1
    return found


def _square(text: str, place: int) -> int | None:
    depth = 0
    for at in range(place, len(text)):
        depth += {"[": 1, "]": -1}.get(text[at], 0)
        if depth == 0:
            return at
    return None


def _number(text: str, otherwise: float) -> float:
    try:
        return float(text)
    except ValueError:
        return otherwise


# --- names ----------------------------------------------------------------------------------------------------------------


def numbered(stems: Iterable[str]) -> list[str]:
    """Names of which each is its own: the second one of a name ends in -2."""
    taken: set[str] = set()
    found = []
    for stem in stems:
        number, name = 1, stem
        while name.casefold() in taken:
            number += 1
            name = f"{stem}-{number}"
        taken.add(name.casefold())
        found.append(name)
    return found


def slug(text: str) -> str:
    """A prompt as the beginning of a file's name: letters and digits in lower case, at most `SLUG_BYTES` of UTF-8. One that has
    none, such as an emoji, is called by the names that Unicode gives its signs."""
    words = _words(plain(text)) or _words(" ".join(map(_sign, plain(text))))
    found = ""
    for word in words:
        longer = f"{found}-{word}" if found else word
        if len(longer.encode()) > SLUG_BYTES:
            break
        found = longer
    while not found and words and len(words[0].encode()) > SLUG_BYTES:  # one word of that length, or a script without spaces
        words[0] = words[0][:-1]
    return found or (words[0] if words else "picture")


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", text).lower())


def _sign(sign: str) -> str:
    """The name of a picture sign; punctuation and what only joins signs have none."""
    return unicodedata.name(sign, "") if unicodedata.category(sign) == "So" else ""
