"""Keep a photograph a photograph: take colours and light of a stylised picture, and every edge and texture of the input.

After Luan et al. 2017, "Deep Photo Style Transfer" (arXiv 1703.07511), whose result is locally an affine function of the
input's colours, which cannot bend an edge. They optimise with that as a penalty; here the affine function is fitted to a
stylised picture, in windows, by least squares: the guided filter with a colour guide (He et al. 2013, section 3.4). What is
fitted is the difference between the stylised picture and the input, so that where nothing can be said (no contrast, or marks
of a brush that have nothing to do with the input) the input's own texture stays. Fitted at a reduced size (He and Sun 2015,
arXiv 1505.00996) and applied at the full one in strips.
"""

from __future__ import annotations

from typing import Any

import numpy as np

SIDE = 768  # longest side of the fit: coefficients are smooth
RADIUS = 24  # of the windows, at that side
EPSILON = 4e-3  # variance of a colour in [0, 1] below which contrast is left as it is
STRIP_PIXELS = 1 << 19  # worked on at once at full size


def photoreal(pixels: np.ndarray, styled: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 1 or 3) uint8 or uint16 in the colours of `styled` (h, w, 3), the same picture stylised at any size."""
    from genkit.nets.guided import lines_in
    from genkit.pixels.resample import resize

    height, width = _reduced(*pixels.shape[:2])
    guide, goal = _coloured(resize(pixels, width, height)), _coloured(resize(styled, width, height))
    radius = max(1, round(RADIUS * max(height, width) / SIDE))
    slope, level = lines_in(guide, goal - guide, radius, EPSILON)
    return _apply(pixels, np.concatenate([slope, level[:, :, None]], 2).reshape(1, -1, height, width))


def _reduced(height: int, width: int) -> tuple[int, int]:
    factor = min(1.0, SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _coloured(pixels: np.ndarray) -> np.ndarray:
    """(h, w, 1 or 3) as (1, 3, h, w) in [0, 1]."""
    from genkit.pixels.arrays import to_images

    images = to_images(pixels)
    return np.repeat(images, 3, 1) if images.shape[1] == 1 else images


def _apply(pixels: np.ndarray, planes: np.ndarray) -> np.ndarray:
    """The input plus the affine function of it, at full size. Of 12 planes (1, 12, h, w), 4k to 4k + 2 weigh the input's
    channels for channel k, and 4k + 3 is added."""
    from genkit.nets.guided import enlarge_rows
    from genkit.pixels.arrays import store

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    for top, stop in strips(height, width):
        images = _coloured(pixels[top:stop])
        lines = enlarge_rows(planes, top, stop - top, height, width).reshape(3, 4, stop - top, width)
        store(images[0] + (lines[:, :3] * images).sum(1) + lines[:, 3], result[top:stop], _peak(pixels))
    return result


def enlarge_along(pixels: np.ndarray, small: np.ndarray) -> np.ndarray:
    """`small` (h, w, 3), made from pixels (H, W, 3) at another size, at their size and with their edges: see `guided.py`."""
    from genkit.pixels.arrays import store, to_images
    from genkit.pixels.guided import Guided
    from genkit.pixels.resample import resize

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    # a line in the lightness, whose units (100) the filter's constants are made for
    guided = Guided(_lightness(resize(pixels, small.shape[1], small.shape[0])), to_images(small))
    for top, stop in strips(height, width):
        store(guided.rows(_lightness(pixels[top:stop]), top, height)[0], result[top:stop], _peak(pixels))
    return result


def _lightness(pixels: np.ndarray) -> np.ndarray:
    from genkit.nets.luma import luma

    return 100 * luma(_coloured(pixels))


def strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _peak(pixels: np.ndarray) -> Any:
    return int(np.iinfo(pixels.dtype).max)
