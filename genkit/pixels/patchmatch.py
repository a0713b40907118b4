"""Which places of a picture look most like each place of its hole: a nearest-neighbour field of patches, compiled by numba.

PatchMatch (Barnes et al. 2009, "PatchMatch: A Randomized Correspondence Algorithm for Structural Image Editing", sections 3.1
to 3.3): take over what a neighbour has found, then try at random in ever smaller windows. Mirrored sources (Barnes et al. 2010)
are a second plane behind the first, so that the same search finds them. Ours reads one field and writes the next, neighbours at
several distances as in jump flooding (Rong and Tan 2006), and draws each random number from its place and sweep: the result is
the same however many threads work on it.

Places are flat indices into arrays of one shape (planes, H, W); the features of a place are `CHANNELS` float32 that lie
together. What is a source at all is `valid`; the caller keeps it `RADIUS` away from the edges, so that no patch leaves its
plane.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import numpy as np
from numba import njit

RADIUS = 3  # patches of 7 x 7
CHANNELS = 8
COMPILED: dict[str, Any] = {"nogil": True, "cache": True, "fastmath": True}


def in_parts(work: Callable[[int, int], None], count: int, threads: int, least: int = 2048) -> None:
    """Do `work(start, stop)` over all of `count`, in threads where it is `least` or more; the parts do not see each other's
    results."""
    if threads <= 1 or count < least:
        work(0, count)
        return
    bounds = np.linspace(0, count, 2 * threads + 1).astype(int)
    list(_pool(threads).map(work, bounds[:-1].tolist(), bounds[1:].tolist()))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    """Kept: a hole takes hundreds of sweeps, and threads take longer to start than a small one."""
    return ThreadPoolExecutor(threads, "patches")


@njit(**COMPILED)
def _random(seed: int, place: int, draw: int) -> np.int64:
    """31 bits, of a counter: the finaliser of SplitMix64 (Steele et al. 2014)."""
    bits = np.uint64(seed) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(place) * np.uint64(0xD1342543DE82EF95)
    bits += np.uint64(draw) * np.uint64(0xA0761D6478BD642F)
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.int64((bits ^ (bits >> np.uint64(31))) >> np.uint64(33))


@njit(**COMPILED)
def _difference(features: np.ndarray, weights: np.ndarray, width: int, target: int, source: int, most: float) -> np.float32:
    """Weighted squared difference of two patches; no longer exact once it is above `most`."""
    total = np.float32(0)
    length = (2 * RADIUS + 1) * CHANNELS
    for row in range(-RADIUS, RADIUS + 1):
        here = (target + row * width - RADIUS) * CHANNELS
        there = (source + row * width - RADIUS) * CHANNELS
        part = np.float32(0)
        for index in range(length):
            step = features[here + index] - features[there + index]
            part += weights[here + index] * step * step
        total += part
        if total >= most:
            return total
    return total


@njit(**COMPILED)
def _cost(
    features: np.ndarray, weights: np.ndarray, width: int, handicaps: np.ndarray, target: int, source: int, most: float
) -> np.float32:
    return handicaps[source] + _difference(features, weights, width, target, source, most - handicaps[source])


@njit(**COMPILED)
def _begin(
    features: np.ndarray,
    weights: np.ndarray,
    width: int,
    handicaps: np.ndarray,
    sources: np.ndarray,
    targets: np.ndarray,
    field: np.ndarray,
    costs: np.ndarray,
    seed: int,
    tries: int,
    start: int,
    stop: int,
) -> None:
    """The cost of each place's source where it has one, else the best of some sources drawn at random."""
    for number in range(start, stop):
        target = targets[number]
        best, cost = field[number], np.float32(1e30)
        if best >= 0:
            cost = _cost(features, weights, width, handicaps, target, best, cost)
        else:
            for draw in range(tries):
                source = sources[_random(seed, target, draw) % len(sources)]
                other = _cost(features, weights, width, handicaps, target, source, cost)
                if other < cost:
                    best, cost = source, other
        field[number], costs[number] = best, cost


@njit(**COMPILED)
def _sweep(
    features: np.ndarray,
    weights: np.ndarray,
    width: int,
    handicaps: np.ndarray,
    valid: np.ndarray,
    targets: np.ndarray,
    numbers: np.ndarray,
    field: np.ndarray,
    costs: np.ndarray,
    better: np.ndarray,
    lower: np.ndarray,
    step: int,
    reach: int,
    seed: int,
    start: int,
    stop: int,
) -> None:
    """One sweep: from `field` and `costs` to `better` and `lower`."""
    for number in range(start, stop):
        target = targets[number]
        best, cost = field[number], costs[number]
        for side in range(4):
            shift = (step if side % 2 else -step) * (width if side < 2 else 1)
            place = target + shift
            if place < 0 or place >= len(numbers) or numbers[place] < 0:
                continue
            source = field[numbers[place]] - shift
            if source < 0 or source >= len(valid) or not valid[source] or source == best:
                continue
            other = _cost(features, weights, width, handicaps, target, source, cost)
            if other < cost:
                best, cost = source, other
        window, draw = reach, 0
        while window >= 1:
            down = _random(seed, target, draw) % (2 * window + 1) - window
            across = _random(seed, target, draw + 1) % (2 * window + 1) - window
            source = best + down * width + across
            draw += 2
            window //= 2
            if source < 0 or source >= len(valid) or not valid[source] or source == best:
                continue
            other = _cost(features, weights, width, handicaps, target, source, cost)
            if other < cost:
                best, cost = source, other
        better[number], lower[number] = best, cost


class Field:
    """For each target place the source that is most like it.

    `targets` (N,) and `sources` (M,) are flat indices; `numbers` (H * W,) says which target a place is, -1 for none. `known`
    (N,) are sources to begin with, -1 where there is none. `features`, `weights` (flat) and `handicaps`, which are added to
    the costs of sources, are read anew in every call, so the caller may change them.
    """

    def __init__(
        self,
        features: np.ndarray,
        weights: np.ndarray,
        width: int,
        valid: np.ndarray,
        targets: np.ndarray,
        known: np.ndarray,
        threads: int,
    ):
        self.features, self.weights, self.width, self.valid = features, weights, width, valid
        self.targets, self.sources, self.threads = targets, np.flatnonzero(valid), threads
        self.numbers = np.full(len(weights) // CHANNELS, -1, np.int32)
        self.numbers[targets] = np.arange(len(targets), dtype=np.int32)
        self.places = np.where((known >= 0) & valid[known], known, -1)
        self.costs = np.empty(len(targets), np.float32)
        self.handicaps = np.zeros(len(valid), np.float32)

    def measure(self, seed: int, tries: int = 16) -> None:
        """Find the costs anew, and a first source where there is none."""

        def work(start: int, stop: int) -> None:
            _begin(
                self.features,
                self.weights,
                self.width,
                self.handicaps,
                self.sources,
                self.targets,
                self.places,
                self.costs,
                seed,
                tries,
                start,
                stop,
            )

        in_parts(work, len(self.targets), self.threads)

    def improve(self, seed: int, reach: int, steps: tuple[int, ...]) -> None:
        """Sweep once for each of `steps`, the distance of the neighbours; random tries from `reach` pixels down."""
        for turn, step in enumerate(steps):
            better, lower = np.empty_like(self.places), np.empty_like(self.costs)
            places, costs, own = self.places, self.costs, seed * 8 + turn

            def work(start: int, stop: int) -> None:
                _sweep(
                    self.features,
                    self.weights,
                    self.width,
                    self.handicaps,
                    self.valid,
                    self.targets,
                    self.numbers,
                    places,  # noqa: B023 (used within the turn)
                    costs,  # noqa: B023
                    better,  # noqa: B023
                    lower,  # noqa: B023
                    step,  # noqa: B023
                    reach,
                    own,  # noqa: B023
                    start,
                    stop,
                )

            in_parts(work, len(self.targets), self.threads)
            self.places, self.costs = better, lower
