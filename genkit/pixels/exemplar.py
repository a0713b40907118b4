"""Fill a hole with texture of the same picture: patches that fit each other and the tones of a guide, coarse to fine.

Wexler et al. 2007 ("Space-Time Completion of Video", section 3): find for every patch over the hole the most similar one of the
known picture, let all of them vote for the pixels, again and again, from a coarse level of a pyramid to the finest. Patches are
compared by their detail (what a small blur takes away) and by gradients (Darabi et al. 2012, "Image Melding", section 3.1); by
tone they are compared with what the level before painted, at the coarsest with the guide. So a blurred guide says the tones and
attracts no flat patches: the first search leaves the hole's detail out of account, and asks instead for patches that are as
rough, at full resolution, as what surrounds the hole. A patch may become lighter or darker (the bias of section 3.1 there).
What is left of a step in tone at the rim is spread inwards (`membrane.py`) at each level.

Pictures are float32 (H, W, 3), 0 to 255; masks (H, W) bool.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from genkit.pixels.membrane import spread_inwards
from genkit.pixels.patchmatch import CHANNELS, COMPILED, RADIUS, Field, in_parts

COARSEST = 24  # pixels: how thick the hole is at most at the coarsest level
FEWEST = 64  # sources; with less there is nothing to take
BIAS = 12.0  # of 255: how much lighter or darker a patch may become
LIGHTNESS, HUE, ROUGHNESS = 2.0, 3.0, 6.0  # weights of the guide's tones and of how rough the surroundings are, to colours' 1
TURNS_FIRST, TURNS, TURNS_LAST = 10, 3, 2  # of searching and voting, at the coarsest level, the others and the finest
NEAR = 16  # pixels: how far the finer levels look around what the coarser found
CENTRE, SHARP = 3.0, 0.15  # how wide the votes of one patch reach; the last ones are so much narrower, and choosier
REACH = 8.0  # pixels: how far an error at the rim is carried into the hole at each level
STEP = 48.0  # of 255: a greater one is no error of tone, but an edge
PAD, AREA = RADIUS + 1, (2 * RADIUS + 1) ** 2
ONCE_MORE = 30.0  # of 255 squared, for each pixel of a patch that another has shown already
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


def synthesise(
    guided: np.ndarray, unknown: np.ndarray, hole: np.ndarray, thick: int, seed: int, threads: int = 1
) -> np.ndarray | None:
    """New pixels (H, W, 3) for `hole`, elsewhere as `guided` has it.

    `guided` has the guide in the hole; `unknown` is all that may not be a source, the hole included (what `guided` shows of
    the rest of it is not looked at, but should be of a likely tone). `thick` is the hole's thickness in pixels. None where the
    known part is too small to take anything from.
    """
    seed %= 1 << 32
    levels = [(guided, unknown, hole)]
    while thick > COARSEST << (len(levels) - 1) and min(levels[-1][0].shape[:2]) > 8 * RADIUS:
        levels.append(_halved(*levels[-1]))
    painted: np.ndarray | None = None
    found: _Level | None = None
    for number in range(len(levels) - 1, -1, -1):
        picture, hidden, wanted = levels[number]
        tones = picture if painted is None else np.where(wanted[..., None], _doubled(painted, picture.shape), picture)
        rough = _roughness(guided, unknown, number) if found is None else None
        level = _Level(tones, hidden, wanted, found, rough, seed * 16 + number, threads)
        if not len(level.field.sources) >= FEWEST:
            if number == 0:
                return None
            continue
        painted = level.paint(last=number == 0)
        found = level
    return painted


class _Level:
    """One level of the pyramid: features, field and the picture so far, all padded by `PAD`."""

    def __init__(
        self,
        tones: np.ndarray,
        unknown: np.ndarray,
        hole: np.ndarray,
        before: _Level | None,
        rough: np.ndarray | None,
        seed: int,
        threads: int,
    ):
        self.seed, self.threads, self.first = seed, threads, before is None
        around = ((PAD, PAD), (PAD, PAD))
        self.picture = np.pad(tones, (*around, (0, 0)), mode="edge")
        self.voted = self.picture.copy()
        self.hole = np.pad(hole, around)
        known = ~(np.pad(unknown, around, constant_values=True))
        self.known, self.shape = known, self.hole.shape
        self.low = blurred(self.picture)
        self.features = np.zeros((2, *self.shape, CHANNELS), np.float32)
        self.weights = np.zeros((*self.shape, CHANNELS), np.float32)
        self.weights[known, :5] = 1
        if rough is None:
            self.features[0, ..., 5:] = self.low
            self.weights[..., 5:] = 1
        else:
            self.features[0, ..., 5] = self.low @ LUMA
            self.features[0, ..., 6] = (self.low[..., 0] - self.low[..., 2]) / 2
            self.features[0, ..., 7] = np.pad(rough, around, mode="edge")
            self.weights[..., 5:] = LIGHTNESS, HUE, ROUGHNESS
        self.weights[~known & ~self.hole] = 0
        self._describe()
        self.features[1] = self.features[0, :, ::-1]
        self.features[1, ..., 3:5] = gradients(self.picture[:, ::-1])
        valid = ~widened(~known, RADIUS + 1)
        inside = np.pad(np.ones(hole.shape, bool), around)
        targets = np.flatnonzero(widened(self.hole, RADIUS) & inside)
        self.field = Field(
            self.features.reshape(-1),
            self.weights.reshape(-1),
            self.shape[1],
            np.stack([valid, valid[:, ::-1]]).reshape(-1),
            targets,
            self._taken_over(before, targets),
            threads,
        )

    def _describe(self) -> None:
        """Detail (at the coarsest level the whole colour) and gradients of the picture as it is now."""
        self.features[0, ..., :3] = self.picture if self.first else self.picture - self.low
        self.features[0, ..., 3:5] = gradients(self.picture)

    def _taken_over(self, before: _Level | None, targets: np.ndarray) -> np.ndarray:
        """The sources that the level before found, in twice as many pixels."""
        if before is None:
            return np.full(len(targets), -1)
        row, column = np.divmod(targets, self.shape[1])
        row, column = row - PAD, column - PAD
        number = before.field.numbers[(row // 2 + PAD) * before.shape[1] + column // 2 + PAD]
        source = before.field.places[number]
        plane, rest = np.divmod(source, before.shape[0] * before.shape[1])
        down, across = np.divmod(rest, before.shape[1])
        down, across = 2 * (down - PAD) + row % 2 + PAD, 2 * (across - PAD) + column % 2 + PAD
        place = (plane * self.shape[0] + down) * self.shape[1] + across
        good = (number >= 0) & (down < self.shape[0]) & (across < self.shape[1])
        return np.where(good, place, -1)

    def paint(self, *, last: bool) -> np.ndarray:
        """The picture (H, W, 3) of this level with the hole painted."""
        turns = TURNS_FIRST if self.first else TURNS_LAST if last else TURNS
        reach = max(self.shape) if self.first else NEAR
        self.field.measure(self.seed)
        if self.first:
            self.field.improve(self.seed * 64, reach, (8, 4, 2, 1, 1))
        self._vote(1.0)
        self.weights[self.hole, :5] = 1
        for turn in range(turns):
            self._describe()
            if self.first:
                self.field.handicaps[:] = self._overused()
            self.field.measure(self.seed)
            self.field.improve(self.seed * 64 + turn + 1, reach, (2, 1) if not self.first else (4, 2, 1))
            self._vote(1.0 if turn + 1 < turns or not last else SHARP)
        rim = self.known & widened(self.hole, 1)
        error = self.picture - self.voted
        error *= np.maximum(1 - (np.abs(error).max(2, keepdims=True) / STEP) ** 2, 0)
        self.picture[self.hole] += spread_inwards(error, rim, self.hole, REACH, self.threads)[self.hole]
        return self.picture[PAD:-PAD, PAD:-PAD]

    def _overused(self) -> np.ndarray:
        """What it costs to take a source once more: nothing for the first patch that lies over each of its pixels (Kaspar et
        al. 2015, "Self Tuning Texture Optimization"), so that no mouth is painted twice."""
        used = np.bincount(self.field.places, minlength=2 * self.hole.size).reshape(2, *self.shape).astype(np.float32)
        copies = _summed(used[0] + used[1, :, ::-1]) / AREA
        over = _summed(np.maximum(copies - 1, 0)) * np.float32(ONCE_MORE)
        return np.stack([over, over[:, ::-1]]).reshape(-1)

    def _vote(self, sharp: float) -> None:
        """Paint the hole with the weighted mean of what all patches over each pixel have there (Wexler et al. 2007, section
        3.2); the same for the rim is put into `voted` alone."""
        costs = self.field.costs
        spread = max(float(np.quantile(costs, 0.75)), 1.0) * 0.5 * sharp
        shares = np.exp(-np.minimum(costs / (2 * spread), 30)).astype(np.float32)
        offsets = np.arange(-RADIUS, RADIUS + 1)
        near = np.exp(-(offsets[:, None] ** 2 + offsets**2) / (2 * (CENTRE * sharp) ** 2)).astype(np.float32)
        result = self.voted.reshape(-1, 3)

        def work(start: int, stop: int) -> None:
            _votes(
                self.features.reshape(-1, CHANNELS),
                self.shape[1],
                self.field.targets,
                self.field.numbers,
                self.field.places,
                shares,
                near,
                np.float32(-1 if self.first else BIAS),
                result,
                start,
                stop,
            )

        in_parts(work, len(self.field.targets), self.threads)
        self.picture[self.hole] = self.voted[self.hole]


@njit(**COMPILED)
def _votes(
    features: np.ndarray,
    width: int,
    voters: np.ndarray,
    numbers: np.ndarray,
    places: np.ndarray,
    shares: np.ndarray,
    near: np.ndarray,
    bias: float,
    result: np.ndarray,
    start: int,
    stop: int,
) -> None:
    """The means for the pixels `voters[start:stop]`; without a `bias` (below 0) colours are as their sources have them."""
    for index in range(start, stop):
        pixel = voters[index]
        total = np.float32(0)
        red, green, blue = np.float32(0), np.float32(0), np.float32(0)
        for down in range(-RADIUS, RADIUS + 1):
            for across in range(-RADIUS, RADIUS + 1):
                shift = down * width + across
                number = numbers[pixel + shift]
                if number < 0:
                    continue
                source = places[number] - shift
                share = shares[number] * near[down + RADIUS, across + RADIUS]
                total += share
                for channel in range(3):
                    there = features[source, 5 + channel]
                    moved = min(max(features[pixel, 5 + channel] - there, -bias), bias)
                    value = share * (features[source, channel] + (there + moved if bias >= 0 else np.float32(0)))
                    if channel == 0:
                        red += value
                    elif channel == 1:
                        green += value
                    else:
                        blue += value
        if total > 0:
            result[pixel, 0], result[pixel, 1], result[pixel, 2] = red / total, green / total, blue / total


def _roughness(guided: np.ndarray, unknown: np.ndarray, levels: int) -> np.ndarray:
    """How strong the finest gradients are around each place of the coarsest level, carried into what is unknown."""
    strong, known = np.abs(gradients(guided)).mean(2), (~widened(unknown, 1)).astype(np.float32)
    planes = np.stack([strong * known, known], 2)
    for _ in range(levels):
        planes = _halved(planes, *2 * (planes[..., 0] > 0,))[0]
    planes = blurred(planes)
    for _ in range(64):
        if (planes[..., 1] > 1e-3).all():
            break
        wide = blurred(planes)
        planes = np.where(planes[..., 1:] > 1e-3, planes, wide)
    mean = planes[..., 0] / np.maximum(planes[..., 1], 1e-3)
    return blurred(np.float32(16) * np.log2(1 + mean))


def _summed(plane: np.ndarray) -> np.ndarray:
    """Over the patch around each place; nothing beyond the edges."""
    for axis in (0, 1):
        plane = np.add.reduce(_shifted(plane, axis, RADIUS))
    return plane


def _shifted(plane: np.ndarray, axis: int, radius: int, *, edge: bool = False) -> list[np.ndarray]:
    """An array as it lies up to `radius` places along an axis on either side; beyond its edges nothing, or the edge again."""
    pad = [(0, 0)] * plane.ndim
    pad[axis] = (radius, radius)
    wide, length = np.pad(plane, pad, mode="edge" if edge else "constant"), plane.shape[axis]
    return [np.take(wide, range(step, step + length), axis) for step in range(2 * radius + 1)]


def gradients(picture: np.ndarray) -> np.ndarray:
    """Of luma, to the right and down: (H, W, 2); 0 at the far edges."""
    grey = picture @ LUMA
    result = np.zeros((*grey.shape, 2), np.float32)
    result[:, :-1, 0] = np.diff(grey, axis=1)
    result[:-1, :, 1] = np.diff(grey, axis=0)
    return result


def blurred(picture: np.ndarray) -> np.ndarray:
    """By binomial weights over 5 pixels, twice; edges repeated."""
    for axis in (0, 1, 0, 1):
        far, near, here, after, last = _shifted(picture, axis, 2, edge=True)
        picture = (far + last + 4 * (near + after) + 6 * here) / np.float32(16)
    return picture


def widened(mask: np.ndarray, radius: int) -> np.ndarray:
    """A mask grown by a square of `radius`."""
    for axis in (0, 1):
        mask = np.logical_or.reduce(_shifted(mask, axis, radius))
    return mask


def _halved(picture: np.ndarray, unknown: np.ndarray, hole: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Half as many pixels a side: means of 2 x 2; unknown where any of the four is."""
    more = (0, picture.shape[0] % 2), (0, picture.shape[1] % 2)
    picture = np.pad(picture, (*more, (0, 0)), mode="edge")
    unknown, hole = np.pad(unknown, more, mode="edge"), np.pad(hole, more, mode="edge")

    def quarters(of: np.ndarray) -> list[np.ndarray]:
        return [of[row::2, column::2] for row in (0, 1) for column in (0, 1)]

    mean = np.add.reduce(quarters(picture)) / np.float32(4)
    return mean, np.logical_or.reduce(quarters(unknown)), np.logical_or.reduce(quarters(hole))


def _doubled(picture: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Linearly to twice as many pixels a side, cut to `shape`."""
    for axis in (0, 1):
        before, after = np.roll(picture, 1, axis), np.roll(picture, -1, axis)
        edge: list[slice | int] = [slice(None)] * 3
        edge[axis] = 0
        before[tuple(edge)] = picture[tuple(edge)]
        edge[axis] = -1
        after[tuple(edge)] = picture[tuple(edge)]
        both = np.stack([(3 * picture + before) / 4, (3 * picture + after) / 4], axis + 1)
        size = list(picture.shape)
        size[axis] *= 2
        picture = both.reshape(size).astype(np.float32)
    return picture[: shape[0], : shape[1]]
