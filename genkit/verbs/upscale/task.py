"""Make a picture larger: the model at its own scale, once or twice, then a resampler to the exact size.

Deciding the size (`target_size`) needs neither torch nor numpy, because the plan does it before anything is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import TransformModel
    from genkit.run.verb import Notify

# width x height of a screen held sideways; for an upright picture they are turned
BOXES = {
    "720p": (1280, 720),
    "1080p": (1920, 1080),
    "1440p": (2560, 1440),
    "2k": (2560, 1440),
    "4k": (3840, 2160),
    "5k": (5120, 2880),
    "8k": (7680, 4320),
}
LARGEST_SCALE = 16.0
SMALLEST_TILE = 16  # below this nearly all that is computed is the halo
LARGEST_PASSES = 16  # what repeated passes of a model may multiply up to; more shows invented texture only
# The quality of a JPEG up to which genkit-x4-photo is taken, by the scale of the model that else would be. Measured on 14
# held-out photographs, reduced and then saved as JPEG (mean LPIPS with AlexNet and PSNR on Y of the ordinary network and of the
# photo one). x4, quality 40: 0.49 and 0.37, 24.4 and 24.2 dB; 80: 0.40 and 0.33, 25.9 and 24.9 dB; 90: 0.35 and 0.32, 26.6 and
# 25.1 dB; clean: 0.25 and 0.29, 27.8 and 25.2 dB. It looks better up to 95, but keeps less: 1 dB is what it may cost. x2, where
# it is followed by a reduction, quality 40: 0.26 and 0.23, 27.5 and 27.4 dB; 60: 0.22 and 0.22, 28.3 and 27.9 dB; 75: 0.18 and
# 0.21, 29.3 and 28.2 dB.
WORN = {4: 80, 2: 50}
RESAMPLED = 1.1  # a remainder up to this is left to the resampler rather than to another pass


@dataclass(frozen=True)
class UpscaleOptions:
    """`scale`, `size` and `width`/`height` exclude each other; none of them means the model's own scale. `tile`: None =
    automatic, 0 = the whole picture, else input pixels."""

    scale: float | None = None
    width: int | None = None
    height: int | None = None
    size: str | None = None
    tile: int | None = None
    wrap: bool = False
    tta: bool = False
    model_options: Mapping[str, Any] = field(default_factory=dict)


def check(options: UpscaleOptions) -> None:
    """Refuse contradictory or impossible sizes, before there is a picture.

    Raises:
        UsageError: says which option.
    """
    sizes = [
        name
        for name, value in (
            ("--scale", options.scale),
            ("--size", options.size),
            ("--width/--height", options.width or options.height),
        )
        if value is not None
    ]
    if len(sizes) > 1:
        raise UsageError(f"{' and '.join(sizes)} contradict each other", "give one of them")
    if options.scale is not None and not 0 < options.scale <= LARGEST_SCALE:
        raise UsageError(f"--scale {options.scale:g}: expected more than 0 and at most {LARGEST_SCALE:g}")
    for name, value in (("--width", options.width), ("--height", options.height)):
        if value is not None and value < 1:
            raise UsageError(f"{name} {value} is less than one pixel")
    if options.tile is not None and options.tile < 0:
        raise UsageError(f"--tile {options.tile} is negative", "auto, 0 for the whole picture, or a side in pixels")
    if options.tile is not None and 0 < options.tile < SMALLEST_TILE:
        raise UsageError(f"--tile {options.tile}: less than {SMALLEST_TILE} pixels takes many times as long", "auto is best")
    if options.size is not None:
        _box(options.size, 1, 1)


def target_size(width: int, height: int, options: UpscaleOptions, model_scale: int) -> tuple[int, int]:
    """The (width, height) that a picture comes out with; a box keeps the aspect ratio and is fitted inside.

    Raises:
        UsageError: contradictory or impossible options.
    """
    check(options)
    if options.size is not None:
        box_width, box_height = _box(options.size, width, height)
        ratio = min(box_width / width, box_height / height)
    elif options.width is not None or options.height is not None:
        ratio = min((options.width or 1 << 40) / width, (options.height or 1 << 40) / height)
    else:
        ratio = options.scale if options.scale is not None else float(model_scale)
    return max(1, round(width * ratio)), max(1, round(height * ratio))


def _box(size: str, width: int, height: int) -> tuple[int, int]:
    named = BOXES.get(size.lower())
    if named is not None:
        return named if width >= height else (named[1], named[0])
    match = re.fullmatch(r"([1-9]\d{0,5})[xX×]([1-9]\d{0,5})", size)
    if match is None:
        raise UsageError(f"--size {size!r} is neither WIDTHxHEIGHT nor one of {', '.join(BOXES)}")
    return int(match[1]), int(match[2])


def passes(ratio: float, model_scale: int) -> int:
    """How often the model runs: until it reaches the ratio, or nearly; not at all where nothing grows."""
    if model_scale == 1:
        return 1
    if ratio <= 1:
        return 0
    count = 1
    while model_scale**count * RESAMPLED < ratio and model_scale ** (count + 1) <= LARGEST_PASSES:
        count += 1
    return count


def upscale(
    model: TransformModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    options: UpscaleOptions,
    notify: Notify = lambda message: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Enlarge (H, W, C) uint8 or uint16, C 1 or 3, and its alpha (H, W), to `target_size`; same dtype and channels.

    Raises:
        UsageError: contradictory options. RunError: out of memory, or a model that fails.
    """
    from genkit.pixels.resample import resize
    from genkit.pixels.tiling import run_tiled
    from genkit.pixels.transparency import bleed, hold

    height, width = pixels.shape[:2]
    size = target_size(width, height, options, model.scale)
    count = passes(max(size[0] / width, size[1] / height), model.scale)
    if count == 0 and size != (width, height):
        notify(f"{width}x{height} is larger than {size[0]}x{size[1]} already: reduced without the model")

    def enlarge(picture: np.ndarray) -> np.ndarray:
        for _ in range(count):
            picture = run_tiled(
                model,
                picture,
                tile=options.tile,
                wrap=options.wrap,
                tta=options.tta,
                options=options.model_options,
                notify=notify,
            )
        return resize(picture, *size, wrap=options.wrap)

    if alpha is None:
        return enlarge(pixels), None
    enlarged = enlarge(bleed(pixels, alpha))
    if alpha.min() == alpha.max():
        import numpy as np

        return enlarged, np.full((size[1], size[0]), alpha.flat[0], alpha.dtype)
    if size == (width, height):
        return enlarged, alpha
    mask = alpha[..., None]
    # a restoring model of scale 1 would repair the mask as if it were a photograph
    grown = enlarge(mask) if model.scale > 1 else resize(mask, *size, wrap=options.wrap)
    return enlarged, hold(grown[..., 0], alpha, wrap=options.wrap)
