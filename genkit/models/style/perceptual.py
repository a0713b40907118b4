"""A network as a source of features: what pictures are compared by, and what `genkit style --method optimize` works with.

Normalisation stays inside. The content encoder of the style network that ships has the same interface (`encoder_of`), with
layers of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from genkit import runtime
from genkit.errors import UsageError
from genkit.models.shapes import FeaturesModel, Model

Stages = Callable[[nn.Module, Tensor], Iterator[tuple[str, Tensor]]]


class Perceptual(FeaturesModel):
    """`stages` gives the network's layers one after another, by name; `layers` are the names in that order."""

    def __init__(
        self,
        network: nn.Module,
        stages: Stages,
        *,
        layers: Sequence[str],
        content: Sequence[str],
        style: Sequence[str],
        device: torch.device,
        dtype: torch.dtype,
        minimum: int,
        pixel_bytes: int,
    ):
        self.network = network.eval().requires_grad_(False)
        self.layers, self.content, self.style = tuple(layers), tuple(content), tuple(style)
        self.minimum, self.pixel_bytes = minimum, pixel_bytes
        self._stages = stages
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        self.network.to(device, dtype)
        self.network.to(memory_format=torch.channels_last)
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, images: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Features by layer; the network runs no further than the deepest of them."""
        wanted = set(layers)
        if unknown := wanted.difference(self.layers):
            raise UsageError(f"these features have no layer {min(unknown)!r}", f"they have {', '.join(self.layers)}")
        maps: dict[str, Tensor] = {}
        images = images.to(self.dtype).contiguous(memory_format=torch.channels_last)
        for name, features in self._stages(self.network, images):
            if name in wanted:
                maps[name] = features.float()
            if len(maps) == len(wanted):
                break
        return maps


def encoder_of(model: Model) -> FeaturesModel | None:
    """The features of a loaded model: itself, the content encoder of a network as it ships, or None where there are none."""
    if isinstance(model, Perceptual):
        return model
    from genkit.models.style.stylizer import Stylizer
    from genkit.models.style.stylizing import Stylize

    if not isinstance(model, Stylize) or not isinstance(model.network, Stylizer):
        return None
    device, dtype = runtime.as_torch(model.device, model.dtype)
    features = Perceptual(
        model.network.content,
        _encoder_stages,
        layers=("stem", "half", "quarter", "block1", "block2"),
        content=("block2",),
        style=("stem", "half", "quarter", "block1", "block2"),
        device=device,
        dtype=dtype,
        minimum=16,
        pixel_bytes=1200,
    )
    features.fallback = model.fallback
    return features


def _encoder_stages(network: Any, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    features = leaky_relu(network.stem(images * 2 - 1), 0.2)
    yield "stem", features
    for name, halve in zip(("half", "quarter"), network.halve, strict=True):
        features = leaky_relu(halve(features), 0.2)
        yield name, features
    for index, block in enumerate(network.blocks, 1):
        features = block(features)
        yield f"block{index}", features
