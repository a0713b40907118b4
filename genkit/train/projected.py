"""A discriminator that looks at pictures through a network which knows pictures already, and so needs to see fewer.

Sauer, Chitta, Müller, Geiger 2021, "Projected GANs converge faster" (arXiv 2111.01007): the features of a frozen network at
several sizes, mixed across channels and across sizes by fixed random convolutions (section 3.2), so that no few channels can be
leant on; above each a small discriminator learns, under spectral normalisation. Classes by projection (Miyato and Koyama 2018,
arXiv 1802.05637). The frozen network here is VGG-19 up to relu3_1.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import conv2d, interpolate, leaky_relu

WIDTHS = (128, 256)  # of relu2_1 and relu3_1; relu1_1 knows only edges, and would cost as much as both


class Head(nn.Module):
    """Features (N, C, h, w) to opinions (N, 16), one for each of 4 x 4 places."""

    def __init__(self, before: int, width: int, side: int, classes: int):
        super().__init__()
        halvings = max(0, (side // 4).bit_length() - 1)
        widths = [before, *(min(width, before << number) for number in range(1, halvings)), width][: halvings + 1]
        learnt = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList(learnt(nn.Conv2d(one, other, 4, 2, 1)) for one, other in pairwise(widths))
        self.opinion = learnt(nn.Conv2d(widths[-1], 1, 3, 1, 1))
        self.classes = learnt(nn.Embedding(classes, widths[-1])) if classes else None

    def forward(self, features: Tensor, labels: Tensor | None) -> Tensor:
        for layer in self.layers:
            features = leaky_relu(layer(features), 0.2)
        opinions = self.opinion(features)
        if self.classes is not None and labels is not None:
            toward = self.classes(labels)[:, :, None, None]
            opinions = opinions + (features * toward).sum(1, keepdim=True)
        return opinions.flatten(1)


class ProjectedRival(nn.Module):
    """Pictures (N, 3, side, side), -1 to 1, and classes (N,) to opinions (N, 32).

    `features` maps RGB in [0, 1] to three maps, of which the last two have `WIDTHS` channels at a half and a quarter of the
    side; it is never trained.
    """

    def __init__(self, features: nn.Module, side: int, classes: int = 0, mixed: int = 64, width: int = 128):
        super().__init__()
        if side < 32:
            raise ValueError("a discriminator on features begins at a side of 32")
        self.features = features.eval().requires_grad_(False)
        self.mixed = mixed
        for number, before in enumerate(WIDTHS):
            self.register_buffer(f"across{number}", torch.randn(mixed, before, 1, 1) * (2 / before) ** 0.5)
            self.register_buffer(f"between{number}", torch.randn(mixed, mixed, 3, 3) * (2 / mixed / 9) ** 0.5)
            self.register_buffer(f"level{number}", torch.ones(()))
        self.register_buffer("seen", torch.zeros((), dtype=torch.long))
        self.heads = nn.ModuleList(Head(mixed, width, side >> number + 1, classes) for number in range(len(WIDTHS)))

    def _project(self, found: Sequence[Tensor]) -> list[Tensor]:
        """Mixed features, finest first."""
        maps: list[Tensor] = []
        above: Tensor | None = None
        for number in range(len(found) - 1, -1, -1):
            level = self.get_buffer(f"level{number}")
            if int(self.get_buffer("seen")) == 0:  # the scale of each size, so that random weights keep it near 1
                level.copy_(found[number].detach().float().square().mean().sqrt())
            features = conv2d(found[number] / level, self.get_buffer(f"across{number}").to(found[number].dtype))
            if above is not None:
                features = (features + interpolate(above, scale_factor=2.0, mode="bilinear")) * 0.5**0.5
            above = conv2d(features, self.get_buffer(f"between{number}").to(features.dtype), padding=1)
            maps.append(above)
        self.get_buffer("seen").fill_(1)
        return maps[::-1]

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        maps = self._project(self.features((images + 1) / 2)[1:])
        return torch.cat([head(one, labels) for head, one in zip(self.heads, maps, strict=True)], 1)
