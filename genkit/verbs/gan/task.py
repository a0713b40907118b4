"""Draw pictures with a generator: from seeds, or from w, in batches that memory bears; and lay them out in grids.

A seed gives the same picture alone, in a batch and in a grid: its latent and its noise are drawn from it alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from genkit.errors import RunError

if TYPE_CHECKING:
    from genkit.models.shapes import SampleModel
    from genkit.run.verb import Notify

CPU_BATCH, GPU_BATCH = 4, 16
MEMORY_SHARE = 0.4
GAP = 2  # white pixels between the pictures of a grid


@dataclass(frozen=True)
class LatentPicture:
    """A picture: pixels (H, W, 3) uint8, alpha (H, W) or None; and its w (L, D) float32."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    w: np.ndarray


def batch_size(model: SampleModel, wanted: int | None) -> int:
    """How many pictures to draw at once: as given, else what the device and its memory bear."""
    if wanted is not None:
        return wanted
    from genkit import runtime

    usual = CPU_BATCH if model.device.type == "cpu" else GPU_BATCH
    room = MEMORY_SHARE * runtime.free_memory(model.device) / max(1, model.pixel_bytes * model.side**2)
    return max(1, min(usual, int(room)))


def draw(
    model: SampleModel,
    seeds: Sequence[int],
    *,
    label: str | int | None = None,
    truncation: float | None = None,
    batch: int | None = None,
    notify: Notify = lambda message: None,
) -> Iterator[LatentPicture]:
    """Pictures of seeds, in order.

    Raises:
        UsageError: a class or a truncation that this model has not got. RunError: out of memory, or numbers that are none.
    """
    w = model.embed(model.latents(seeds), model.labels_for(seeds, label), truncation)
    return render(model, w, list(seeds), truncation=truncation, batch=batch, notify=notify)


def render(
    model: SampleModel,
    w: np.ndarray,
    noise_seeds: Sequence[int | None],
    *,
    truncation: float | None = None,
    batch: int | None = None,
    notify: Notify = lambda message: None,
) -> Iterator[LatentPicture]:
    """Pictures of w (N, L, D), each with the noise of its seed, or the network's constant noise for None.

    Where memory runs out, the batch is halved; a picture that fits alone on no GPU is drawn on the CPU if the device was left
    to us. Numbers out of range in a half format are drawn again in float32, and so from there on.

    Raises:
        RunError: out of memory all the same, or numbers that are none in float32 too.
    """
    count = batch_size(model, batch)
    start = 0
    while start < len(w):
        stop = start + 1
        alike = noise_seeds[start] is None
        while stop < min(len(w), start + count) and (noise_seeds[stop] is None) == alike:
            stop += 1
        images, count = _fitting(model, w[start:stop], list(noise_seeds[start:stop]), truncation, count, notify)
        for index, image in enumerate(images):
            pixels = np.rint(image.transpose(1, 2, 0) * 255).astype(np.uint8)
            alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
            yield LatentPicture(np.ascontiguousarray(pixels[..., :3]), alpha, w[start + index])
        start += len(images)


def _fitting(
    model: SampleModel, w: np.ndarray, seeds: Sequence[int | None], truncation: float | None, count: int, notify: Notify
) -> tuple[np.ndarray, int]:
    """The pictures of the first of w that fit into memory, and how many may be tried next."""
    from genkit import runtime

    while True:
        try:
            noise = [one for one in seeds[: len(w)] if one is not None] or None  # all have a seed, or none has
            images = model.draw(w, noise_seed=noise, truncation=truncation)
        except (RuntimeError, MemoryError) as error:
            if not runtime.is_out_of_memory(error):
                raise
            runtime.release(model.device)
            if len(w) > 1:
                count = len(w) // 2
                w = w[:count]
                notify(f"out of memory on {model.device}: {count} at once from here on")
                continue
            if not (model.fallback and model.device.type != "cpu"):
                raise RunError(f"out of memory on {model.device}, with one picture at a time", "--device cpu") from error
            notify(f"out of memory on {model.device}, with one picture at a time: going on on the CPU")
            model.to("cpu", "float32")
            continue
        if np.isfinite(images).all():
            return images, count
        if not runtime.is_half(model.dtype):
            raise RunError("the model gave numbers that are none", "is it a model that was trained to its end?")
        notify(f"numbers out of range in {model.dtype}: float32 from here on")
        model.to(model.device, "float32")


def grid(pictures: Sequence[LatentPicture], columns: int, rows: int) -> tuple[np.ndarray, np.ndarray | None]:
    """Lay pictures out row by row: pixels (H, W, 3) and alpha (H, W) or None. Gaps, and cells without a picture, are white, or
    transparent where the pictures have an alpha."""
    height, width = pictures[0].pixels.shape[:2]
    size = rows * (height + GAP) - GAP, columns * (width + GAP) - GAP
    pixels = np.full((*size, 3), 255, np.uint8)
    alpha = None if pictures[0].alpha is None else np.zeros(size, np.uint8)
    for index, one in enumerate(pictures):
        top, left = index // columns * (height + GAP), index % columns * (width + GAP)
        pixels[top : top + height, left : left + width] = one.pixels
        if alpha is not None and one.alpha is not None:
            alpha[top : top + height, left : left + width] = one.alpha
    return pixels, alpha
