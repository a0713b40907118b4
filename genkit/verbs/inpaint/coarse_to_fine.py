"""Fill a hole of any size with a network that is good at small ones.

Three cases, each in crops with context around the hole, so that the cost is the hole's and not the picture's:

- A hole that fits into the network's crop is filled there at full resolution.
- A long but thin one (a wire) is filled crop by crop. Each crop sees the ones before it as known, and repaints a strip
  of them, over which the two are blended.
- A hole thicker than the network reaches is first filled at half the size, or a quarter, and so on, where it is thin enough.
  That filling, enlarged, is what the next finer level starts from: there a ring along the edge is repainted, which the network
  sees between sharp pixels outside and the coarse filling inside, and into which it fades. What is sharp so goes on into the
  hole, and the middle of a hole many times the reach stays as soft as it was painted. (To go on ring by ring to the middle was
  tried: the rings show.)

Networks that draw from noise are asked once, at their own size, and the result is enlarged: asked in parts they would begin a
picture of their own in each.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit import runtime
from genkit.errors import RunError
from genkit.pixels.arrays import store, to_images
from genkit.pixels.blending import lay_in
from genkit.pixels.holes import Box, box_of, depth, depth_of
from genkit.pixels.resample import resize
from genkit.pixels.transparency import bleed

if TYPE_CHECKING:
    from genkit.models.shapes import FillModel
    from genkit.run.verb import Notify


CONTEXT = 1.6  # side of the crop for a network that is asked once, in sides of the hole
ENLARGED = 1.5  # from here on a notice says that the filling was enlarged
SMALL = 0.75  # a crop below this part of the network's own size is enlarged for it
ANY_SIZE = 512  # crop for networks that have no size of their own


class HoleFiller:
    """`fill` gives the pixels for one hole; the picture, (H, W, 1 or 3) uint8 or uint16, is only read."""

    def __init__(self, model: FillModel, options: Mapping[str, Any], seed: int, notify: Notify):
        self._model, self._options, self._seed, self._notice = model, options, seed, notify
        self._size = int(model.size or ANY_SIZE)
        self._reach = max(8, model.reach)
        self._whole = model.stochastic

    def fit(self) -> int:
        """The largest side of a hole that fills well in one crop at full resolution."""
        return int(self._size / CONTEXT) if self._whole else 3 * self._size // 4

    def fill(self, pixels: np.ndarray, unknown: np.ndarray, todo: np.ndarray, box: Box) -> np.ndarray:
        """New pixels for a box (H', W', C): those of `todo` (h, w of the box) count, the rest is as it was.

        `unknown` (H, W) is all that is not to be looked at, `todo` included.

        Raises:
            RunError: out of memory, or a model that gives no numbers.
        """
        return self._at_once(pixels, unknown, box) if self._whole else self._in_levels(pixels, unknown, todo, box)

    def _at_once(self, pixels: np.ndarray, unknown: np.ndarray, box: Box) -> np.ndarray:
        side = max(self._size, round(CONTEXT * max(box.height, box.width)))
        crop = _square(box, side, unknown.shape)
        known, hidden = pixels[crop.slices], unknown[crop.slices]
        ratio = max(crop.height, crop.width) / self._size
        if ratio > 1 or ratio < SMALL:
            shape = max(1, round(crop.height / ratio)), max(1, round(crop.width / ratio))
            known, hidden = resize(known, shape[1], shape[0]), _fit(hidden, shape)
            if ratio >= ENLARGED:
                self._notice(f"the hole is {box.width}x{box.height}: painted at {1 / ratio:.0%} of its size and enlarged")
        filled = resize(self._run(known, hidden), crop.width, crop.height)
        return filled[box.top - crop.top : box.bottom - crop.top, box.left - crop.left : box.right - crop.left]

    def _in_levels(self, pixels: np.ndarray, unknown: np.ndarray, todo: np.ndarray, box: Box) -> np.ndarray:
        thick = 2 * depth_of(todo, box, unknown.shape)
        levels = 0
        while thick > self._reach << levels:
            levels += 1
        area = box.grown((self._size // 2) << levels, unknown.shape)
        place = slice(box.top - area.top, box.bottom - area.top), slice(box.left - area.left, box.right - area.left)
        known, hidden = pixels[area.slices], unknown[area.slices]
        wanted = np.zeros(hidden.shape, bool)
        wanted[place] = todo
        if levels == 0:
            return self._in_crops(known.copy(), hidden.copy(), wanted)[place]
        covered = bleed(known, (~hidden).astype(np.uint8))  # reducing would mix what is under the mask into its surroundings
        coarse: np.ndarray | None = None
        for level in range(levels, -1, -1):
            shape = max(1, -(-area.height // (1 << level))), max(1, -(-area.width // (1 << level)))
            here = resize(covered, shape[1], shape[0]) if level else known.copy()
            left, part = _fit(hidden, shape), _fit(wanted, shape)
            if coarse is None:
                coarse = self._in_crops(here, left, part)
                continue
            guide = resize(coarse, shape[1], shape[0])
            here[part] = guide[part]
            coarse = self._along_edge(here, left & ~part, part)
        assert coarse is not None
        return coarse[place]

    def _along_edge(self, pixels: np.ndarray, unknown: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Repaint a ring of what is filled coarsely, and let it fade into that filling towards the inside."""
        width = self._reach // 2
        deep, _ = depth(part)
        # smooth between the cells of the coarse grid: steps would show
        inside = resize(np.minimum(deep, 2 * width).astype(np.uint16)[..., None], part.shape[1], part.shape[0])[..., 0]
        ring = part & (inside < width)
        painted = self._in_crops(pixels.copy(), unknown | ring, ring)
        share = 0.5 + 0.5 * np.cos(np.pi * np.clip(inside / (width / 2) - 1, 0, 1))
        lay_in(pixels, painted, (share * ring).astype(np.float32))
        return pixels

    def _in_crops(self, pixels: np.ndarray, unknown: np.ndarray, todo: np.ndarray) -> np.ndarray:
        """Fill `todo` in `pixels`, in place, crop by crop at this resolution; `unknown` is changed, too."""
        box = box_of(todo)
        core = max(box.height, box.width) if max(box.height, box.width) <= self.fit() else self._size // 2
        strip = self._size // 16
        done = np.zeros(todo.shape, bool)
        for top in range(box.top, box.bottom, core):
            for left in range(box.left, box.right, core):
                cell = Box(top, left, min(top + core, box.bottom), min(left + core, box.right))
                if not todo[cell.slices].any():
                    continue
                inner = box_of(todo, cell)
                outer = inner.grown(strip, todo.shape)
                crop = _square(outer, self._size, todo.shape)
                again = np.zeros(todo.shape[:2], bool)[crop.slices]
                near = (
                    slice(outer.top - crop.top, outer.bottom - crop.top),
                    slice(outer.left - crop.left, outer.right - crop.left),
                )
                again[near] = done[outer.slices]
                filled = self._run(pixels[crop.slices], unknown[crop.slices] | again)
                self._paste(pixels, filled, crop, inner, outer, todo, done, strip)
                target = todo[inner.slices]
                done[inner.slices] |= target
                unknown[inner.slices] &= ~target
        return pixels

    def _paste(
        self,
        pixels: np.ndarray,
        filled: np.ndarray,
        crop: Box,
        inner: Box,
        outer: Box,
        todo: np.ndarray,
        done: np.ndarray,
        strip: int,
    ) -> None:
        """Put in what belongs to the cell, and blend the strip around it with what the cells before it put there."""
        down = _ramp(outer.top, outer.bottom, inner.top, inner.bottom, strip)
        across = _ramp(outer.left, outer.right, inner.left, inner.right, strip)
        weights = np.minimum(down[:, None], across) * done[outer.slices]
        own = slice(inner.top - outer.top, inner.bottom - outer.top), slice(inner.left - outer.left, inner.right - outer.left)
        weights[own][todo[inner.slices] & ~done[inner.slices]] = 1
        source = slice(outer.top - crop.top, outer.bottom - crop.top), slice(outer.left - crop.left, outer.right - crop.left)
        lay_in(pixels[outer.slices], filled[source], weights)

    def _run(self, pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        """One pass of the model over a crop: (h, w, C) in and out, all of it as the model gives it."""
        while True:
            try:
                return self._pass(pixels, hidden)
            except (RuntimeError, MemoryError) as error:
                if not runtime.is_out_of_memory(error):
                    raise
                reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            device = self._model.device
            runtime.release(device)
            if device.type == "cpu" or not self._model.fallback:
                raise RunError(
                    f"out of memory on {device} ({reason})", "close other programs, take a smaller model, or --device cpu"
                )
            self._notice(f"out of memory on {device}: going on on the CPU, which is slower")
            self._model.to("cpu", "float32")

    def _pass(self, pixels: np.ndarray, hidden: np.ndarray) -> np.ndarray:
        images = to_images(pixels)
        if images.shape[1] == 1:
            images = np.repeat(images, 3, 1)
        masks = hidden.astype(np.float32)[None, None]
        seeds = {"seeds": [self._seed]} if self._whole else {}
        result = self._model(images, masks, **seeds, **self._options)
        if not np.isfinite(result).all():
            if runtime.dtype_name(self._model.dtype) != "float32":
                self._notice(f"numbers out of range in {runtime.dtype_name(self._model.dtype)}: again in float32")
                self._model.to(self._model.device, "float32")
                return self._pass(pixels, hidden)
            raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")
        if pixels.shape[2] == 1:
            result = result.mean(1, keepdims=True)
        filled = np.empty(pixels.shape, pixels.dtype)
        store(result[0], filled, int(np.iinfo(pixels.dtype).max))
        return filled


def _square(box: Box, side: int, shape: tuple[int, ...]) -> Box:
    """A crop of `side` around a box, moved inside an array of this shape, and as large as it where it is smaller."""
    height, width = min(max(side, box.height), shape[0]), min(max(side, box.width), shape[1])
    top = min(max(0, (box.top + box.bottom - height) // 2), shape[0] - height)
    left = min(max(0, (box.left + box.right - width) // 2), shape[1] - width)
    return Box(top, left, top + height, left + width)


def _fit(mask: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Bring a mask to (h, w); where it is reduced, to a hole wherever any pixel of it is one."""
    for axis, (old, new) in enumerate(zip(mask.shape, shape, strict=True)):
        places = np.arange(new) * old // new
        mask = np.logical_or.reduceat(mask, places, axis) if new < old else mask.take(places, axis)
    return mask


def _ramp(start: int, stop: int, inner_start: int, inner_stop: int, strip: int) -> np.ndarray:
    """1 inside, falling to 0 over `strip` pixels outside."""
    places = np.arange(start, stop)
    outside = np.maximum(np.maximum(inner_start - places, places - inner_stop + 1), 0)
    return (1 - outside / (strip + 1)).astype(np.float32)
