"""`genkit eval txt2img`: does a network draw what a trained name says, and is it like the pictures it was trained on?

The protocol is in `protocol`. Real pictures are told the same way, two halves against each other, so that a distance can be
read; the real pictures themselves would all be found among themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from genkit.data.captions import CaptionedPictures
from genkit.data.labels import opaque
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, distances, frechet, kernel_distance

NEAR = 5
GROUND = 255
Draw = Callable[[Sequence[str], Sequence[int]], np.ndarray]  # prompts and seeds to uint8 (N, side, side, 3 or 4)


@dataclass
class Measured:
    """A row for the table; by name what was drawn and the training pictures nearest to it, nearest first."""

    row: dict[str, Any]
    drawn: list[tuple[str, np.ndarray, list[np.ndarray]]] = field(default_factory=list)


@dataclass
class Reals:
    """The pictures of `style` that a network was trained on, once, as vectors, before white; `names` are drawn."""

    features: Features
    pictures: CaptionedPictures
    count: int
    style: str = ""
    device: Any = "cpu"

    def __post_init__(self) -> None:
        self.members = self.pictures.of_style(self.style)
        if len(self.members) < 8:
            raise UsageError(f"fewer than 8 pictures{f' of the style {self.style!r}' if self.style else ''} tell nothing")
        self.chosen = names_to_draw(self.pictures, self.count, self.style)
        self.shown = shown(self.pictures.pixels[self.members])
        self.whole, self.places = self.features.both(self.shown, self.device)
        self.own = np.searchsorted(self.members, self.chosen)

    @property
    def prompts(self) -> list[str]:
        told = [self.pictures.captions[place] for place in self.chosen]
        return [f"{one.name}, {one.style}" if one.style else one.name for one in told]


def names_to_draw(pictures: CaptionedPictures, count: int, style: str = "") -> np.ndarray:
    """Places (count,), ascending, of pictures whose name no other of the style has, by a fixed seed."""
    members = pictures.of_style(style)
    names = [pictures.captions[place].name for place in members]
    alone = members[[names.count(name) == 1 for name in names]]
    if not len(alone):
        raise UsageError("no picture has a name of its own")
    return np.sort(np.random.default_rng(0).permutation(alone)[:count])


def shown(pixels: np.ndarray) -> np.ndarray:
    return opaque(pixels, GROUND)


def ranks(made: np.ndarray, real: np.ndarray, own: np.ndarray) -> np.ndarray:
    """At which place (1 is the nearest) each vector (N, D) has its `own` one among the real ones (M, D)."""
    apart = distances(made, real)
    mine = apart[np.arange(len(made)), own]
    return 1 + (apart < mine[:, None]).sum(1)


def reference(reals: Reals) -> Measured:
    """Real against real: as many pictures as are drawn, against the others."""
    row = {"model": "real pictures", "pictures": len(reals.chosen), "top1": 1.0, "top5": 1.0, "near_ratio": 1.0}
    return Measured(row | _apart(reals, reals.whole[reals.own]))


def measure(name: str, draw: Draw, reals: Reals, *, seed: int = 0, batch: int = 32, pairs: int = 0) -> Measured:
    """Draw each name once, with seeds from `seed` on; with `pairs` so many drawings are kept beside their nearest."""
    prompts, found = reals.prompts, []
    for first in range(0, len(prompts), batch):
        part = prompts[first : first + batch]
        found.append(draw(part, range(seed + first, seed + first + len(part))))
    pixels = np.concatenate(found)
    if pixels.shape[1:3] != reals.shown.shape[1:3]:
        raise UsageError(f"{name} draws {pixels.shape[2]}x{pixels.shape[1]}, the pictures were read at {reals.shown.shape[1]}")
    made = shown(pixels)
    whole, places = reals.features.both(made, reals.device)
    place, apart = ranks(places, reals.places, reals.own), distances(places, reals.places)
    among = distances(reals.places[reals.own], reals.places)
    among[np.arange(len(among)), reals.own] = np.inf
    row = {
        "model": name,
        "pictures": len(pixels),
        "top1": float((place == 1).mean()),
        "top5": float((place <= NEAR).mean()),
        "near_ratio": float(np.median(apart.min(1)) / max(1e-9, np.median(among.min(1)))),
        **_apart(reals, whole),
    }
    order = np.argsort(apart, 1)[:, :2]
    kept = [(prompts[one], made[one], [reals.shown[near] for near in order[one]]) for one in range(min(pairs, len(made)))]
    return Measured(row, kept)


def _apart(reals: Reals, vectors: np.ndarray) -> dict[str, float]:
    """Against the real pictures that were not asked for, so that the drawn ones do not meet their own."""
    others = np.delete(reals.whole, reals.own, 0)
    if min(len(others), len(vectors)) < 2:
        return {"frechet": float("nan"), "kernel": float("nan")}
    return {"frechet": frechet(vectors, others), "kernel": 1000 * kernel_distance(vectors, others)}


def sheet(drawn: Sequence[tuple[str, np.ndarray, Sequence[np.ndarray]]], columns: int = 6) -> np.ndarray:
    """Each drawing beside the training pictures nearest to it, its words below, uint8 (H, W, 3)."""
    from PIL import Image, ImageDraw

    side = drawn[0][1].shape[0]
    wide = side * (1 + max(len(near) for _, _, near in drawn)) + 4
    high = side + 14
    rows = -(-len(drawn) // columns)
    paper = Image.new("RGB", (columns * wide, rows * high), (255, 255, 255))
    pen = ImageDraw.Draw(paper)
    for place, (name, pixels, near) in enumerate(drawn):
        left, top = place % columns * wide, place // columns * high
        for number, one in enumerate([pixels, *near]):
            paper.paste(Image.fromarray(one), (left + number * side, top))
        pen.text((left + 1, top + side), name[: wide // 6], fill=(0, 0, 0))
    return np.asarray(paper)


def protocol(count: int, style: str, seed: int) -> str:
    what = f" of the style {style!r}" if style else ""
    return (
        f"{count} names{what} that only one training picture has, chosen by a fixed seed, each drawn once with seeds from "
        f"{seed} on, before white; top1 and top5: the share whose own picture is the nearest, or among the 5 nearest, of all "
        "training pictures of the style, by VGG-19 relu3_1 averaged over 4 x 4 parts, unit length; near_ratio: median distance "
        "to the nearest training picture, in shares of that of the same real pictures to their nearest other; frechet and "
        "kernel (times 1000): by relu3_1 averaged over the picture, against the training pictures that were not asked for, the "
        "same for the real ones asked for. Not to be compared with figures from Inception features"
    )
