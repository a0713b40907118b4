"""`genkit eval txt2img`: does a network draw what a trained name says, and is it like the pictures it was trained on?

The protocol is in `protocol`. Real pictures are measured the same way, so that a distance can be read; each of them would be
the nearest to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.captions import CaptionedPictures
from genkit.data.labels import opaque
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, distances, frechet, kernel_distance
from genkit.evaluate.fid import WORDS

if TYPE_CHECKING:
    from genkit.models.shapes import DrawModel

NEAR = 5
GROUND = 255
Draw = Callable[[Sequence[str], Sequence[int]], np.ndarray]  # prompts and seeds to uint8 (N, side, side, 3 or 4)


@dataclass
class Measured:
    """A row for the table; by name what was drawn and the training pictures nearest to it, nearest first."""

    row: dict[str, Any]
    drawn: list[tuple[str, np.ndarray, list[np.ndarray]]] = field(default_factory=list)


@dataclass
class RealPictures:
    """The pictures of `style` that a network was trained on, once, before white and as vectors (see `Features`); the names of
    `count` of them are drawn, which are at `own` among them. `inception` gives FID's features (see `fid.inception`)."""

    features: Features
    pictures: CaptionedPictures
    count: int
    style: str = ""
    device: Any = "cpu"
    inception: Callable[[np.ndarray, Any], np.ndarray] | None = None

    def __post_init__(self) -> None:
        members = self.pictures.of_style(self.style)
        if len(members) < 8:
            raise UsageError(f"fewer than 8 pictures{f' of the style {self.style!r}' if self.style else ''} tell nothing")
        drawn = names_to_draw(self.pictures, self.count, self.style)
        self.captions = [self.pictures.captions[place] for place in drawn]
        self.pixels = opaque(self.pictures.pixels[members], GROUND)
        self.pooled, self.spatial = self.features.both(self.pixels, self.device)
        self.own = np.searchsorted(members, drawn)
        self.others = np.delete(np.arange(len(self.pixels)), self.own)
        if self.inception is not None and len(self.others) > 1:
            self.of_others = self.inception(self.pixels[self.others], self.device)

    @property
    def prompts(self) -> list[str]:
        return [f"{caption.name}, {caption.style}" if caption.style else caption.name for caption in self.captions]


def names_to_draw(pictures: CaptionedPictures, count: int, style: str = "") -> np.ndarray:
    """Places (count,), ascending, of pictures whose name no other of the style has, by a fixed seed."""
    members = pictures.of_style(style)
    names = [pictures.captions[place].name for place in members]
    alone = members[[names.count(name) == 1 for name in names]]
    if not len(alone):
        raise UsageError("no picture has a name of its own")
    return np.sort(np.random.default_rng(0).permutation(alone)[:count])


def ranks(away: np.ndarray, own: np.ndarray) -> np.ndarray:
    """By distances (N, M) from real pictures: at which place (1 is the nearest) each has its `own` (N,)."""
    return 1 + (away < away[np.arange(len(away)), own][:, None]).sum(1)


def reference(real: RealPictures) -> Measured:
    """Real against real: as many pictures as are drawn, against the others."""
    row = {"model": "real pictures", "pictures": len(real.own), "top1": 1.0, "top5": 1.0, "near_ratio": 1.0}
    return Measured(row | _set_distances(real, real.pooled[real.own], real.pixels[real.own]))


def measure(name: str, draw: Draw, real: RealPictures, *, seed: int = 0, batch: int = 32, pairs: int = 0) -> Measured:
    """Draw each name once, with seeds from `seed` on; with `pairs` so many drawings are kept beside their nearest."""
    prompts, batches = real.prompts, []
    for first in range(0, len(prompts), batch):
        part = prompts[first : first + batch]
        batches.append(draw(part, range(seed + first, seed + first + len(part))))
    fake = np.concatenate(batches)
    if fake.shape[1:3] != real.pixels.shape[1:3]:
        raise UsageError(f"{name} draws {fake.shape[2]}x{fake.shape[1]}, the pictures were read at {real.pixels.shape[1]}")
    fake = opaque(fake, GROUND)
    pooled, spatial = real.features.both(fake, real.device)
    away = distances(spatial, real.spatial)
    rank = ranks(away, real.own)
    among_real = distances(real.spatial[real.own], real.spatial)
    among_real[np.arange(len(among_real)), real.own] = np.inf
    row = {
        "model": name,
        "pictures": len(fake),
        "top1": float((rank == 1).mean()),
        "top5": float((rank <= NEAR).mean()),
        "near_ratio": float(np.median(away.min(1)) / max(1e-9, np.median(among_real.min(1)))),
        **_set_distances(real, pooled, fake),
    }
    nearest = np.argsort(away, 1)[:, :2]
    kept = [(prompts[n], fake[n], [real.pixels[near] for near in nearest[n]]) for n in range(min(pairs, len(fake)))]
    return Measured(row, kept)


def _set_distances(real: RealPictures, pooled: np.ndarray, pictures: np.ndarray) -> dict[str, float]:
    """Against the real pictures that were not asked for, so that the drawn ones do not meet their own."""
    others = real.pooled[real.others]
    if min(len(others), len(pooled)) < 2:
        nothing = {"fid": float("nan")} if real.inception is not None else {}
        return nothing | {"frechet": float("nan"), "kernel": float("nan")}
    found = {"fid": frechet(real.inception(pictures, real.device), real.of_others)} if real.inception is not None else {}
    return found | {"frechet": frechet(pooled, others), "kernel": 1000 * kernel_distance(pooled, others)}


def drawing(network: DrawModel, settings: Mapping[str, Any]) -> Draw:
    """How a loaded model draws, uint8 (N, side, side, 3 or 4)."""
    from genkit.runtime import inference

    network.configure()

    def draw(prompts: Sequence[str], seeds: Sequence[int]) -> np.ndarray:
        with inference():
            images = network(list(prompts), list(seeds), **settings)
        return np.round(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)

    return draw


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
        for number, picture in enumerate([pixels, *near]):
            paper.paste(Image.fromarray(picture), (left + number * side, top))
        pen.text((left + 1, top + side), name[: wide // 6], fill=(0, 0, 0))
    return np.asarray(paper)


def protocol(count: int, style: str, seed: int, features: str, *, fid: bool = False) -> str:
    what = f" of the style {style!r}" if style else ""
    return (
        f"{count} names{what} that only one training picture has, chosen by a fixed seed, each drawn once with seeds from "
        f"{seed} on, before white; top1 and top5: the share whose own picture is the nearest, or among the 5 nearest, of all "
        f"training pictures of the style, by {features} averaged over 4 x 4 parts, unit length; near_ratio: median distance "
        "to the nearest training picture, in shares of that of the same real pictures to their nearest other; frechet and "
        "kernel (times 1000): by the same averaged over the picture, against the training pictures that were not asked for, "
        "and so for the real ones asked for. Not to be compared with figures from other features, such as Inception's"
        + (f"; {WORDS}" if fid else "")
    )
