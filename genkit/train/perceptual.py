"""The perceptual network of training: features of VGG-19 from a file, or from the model of that name."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from genkit.errors import UsageError, WeightsError
from genkit.models.style.perceptual import Perceptual
from genkit.nets import vgg

LAYERS = ("relu1_1", "relu2_1", "relu3_1")


class PublishedFeatures(nn.Module):
    """A loaded model's features with the call of `vgg.Features`: RGB (N, 3, H, W) in [0, 1] to three maps."""

    def __init__(self, model: Perceptual):
        super().__init__()
        self.network, self._features = model.network, model

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = self._features(images, LAYERS)
        return [maps[layer] for layer in LAYERS]


def load_perceptual(features: str, why: str) -> nn.Module:
    """Open `features`: a file of the original release's weights (`genkit.nets.vgg`), or a model's name (`vgg19`).

    Raises:
        UsageError: nothing is given; `why` says what wants it. WeightsError: not VGG-19.
    """
    from genkit.weights import read_state_dict

    if not features:
        raise UsageError(
            f"{why} needs VGG-19 weights", "--set data.features=vgg19 (genkit models pull vgg19), or a file of its own"
        )
    if not Path(features).suffix:
        return _published(features)
    path = Path(features)
    if not path.is_file():
        raise UsageError(f"data.features = {features}: no such file")
    try:
        return vgg.load_features(read_state_dict(path))
    except RuntimeError as error:
        raise WeightsError(f"{path.name} does not hold the first layers of VGG-19") from error


def _published(name: str) -> nn.Module:
    import sys

    import torch

    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    card = find(name, "style")
    files = resolve(card, announce=lambda text: print(text, file=sys.stderr))
    model = load_model(card, files, torch.device("cpu"), torch.float32)
    if not isinstance(model, Perceptual) or not set(LAYERS) <= set(model.layers):
        raise UsageError(f"data.features = {name}: {name} has not the layers {', '.join(LAYERS)}", "vgg19 has them")
    return PublishedFeatures(model)
