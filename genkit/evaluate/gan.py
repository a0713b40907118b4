"""`genkit eval gan`: is what a network draws like real pictures, is it as varied, and is it its own?

The protocol is in `protocol`. The same figures for two halves of the real pictures stand beside a model's: no better ones can
be expected of as many pictures. Memorisation: a network that copies draws pictures that lie nearer to training pictures than
real ones, which it never saw, do (or than training pictures lie to each other, where none are held out).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.labels import FOLDERS, NONE, LabelledPictures, Preparation, opaque, read_labelled
from genkit.data.names import matches
from genkit.data.pictures import list_pictures
from genkit.data.squares import chosen_names
from genkit.errors import UsageError
from genkit.evaluate.distribution import Features, distances, frechet, kernel_distance, precision_recall
from genkit.evaluate.fid import WORDS
from genkit.evaluate.sheets import grid

if TYPE_CHECKING:
    from genkit.models.shapes import SampleModel

Draw = Callable[[Sequence[int], Sequence[int] | None], np.ndarray]
CLOSE = 1.0  # percent of real pictures that are nearer to a training picture than a copy is taken to be
BATCH = 64


@dataclass
class Measured:
    """One row for the table, and the pictures of it that lie nearest to training pictures: (drawn, nearest, distance)."""

    row: dict[str, Any]
    nearest: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)


@dataclass
class RealPictures:
    """The real pictures, once, as vectors: `pooled` and `spatial` ones (see `Features`) of training pictures, and how far
    `held` ones (or, without any, training pictures themselves) lie from the nearest training picture; `count` pictures are
    drawn of a model, as many as there are in each half. `inception` gives FID's features (see `fid.inception`)."""

    features: Features
    training: LabelledPictures
    held: LabelledPictures | None
    count: int
    device: Any = "cpu"
    inception: Callable[[np.ndarray, Any], np.ndarray] | None = None

    def __post_init__(self) -> None:
        if len(self.training.pixels) < 8:
            raise UsageError("fewer than 8 pictures tell nothing of a distribution")
        self.pooled, self.spatial = self.features.both(opaque(self.training.pixels), self.device)
        order = np.random.default_rng(0).permutation(len(self.pooled))
        self.count = min(self.count, len(order) // 2)
        self.first_half, self.second_half = order[: self.count], order[self.count : 2 * self.count]
        if self.held is None:
            away = self.from_training(opaque(self.training.pixels), self.spatial)
            np.fill_diagonal(away, np.inf)
        else:
            away = self.from_training(opaque(self.held.pixels))
        self.nearest = away.min(1)
        if self.inception is not None:
            self.of_first_half = self.inception(self.pictures_at(self.first_half), self.device)

    def pictures_at(self, places: np.ndarray) -> np.ndarray:
        return opaque(self.training.pixels[places])

    def from_training(self, pictures: np.ndarray, spatial: np.ndarray | None = None) -> np.ndarray:
        """The distances (N, M) of pictures, whose `spatial` vectors may be known, from training pictures, as they are or
        mirrored, whichever is less: networks learn from both."""
        straight = self.features.spatial(pictures, self.device) if spatial is None else spatial
        mirrored = self.features.spatial(pictures[:, :, ::-1], self.device)
        return np.minimum(distances(straight, self.spatial), distances(mirrored, self.spatial))

    def compare(self, vectors: np.ndarray, pictures: np.ndarray) -> dict[str, float]:
        """Pictures (count, side, side, 3) and their pooled vectors (count, D) against the first half."""
        half = self.pooled[self.first_half]
        precision, recall = precision_recall(vectors, half)
        distance = {}
        if self.inception is not None:
            distance = {"fid": frechet(self.inception(pictures, self.device), self.of_first_half)}
        return distance | {
            "frechet": frechet(vectors, half),
            "kernel": 1000 * kernel_distance(vectors, half),
            "precision": precision,
            "recall": recall,
        }


def read_sets(
    data: Path, names: Path | None, network: SampleModel, params: Mapping[str, Any]
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
    training = [name for name in list_pictures(data) if name not in unwanted and not matches(name, patterns)]
    known = network.labels if classes != NONE else ()
    return (
        read_labelled(data, classes, how, training, known),
        read_labelled(data, classes, how, held, known) if held else None,
    )


def drawing(network: SampleModel, classes: Sequence[str], truncation: float) -> tuple[Draw, Mapping[int, int] | None]:
    """How a loaded model draws, and its class for each of `classes`; None for a model without."""
    options = {} if network.truncation is None else {"truncation": truncation}
    labels = None
    if network.labels and classes:
        labels = {place: network.label_index(name) for place, name in enumerate(classes)}

    def draw(seeds: Sequence[int], labels: Sequence[int] | None) -> np.ndarray:
        settings = options | ({} if labels is None else {"label": list(labels)})
        images = network(list(seeds), **settings)
        return np.round(images.transpose(0, 2, 3, 1) * 255).astype(np.uint8)

    return draw, labels


def reference(real: RealPictures) -> Measured:
    """Real against real: the second half as if a model had drawn it."""
    other = real.compare(real.pooled[real.second_half], real.pictures_at(real.second_half))
    row = {"model": "real pictures", "pictures": real.count, **other}
    return Measured(row | {"near_ratio": 1.0, "copies": CLOSE / 100})


def measure(name: str, draw: Draw, labels: Mapping[int, int] | None, real: RealPictures, *, pairs: int = 0) -> Measured:
    """Measure what `draw(seeds, labels)` gives, uint8 (N, side, side, 3 or 4), for seeds from 0 on.

    `labels` maps classes of the real pictures to the model's, in the proportion of which it draws; None for a model without
    classes. With `pairs` so many drawn pictures are kept, the nearest to training pictures first.
    """
    classes = None
    if labels is not None:
        classes = [labels[int(label)] for label in real.training.labels[real.first_half]]
    batches = []
    for first in range(0, real.count, BATCH):
        seeds = range(first, min(first + BATCH, real.count))
        batches.append(draw(seeds, None if classes is None else classes[first : first + len(seeds)]))
    fake = np.concatenate(batches)
    side = real.training.pixels.shape[1]
    if fake.shape[1:3] != (side, side):
        raise UsageError(f"{name} draws a side of {fake.shape[1]}, the pictures were read at {side}")
    fake = opaque(fake)
    pooled, spatial = real.features.both(fake, real.device)
    away = real.from_training(fake, spatial)
    nearest = away.min(1)
    row = {
        "model": name,
        "pictures": len(fake),
        **real.compare(pooled, fake),
        "near_ratio": float(np.median(nearest) / max(1e-9, np.median(real.nearest))),
        "copies": float((nearest < np.percentile(real.nearest, CLOSE)).mean()),
    }
    training = opaque(real.training.pixels)
    order = np.argsort(nearest)[:pairs]
    return Measured(row, [(fake[n], training[int(away[n].argmin())], float(nearest[n])) for n in order])


def sheet(pictures: Sequence[tuple[np.ndarray, np.ndarray, float]], columns: int = 8) -> np.ndarray:
    """Pairs of (drawn, nearest training picture) side by side, uint8 (H, W, 3), a white line between pairs."""
    cells = [np.pad(np.concatenate(pair[:2], 1), ((1, 1), (1, 1), (0, 0)), constant_values=255) for pair in pictures]
    return grid(cells, columns, 255)


def protocol(held: bool, count: int, truncation: float | None, features: str, *, fid: bool = False) -> str:
    other = "held-out pictures" if held else "training pictures from each other"
    drawn = "" if truncation is None else f", truncation {truncation:g}"
    return (
        f"{count} drawn pictures (seeds from 0, classes as often as in the data{drawn}) against as many real ones, and two "
        f"halves of the real ones against each other; features: {features} averaged over the picture, for the "
        "squared Fréchet distance, 1000 x the kernel distance (cubic, unbiased, of features brought to a root mean square of "
        "one), precision and recall (3 neighbours); the same "
        "averaged over 4 x 4 parts, unit length, for the nearest training picture: near_ratio is the median distance in shares "
        f"of that of {other}, copies the share of drawn pictures nearer than 1 % of those are. Not to be compared with figures "
        "from other features, such as Inception's" + (f"; {WORDS}" if fid else "")
    )
