"""Give a picture colours and keep its lightness: chroma from the model at its own size, enlarged along the picture's edges.

The picture's own L is taken pixel by pixel and never leaves the result: what a model sees is a reduced copy of it. Chroma that
sRGB cannot show at that lightness is reduced towards grey (`genkit.nets.gamut`). The full-size work goes in strips, so that
memory stays bounded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import RunError, UsageError

if TYPE_CHECKING:
    from genkit.models.shapes import ColorizeModel
    from genkit.pixels.guided import Guided
    from genkit.run.verb import Notify
    from genkit.verbs.colorize.hints import Hints
    from genkit.verbs.colorize.palette import Palette

STRONGEST = 2.0
STRIP_PIXELS = 1 << 19  # worked on at once at full size: some 65 MB of float planes


@dataclass(frozen=True)
class ColorizeOptions:
    """`strength` scales the chroma: 0 grey, 1 the model's, at most 2."""

    strength: float = 1.0
    hints: Hints | None = None
    palette: Palette | None = None
    seed: int = 0
    model_options: Mapping[str, Any] = field(default_factory=dict)


def check(options: ColorizeOptions) -> None:
    """Refuse what no picture can be coloured with.

    Raises:
        UsageError: says which option.
    """
    if not 0 <= options.strength <= STRONGEST:
        raise UsageError(
            f"--strength {options.strength:g}: expected 0 (grey) to {STRONGEST:g} (twice the colour)", "1 is the model's own"
        )


def colorize(
    model: ColorizeModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    options: ColorizeOptions,
    notify: Notify = lambda message: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Colour sRGB or grey pixels (H, W, 1 or 3) uint8 or uint16: (H, W, 3) of the same dtype, and the alpha as it was.

    Raises:
        UsageError: contradictory options, or a model that gives no chroma. InputError: hints of another shape than the picture.
        RunError: out of memory, or a model that fails.
    """
    from genkit.pixels.transparency import bleed

    check(options)
    if model.shape != "colorize":
        raise UsageError("this model gives no colours", "see genkit models list --task colorize")
    visible = pixels if alpha is None else bleed(pixels, alpha)
    small = lightness_map(visible)
    lightness, ab = _predict(model, small, options, notify)
    guided = _prepare(small, lightness, ab, options)
    del small
    return _paint(pixels, guided), alpha


def lightness_map(pixels: np.ndarray) -> np.ndarray:
    """L of (H, W, 1 or 3) pixels as (H, W, 1) uint16: 0 to 65535 for 0 to 100, fine enough for what a model sees."""
    result = np.empty((*pixels.shape[:2], 1), np.uint16)
    for top, stop in _strips(pixels):
        part = lightness_of(pixels[top:stop])[0, 0]
        result[top:stop, :, 0] = np.rint(part * np.float32(655.35)).astype(np.uint16)
    return result


def lightness_of(pixels: np.ndarray) -> np.ndarray:
    """L (1, 1, H, W) float32, 0 to 100, of (H, W, 1 or 3) sRGB pixels."""
    from genkit.nets.lab import TO_XYZ, luminance_to_lightness

    table = _linear_table(int(np.iinfo(pixels.dtype).max))
    if pixels.shape[2] == 1:
        luminance = table[pixels[..., 0]]
    else:
        weights = (np.array(TO_XYZ[1]) / sum(TO_XYZ[1])).astype(np.float32)
        luminance = sum(table[pixels[..., channel]] * weights[channel] for channel in range(3))
    return np.clip(luminance_to_lightness(luminance), 0, 100)[None, None]


@lru_cache(maxsize=2)
def _linear_table(peak: int) -> np.ndarray:
    """The luminance of every grey value: looked up, it takes no power for each pixel."""
    from genkit.nets.lab import to_linear

    return to_linear(np.arange(peak + 1, dtype=np.float64) / peak).astype(np.float32)


def _strips(pixels: np.ndarray) -> list[tuple[int, int]]:
    height, width = pixels.shape[:2]
    rows = max(1, STRIP_PIXELS // width)
    return [(top, min(top + rows, height)) for top in range(0, height, rows)]


def _reduced(small: np.ndarray, height: int, width: int) -> np.ndarray:
    """A lightness map at another size: L (1, 1, height, width) float32."""
    from genkit.pixels.resample import resize

    return (resize(small, width, height)[..., 0].astype(np.float32) * np.float32(100 / 65535))[None, None]


def _predict(
    model: ColorizeModel, small: np.ndarray, options: ColorizeOptions, notify: Notify
) -> tuple[np.ndarray, np.ndarray]:
    """L at the model's working size and the ab that the model gives for it."""
    height, width = model.working_size(*small.shape[:2])
    lightness = _reduced(small, height, width)
    arguments: dict[str, Any] = dict(options.model_options)
    if model.stochastic:
        arguments["seed"] = options.seed
    if options.hints is not None:
        arguments["hints"], arguments["known"] = options.hints.at(small.shape[:2], (height, width))
    return lightness, _checked(model, lightness, arguments, notify)


def _checked(model: ColorizeModel, lightness: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    """Run the model; what memory or a half format spoils is made again on the CPU or in float32, with a notice."""
    from genkit import runtime

    try:
        ab = model.chroma(lightness, **arguments)
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    else:
        if np.isfinite(ab).all():
            return ab
        if runtime.dtype_name(model.dtype) == "float32":
            raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")
        notify(f"not-a-number result in {runtime.dtype_name(model.dtype)}: going on in float32")
        model.to(model.device, "float32")
        return _checked(model, lightness, arguments, notify)
    # outside the except block, so that the traceback no longer holds the tensors that did not fit
    runtime.release(model.device)
    if model.fallback and model.device.type != "cpu":
        notify(f"out of memory on {model.device}: going on on the CPU, which is slower")
        model.to("cpu", "float32")
        return _checked(model, lightness, arguments, notify)
    way_out = "take a smaller model, or --device cpu" if model.device.type != "cpu" else "take a smaller model"
    raise RunError(f"out of memory on {model.device} ({reason})", f"close other programs, {way_out}")


def _prepare(small: np.ndarray, lightness: np.ndarray, ab: np.ndarray, options: ColorizeOptions) -> Guided:
    """The chroma at the model's resolution, or at the picture's own where that is lower, ready to be enlarged."""
    from genkit.nets.planes import bilinear
    from genkit.pixels.guided import Guided

    size = min(ab.shape[2], small.shape[0]), min(ab.shape[3], small.shape[1])
    ab, lightness = (bilinear(planes, *size) for planes in (ab, lightness))
    if options.palette is not None:
        ab = options.palette.apply(lightness, ab)
    return Guided(lightness, ab * np.float32(options.strength))


def _paint(pixels: np.ndarray, guided: Guided) -> np.ndarray:
    """The picture's own L with the chroma, at full size: (H, W, 3)."""
    from genkit.pixels.arrays import store

    height, width = pixels.shape[:2]
    result = np.empty((height, width, 3), pixels.dtype)
    for top, stop in _strips(pixels):
        lightness = lightness_of(pixels[top:stop])
        colours = put_together(lightness, guided.rows(lightness, top, height))
        store(colours[0], result[top:stop], int(np.iinfo(pixels.dtype).max))
    return result


def put_together(lightness: np.ndarray, ab: np.ndarray) -> np.ndarray:
    """L (1, 1, H, W) and ab (1, 2, H, W) to sRGB (1, 3, H, W) in [0, 1] of exactly that L, its chroma reduced where it must."""
    from genkit.nets.gamut import fit_gamut

    return fit_gamut(np.concatenate([lightness, ab], 1))
