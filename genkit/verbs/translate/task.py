"""Turn a picture into another kind of picture of the same size: a photograph into a drawing, edges into a photograph.

What a model is decides how a large picture gets through it. A network that looks at neighbourhoods only runs in tiles. One
that also takes statistics over the whole picture runs whole while memory lasts, and beyond that in tiles that all use the
statistics of one reduced copy, so there are no seams. One whose side is fixed, or which sees everything at once, gets the
picture at its side or at what memory holds, and the result is brought back to the picture's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genkit.errors import RunError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import TranslateModel
    from genkit.run.verb import Notify


SMALLEST_WORK_SIZE = 16
CPU_SHARE, GPU_SHARE = 0.15, 0.4  # of the free memory: on a CPU up to four pictures are under way at once
COPY_PIXELS = 1 << 20  # the least that statistics are taken from where memory allows
ENLARGED = 2  # times from which on it is said that a result was enlarged
PHOTO_WHITE = 0.4  # a drawing of edges is nearly all white; with less of it this is likely a photograph


@dataclass(frozen=True)
class TranslateOptions:
    """`strength` blends the result with the input; `to` is a domain of a model that has several; `edges` draws the edges of
    the picture first; `work_size` bounds the longer side that the model sees, in pixels."""

    strength: float = 1.0
    to: str | None = None
    edges: bool = False
    work_size: int | None = None
    seed: int = 0
    model_options: Mapping[str, Any] = field(default_factory=dict)


def check(options: TranslateOptions) -> None:
    """Refuse impossible values, before there is a picture.

    Raises:
        UsageError: says which option.
    """
    if not 0 <= options.strength <= 1:
        raise UsageError(f"--strength {options.strength:g}: expected 0 (the input) to 1 (all of the result)")
    if options.work_size is not None and options.work_size < SMALLEST_WORK_SIZE:
        raise UsageError(f"--work-size {options.work_size}: expected {SMALLEST_WORK_SIZE} pixels or more")


def choose_domain(
    domains: Sequence[str], wanted: str | None, model: str = "this model", *, optional: bool = False
) -> str | None:
    """The domain that `wanted` means, whatever its case; None for a model without domains, or where it is `optional`.

    Raises:
        UsageError: none is given where one is needed, one where there are none, or an unknown one; names those there are.
    """
    if not domains:
        if wanted is not None:
            raise UsageError(f"--to {wanted}: {model} makes one kind of picture only", "leave it out", code="model-option")
        return None
    listing = f"one of {', '.join(domains)}"
    if wanted is None and optional:
        return None
    if wanted is None:
        raise UsageError(f"{model} makes several kinds of pictures: say which", f"--to {listing}", code="no-domain")
    domain = next((one for one in domains if _plain(one) == _plain(wanted)), None)
    if domain is None:
        raise UsageError(f"--to {wanted}: {model} does not know it", f"--to {listing}", code="unknown-domain")
    return domain


def translate(
    model: TranslateModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    options: TranslateOptions,
    notify: Notify = lambda message: None,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Translate sRGB or grey pixels (H, W, 1 or 3) uint8 or uint16: (H, W, 3) of the same dtype, and the alpha as it was.

    Raises:
        UsageError: options that the model does not have. RunError: out of memory, or a model that fails.
    """
    import numpy as np

    from genkit.pixels.blending import lay_in
    from genkit.pixels.resample import resize
    from genkit.pixels.transparency import bleed

    check(options)
    domain = choose_domain(model.domains, options.to, optional=model.domain_optional)
    if options.edges and not model.edges:
        raise UsageError("--edges: this model does not start from edges", "leave it out", code="model-option")
    source = np.repeat(pixels, 3, axis=2) if pixels.shape[2] == 1 else pixels
    if options.strength == 0:
        return source.copy(), alpha
    inputs = _edges_of(model, source if alpha is None else bleed(source, alpha), options, notify)
    arguments: dict[str, Any] = dict(options.model_options)
    if domain is not None:
        arguments["domain"] = model.domains.index(domain)
    if model.stochastic or arguments.get("dropout"):
        arguments["seeds"] = [options.seed]
    output = resize(_at_work_size(model, inputs, arguments, options.work_size, notify), source.shape[1], source.shape[0])
    if options.strength == 1:
        return output, alpha
    result = source.copy()
    lay_in(result, output, np.full(result.shape[:2], options.strength, np.float32))
    return result, alpha


def _plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(" ", "-")


def _edges_of(model: TranslateModel, pixels: np.ndarray, options: TranslateOptions, notify: Notify) -> np.ndarray:
    """What the model is shown: the picture itself, or its edges, found at the size that the model works at."""
    import numpy as np

    if not options.edges:
        if not model.edges:
            return pixels
        peak = np.iinfo(pixels.dtype).max
        if (pixels.min(2) >= 0.9 * peak).mean() >= PHOTO_WHITE:
            return pixels
        if (pixels.max(2) <= 0.1 * peak).mean() >= PHOTO_WHITE and (pixels.min(2) >= 0.5 * peak).any():
            notify("the model wants dark edges on white, and this is light on dark: it is taken inverted")
            return np.asarray(peak - pixels, pixels.dtype)
        notify("the model wants dark edges on white, and this looks like a photograph: --edges draws its edges first")
        return pixels
    from genkit.pixels.edges import edge_map
    from genkit.pixels.resample import fitted, in_depth, resize

    height, width = pixels.shape[:2]
    bounds = [bound for bound in (options.work_size, model.side) if bound]
    if bounds and min(bounds) < max(height, width):
        pixels = resize(pixels, *fitted(width, height, min(bounds)))
    small = (pixels >> 8).astype(np.uint8) if pixels.dtype == np.uint16 else pixels
    drawing = edge_map(small)
    return in_depth(drawing, pixels.dtype)


def _at_work_size(
    model: TranslateModel, pixels: np.ndarray, arguments: Mapping[str, Any], work_size: int | None, notify: Notify
) -> np.ndarray:
    """The model's result at the picture's size, from a copy whose longer side is at most `work_size`."""
    from genkit.pixels.resample import fitted, resize

    height, width = pixels.shape[:2]
    if work_size is None or max(height, width) <= work_size:
        return _at_own_size(model, pixels, arguments, notify)
    output = _at_own_size(model, resize(pixels, *fitted(width, height, work_size)), arguments, notify)
    return resize(output, width, height)


def _at_own_size(model: TranslateModel, pixels: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    from genkit.pixels.tiling import run_tiled

    if model.stochastic:
        return _surely(model, pixels, arguments, notify)  # a pipeline knows its own size, and what memory it takes
    if model.side:
        return _at_side(model, model.side, pixels, arguments, notify)
    if not model.whole:
        return run_tiled(model, pixels, options=arguments, notify=notify)
    return _in_memory(model, pixels, arguments, notify)


def _at_side(model: TranslateModel, side: int, pixels: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    """Through a model of one side: squashed into its square, or fitted inside with mirror images around, and back."""
    import numpy as np

    from genkit.pixels.resample import fitted, resize

    height, width = pixels.shape[:2]
    if max(height, width) >= ENLARGED * side:
        notify(f"the model draws {side} x {side} pixels: its result is enlarged to {width} x {height}")
    if model.fit == "squash":
        return resize(_surely(model, resize(pixels, side, side), arguments, notify), width, height)
    inner_width, inner_height = fitted(width, height, side)
    left, top = (side - inner_width) // 2, (side - inner_height) // 2
    margins = ((top, side - inner_height - top), (left, side - inner_width - left), (0, 0))
    square = np.pad(resize(pixels, inner_width, inner_height), margins, mode="symmetric")
    output = _surely(model, square, arguments, notify)[top : top + inner_height, left : left + inner_width]
    return resize(np.ascontiguousarray(output), width, height)


def _in_memory(model: TranslateModel, pixels: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    """Through a model that takes statistics over the whole picture, at full size wherever that can be."""
    from genkit import runtime
    from genkit.pixels.arrays import to_images
    from genkit.pixels.resample import fitted, resize
    from genkit.pixels.tiling import UNKNOWN_HALO, choose_tile, run_tiled

    height, width = pixels.shape[:2]
    room = most_pixels(model)
    if height * width <= room:
        try:
            return _whole(model, pixels, arguments, notify)
        except (RuntimeError, MemoryError) as error:
            if not runtime.is_out_of_memory(error):
                raise
            room = min(room, height * width // 2)
        # outside the except block, so that the traceback no longer holds the tensors that did not fit
        runtime.release(model.device)
        model.whole_limit = room
    # statistics change with the size of what is seen, so a copy of half the side is as small as it gets while there is room
    area = room if not model.tiles else min(room, max(COPY_PIXELS, height * width // 4))
    copy_width, copy_height = fitted(width, height, max(1, int(max(height, width) * min(1.0, area / (height * width)) ** 0.5)))
    copy = resize(pixels, copy_width, copy_height)
    if not model.tiles:
        notify(f"too large for the free memory at once: made at {copy_width} x {copy_height} and enlarged back")
        return resize(_surely(model, copy, arguments, notify), width, height)
    notify(f"too large for the free memory at once: made in tiles, by the statistics of a copy of {copy_width} x {copy_height}")
    statistics = model.measure(to_images(copy), **arguments)
    halo = model.receptive if model.receptive is not None else UNKNOWN_HALO
    options = {**arguments, "statistics": statistics}
    return run_tiled(model, pixels, tile=choose_tile(model, halo), options=options, notify=notify)


def most_pixels(model: TranslateModel) -> int:
    """How many pixels a model that sees all of a picture may see at once."""
    from genkit import runtime

    share = CPU_SHARE if model.device.type == "cpu" else GPU_SHARE
    room = int(share * runtime.free_memory(model.device) // max(1, model.pixel_bytes))
    return max(model.minimum**2, min(room, model.whole_limit or room))


def _surely(model: TranslateModel, pixels: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    """`_whole`, and on the CPU where a GPU that was chosen for the user has not the memory.

    Raises:
        RunError: out of memory.
    """
    from genkit import runtime

    try:
        return _whole(model, pixels, arguments, notify)
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
    # outside the except block, so that the traceback no longer holds the tensors that did not fit
    runtime.release(model.device)
    if model.fallback and model.device.type != "cpu":
        notify(f"out of memory on {model.device}: going on on the CPU, which is slower")
        model.to("cpu", "float32")
        return _surely(model, pixels, arguments, notify)
    raise RunError(f"out of memory on {model.device} ({reason})", "close other programs, or give a smaller --work-size")


def _whole(model: TranslateModel, pixels: np.ndarray, arguments: Mapping[str, Any], notify: Notify) -> np.ndarray:
    """All of (H, W, 3) at once; what a half format spoils is made again in float32, with a notice.

    Raises:
        RunError: the model gives no numbers in float32 either.
    """
    import numpy as np

    from genkit import runtime
    from genkit.pixels.arrays import store, to_images

    output = model(to_images(pixels), **arguments)
    if not np.isfinite(output.sum()):
        if runtime.dtype_name(model.dtype) == "float32":
            raise RunError("the model gives values that are no numbers", "the weights may be damaged: genkit models verify")
        notify(f"not-a-number result in {runtime.dtype_name(model.dtype)}: going on in float32")
        model.to(model.device, "float32")
        return _whole(model, pixels, arguments, notify)
    result = np.empty_like(pixels)
    store(output[0], result, int(np.iinfo(pixels.dtype).max))
    return result
