"""`genkit eval gan`: is what a network draws like real pictures, is it as varied, and is it its own?

The protocol is in `protocol`. The same figures for two halves of the real pictures stand beside a model's: no better ones can
be expected of as many pictures. Memorisation: a network that copies draws pictures that lie nearer to training pictures than
real ones, which it never saw, do (or than training pictures lie to each other, where none are held out).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.labels import FOLDERS, NONE, LabelledPictures, Preparation, opaque, read_labelled
from genkit.data.pictures import list_pictures
from genkit.data.squares import chosen_names
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, distances, frechet, kernel_distance, precision_recall
from genkit.runtime import inference

Draw = Callable[[Sequence[int], Sequence[int] | None], np.ndarray]
CLOSE = 1.0  # percent of real pictures that are nearer to a training picture than a copy is taken to be
BATCH = 64


@dataclass
class Measured:
    """One row for the table, and the pictures of it that lie nearest to training pictures: (drawn, nearest, distance)."""

    row: dict[str, Any]
    nearest: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)


@dataclass
class Reals:
    """The real pictures, once, as vectors: `places` (see `Features`) of training pictures, and of `held` ones if there are
    any; `count` pictures are drawn of a model, as many as there are in each half."""

    features: Features
    training: LabelledPictures
    held: LabelledPictures | None
    count: int
    device: Any = "cpu"

    def __post_init__(self) -> None:
        if len(self.training.pixels) < 8:
            raise UsageError("fewer than 8 pictures tell nothing of a distribution")
        self.whole, self.places = self.features.both(opaque(self.training.pixels), self.device)
        order = np.random.default_rng(0).permutation(len(self.whole))
        self.count = min(self.count, len(order) // 2)
        self.halves = order[: self.count], order[self.count : 2 * self.count]
        pictures = opaque((self.held or self.training).pixels)
        apart = self.apart(pictures, None if self.held is not None else self.places)
        if self.held is None:
            np.fill_diagonal(apart, np.inf)
        self.near = apart.min(1)

    def apart(self, pictures: np.ndarray, places: np.ndarray | None = None) -> np.ndarray:
        """The distances (N, M) of pictures, which have `places` if they are known, from training pictures, as they are or
        mirrored, whichever is less: networks learn from both."""
        found = self.features.places(pictures, self.device) if places is None else places
        mirrored = self.features.places(pictures[:, :, ::-1], self.device)
        return np.minimum(distances(found, self.places), distances(mirrored, self.places))

    def compare(self, vectors: np.ndarray) -> dict[str, float]:
        """Vectors (count, D) against the first half."""
        half = self.whole[self.halves[0]]
        precision, recall = precision_recall(vectors, half)
        return {
            "frechet": frechet(vectors, half),
            "kernel": 1000 * kernel_distance(vectors, half),
            "precision": precision,
            "recall": recall,
        }


def read_sets(
    data: Path, names: Path | None, network: Any, params: Mapping[str, Any]
) -> tuple[LabelledPictures, LabelledPictures | None]:
    """Training pictures, and those that the text file `names` lists, as `network` draws them.

    `params`: `classes` (what `read_labelled` takes), `leave_out`, `squeeze`, `pixel_art`, as a training configuration has them;
    classes are otherwise folders, if the network has any."""
    how = Preparation(
        network.side,
        float(params.get("squeeze", 1.0)),
        bool(params.get("pixel_art", False)),
        network.channels == 4,
        float(params.get("covered", 0.0)),
    )
    classes: Any = params.get("classes")
    if not isinstance(classes, (str, Mapping)):
        classes = FOLDERS if network.labels else NONE
    held = chosen_names(data, names) if names is not None else []
    unwanted, patterns = set(held), tuple(params.get("leave_out", ()))
    training = [
        name for name in list_pictures(data) if name not in unwanted and not any(fnmatch(name, one) for one in patterns)
    ]
    known = network.labels if classes != NONE else ()
    return (
        read_labelled(data, classes, how, training, known),
        read_labelled(data, classes, how, held, known) if held else None,
    )


def drawing(network: Any, classes: Sequence[str], truncation: float) -> tuple[Draw, Mapping[int, int] | None]:
    """How a loaded model draws, and its class for each of `classes`; None for a model without."""
    options = {} if network.truncation is None else {"truncation": truncation}
    labels = None
    if network.labels and classes:
        labels = {place: network.label_index(name) for place, name in enumerate(classes)}

    def draw(seeds: Sequence[int], labels: Sequence[int] | None) -> np.ndarray:
        given = options | ({} if labels is None else {"label": list(labels)})
        with inference():
            images = network(list(seeds), **given)
        return np.round(images.permute(0, 2, 3, 1).cpu().numpy() * 255).astype(np.uint8)

    return draw, labels


def reference(reals: Reals) -> Measured:
    """Real against real: the second half as if a model had drawn it."""
    row = {"model": "real pictures", "pictures": reals.count, **reals.compare(reals.whole[reals.halves[1]])}
    return Measured(row | {"near_ratio": 1.0, "copies": CLOSE / 100})


def measure(name: str, draw: Draw, labels: Mapping[int, int] | None, reals: Reals, *, pairs: int = 0) -> Measured:
    """Measure what `draw(seeds, labels)` gives, uint8 (N, side, side, 3 or 4), for seeds from 0 on.

    `labels` maps classes of the real pictures to the model's, in the proportion of which it draws; None for a model without
    classes. With `pairs` so many drawn pictures are
    kept, the nearest to training pictures first.
    """
    kinds = None
    if labels is not None:
        kinds = [labels[int(label)] for label in reals.training.labels[reals.halves[0]]]
    found = []
    for first in range(0, reals.count, BATCH):
        seeds = range(first, min(first + BATCH, reals.count))
        found.append(draw(seeds, None if kinds is None else kinds[first : first + len(seeds)]))
    pixels = np.concatenate(found)
    if pixels.shape[1:3] != reals.training.pixels.shape[1:3]:
        raise UsageError(
            f"{name} draws a side of {pixels.shape[1]}, the pictures were read at {reals.training.pixels.shape[1]}"
        )
    shown = opaque(pixels)
    whole, places = reals.features.both(shown, reals.device)
    apart = reals.apart(shown, places)
    near = apart.min(1)
    row = {
        "model": name,
        "pictures": len(pixels),
        **reals.compare(whole),
        "near_ratio": float(np.median(near) / max(1e-9, np.median(reals.near))),
        "copies": float((near < np.percentile(reals.near, CLOSE)).mean()),
    }
    trained = opaque(reals.training.pixels)
    order = np.argsort(near)[:pairs]
    kept = [(shown[one], trained[int(apart[one].argmin())], float(near[one])) for one in order]
    return Measured(row, kept)


def sheet(pictures: Sequence[tuple[np.ndarray, np.ndarray, float]], columns: int = 8) -> np.ndarray:
    """Pairs of (drawn, nearest training picture) side by side, uint8 (H, W, 3), a white line between pairs."""
    cells = [np.pad(np.concatenate(pair[:2], 1), ((1, 1), (1, 1), (0, 0)), constant_values=255) for pair in pictures]
    cells += [np.full_like(cells[0], 255)] * (-len(cells) % columns)
    return np.concatenate([np.concatenate(cells[row : row + columns], 1) for row in range(0, len(cells), columns)])


def protocol(held: bool, count: int, truncation: float | None) -> str:
    other = "held-out pictures" if held else "training pictures from each other"
    drawn = "" if truncation is None else f", truncation {truncation:g}"
    return (
        f"{count} drawn pictures (seeds from 0, classes as often as in the data{drawn}) against as many real ones, and two "
        "halves of the real ones against each other; features: VGG-19 relu3_1 averaged over the picture, 256 numbers, for the "
        "squared Fréchet distance, 1000 x the kernel distance (cubic, unbiased, of features brought to a root mean square of "
        "one), precision and recall (3 neighbours); relu3_1 "
        "averaged over 4 x 4 parts, unit length, for the nearest training picture: near_ratio is the median distance in shares "
        f"of that of {other}, copies the share of drawn pictures nearer than 1 % of those are. Not to be compared with figures "
        "from Inception features"
    )
