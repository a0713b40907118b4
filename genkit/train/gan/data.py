"""What a GAN is trained on, and the settings of its training that a configuration's [data] has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.labels import NONE, Classes, LabelledPictures, Preparation, read_labelled
from genkit.data.pictures import list_pictures, split_sources
from genkit.errors import UsageError
from genkit.train.config import TrainConfig
from genkit.train.gan.augment import CHANGES


@dataclass(frozen=True)
class DataOptions:
    """`classes`: none, folders, or patterns for each class; `leave_out` are patterns of names that are never trained on;
    `balance` draws classes as often as they are pictures (0) up to all alike (1). `squeeze`, `pixel_art`, `alpha`,
    `covered`: see `Preparation`.

    `r1` weighs the penalty, made every `r1_every` steps; 0 for none, below 0 for what arXiv 2006.06676 (appendix C) gives for
    the side and the batch. `path_length` weighs the regulariser of the generator (0: none, 2 in the paper); `mixing` is the
    share of pictures of two styles. `augment` names changes (colour, translation, cutout), made
    always, or with `adapt`, the wanted mean sign of opinions on real pictures, with a probability that goes from 0 to 1
    within `adapt_images`.

    `patience` steps of a discriminator that has won end the run, and so do pictures that are all alike after `grace` steps;
    0 for never. `features` (VGG-19, as for `genkit.train.perceptual`) adds a Fréchet distance of `count` pictures to the
    report.
    `rival` are sizes in which the discriminator differs; with `naming` that of a DCGAN says what class a picture is of,
    from step `naming_from` on: from the first on, pictures of a class become alike before there are pictures at all."""

    side: int = 64
    batch: int = 16
    classes: Classes = NONE
    leave_out: tuple[str, ...] = ()
    balance: float = 0.0
    squeeze: float = 1.15
    pixel_art: bool = False
    alpha: bool = False
    covered: float = 0.0
    flip: bool = True
    r1: float = -1.0
    r1_every: int = 16
    path_length: float = 0.0
    mixing: float = 0.5
    augment: tuple[str, ...] = ("colour", "translation", "cutout")
    adapt: float = 0.0
    adapt_images: int = 200_000
    patience: int = 3000
    grace: int = 3000
    features: str = ""
    count: int = 1000
    rival: Mapping[str, Any] | None = None
    naming_from: int = 0

    @property
    def penalty(self) -> float:
        return 0.0002 * self.side**2 / self.batch if self.r1 < 0 else self.r1


def options_of(config: TrainConfig) -> DataOptions:
    given: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.data.items()}
    known = {one.name for one in fields(DataOptions)}
    if unknown := sorted(set(given) - known):
        raise UsageError(f"[data]: unknown field {', '.join(unknown)}", f"known fields: {', '.join(sorted(known))}")
    if wrong := [name for name in given.get("augment", ()) if name not in CHANGES]:
        raise UsageError(f"data.augment: {wrong[0]!r} is not one of {', '.join(CHANGES)}")
    return DataOptions(**given)


def read_sources(data: Sequence[Path], holdout: Path | None, chosen: DataOptions, how: Preparation) -> LabelledPictures:
    """All sources as one set; what `holdout` names is left out."""
    if not data:
        raise UsageError("there is nothing to train on", "--data FOLDER or ZIP")
    if holdout is None:
        names = {path: [name for name in list_pictures(path) if not _fits(name, chosen.leave_out)] for path in data}
    else:
        names = {source.path: list(source.training) for source in split_sources(data, holdout, chosen.leave_out)}
    sets = [read_labelled(path, chosen.classes, how, names[path]) for path in data]
    order = tuple(dict.fromkeys(one for found in sets for one in found.classes))
    if len(order) == 1:
        raise UsageError(f"all pictures are of the class {order[0]}", "--classes none, or one folder for each class")
    labels = [
        np.array([order.index(found.classes[label]) for label in found.labels], np.int64) if order else found.labels
        for found in sets
    ]
    pixels = np.concatenate([found.pixels for found in sets])
    if len(pixels) < 2:
        raise UsageError("one picture is not enough to learn from")
    return LabelledPictures(pixels, np.concatenate(labels), order, tuple(name for found in sets for name in found.names))


def _fits(name: str, patterns: Sequence[str]) -> bool:
    from fnmatch import fnmatch

    return any(fnmatch(name, pattern) for pattern in patterns)
