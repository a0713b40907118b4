"""The words that a model of few pictures was trained on: `words.txt` in its folder, and what a prompt has beside them.

    heart                     a word of some picture's name, or of several pictures' keywords
    sofa<tab>couch and lamp   one that is a keyword of a picture or two alone, with the name of the first of them

A tokenizer takes any word, in pieces if need be, so only this list tells what a model has never seen. Standard library only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path

from genkit.files import read_regular

FILE = "words.txt"
LARGEST = 4 << 20  # bytes
ENOUGH = 3  # pictures with a keyword, from which it is a word like those of names
NEAR = 0.75  # likeness of letters from which a word may be what was meant: bicyle and bicycle have 0.92
MOST_TOLD = 6
# What holds a prompt together says nothing of what is to be seen.
JOINING = {
    *(
        "a",
        "an",
        "the",
        "and",
        "or",
        "of",
        "on",
        "in",
        "at",
        "to",
        "with",
        "without",
        "by",
        "from",
        "for",
        "over",
        "under",
        "is",
    ),
    *("is", "are", "its", "his", "her", "my", "some", "this", "that", "very", "into"),
}
_WORD = re.compile(r"[^\W\d_]{2,}(?:['’][^\W\d_]+)?")


def words_in(text: str) -> list[str]:
    """The words of a text, in small letters, each once."""
    return list(dict.fromkeys(word.replace("’", "'") for word in _WORD.findall(text.lower())))


def write_words(folder: Path, pictures: Iterable[tuple[str, Sequence[str]]], others: Iterable[str] = ()) -> Path:
    """Write down the words of the captions that a model is trained on: (name, keywords) of each picture, and texts beside."""
    named: dict[str, str] = {word: "" for text in others for word in words_in(text)}
    keyed: Counter[str] = Counter()
    first: dict[str, str] = {}
    for name, keywords in pictures:
        named |= dict.fromkeys(words_in(name), "")
        for word in words_in(" ".join(keywords)):
            keyed[word] += 1
            first.setdefault(word, name)
    rare = {word: "" if count >= ENOUGH else first[word] for word, count in keyed.items() if word not in named}
    path = folder / FILE
    path.write_text("".join(f"{word}\t{name}".rstrip() + "\n" for word, name in sorted((named | rare).items())), "utf-8")
    return path


def read_words(folder: Path) -> Mapping[str, str]:
    """What the model in a folder knows, with the names that rare words stand for; empty where it does not say."""
    try:
        lines = read_regular(folder / FILE, LARGEST).decode("utf-8").splitlines()
    except (OSError, ValueError):
        return {}
    return {word: name for word, _, name in (line.partition("\t") for line in lines) if word}


def strange_words(prompts: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """What to say of words that the model has never seen, or as another word alone, with what it knows instead; in a line
    each."""
    words = [word for prompt in prompts for word in words_in(prompt) if word not in JOINING]
    unseen, aside = [], []
    for word in dict.fromkeys(words):
        forms = [form for form in (word, word.removesuffix("s"), word.removesuffix("es"), f"{word}s") if form in known]
        if not forms:
            near = get_close_matches(word, known, n=2, cutoff=NEAR)
            unseen.append(f"{word} ({' or '.join(near)}?)" if near else word)
        elif all(known[form] for form in forms):
            aside.append(f"{word} as {known[forms[0]]}")
    found = [f"has never seen {_listed(unseen)}"] if unseen else []
    return found + ([f"knows {_listed(aside)}"] if aside else [])


def _listed(words: Sequence[str]) -> str:
    more = len(words) - MOST_TOLD
    return ", ".join(words[:MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
