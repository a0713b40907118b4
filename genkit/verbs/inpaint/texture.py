"""Give what a network painted the texture of its surroundings, where it lacks it.

A network with a small view says the tones of a wide hole and not its texture, which is in the picture (`pixels/exemplar.py`).
Whether a place lacks texture is seen by the strength of its gradients: what the hole's surroundings have, carried into it,
against what the network gave. Where that is as rough as its surroundings, or there is nothing around but one flat colour, the
network's answer stays; thin holes, which it fills well, cost nothing.
"""

from __future__ import annotations

import numpy as np

from genkit.pixels.holes import Box, box_of, depth_of
from genkit.pixels.resample import resize
from genkit.pixels.transparency import bleed
from genkit.runtime import cores

THIN = 16  # pixels: a thinner hole keeps what the network gave
NEAREST, FARTHEST = 64, 320  # how far around a hole texture is looked for, in pixels: half as far as it is thick, within these
CELL = 1024  # larger holes are done in parts of this side, so that memory stays bounded
FLAT, ROUGH = 0.0, 0.05  # mean gradient of luma, of 255: one colour, and more than that
LACKS, HAS = 0.7, 0.95  # of the gradients around: what the network gave is too smooth, or all right


def add_texture(
    pixels: np.ndarray,
    unknown: np.ndarray,
    todo: np.ndarray,
    box: Box,
    filling: np.ndarray,
    strength: float | None,
    seed: int,
) -> np.ndarray:
    """The filling (h, w, C) of `todo` (h, w) in a box of `pixels` (H, W, C), with texture; both are only read.

    `unknown` (H, W) is all that is no source, `todo` included. `strength` is the share of the texture, None decides place by
    place. The same for the same seed, however many threads work on it.
    """
    thick = 2 * depth_of(todo, box, unknown.shape)
    if strength == 0 or thick < THIN:
        return filling
    filling = filling.copy()
    area = box.grown(min(max(thick // 2, NEAREST), FARTHEST), unknown.shape)
    place = slice(box.top - area.top, box.bottom - area.top), slice(box.left - area.left, box.right - area.left)
    around, hidden = pixels[area.slices].copy(), unknown[area.slices].copy()
    around = bleed(around, (~hidden).astype(np.uint8))
    around[place][todo] = filling[todo]
    for top in range(0, box.height, CELL):
        for column in range(0, box.width, CELL):
            part = np.zeros(todo.shape, bool)
            cell = slice(top, top + CELL), slice(column, column + CELL)
            part[cell] = todo[cell]
            if not part.any():
                continue
            wanted = np.zeros(hidden.shape, bool)
            wanted[place] = part
            near = box_of(wanted).grown(min(max(thick // 2, NEAREST), FARTHEST), hidden.shape)
            _fill(around[near.slices], hidden[near.slices], wanted[near.slices], thick, strength, seed)
            hidden[place] &= ~part
    filling[todo] = around[place][todo]
    return filling


def _fill(pixels: np.ndarray, unknown: np.ndarray, hole: np.ndarray, thick: int, strength: float | None, seed: int) -> None:
    """Lay texture into the hole of a crop, in place."""
    scale = np.float32(np.iinfo(pixels.dtype).max / 255)
    guided = np.repeat(pixels / scale, 4 - pixels.shape[2], 2)[..., :3].astype(np.float32)
    share = np.full(hole.shape, strength, np.float32) if strength is not None else lacking(guided, unknown, hole)
    if not (share[hole] > 0).any():
        return
    from genkit.pixels import exemplar  # numba is slow to import

    painted = exemplar.synthesise(guided, unknown, hole, thick, seed, cores())
    if painted is None:
        return
    mixed = (guided + (painted - guided) * share[..., None])[hole][:, : pixels.shape[2]] * scale
    pixels[hole] = np.clip(np.rint(mixed), 0, np.iinfo(pixels.dtype).max).astype(pixels.dtype)


def lacking(guided: np.ndarray, unknown: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """How much of the texture that each place of a hole should have is missing: (H, W) float32, 0 to 1, smooth."""
    from genkit.pixels import exemplar

    strong = np.abs(exemplar.gradients(guided)).sum(2)
    known = ~exemplar.widened(unknown, 1)
    if not known.any():
        return np.zeros(hole.shape, np.float32)
    side = max(4, max(hole.shape) // 64)
    around, seen = _means(strong, known, side)
    inside, _ = _means(strong, hole, side)
    expected = bleed(_fixed(around), seen.astype(np.uint8))[..., 0] / 64
    expected = exemplar.blurred(exemplar.blurred(expected.astype(np.float32)))
    share = _rise(expected, FLAT, ROUGH) * (1 - _rise(inside / np.maximum(expected, 1e-3), LACKS, HAS))
    grid = exemplar.blurred(share.astype(np.float32))[..., None]
    fine = resize(np.rint(np.clip(grid, 0, 1) * 65535).astype(np.uint16), grid.shape[1] * side, grid.shape[0] * side)
    return fine[: hole.shape[0], : hole.shape[1], 0].astype(np.float32) / 65535


def _means(values: np.ndarray, mask: np.ndarray, side: int) -> tuple[np.ndarray, np.ndarray]:
    """The mean over the masked pixels of each cell, and whether there are any."""
    more = (0, -values.shape[0] % side), (0, -values.shape[1] % side)
    shape = -(-values.shape[0] // side), side, -(-values.shape[1] // side), side
    count = np.pad(mask, more).reshape(shape).sum((1, 3))
    total = np.pad(values * mask, more).reshape(shape).sum((1, 3))
    return total / np.maximum(count, 1), count > 0


def _fixed(values: np.ndarray) -> np.ndarray:
    return np.rint(np.minimum(values * 64, 65535)).astype(np.uint16)[..., None]


def _rise(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """0 below, 1 above, smooth between."""
    along = np.clip((values - low) / (high - low), 0, 1)
    return along * along * (3 - 2 * along)
