"""Which letters of a word made which phonemes, learnt from a pronouncing dictionary.

Every letter makes zero, one or two phonemes, in order. How likely a letter is to make which is found by expectation
maximisation with the best alignment alone (Viterbi training), from counts of the equally spread first guess; after
Damper et al., "Aligning text and phonemes for speech technology applications using an EM-like algorithm" (2005).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

Chunk = tuple[str, ...]  # the phonemes of one letter
Costs = dict[tuple[str, Chunk], float]

UNSEEN = 14.0  # nats: a pair that no alignment has shown; -ln of about one in a million
LONGEST = 2  # phonemes of one letter: x is K S, u is Y UW


def align(letters: Sequence[str], phonemes: Sequence[str], costs: Costs) -> list[Chunk] | None:
    """The chunk of each letter on the cheapest path, or None where there are more than two phonemes a letter."""
    count, of = len(letters), len(phonemes)
    if of > LONGEST * count:
        return None
    infinite = math.inf
    best = [[infinite] * (of + 1) for _ in range(count + 1)]
    take = [[0] * (of + 1) for _ in range(count + 1)]
    best[0][0] = 0.0
    for i, letter in enumerate(letters):
        row, under, taken = best[i], best[i + 1], take[i + 1]
        for j in range(max(of - LONGEST * (count - i), 0), min(LONGEST * i, of) + 1):
            sofar = row[j]
            if sofar == infinite:
                continue
            for width in range(min(LONGEST, of - j) + 1):
                cost = sofar + costs.get((letter, tuple(phonemes[j : j + width])), UNSEEN + 3.0 * (width == LONGEST))
                if cost < under[j + width]:
                    under[j + width], taken[j + width] = cost, width
    chunks: list[Chunk] = []
    j = of
    for i in range(count, 0, -1):
        width = take[i][j]
        chunks.append(tuple(phonemes[j - width : j]))
        j -= width
    return chunks[::-1]


def learn(pairs: Sequence[tuple[str, Sequence[str]]], *, rounds: int = 5) -> Costs:
    """The cost in nats of each chunk given its letter, from (word, phonemes without stress) pairs."""
    counts: Counter[tuple[str, Chunk]] = Counter()
    for word, phonemes in pairs:  # first guess: a letter makes what lies at about its place
        for i, letter in enumerate(word):
            at = i * len(phonemes) / len(word)
            for j in range(max(int(at) - 1, 0), min(int(at) + 2, len(phonemes))):
                counts[letter, (phonemes[j],)] += 6
                counts[letter, tuple(phonemes[j : j + LONGEST])] += 1  # pairs must be seen once, or x never becomes K S
            counts[letter, ()] += 6
    costs = _costs(counts.items())
    for _ in range(rounds):
        counts = Counter()
        for word, phonemes in pairs:
            chunks = align(word, phonemes, costs)
            if chunks is not None:
                counts.update(zip(word, chunks, strict=True))
        costs = _costs(counts.items())
    return costs


def _costs(counts: Iterable[tuple[tuple[str, Chunk], int]]) -> Costs:
    counted = list(counts)
    of: Counter[str] = Counter()
    for (letter, _), count in counted:
        of[letter] += count
    return {pair: math.log(of[pair[0]] / count) for pair, count in counted}
