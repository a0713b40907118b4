"""The first layers of VGG-19 as features to compare pictures by (Simonyan and Zisserman 2014, arXiv 1409.1556).

Caffe's weights under torchvision's key names: the input is BGR, 0 to 255, less the mean (103.939, 116.779, 123.68). The
distance is that of Johnson et al. 2016 (arXiv 1603.08155) over relu1_1, relu2_1 and relu3_1, each place's features scaled to
unit length. It is no LPIPS.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

MEAN = (103.939, 116.779, 123.68)
LAYERS = ("relu1_1", "relu2_1", "relu3_1")
KEPT = (1, 6, 11)  # where these are


class Features(nn.Module):
    """RGB (N, 3, H, W) in [0, 1] to [relu1_1 (N, 64, H, W), relu2_1 (N, 128, H/2, W/2), relu3_1 (N, 256, H/4, W/4)]."""

    title, layers = "VGG-19", LAYERS
    mean: Tensor

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, width in ((3, 64), (64, 64), (0, 0), (64, 128), (128, 128), (0, 0), (128, 256)):
            layers += [nn.Conv2d(before, width, 3, 1, 1), nn.ReLU()] if width else [nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> list[Tensor]:
        features, kept = images.flip(1) * 255 - self.mean, []
        for place, layer in enumerate(self.features):
            features = layer(features)
            if place in KEPT:
                kept.append(features)
        return kept


def load_features(state: Mapping[str, Tensor]) -> Features:
    """Build the frozen network from a state dict; tensors of deeper layers are left out.

    Raises:
        ValueError: a layer is missing, of another shape, or without numbers.
    """
    network = Features()
    places = network.state_dict()
    for key, place in places.items():
        found = state.get(key)
        if found is None or found.shape != place.shape or found.is_meta or not found.is_floating_point():
            raise ValueError(f"{key} is {'missing' if found is None else 'of another shape or kind'}")
    network.load_state_dict({key: state[key] for key in places})
    return network.eval().requires_grad_(False)


def distance(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """Mean squared difference of unit-length features, summed over the layers; a scalar."""
    return torch.stack([(_unit(a) - _unit(b)).square().mean() for a, b in zip(first, second, strict=True)]).sum()


def _unit(features: Tensor) -> Tensor:
    return features / features.norm(dim=1, keepdim=True).clamp_min(1e-8)
