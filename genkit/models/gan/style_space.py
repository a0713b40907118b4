"""What networks with styles have in common: from z and a class to w, which then acts on every layer.

The mapping network of Karras et al. 2019 (StyleGAN, arXiv 1812.04948) with the classes of StyleGAN2-ADA (arXiv 2006.06676), key
names as there; truncation towards the mean w, of all or of each class.

Tensors: z (N, z_dim), classes (N, c_dim), w (N, layers, w_dim).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from genkit.errors import WeightsError
from genkit.models.gan.stylegan2_layers import FullyConnected

if TYPE_CHECKING:
    from genkit.cards import Card

MAPPING_RATE = 0.01  # the mapping learns a hundred times more slowly
CENTRE_SAMPLES = 4096
CENTRES = ("global", "class")


def normalised(numbers: Tensor) -> Tensor:
    """Rows of unit mean square."""
    return numbers * (numbers.square().mean(1, keepdim=True) + 1e-8).rsqrt()


def class_rows(labels: Tensor | None, c_dim: int) -> Tensor | None:
    """Class indices (N,) as rows (N, c_dim) of zeros and a one; rows as they are; None where there are no classes."""
    if labels is None or not c_dim:
        return None
    return one_hot(labels, c_dim).float() if labels.ndim == 1 else labels


class MappingNetwork(nn.Module):
    """z (N, z_dim) and classes (N, c_dim) to w (N, width), float32; without z where `z_dim` is 0. `width` is `w_dim`; of no
    depth, where z and the class stand side by side, that of both.

    `w_avg` is the running mean of w, towards which it is truncated.
    """

    w_avg: Tensor

    def __init__(self, z_dim: int, c_dim: int, w_dim: int, depth: int, average: bool = True):
        super().__init__()
        self.z_dim, self.c_dim, self.depth = z_dim, c_dim, depth
        if c_dim:
            self.embed = FullyConnected(c_dim, w_dim)
        width = z_dim + (w_dim if c_dim else 0)
        self.width = w_dim if depth else width
        for number in range(depth):
            layer = FullyConnected(width if not number else w_dim, w_dim, active=True, rate=MAPPING_RATE)
            self.add_module(f"fc{number}", layer)
        if average:
            self.register_buffer("w_avg", torch.zeros(self.width))

    def forward(self, z: Tensor | None, classes: Tensor | None = None) -> Tensor:
        parts = [normalised(z.float())] if z is not None and self.z_dim else []
        if self.c_dim:
            if classes is None:
                raise ValueError("this network has classes, which are needed")
            parts.append(normalised(self.embed(classes)))
        features = torch.cat(parts, 1)
        for number in range(self.depth):
            features = self.get_submodule(f"fc{number}")(features)
        return features

    @torch.no_grad()
    def follow(self, w: Tensor, keep: float = 0.998) -> None:
        """Let the running mean follow a batch of w (N, width): for training."""
        self.w_avg.lerp_(w.detach().float().mean(0), 1 - keep)


def options_of(params: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The options of a card."""
    truncation = {"type": "float", "default": 0.7, "minimum": 0.0, "maximum": 1.0, "help": "less: fewer failures, less variety"}
    label = {"type": "str", "help": "a class, by name or number"}
    return {"truncation": truncation} | ({"label": label} if params.get("c_dim") else {})


def classes_of(card: Card, c_dim: int, path: Path) -> tuple[Sequence[str] | int, str]:
    """The classes' names, or how many there are, and what truncation draws to: `params.labels` and `params.centre`.

    `centre = "class"` is each class's own mean, which keeps classes apart; published networks have that of all, "global".

    Raises:
        WeightsError: not as many classes as the file has (`c_dim`), or another centre.
    """
    names = card.params.get("labels", c_dim)
    centre = str(card.params.get("centre", "global"))
    count = names if isinstance(names, int) else len(names)
    if count != c_dim or centre not in CENTRES:
        wrong = f"centre {centre!r}" if centre not in CENTRES else f"{count} classes"
        raise WeightsError(f"{card.name} says {wrong}, {path.name} has {c_dim} classes", code="card")
    return names, centre


def embedding(network: Any, centre: str) -> Callable[[Any, Tensor, Tensor | None, Any], Tensor]:
    """How `Sample` makes w: by `network.styles` and `network.mapping`, truncated towards the mean that `centre` names. The
    network is on the CPU, in float32."""
    means: Tensor | None = None
    if centre == "class" and network.c_dim:
        with torch.no_grad():
            z_samples = torch.randn(CENTRE_SAMPLES, network.z_dim, generator=torch.Generator().manual_seed(0))
            each = torch.eye(network.c_dim)
            means = torch.stack([network.mapping(z_samples, row.expand(len(z_samples), -1)).mean(0) for row in each])

    def embed(network: Any, z: Tensor, labels: Tensor | None, truncation: float) -> Tensor:
        w: Tensor = network.styles(z, labels)
        middle = network.mapping.w_avg.float() if means is None else means.to(w.device)[labels][:, None]
        return w + (1 - truncation) * (middle - w)  # w itself at 1

    return embed
