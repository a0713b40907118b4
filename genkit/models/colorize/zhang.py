"""The colorizing networks of Zhang et al.: `eccv16` and `siggraph17`, which takes hints.

`eccv16`: Zhang, Isola, Efros 2016, "Colorful Image Colorization" (arXiv 1603.08511): 313 classes of chroma, whose softmax is
turned into ab by a 1 x 1 convolution (the annealing is in the weights), at a quarter of the side. `siggraph17`: Zhang, Zhu, et
al. 2017, "Real-Time User-Guided Image Colorization with Learned Deep Priors" (arXiv 1705.02999): ab by regression at full
side; the class head `model_class` is for training and unused here, but its tensors are in the file.

Key names and shapes are those of the files published with richzhang/colorization (BSD-2-Clause); this implementation is our
own. Both were trained on squares of 256. Inside, L is (L - 50) / 100 and ab is ab / 110; `known` is 0 or 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.models.checkpoints import open_checkpoint
from genkit.models.colorize.colorizing import Colorize

if TYPE_CHECKING:
    from genkit.cards import Card

L_CENTRE, L_SCALE, AB_SCALE = 50.0, 100.0, 110.0
SIZE = 256
STRIDE = 8  # of the coarsest features
PIXEL_BYTES = 2048
DTYPES = ("float32", "bfloat16")  # float16 has not been tried with the published weights


def _stage(channels: list[int], *, stride: int = 1, dilation: int = 1, after_sum: bool = False) -> nn.Sequential:
    """3 x 3 convolutions, each followed by a ReLU, and at last batch normalisation; the last one has the stride."""
    layers: list[nn.Module] = [nn.ReLU()] if after_sum else []
    for index, (before, after) in enumerate(pairwise(channels)):
        last = index == len(channels) - 2
        layers += [nn.Conv2d(before, after, 3, stride if last else 1, dilation, dilation), nn.ReLU()]
    return nn.Sequential(*layers, nn.BatchNorm2d(channels[-1]))


class Eccv16(nn.Module):
    """L (N, 1, H, W) to ab (N, 2, H/4, W/4), both in the network's units. `width` is the number of channels at full side."""

    def __init__(self, width: int = 64, bins: int = 313):
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.model1 = _stage([1, a, a], stride=2)
        self.model2 = _stage([a, b, b], stride=2)
        self.model3 = _stage([b, c, c, c], stride=2)
        self.model4 = _stage([c, d, d, d])
        self.model5 = _stage([d, d, d, d], dilation=2)
        self.model6 = _stage([d, d, d, d], dilation=2)
        self.model7 = _stage([d, d, d, d])
        self.model8 = nn.Sequential(
            *(nn.ConvTranspose2d(d, c, 4, 2, 1), nn.ReLU()),
            *(nn.Conv2d(c, c, 3, 1, 1), nn.ReLU()),
            *(nn.Conv2d(c, c, 3, 1, 1), nn.ReLU()),
            nn.Conv2d(c, bins, 1),
        )
        self.model_out = nn.Conv2d(bins, 2, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        for index in range(1, 9):
            features = getattr(self, f"model{index}")(features)
        return self.model_out(features.softmax(1))


class Siggraph17(nn.Module):
    """L, ab of the hints and their mask (N, 4, H, W) to ab (N, 2, H, W), in the network's units."""

    def __init__(self, width: int = 64, classes: int = 529):
        super().__init__()
        a, b, c, d = width, 2 * width, 4 * width, 8 * width
        self.model1 = _stage([4, a, a])
        self.model2 = _stage([a, b, b])
        self.model3 = _stage([b, c, c, c])
        self.model4 = _stage([c, d, d, d])
        self.model5 = _stage([d, d, d, d], dilation=2)
        self.model6 = _stage([d, d, d, d], dilation=2)
        self.model7 = _stage([d, d, d, d])
        self.model8up = nn.Sequential(nn.ConvTranspose2d(d, c, 4, 2, 1))
        self.model3short8 = nn.Sequential(nn.Conv2d(c, c, 3, 1, 1))
        self.model8 = _stage([c, c, c], after_sum=True)
        self.model9up = nn.Sequential(nn.ConvTranspose2d(c, b, 4, 2, 1))
        self.model2short9 = nn.Sequential(nn.Conv2d(b, b, 3, 1, 1))
        self.model9 = _stage([b, b], after_sum=True)
        self.model10up = nn.Sequential(nn.ConvTranspose2d(b, b, 4, 2, 1))
        self.model1short10 = nn.Sequential(nn.Conv2d(a, b, 3, 1, 1))
        self.model10 = nn.Sequential(nn.ReLU(), nn.Conv2d(b, b, 3, 1, 1), nn.LeakyReLU(0.2))
        self.model_class = nn.Sequential(nn.Conv2d(c, classes, 1))
        self.model_out = nn.Sequential(nn.Conv2d(b, 2, 1), nn.Tanh())

    def forward(self, inputs: Tensor) -> Tensor:
        first = self.model1(inputs)  # (N, a, H, W)
        second = self.model2(first[..., ::2, ::2])
        third = self.model3(second[..., ::2, ::2])
        features = self.model4(third[..., ::2, ::2])  # (N, d, H/8, W/8)
        for stage in (self.model5, self.model6, self.model7):
            features = stage(features)
        features = self.model8(self.model8up(features) + self.model3short8(third))
        features = self.model9(self.model9up(features) + self.model2short9(second))
        features = self.model10(self.model10up(features) + self.model1short10(first))
        return self.model_out(features)


def build(variant: str = "siggraph17", width: int = 64, classes: int | None = None) -> nn.Module:
    """Build a network with random weights. `classes` are the chroma classes: 313 of eccv16, 529 of siggraph17."""
    if variant == "eccv16":
        return Eccv16(width, classes or 313)
    return Siggraph17(width, classes or 529)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the variant and the sizes from a state dict, or return None if it is of neither layout."""
    first, head = state.get("model1.0.weight"), state.get("model_class.0.weight", state.get("model8.6.weight"))
    if first is None or head is None or first.ndim != 4 or head.ndim != 4 or "model7.6.running_mean" not in state:
        return None
    variant = "siggraph17" if "model_class.0.weight" in state else "eccv16"
    if first.shape[1] != (4 if variant == "siggraph17" else 1):
        return None
    sizes = {"variant": variant, "width": int(first.shape[0]), "classes": int(head.shape[0])}
    return {**sizes, "hints": variant == "siggraph17"}


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Colorize:
    """Load a published file, or one of its layout.

    Raises:
        WeightsError: unreadable, not of these layouts, or not what the card says.
    """
    checkpoint = open_checkpoint(card, files["weights"], "eccv16 or siggraph17", recognise)
    network = checkpoint.into(lambda hints, **sizes: build(**sizes))
    return transform(network, device, dtype, size=int(card.params.get("size", SIZE)))


def transform(network: nn.Module, device: torch.device, dtype: torch.dtype, size: int = SIZE) -> Colorize:
    """The network as the colorize task calls it."""
    hints = isinstance(network, Siggraph17)
    return Colorize(
        network,
        device=device,
        dtype=dtype,
        size=size,
        chroma=_with_hints if hints else _plain,
        hints=hints,
        multiple=STRIDE,
        square=True,
        pixel_bytes=PIXEL_BYTES,
    )


def _plain(network: nn.Module, lightness: Tensor) -> Tensor:
    dtype = next(network.parameters()).dtype
    return network(((lightness - L_CENTRE) / L_SCALE).to(dtype)).float() * AB_SCALE


def _with_hints(network: nn.Module, lightness: Tensor, hints: Tensor, known: Tensor) -> Tensor:
    inputs = torch.cat([(lightness - L_CENTRE) / L_SCALE, hints / AB_SCALE, known], 1)
    return network(inputs.to(next(network.parameters()).dtype)).float() * AB_SCALE
