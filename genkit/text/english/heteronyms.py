"""Words that are written alike and said in two ways, told apart by the words beside them where these make it clear.

The words, their sounds and what tells them apart are in heteronyms.toml: rules in order, the first that holds decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from genkit.text.english.endings import plural
from genkit.text.tables import table

EARLIER = 4  # words before: how far `earlier` looks


@dataclass(frozen=True, slots=True)
class Rule:
    """Which sound is meant where all conditions hold: sets of words beside (`before`, `after`), among the few `earlier` ones or
    `anywhere` in the piece, whether it is the `first` or `last` word of it, whether it has a `capital` inside a sentence."""

    say: str
    words: Mapping[str, frozenset[str]]
    flags: Mapping[str, bool]

    def holds(self, words: Sequence[str], place: int, capital: bool) -> bool:
        for name, wanted in self.flags.items():
            if wanted != {"first": place == 0, "last": place + 1 == len(words), "capital": capital}[name]:
                return False
        return all(not some.isdisjoint(_beside(name, words, place)) for name, some in self.words.items())


def _beside(name: str, words: Sequence[str], place: int) -> Sequence[str]:
    if name == "before":
        return words[place - 1 : place] if place else ()
    if name == "after":
        return words[place + 1 : place + 2]
    if name == "earlier":
        return words[max(place - EARLIER, 0) : place]
    return words


@lru_cache(maxsize=1)
def _entries() -> dict[str, tuple[dict[str, tuple[str, ...]], list[Rule]]]:
    """Each word's sounds by their names, and its rules; the last one always holds."""
    tables = table("english/heteronyms")
    sets = {name: frozenset(words.split()) for name, words in tables["sets"].items()}

    def some(words: str) -> frozenset[str]:
        found: set[str] = set()
        for one in words.split():
            if one.startswith("-"):
                found -= sets[one[2:]] if one[1] == "@" else {one[1:]}
            else:
                found |= sets[one[1:]] if one.startswith("@") else {one}
        return frozenset(found)

    def rules(found: Sequence[Mapping[str, Any]]) -> list[Rule]:
        return [
            Rule(
                one["say"],
                {name: some(value) for name, value in one.items() if name != "say" and isinstance(value, str)},
                {name: value for name, value in one.items() if isinstance(value, bool)},
            )
            for one in found
        ]

    general = {name: rules(found) for name, found in tables["general"].items()}
    verbs = frozenset(tables["several"]["verbs"].split())
    entries: dict[str, tuple[dict[str, tuple[str, ...]], list[Rule]]] = {}
    for kind, name in (("nouns", "noun"), ("adjectives", "adjective")):
        for word, (one, other) in tables[kind].items():
            sounds = {name: tuple(one.split()), "verb": tuple(other.split())}
            entries[word] = sounds, [*rules(tables["rules"].get(word, ())), *general[kind]]
            if name == "noun" and word != "house":  # whose plural is said as its verb
                likelier = Rule("verb" if word in verbs else "noun", {}, {})
                several = {name: plural(said) for name, said in sounds.items()}
                entries[word + ("es" if word.endswith("s") else "s")] = several, [*general["several"], likelier]
    for word, entry in tables["words"].items():
        sounds = {name: tuple(said.split()) for name, said in entry.items() if isinstance(said, str)}
        entries[word] = sounds, rules(entry["rules"])
    return entries


def choose(words: Sequence[str], place: int, capital: bool = False) -> tuple[str, ...] | None:
    """The phonemes of words[place] where it is such a word, else None: the dictionary knows. `capital`: it has one that is not
    the sentence's."""
    if (entry := _entries().get(words[place])) is None:
        return None
    sounds, rules = entry
    return next(sounds[one.say] for one in rules if one.holds(words, place, capital))
