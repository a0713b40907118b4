"""What a GAN is trained on, and the settings of its training that a configuration's [data] has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from genkit.data.labels import NONE, Classes, LabelledPictures, Preparation, read_labelled
from genkit.data.names import matches
from genkit.data.pictures import list_pictures, split_sources
from genkit.errors import UsageError
from genkit.train.config import TrainConfig, options_of
from genkit.train.gan.augment import CHANGES


@dataclass(frozen=True)
class DataOptions:
    """`classes`: none, folders, or patterns for each class; `leave_out` are patterns of names that are never trained on;
    `balance` draws classes as often as they are pictures (0) up to all alike (1). `squeeze`, `pixel_art`, `alpha`,
    `covered`: see `Preparation`.

    `r1` weighs the penalty, made every `r1_every` steps; 0 for none, below 0 for what arXiv 2006.06676 (appendix C) gives for
    the side and the batch. `path_length` weighs the regulariser of the generator (0: none, 2 in the paper); `mixing` is the
    share of pictures of two styles. `augment` names changes (colour, translation, cutout), made
    always, or with `adapt`, the wanted mean sign of the logits of real pictures, with a probability that goes from 0 to 1
    within `adapt_images`.

    `patience` steps of a discriminator that has won end the run, and so do pictures that are all alike after `grace` steps;
    0 for never. `features` (see `genkit.evaluate.perceptual`) adds a Fréchet distance of `count` pictures to the
    report.
    `discriminator` are sizes in which it differs; with `aux_classifier` that of a DCGAN says what class a picture is of, from
    step `aux_classifier_from` on: from the first on, pictures of a class become alike before there are pictures at all."""

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
    discriminator: Mapping[str, Any] | None = None
    aux_classifier_from: int = 0

    @property
    def penalty(self) -> float:
        return 0.0002 * self.side**2 / self.batch if self.r1 < 0 else self.r1


def read_options(config: TrainConfig) -> DataOptions:
    options = options_of(DataOptions, config.data)
    if unknown := [name for name in options.augment if name not in CHANGES]:
        raise UsageError(f"data.augment: {unknown[0]!r} is not one of {', '.join(CHANGES)}")
    return options


def read_sources(data: Sequence[Path], holdout: Path | None, options: DataOptions, how: Preparation) -> LabelledPictures:
    """All sources as one set; what `holdout` names is left out."""
    if not data:
        raise UsageError("there is nothing to train on", "--data FOLDER or ZIP")
    if holdout is None:
        names = {path: [name for name in list_pictures(path) if not matches(name, options.leave_out)] for path in data}
    else:
        names = {source.path: list(source.training) for source in split_sources(data, holdout, options.leave_out)}
    sets = [read_labelled(path, options.classes, how, names[path]) for path in data]
    order = tuple(dict.fromkeys(label for each in sets for label in each.classes))
    if len(order) == 1:
        raise UsageError(f"all pictures are of the class {order[0]}", "--classes none, or one folder for each class")
    labels = [
        np.array([order.index(each.classes[label]) for label in each.labels], np.int64) if order else each.labels
        for each in sets
    ]
    pixels = np.concatenate([each.pixels for each in sets])
    if len(pixels) < 2:
        raise UsageError("one picture is not enough to learn from")
    return LabelledPictures(pixels, np.concatenate(labels), order, tuple(name for each in sets for name in each.names))
