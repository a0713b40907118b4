"""LPIPS between pictures, by the measuring card `lpips-alex`, or in its place the distance of features that ship.

Nothing is fetched here: a measure that is not on this machine is named, with the command that fetches it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from genkit.data.tensors import to_tensor
from genkit.errors import WeightsError
from genkit.evaluate.instruments import absent, instrument
from genkit.evaluate.perceptual import SHIPPED, load_perceptual
from genkit.nets import vgg

CARD = "lpips-alex"


@dataclass(frozen=True)
class Distance:
    """How pictures are compared: `key` and `title` of its column, `words` for the protocol, and the call on two pictures,
    uint8 (H, W, 3)."""

    key: str
    title: str
    words: str
    between: Callable[[np.ndarray, np.ndarray], float]


def lpips(first: np.ndarray, second: np.ndarray, *, spatial: bool = False) -> float | np.ndarray:
    """The distance of two pictures, uint8 (H, W, 3) of one size, 31 pixels a side at least: 0 alike; or with `spatial` a map
    (H, W) float32, of which a part can be averaged.

    Raises:
        WeightsError: the measure is not here. ValueError: pictures of two sizes, or smaller ones.
    """
    from genkit.models.measure.lpips import SMALLEST

    network = instrument(CARD)
    if network is None:
        raise WeightsError(f"{CARD} is not here", f"genkit models pull {CARD}", code="absent")
    if first.shape != second.shape or min(first.shape[:2]) < SMALLEST:
        raise ValueError(
            f"LPIPS compares pictures of one size, {SMALLEST} pixels a side at least: {first.shape}, {second.shape}"
        )
    with torch.inference_mode():
        found = network(to_tensor(first), to_tensor(second), spatial)
    return found[0, 0].numpy() if spatial else float(found)


def words_of(distance: Distance | None) -> str:
    """What a protocol says of it."""
    return "" if distance is None else f"; {distance.words}"


def has_lpips() -> bool:
    """Whether the measure is on this machine."""
    return instrument(CARD) is not None


def picture_distance(notify: Callable[[str], None], *, instead: bool = True) -> Distance | None:
    """LPIPS if it is here; else, told by `notify`, the distance of genkit-style's features, or nothing unless `instead`."""
    if has_lpips():
        words = "LPIPS: version 0.1, AlexNet, of the whole 8-bit results"
        return Distance("lpips", "LPIPS", words, lambda first, second: float(lpips(first, second)))
    notify(absent(CARD, "LPIPS"))
    if not instead:
        return None
    features = load_perceptual(SHIPPED)

    def between(first: np.ndarray, second: np.ndarray) -> float:
        with torch.inference_mode():
            return float(vgg.distance(features(to_tensor(first)), features(to_tensor(second))))

    words = f"distance: of features ({features.title}: {', '.join(features.layers)}), which is no LPIPS"
    return Distance("distance", "distance", words, between)
