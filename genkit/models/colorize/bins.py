"""Colours as a distribution over bins of the ab plane, and the one colour that it is read as.

Zhang et al. 2016 ("Colorful Image Colorization", arXiv 1603.08511): the ab plane is cut into bins of side 10, a network
predicts their probabilities, and the colour is the mean of the annealed distribution (their equation 5): at temperature 1 the
plain mean, which is safe and brownish; below 1 the likelier colours gain.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genkit.nets.lab import lab_to_rgb

CEILING = 150.0  # beyond any colour of sRGB
BIN = 10  # side of a bin in Lab units


def bins() -> Tensor:
    """Centres (bins, 2) of the ab bins that some lightness shows inside sRGB."""
    steps = torch.arange(-110, 111, BIN, dtype=torch.float32)
    a, b = torch.meshgrid(steps, steps, indexing="ij")
    grid = torch.stack([a.flatten(), b.flatten()], 1)  # (23 * 23, 2)
    lightness = torch.arange(2, 100, 2, dtype=torch.float32).view(-1, 1, 1)
    lab = torch.cat([lightness.expand(-1, len(grid), 1), grid.expand(len(lightness), -1, -1)], 2)  # (49, grid, 3)
    rgb = lab_to_rgb(lab.permute(2, 0, 1)[None])[0]  # (3, 49, grid)
    in_srgb = ((rgb >= -0.02) & (rgb <= 1.02)).all(0).any(0)
    return grid[in_srgb]


def thinned(planes: Tensor, thin: int, down: int, across: int) -> Tensor:
    """Every `thin`th row and column of (N, C, H, W), from these."""
    return planes if thin == 1 else planes[:, :, down::thin, across::thin]


class Binned(nn.Module):
    """A network whose logits (N, bins, h, w) are of the colours `centres`."""

    centres: Tensor  # (bins, 2)

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("centres", bins(), persistent=False)

    def ab(self, logits: Tensor, temperature: float, saturation: float = 1.0, ceiling: float = CEILING) -> Tensor:
        """The mean colour (N, 2, h, w) of the distribution raised to 1 / temperature, its chroma times `saturation` and bent to
        stay below `ceiling` (Lab units): a mean is too pale, and where the network is sure of a gaudy colour it is often
        wrong."""
        chances = (logits.float() / temperature).softmax(1)
        mean = torch.einsum("nqhw,qc->nchw", chances, self.centres.float())
        chroma = mean.norm(dim=1, keepdim=True).clamp_min(1e-6)
        return mean * (ceiling * (saturation * chroma / ceiling).tanh() / chroma)
