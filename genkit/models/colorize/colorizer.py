"""The colour network that genkit ships: from lightness to a distribution over colours at a quarter of the side.

The task is set as Zhang et al. 2016 set it ("Colorful Image Colorization", arXiv 1603.08511): the ab plane is cut into bins of
side 10, the network predicts their probabilities, and the colour is the mean of the annealed distribution (their equation 5):
at temperature 1 the plain mean, which is safe and brownish; below 1 the likelier colours gain. The body is our own: blocks of
a depthwise convolution and two pointwise ones (Liu et al. 2022, arXiv 2201.03545, with batch normalisation) in a U-Net whose
deepest level is also averaged over the whole picture, because what a place is often shows elsewhere.

Tensors: lightness (N, 1, H, W), 0 to 100, H and W multiples of 16; logits (N, bins, H/4, W/4); ab (N, 2, H/4, W/4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from genkit.errors import UsageError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.colorize import lite
from genkit.models.colorize.bins import CEILING, Binned, thinned
from genkit.models.colorize.blocks import Block
from genkit.models.colorize.colorizing import Colorize
from genkit.models.colorize.lite import LiteColorizer

if TYPE_CHECKING:
    from genkit.cards import Card

DEPTHS, WIDTHS, FINE = (0, 2, 4, 2), (32, 64, 144, 224), 96
SIZE, TEMPERATURE = 256, 0.5  # where a card does not say


class Level(nn.Sequential):
    """Halve the side with a 3 x 3 convolution, then blocks."""

    def __init__(self, before: int, width: int, depth: int):
        super().__init__(nn.Conv2d(before, width, 3, 2, 1), nn.BatchNorm2d(width), *(Block(width) for _ in range(depth)))


class Colorizer(Binned):
    """`widths` and `depths` are those of the four levels, at 1/2, 1/4, 1/8 and 1/16 of the side; `fine` is the width of the
    last features, from which the bins are read."""

    stride = 16  # of the coarsest features

    def __init__(self, widths: Sequence[int] = WIDTHS, depths: Sequence[int] = DEPTHS, fine: int = FINE):
        super().__init__()
        self.levels = nn.ModuleList(
            Level(before, width, depth) for before, width, depth in zip((1, *widths[:-1]), widths, depths, strict=True)
        )
        self.whole = nn.Linear(widths[3], widths[3])
        self.forget = nn.Dropout2d(0.15)  # a few hundred photographs are soon learnt by heart
        self.rise = nn.ModuleList([nn.Conv2d(widths[3], widths[2], 1), nn.Conv2d(widths[2], fine, 1)])
        self.enter = nn.ModuleList([nn.Conv2d(widths[2], widths[2], 1), nn.Conv2d(widths[1], fine, 1)])
        self.mend = nn.ModuleList([nn.Sequential(Block(widths[2]), Block(widths[2])), Block(fine)])
        self.head = nn.Conv2d(fine, len(self.centres), 1)

    def forward(self, lightness: Tensor, thin: int = 1, down: int = 0, across: int = 0) -> Tensor:
        """Lightness (N, 1, H, W), 0 to 100, to logits (N, bins, H/4, W/4); of these with `thin` every so manyth row and column,
        from `down` and `across`."""
        features = lightness / 50 - 1
        kept = []
        for level in self.levels:
            features = level(features)
            kept.append(features)
        features = self.forget(features + self.whole(features.mean((2, 3)))[:, :, None, None])
        for rise, enter, mend, fine in zip(self.rise, self.enter, self.mend, (kept[2], kept[1]), strict=True):
            features = mend(interpolate(rise(features), scale_factor=2, mode="bilinear") + enter(fine))
        return self.head(thinned(features, thin, down, across))

    def learnt_matrices(self) -> list[Tensor]:
        """The convolutions that mix channels, but for the first and the last."""
        convolutions = [module for module in self.modules() if isinstance(module, nn.Conv2d) and module.groups == 1]
        return [convolution.weight for convolution in convolutions][1:-1]


def build(**sizes: Any) -> Colorizer | LiteColorizer:
    """Build a network with random weights: a `LiteColorizer` where `rises` is given, else a `Colorizer`."""
    return LiteColorizer(**sizes) if "rises" in sizes else Colorizer(**sizes)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is of neither layout."""
    return lite.recognise(state) or _former(state)


def _former(state: Mapping[str, Any]) -> dict[str, Any] | None:
    names = [f"levels.{level}.0.weight" for level in range(4)]
    if any(state.get(name) is None or state[name].ndim != 4 for name in (*names, "head.weight")):
        return None
    stems, head = [state[name] for name in names], state["head.weight"]
    if stems[0].shape[1] != 1:
        return None
    depths = [sum(f"levels.{level}.{place}.spread.weight" in state for place in range(2, 64)) for level in range(4)]
    return {"widths": [int(stem.shape[0]) for stem in stems], "depths": depths, "fine": int(head.shape[1])}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Colorize:
    """Load a checkpoint of this network, kept in any float format.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    # not on the meta device: the centres of the bins are in no file
    network = open_checkpoint(card, files["weights"], "the colour network", recognise).into(build, meta=False)
    return transform(
        network,
        device,
        dtype,
        size=int(card.params.get("size", SIZE)),
        temperature=float(card.params.get("temperature", TEMPERATURE)),
        saturation=float(card.params.get("saturation", 1.0)),
        ceiling=float(card.params.get("ceiling", CEILING)),
        views=int(card.params.get("views", 1)),
    )


def transform(
    network: Colorizer | LiteColorizer,
    device: torch.device,
    dtype: torch.dtype,
    *,
    size: int = SIZE,
    temperature: float = TEMPERATURE,
    saturation: float = 1.0,
    ceiling: float = CEILING,
    views: int = 1,
) -> Colorize:
    """The network as the colorize task calls it; option `temperature`, above 0 to 1, is the one given here unless asked for.

    `saturation` and `ceiling` are those of `Colorizer.ab`; with 2 `views` the colour is the mean of what the picture and its
    mirror image get.
    """
    return Colorize(
        network,
        device=device,
        dtype=dtype,
        size=size,
        chroma=partial(_chroma, saturation=saturation, ceiling=ceiling, views=views),
        multiple=network.stride,
        pixel_bytes=2048,
        numbers={"temperature": temperature},
    )


def _chroma(
    network: Colorizer | LiteColorizer, lightness: Tensor, *, saturation: float, ceiling: float, views: int, temperature: float
) -> Tensor:
    if not 0 < temperature <= 1:
        raise UsageError(f"temperature {temperature:g}: expected more than 0, at most 1")
    lightness = lightness.to(network.head.weight.dtype)
    ab = network.ab(network(lightness), temperature, saturation, ceiling)
    if views == 2:
        ab = (ab + network.ab(network(lightness.flip(3)), temperature, saturation, ceiling).flip(3)) / 2
    return ab
