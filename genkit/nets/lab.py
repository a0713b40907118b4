"""CIE L*a*b* (1976) of sRGB pictures, white point D65, of numpy's arrays and torch's tensors alike.

The transfer curve and the matrix are those of IEC 61966-2-1; the white point is the matrix's own row sums, so that greys have
a = b = 0 exactly and no picture takes on a tint by going there and back.
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from array_api_compat import array_namespace

A = TypeVar("A")  # an array, numpy's or torch's

# linear sRGB to XYZ, D65
TO_XYZ = (
    (0.4123907993, 0.3575843394, 0.1804807884),
    (0.2126390059, 0.7151686788, 0.0721923154),
    (0.0193308187, 0.1191947798, 0.9505321522),
)
WHITE = tuple(sum(row) for row in TO_XYZ)
EPSILON, KAPPA = 216 / 24389, 24389 / 27  # where the cube root gives way to a line, and its slope


def rgb_to_lab(images: A) -> A:
    """(N, 3, H, W) sRGB [0, 1] to (N, 3, H, W): L 0 to 100, a and b about -110 to 110."""
    x, y, z = (_root(one) for one in _mixed(np.array(TO_XYZ) / np.array(WHITE)[:, None], to_linear(images)))
    return array_namespace(images).stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=1)


def to_linear(values: Any) -> Any:
    """sRGB values in [0, 1], of any shape, as amounts of light."""
    xp = array_namespace(values)
    return xp.where(values <= 0.04045, values / 12.92, ((xp.clip(values, 0, None) + 0.055) / 1.055) ** 2.4)


def luminance_to_lightness(luminance: Any) -> Any:
    """Y in [0, 1], of any shape, as L, 0 to 100."""
    return 116 * _root(luminance) - 16


def _root(amounts: Any) -> Any:
    xp = array_namespace(amounts)
    return xp.where(amounts > EPSILON, xp.clip(amounts, EPSILON, None) ** (1 / 3), (KAPPA * amounts + 16) / 116)


def lab_to_rgb(lab: A) -> A:
    """(N, 3, H, W) Lab to sRGB (N, 3, H, W); colours outside sRGB come out below 0 or above 1, not clamped."""
    xp = array_namespace(lab)
    lightness, a, b = (lab[:, place] for place in range(3))  # type: ignore[index]
    y = (lightness + 16) / 116
    f = xp.stack([y + a / 500, y, y - b / 200], axis=1)
    xyz = xp.where(f**3 > EPSILON, f**3, (116 * f - 16) / KAPPA)
    linear = xp.stack(_mixed(np.linalg.inv(np.array(TO_XYZ)) * np.array(WHITE), xyz), axis=1)
    curved = 1.055 * xp.clip(linear, 0.0031308, None) ** (1 / 2.4) - 0.055
    return xp.where(linear <= 0.0031308, 12.92 * linear, curved)


def _mixed(matrix: np.ndarray, planes: Any) -> list[Any]:
    """Each row of a matrix (3, 3) as weights of the channels of (N, 3, H, W): three times (N, H, W)."""
    return [sum(planes[:, place] * float(share) for place, share in enumerate(row)) for row in matrix]
