"""CIE L*a*b* (1976) of sRGB pictures, white point D65, as tensors.

The transfer curve and the matrix are those of IEC 61966-2-1; the white point is the matrix's own row sums, so that greys have
a = b = 0 exactly and no picture takes on a tint by going there and back.
"""

from __future__ import annotations

import torch
from torch import Tensor

# linear sRGB to XYZ, D65
TO_XYZ = (
    (0.4123907993, 0.3575843394, 0.1804807884),
    (0.2126390059, 0.7151686788, 0.0721923154),
    (0.0193308187, 0.1191947798, 0.9505321522),
)
WHITE = tuple(sum(row) for row in TO_XYZ)
EPSILON, KAPPA = 216 / 24389, 24389 / 27  # where the cube root gives way to a line, and its slope


def rgb_to_lab(images: Tensor) -> Tensor:
    """(N, 3, H, W) sRGB [0, 1] to (N, 3, H, W): L 0 to 100, a and b about -110 to 110."""
    linear = to_linear(images)
    matrix = linear.new_tensor(TO_XYZ) / linear.new_tensor(WHITE).view(3, 1)
    xyz = torch.einsum("rc,nchw->nrhw", matrix, linear)
    x, y, z = _root(xyz).unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def to_linear(values: Tensor) -> Tensor:
    """sRGB values in [0, 1], of any shape, as amounts of light."""
    return torch.where(values <= 0.04045, values / 12.92, ((values.clamp_min(0) + 0.055) / 1.055) ** 2.4)


def luminance_to_lightness(luminance: Tensor) -> Tensor:
    """Y in [0, 1], of any shape, as L, 0 to 100."""
    return 116 * _root(luminance) - 16


def _root(amounts: Tensor) -> Tensor:
    return torch.where(amounts > EPSILON, amounts.clamp_min(EPSILON) ** (1 / 3), (KAPPA * amounts + 16) / 116)


def lab_to_rgb(lab: Tensor) -> Tensor:
    """(N, 3, H, W) Lab to sRGB (N, 3, H, W); colours outside sRGB come out below 0 or above 1, not clamped."""
    lightness, a, b = lab.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], 1)
    xyz = torch.where(f**3 > EPSILON, f**3, (116 * f - 16) / KAPPA)
    inverse = torch.linalg.inv(torch.tensor(TO_XYZ, dtype=torch.float64)).to(lab)
    linear = torch.einsum("rc,nchw->nrhw", inverse * lab.new_tensor(WHITE), xyz)
    curved = 1.055 * linear.clamp_min(0.0031308) ** (1 / 2.4) - 0.055
    return torch.where(linear <= 0.0031308, 12.92 * linear, curved)
