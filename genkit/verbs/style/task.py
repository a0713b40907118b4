"""Put a picture into the style of others, in one pass of a network, at its full resolution.

The network sees the picture in tiles with shared statistics (`pixels/shared_statistics.py`) and the styles through codes, which
are mixed by weight. What it paints is laid over the input afterwards, in strips: its lightness alone with the input's colours
(`keep_colors`; Lab, chroma bent into sRGB), by `strength`, and inside a mask. At strength 0 the input itself is what remains.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import RunError, UsageError

if TYPE_CHECKING:
    from genkit.models.shapes import StyleModel
    from genkit.run.verb import Notify

SMALLEST_STYLE, LARGEST_STYLE = 64, 4096
LONGEST = 4  # of a style picture, in shorter sides: what is longer is cut off
SMALLEST_TILE = 64
SMALLEST_WORK_SIZE = 64
FINE = 4_000_000  # pixels from which strokes, which are some pixels wide, are hardly seen in the whole
FEATHER = 4  # pixels over which a mask's edge is blended, inside it
STRIP_PIXELS = 1 << 19  # worked on at once at full size


@dataclass
class Styles:
    """The pictures (H, W, 1 or 3) uint8 or uint16 whose style is wanted, each with its share; shares sum to one.

    `size` is the shorter side that each is brought to: the larger, the larger the strokes. None: reduced to the model's own,
    never enlarged.
    """

    pictures: Sequence[np.ndarray]
    shares: Sequence[float] = ()
    size: int | None = None
    _codes: dict[Any, list[np.ndarray]] = field(default_factory=dict, repr=False)
    _lock: Any = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        if not self.shares:
            self.shares = (1.0,) * len(self.pictures)
        total = math.fsum(self.shares)
        self.shares = tuple(share / total for share in self.shares)

    def code(self, model: StyleModel, notify: Notify = lambda message: None) -> list[np.ndarray]:
        """What the network keeps of the styles, mixed; made once for each device and number format.

        Raises:
            RunError: out of memory, or a model that fails.
        """
        with self._lock:
            key = id(model), str(model.device), str(model.dtype)
            if key not in self._codes:
                self._codes[key] = self._mixed(model, notify)
            return self._codes[key]

    def _mixed(self, model: StyleModel, notify: Notify) -> list[np.ndarray]:
        codes = [_encoded(model, fitted(picture, self.size, model.style_side), notify) for picture in self.pictures]
        parts = zip(*codes, strict=True)
        shares = np.array(self.shares, np.float32)
        return [np.asarray(sum(share * one for share, one in zip(shares, part, strict=True))) for part in parts]


@dataclass(frozen=True)
class StyleOptions:
    """`strength` blends the result with the input: 0 the input, 1 the style. `mask` (H, W): True where the style goes.
    `tile`: None = from the free memory, 0 = whole, else a side in pixels. `work_size`: the longer side that the network sees at
    most, in pixels; what it paints is enlarged along the picture's edges (None: the picture's own). `paint` makes of visible
    pixels (H, W, 1 or 3) styled ones (H, W, 3) in place of the network's plain pass. `of_model` are the model's own options."""

    styles: Styles | None = None
    strength: float = 1.0
    keep_colors: bool = False
    mask: np.ndarray | None = None
    tile: int | None = None
    work_size: int | None = None
    paint: Callable[[np.ndarray], np.ndarray] | None = None
    of_model: Mapping[str, Any] = field(default_factory=dict)

    def code(self, model: StyleModel, notify: Notify = lambda message: None) -> list[np.ndarray]:
        """What the network goes by: the styles, mixed, or one of its own."""
        return self.styles.code(model, notify) if self.styles is not None else model.own_code(self.of_model)


def check(options: StyleOptions) -> None:
    """Refuse what no picture can be styled with.

    Raises:
        UsageError: says which option.
    """
    if not 0 <= options.strength <= 1:
        raise UsageError(f"--strength {options.strength:g}: expected 0 (the input) to 1 (the style)")
    if options.tile is not None and (options.tile < 0 or 0 < options.tile < SMALLEST_TILE):
        raise UsageError(
            f"--tile {options.tile}: expected auto, 0 for the whole picture, or at least {SMALLEST_TILE} pixels", "auto is best"
        )
    if options.work_size is not None and options.work_size < SMALLEST_WORK_SIZE:
        raise UsageError(f"--work-size {options.work_size}: expected {SMALLEST_WORK_SIZE} pixels or more")


def check_styles(count: int, weights: Sequence[float], size: int | None) -> None:
    """Refuse weights that do not go with so many styles, and sizes that no style can be brought to.

    Raises:
        UsageError: says which option.
    """
    if weights and len(weights) != count:
        styles = f"{count} style{'s' if count != 1 else ''}"
        raise UsageError(f"--weight is given {len(weights)} times for {styles}", "one for each --style, in their order")
    if any(not 0 <= weight < math.inf for weight in weights) or (weights and not sum(weights)):
        raise UsageError(
            f"--weight {' '.join(f'{weight:g}' for weight in weights)}: expected numbers from 0 on, not all of them 0"
        )
    if size is not None and not SMALLEST_STYLE <= size <= LARGEST_STYLE:
        raise UsageError(f"--style-size {size}: expected {SMALLEST_STYLE} to {LARGEST_STYLE} pixels")


def style(
    model: StyleModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    options: StyleOptions,
    notify: Notify = lambda message: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Style sRGB or grey pixels (H, W, 1 or 3) uint8 or uint16: (H, W, 3) of the same dtype, and the alpha as it was.

    Raises:
        UsageError: contradictory options, no style for a model that needs one, or a model that is none of style.
        RunError: out of memory, or a model that fails.
    """
    from genkit.pixels.transparency import bleed

    check(options)
    if options.paint is None:
        _fits(model, options)
    if options.mask is not None and not options.mask.any():
        notify("the mask is empty, so the picture stays as it is: white is styled, black and transparent are kept")
    elif options.strength:
        visible = pixels if alpha is None else bleed(pixels, alpha)
        if options.paint is not None:
            return lay_over(pixels, options.paint(visible), options), alpha
        return lay_over(pixels, _painted(model, visible, options.code(model, notify), options, notify), options), alpha
    return np.repeat(pixels, 3, 2) if pixels.shape[2] == 1 else pixels, alpha


def _painted(
    model: StyleModel, pixels: np.ndarray, code: list[np.ndarray], options: StyleOptions, notify: Notify
) -> np.ndarray:
    """What the network makes of visible pixels (H, W, 1 or 3), at their size: (H, W, 3)."""
    from genkit.pixels.resample import resize
    from genkit.pixels.shared_statistics import stylize
    from genkit.verbs.style.photoreal import enlarge_along

    height, width = pixels.shape[:2]
    if options.work_size is None or max(height, width) <= options.work_size:
        if height * width >= FINE:
            notify(f"{height * width / 1e6:.0f} megapixels: strokes are a few pixels wide; --work-size 1024 gives broad ones")
        return stylize(model, pixels, code, tile=options.tile, notify=notify)
    share = options.work_size / max(height, width)
    small = resize(pixels, max(1, round(width * share)), max(1, round(height * share)))
    return enlarge_along(pixels, stylize(model, small, code, tile=options.tile, notify=notify))


def _fits(model: StyleModel, options: StyleOptions) -> None:
    if model.shape != "style":
        raise UsageError("this model gives no style", "see genkit models list --task style")
    if model.own_style and options.styles is not None:
        raise UsageError("this model has one style of its own, and takes no other")
    if not model.own_style and options.styles is None:
        raise UsageError("this model needs a style picture")


def fitted(picture: np.ndarray, size: int | None, most: int) -> np.ndarray:
    """A style picture at the size that a network sees it at; of one that is all length, the middle."""
    from genkit.pixels.resample import resize

    height, width = picture.shape[:2]
    shorter = min(height, width)
    top, left = max(0, height - LONGEST * shorter) // 2, max(0, width - LONGEST * shorter) // 2
    picture = picture[top : height - top, left : width - left]
    scale = (size or min(most, shorter)) / shorter
    return resize(picture, max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))


def _encoded(model: StyleModel, picture: np.ndarray, notify: Notify) -> list[np.ndarray]:
    """The code of one style picture; what memory or a half format spoils is made again on the CPU or in float32."""
    from genkit import runtime
    from genkit.pixels.arrays import to_images

    try:
        images = to_images(picture)
        code = model.style(np.repeat(images, 3, 1) if images.shape[1] == 1 else images)
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    else:
        if all(np.isfinite(part).all() for part in code):
            return code
        if runtime.dtype_name(model.dtype) == "float32":
            raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")
        notify(f"not-a-number result in {runtime.dtype_name(model.dtype)}: going on in float32")
        model.to(model.device, "float32")
        return _encoded(model, picture, notify)
    # outside the except block, so that the traceback no longer holds the tensors that did not fit
    runtime.release(model.device)
    if not model.fallback or model.device.type == "cpu":
        raise RunError(f"out of memory on {model.device} ({reason})", "a smaller --style-size takes less")
    notify(f"out of memory on {model.device}: going on on the CPU, which is slower")
    model.to("cpu", "float32")
    return _encoded(model, picture, notify)


def lay_over(pixels: np.ndarray, styled: np.ndarray, options: StyleOptions) -> np.ndarray:
    """Blend `styled` (H, W, 3) with the input (H, W, 1 or 3), same dtype, by colours, strength and mask: (H, W, 3)."""
    if options.strength == 1 and options.mask is None and not options.keep_colors:
        return styled
    height, width = pixels.shape[:2]
    peak = int(np.iinfo(pixels.dtype).max)
    result = np.empty_like(styled)
    rows = max(1, STRIP_PIXELS // width)
    for top in range(0, height, rows):
        strip = slice(top, min(top + rows, height))
        before = pixels[strip].astype(np.float32)
        after = _in_colours_of(pixels[strip], styled[strip]) if options.keep_colors else styled[strip].astype(np.float32)
        share: Any = options.strength
        if options.mask is not None:
            share = share * _inside(options.mask, strip)[..., None]
        result[strip] = np.clip(np.rint(before + (after - before) * share), 0, peak).astype(pixels.dtype)
    return result


def _in_colours_of(pixels: np.ndarray, styled: np.ndarray) -> np.ndarray:
    """The lightness of `styled` with the chroma of `pixels`, (h, w, 3) float32 of their range."""
    from genkit.nets.gamut import fit_gamut
    from genkit.nets.lab import rgb_to_lab
    from genkit.pixels.arrays import to_images

    lightness = rgb_to_lab(to_images(styled))[:, :1]
    colours = to_images(pixels)
    chroma = rgb_to_lab(np.repeat(colours, 3, 1) if colours.shape[1] == 1 else colours)[:, 1:]
    mixed = fit_gamut(np.concatenate([lightness, chroma], 1))
    return mixed[0].transpose(1, 2, 0) * np.float32(np.iinfo(pixels.dtype).max)


def _inside(mask: np.ndarray, strip: slice) -> np.ndarray:
    """Weights (h, w) float32: 0 outside the mask, rising to 1 over FEATHER pixels inside it."""
    from genkit.pixels.blending import seam_weights
    from genkit.pixels.holes import Box, distance_in

    away = distance_in(~mask, Box(strip.start, 0, strip.stop, mask.shape[1]), FEATHER + 1)
    return 1 - seam_weights(away, 0, FEATHER)
