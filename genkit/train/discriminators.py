"""Discriminators of patches, of pictures or of spectrograms, and their losses.

PatchGAN (Isola et al. 2017, "pix2pix", arXiv 1611.07004, section 3.2.2): convolutions alone, a logit for each patch. That of
`genkit train gan`, which sees a picture as a whole, is in `gan/networks.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from torch import Tensor, nn
from torch.nn.functional import leaky_relu, relu

spectral_norm: Callable[[nn.Module], nn.Module] = nn.utils.parametrizations.spectral_norm
weight_norm: Callable[[nn.Module], nn.Module] = nn.utils.parametrizations.weight_norm


class PatchDiscriminator(nn.Module):
    """Maps (N, C, H, W) to logits (N, 1, h, w) by `convolutions` and one more. With `classes`, beside these, an auxiliary
    classifier: of what class the whole is, logits (N, classes)."""

    def __init__(
        self,
        convolutions: Iterable[nn.Conv2d],
        norm: Callable[[nn.Module], nn.Module],
        slope: float,
        classes: int = 0,
    ):
        super().__init__()
        layers = list(convolutions)
        width, self.slope = layers[-1].out_channels, slope
        self.layers = nn.ModuleList(norm(layer) for layer in layers)
        self.logits = norm(nn.Conv2d(width, 1, 3, 1, 1))
        self.aux_classifier = nn.Linear(width, classes) if classes else None

    def features(self, maps: Tensor) -> list[Tensor]:
        """The maps after each convolution."""
        features = []
        for layer in self.layers:
            maps = leaky_relu(layer(maps), self.slope)
            features.append(maps)
        return features

    def forward(self, maps: Tensor) -> Tensor:
        return self.logits(self.features(maps)[-1])


class PictureDiscriminator(PatchDiscriminator):
    """Pictures (N, channels, H, W) in [0, 1] to logits (N, 1, H/8, W/8), under spectral normalisation; with `classes` the
    auxiliary classifier says of what domain each is, as StarGAN's does (Choi et al. 2018, arXiv 1711.09020, section 3)."""

    def __init__(self, channels: int = 3, width: int = 32, classes: int = 0, kernels: tuple[int, int] = (4, 3)):
        widths = ((channels, width, 2), (width, 2 * width, 2), (2 * width, 4 * width, 2), (4 * width, 4 * width, 1))
        sizes = [(before, after, kernels[0] if stride == 2 else kernels[1], stride) for before, after, stride in widths]
        convolutions = [nn.Conv2d(before, after, kernel, stride, (kernel - 1) // 2) for before, after, kernel, stride in sizes]
        super().__init__(convolutions, spectral_norm, 0.2, classes)

    def features(self, maps: Tensor) -> list[Tensor]:
        return super().features(maps * 2 - 1)

    def classified(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Logits of patches and of domains."""
        assert self.aux_classifier is not None
        features = self.features(images)[-1]
        return self.logits(features), self.aux_classifier(features.mean((2, 3)))


def hinge_loss(real: Tensor, fake: Tensor) -> Tensor:
    """A discriminator's loss by its logits: real above 1, fake below -1 (Lim and Ye 2017, arXiv 1705.02894)."""
    return relu(1 - real).mean() + relu(1 + fake).mean()


def least_squares_loss(real: Tensor, fake: Tensor) -> Tensor:
    """A discriminator's loss by its logits, as in LSGAN (Mao et al. 2017, arXiv 1611.04076), which CycleGAN uses: real 1,
    fake 0."""
    return ((real - 1).square().mean() + fake.square().mean()) / 2
