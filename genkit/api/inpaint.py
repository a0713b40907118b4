"""Repaint parts of pictures from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


def inpaint(
    image: Any,
    output: str | Path | None = None,
    *,
    mask: Any = None,
    mask_color: str | None = None,
    mask_tolerance: int = 0,
    mask_box: str | None = None,
    outpaint: str | None = None,
    invert_mask: bool = False,
    grow: int = 4,
    feather: int = 4,
    seed: int = 0,
    max_pixels: int = 100_000_000,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
    **model_options: Any,
) -> Any:
    """Repaint a part of a picture (a path, a Pillow picture or an array as `upscale` takes), and not one pixel elsewhere.

    `mask` is "alpha", or a path, a Pillow picture or an array of bools or of pixels; white (True) is repainted. `mask_box` is
    "X,Y,WIDTH,HEIGHT" and `outpaint` "LEFT,TOP,RIGHT,BOTTOM", in pixels or per cent, up to a canvas of `max_pixels`. `model`,
    `output` and the result are as in `upscale`; `model_options` are the card's, such as prompt="a bench".

    Raises:
        GenkitError: its kind says what failed (`genkit.InputError`, `genkit.UsageError`, ...).
    """
    from genkit.pixels import masks
    from genkit.run import callers
    from genkit.verbs.inpaint import task

    word = "alpha" if isinstance(mask, str) and mask == "alpha" else None if mask is None else "drawn"
    rule = masks.read_rule(word, mask_color, mask_tolerance, mask_box, outpaint, invert_mask)
    options = task.InpaintOptions(grow=grow, feather=feather, model_options=model_options)
    task.check(options)
    model = chosen("inpaint", model, device, dtype)
    picture, drawn = callers.take(image), None
    masks.refuse_canvas(rule, picture.width, picture.height, max_pixels)
    if word == "drawn":
        of_mask = callers.take(_as_pixels(mask))
        drawn = masks.Drawn(of_mask.pixels, of_mask.alpha, "the mask")
    pixels, alpha, hole = masks.lay_out(rule, picture.pixels, picture.alpha, drawn)
    opaque = rule.alpha and not invert_mask
    result = picture.with_pixels(*task.inpaint(model, pixels, alpha, hole, options, seed=seed, opaque=opaque))
    if output is None:
        return callers.give_back(result, image)
    given: dict[str, Any] = {
        "mask": word if word == "alpha" else None,
        "mask_color": mask_color,
        "mask_tolerance": mask_tolerance,
    }
    given |= {"mask_box": mask_box, "outpaint": outpaint, "invert_mask": invert_mask, "model_options": model_options}
    recorded = {key: value for key, value in given.items() if value}
    recorded |= {key: value for key, value in (("grow", grow), ("feather", feather)) if value != 4}
    recipe = recipe_of("inpaint", model, recorded, image) | {"seed": seed}
    if drawn is not None:
        recipe["files"] = {"mask": callers.facts_of(mask, of_mask)}
    return callers.write_to(result, Path(output), recipe)


def _as_pixels(mask: Any) -> Any:
    """A mask of bools as pixels; anything else as it is."""
    import numpy as np

    return mask.astype(np.uint8) * 255 if isinstance(mask, np.ndarray) and mask.dtype == bool else mask
