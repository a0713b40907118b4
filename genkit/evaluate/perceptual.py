"""The networks by whose features pictures are compared, in training and in measuring: VGG-19 from a file or from the model of
that name, or the encoder of the style network that ships, where VGG-19 is not here.

Figures by different ones have nothing to do with each other; each says by its `title` which it is.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from genkit.cards import Card, find
from genkit.errors import UsageError, WeightsError
from genkit.models import load_model
from genkit.models.style.perceptual import encoder_of
from genkit.nets import vgg
from genkit.weights import local_files, obtain, read_state_dict

PUBLISHED, SHIPPED = "vgg19", "genkit-style"
LAYERS = {PUBLISHED: vgg.LAYERS, SHIPPED: ("stem", "half", "block2")}
TITLES = {PUBLISHED: "VGG-19 (torchvision's weights)", SHIPPED: "genkit-style's own encoder"}
LARGEST = 1 << 30  # bytes of a file of features: VGG-19 whole has 575 MB


class ModelFeatures(nn.Module):
    """Three layers of a loaded model with the call of `vgg.Features`: RGB (N, 3, H, W) in [0, 1] to three maps."""

    def __init__(self, model: Any, layers: Sequence[str], title: str):
        super().__init__()
        self.network, self._features = model.network, model
        self.layers, self.title = tuple(layers), title

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self._features(images, self.layers)
        return [maps[layer] for layer in self.layers]


PictureFeatures = vgg.Features | ModelFeatures


def load_perceptual(features: str = "") -> PictureFeatures:
    """Open `features`: a file of VGG-19 as its authors gave it (`genkit.nets.vgg`), or a model's name (`vgg19`,
    `genkit-style`). Nothing: VGG-19 if it is here, else the encoder that ships; which one is said.

    Raises:
        UsageError: no such file or model, or a model without features. WeightsError: not VGG-19, or not to be had.
    """
    if not features:
        return _whatever_is_here()
    path = Path(features)
    if not path.suffix and path.name == features:
        return _of_model(find(features, "style"))
    if not path.is_file():
        raise UsageError(f"features {features}: no such file", "a file of VGG-19's weights, or vgg19", code="missing-input")
    if path.stat().st_size > LARGEST:
        raise WeightsError(f"{path}: larger than VGG-19 is", "a file of VGG-19's weights, or vgg19", code="not-a-checkpoint")
    try:
        return vgg.load_features(read_state_dict(path))
    except (RuntimeError, ValueError) as error:
        raise WeightsError(
            f"{path.name} does not hold the first layers of VGG-19 ({error})", code="not-a-checkpoint"
        ) from error


def distance_words(features: PictureFeatures | None) -> str:
    """How a protocol says that results were compared by `vgg.distance` of features, if they were."""
    if features is None:
        return ""
    return (
        f"; distance of features ({features.title}: {', '.join(features.layers)}, unit length, mean squared difference, "
        "summed), which is no LPIPS"
    )


def _whatever_is_here() -> ModelFeatures:
    card = find(PUBLISHED, "style")
    if local_files(card) is not None:
        print(f"features: {TITLES[PUBLISHED]}", file=sys.stderr)
        return _of_model(card)
    print(
        f"features: {TITLES[SHIPPED]}, as {PUBLISHED} is not here (genkit models pull {PUBLISHED}, 575 MB); "
        "figures by the one and by the other must not be compared",
        file=sys.stderr,
    )
    return _of_model(find(SHIPPED, "style"))


def _of_model(card: Card) -> ModelFeatures:
    had, files = obtain(card, announce=lambda text: print(text, file=sys.stderr))
    model = encoder_of(load_model(had, files, torch.device("cpu"), torch.float32))
    if model is None:
        raise UsageError(f"{card.name} has no features to compare pictures by", f"{PUBLISHED} and {SHIPPED} have")
    layers = next((layers for layers in LAYERS.values() if set(layers) <= set(model.layers)), None)
    if layers is None:
        wanted = " nor ".join(", ".join(each) for each in LAYERS.values())
        raise UsageError(f"{card.name} has neither the layers {wanted}", f"{PUBLISHED} and {SHIPPED} have")
    return ModelFeatures(model, layers, TITLES.get(card.name, f"features of {card.name}"))
