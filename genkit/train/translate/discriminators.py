"""The discriminators of image translation: an opinion for each patch (Isola et al. 2017, "pix2pix", arXiv 1611.07004, section
3.2.2), under spectral normalisation, with hinge or squared losses."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu


class PatchRival(nn.Module):
    """Pictures (N, channels, H, W) in [0, 1] to opinions (N, 1, H/8, W/8), and with `domains` to what domain each picture is
    of, logits (N, domains), as StarGAN's does (Choi et al. 2018, arXiv 1711.09020, section 3)."""

    def __init__(self, channels: int = 3, width: int = 32, domains: int = 0):
        super().__init__()
        sides = ((channels, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1))
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.spectral_norm(nn.Conv2d(before, after, 4 if stride == 2 else 3, stride, 1))
            for before, after, stride in sides
        )
        self.opinion = nn.utils.parametrizations.spectral_norm(nn.Conv2d(4 * width, 1, 3, 1, 1))
        self.domain = nn.Linear(4 * width, domains) if domains else None

    def features(self, images: Tensor) -> Tensor:
        features = images * 2 - 1
        for layer in self.layers:
            features = leaky_relu(layer(features), 0.2)
        return features

    def forward(self, images: Tensor) -> Tensor:
        return self.opinion(self.features(images))

    def both(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Opinions and domain logits."""
        assert self.domain is not None
        features = self.features(images)
        return self.opinion(features), self.domain(features.mean((2, 3)))


def hinge(real: Tensor, made: Tensor) -> Tensor:
    """The rival's loss: real above 1, made below -1 (Lim and Ye 2017, arXiv 1705.02894)."""
    return relu(1 - real).mean() + relu(1 + made).mean()


def squared(real: Tensor, made: Tensor) -> Tensor:
    """The rival's loss of least-squares GAN (Mao et al. 2017, arXiv 1611.04076), which CycleGAN uses: real 1, made 0."""
    return ((real - 1).square().mean() + made.square().mean()) / 2


def differences(first: Tensor, second: Tensor) -> Tensor:
    """Mean absolute difference of the gradients of (N, C, H, W), which keeps lines sharp; a scalar."""
    across = (first.diff(dim=3) - second.diff(dim=3)).abs().mean()
    return across + (first.diff(dim=2) - second.diff(dim=2)).abs().mean()
