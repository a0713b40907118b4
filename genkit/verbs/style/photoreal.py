"""Keep a photograph a photograph: take colours and light of a stylised picture, and every edge and texture of the input.

After Luan et al. 2017, "Deep Photo Style Transfer" (arXiv 1703.07511), whose result is locally an affine function of the
input's colours, which cannot bend an edge. They optimise with that as a penalty; here the affine function is fitted to a
stylised picture, in windows, by least squares: the guided filter with a colour guide (He et al. 2013, section 3.4). What is
fitted is the difference between the stylised picture and the input, so that where nothing can be said (no contrast, or marks
of a brush that have nothing to do with the input) the input's own texture stays. Fitted at a reduced size (He and Sun 2015,
arXiv 1505.00996) and applied at the full one in strips.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

SIDE = 768  # longest side of the fit: coefficients are smooth
RADIUS = 24  # of the windows, at that side
EPSILON = 4e-3  # variance of a colour in [0, 1] below which contrast is left as it is
STRIP_PIXELS = 1 << 19  # worked on at once at full size


def photoreal(pixels: np.ndarray, styled: np.ndarray) -> np.ndarray:
    """Pixels (H, W, 1 or 3) uint8 or uint16 in the colours of `styled` (h, w, 3), the same picture stylised at any size."""
    import torch

    from genkit import runtime
    from genkit.nets.guided import lines_in

    with runtime.inference():
        height, width = _reduced(*pixels.shape[:2])
        guide, goal = _images(pixels, width, height), _images(styled, width, height)
        radius = max(1, round(RADIUS * max(height, width) / SIDE))
        slope, level = lines_in(guide, goal - guide, radius, EPSILON)
        return _apply(pixels, torch.cat([slope, level[:, :, None]], 2).flatten(1, 2))


def _reduced(height: int, width: int) -> tuple[int, int]:
    factor = min(1.0, SIDE / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _images(pixels: np.ndarray, width: int, height: int) -> Tensor:
    import torch

    from genkit.pixels.resample import resize
    from genkit.pixels.tiling import to_images

    return to_images(resize(pixels, width, height), torch.device("cpu")).expand(-1, 3, -1, -1)


def _apply(pixels: np.ndarray, planes: Tensor) -> np.ndarray:
    """The input plus the affine function of it, at full size. Of 12 planes (1, 12, h, w), 4k to 4k + 2 weigh the input's
    channels for channel k, and 4k + 3 is added."""
    import torch

    from genkit.nets.guided import enlarge_rows
    from genkit.pixels.tiling import store, to_images

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    for top, stop in strips(height, width):
        images = to_images(pixels[top:stop], torch.device("cpu")).expand(-1, 3, -1, -1)
        one = enlarge_rows(planes, top, stop - top, height, width).view(3, 4, stop - top, width)
        change = (one[:, :3] * images).sum(1) + one[:, 3]
        store((images[0] + change).clamp(0, 1), result[top:stop], _peak(pixels))
    return result


def enlarge_along(pixels: np.ndarray, small: np.ndarray) -> np.ndarray:
    """`small` (h, w, 3), made from pixels (H, W, 3) at another size, at their size and with their edges: see `guided.py`."""
    import torch

    from genkit import runtime
    from genkit.pixels.guided import Guided
    from genkit.pixels.resample import resize
    from genkit.pixels.tiling import store, to_images

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    cpu = torch.device("cpu")
    with runtime.inference():
        reduced = to_images(resize(pixels, small.shape[1], small.shape[0]), cpu)
        # a line in the lightness, whose units (100) the filter's constants are made for
        guided = Guided(_lightness(reduced), to_images(small, cpu))
        for top, stop in strips(height, width):
            lightness = _lightness(to_images(pixels[top:stop], cpu))
            store(guided.rows(lightness, top, height)[0].clamp(0, 1), result[top:stop], _peak(pixels))
    return result


def _lightness(images: Tensor) -> Tensor:
    from genkit.nets.luma import luma

    return 100 * luma(images)


def strips(height: int, width: int) -> list[tuple[int, int]]:
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _peak(pixels: np.ndarray) -> Any:
    return int(np.iinfo(pixels.dtype).max)
