"""Repaint what a mask covers, and not one pixel elsewhere.

The mask is grown by a few pixels (`rim.py`), for what is to go leaves a rim behind; all of that is hidden from the model. What
it gives for the known pixels of a band around the hole is blended into them (`blending.py`). Pixels beyond are not touched, so
they are equal bit for bit. Holes that lie apart are filled one after another (`holes.py`), each in a crop
(`coarse_to_fine.py`), and given the texture that they lack (`texture.py`); a later one sees the earlier.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.models.shapes import FillModel
    from genkit.run.verb import Notify

MOST = 1024  # pixels that a mask may be grown or feathered by
SEAM = 32  # pixels on either side of the edges of a tile, repainted once more where a hole crosses them


@dataclass(frozen=True)
class InpaintOptions:
    """`grow` and `feather` in pixels, None for a share of the diagonal (`rim.margin`); the model sees what is feathered unless
    `hide_feather`; `texture` is how much of the surroundings' texture is added, None decides by itself; with `wrap` the edges
    meet, as those of a tile do."""

    grow: int | None = None
    feather: int | None = None
    hide_feather: bool = False
    texture: float | None = None
    wrap: bool = False
    model_options: Mapping[str, Any] = field(default_factory=dict)


def check(options: InpaintOptions) -> None:
    """Refuse impossible numbers.

    Raises:
        UsageError: says which option.
    """
    for name, value in (("--grow", options.grow), ("--feather", options.feather)):
        if value is not None and not 0 <= value <= MOST:
            raise UsageError(f"{name} {value}: expected 0 to {MOST} pixels")


def inpaint(
    model: FillModel,
    pixels: np.ndarray,
    alpha: np.ndarray | None,
    mask: np.ndarray,
    options: InpaintOptions,
    notify: Notify = lambda message: None,
    *,
    seed: int = 0,
    opaque: bool = False,
) -> tuple[np.ndarray, np.ndarray | None]:
    """Repaint (H, W, C) uint8 or uint16, C 1 or 3, where `mask` (H, W) is True; same dtype and channels.

    `opaque` makes the alpha (H, W) opaque there; without it alpha stays as it is.

    Raises:
        UsageError: impossible options. InputError: nothing is left to go by. RunError: out of memory, or a model that fails.
    """
    import numpy as np

    from genkit.pixels.blending import lay_in, make_opaque, seam_weights
    from genkit.pixels.holes import distance_in, find_holes
    from genkit.pixels.torus import round_edges
    from genkit.pixels.transparency import bleed
    from genkit.verbs.inpaint.coarse_to_fine import HoleFiller
    from genkit.verbs.inpaint.rim import margin
    from genkit.verbs.inpaint.texture import add_texture

    check(options)
    if not mask.any():
        notify("the mask is empty: nothing to repaint, the picture stays as it is")
        return pixels, alpha
    if options.wrap:
        flat = dataclasses.replace(options, wrap=False)
        turned = partial(inpaint, model, options=flat, notify=notify, seed=seed, opaque=opaque)
        return round_edges(turned, pixels, alpha, mask, SEAM)
    filler = HoleFiller(model, options.model_options, seed, notify)
    grow, feather = (margin(mask.shape) if given is None else given for given in (options.grow, options.feather))
    spread = grow + feather
    hidden = spread if options.hide_feather else grow
    boxes = [box.grown(spread, mask.shape) for box in find_holes(mask, max(1, filler.fit() - 2 * spread))]
    unknown = np.zeros(mask.shape, bool)
    for box in boxes:
        unknown[box.slices] |= distance_in(mask, box, hidden) <= hidden
    if unknown.all() and not options.model_options.get("prompt"):
        covers = "covers the whole picture" if mask.all() else f"covers the whole picture once it is grown by {hidden} pixels"
        raise InputError(
            f"the mask {covers}: nothing is left to go by",
            "--invert-mask if the other part was meant; a model that draws from words needs --prompt",
            code="full-mask",
        )
    result = pixels.copy()
    # what the model sees: the colours under fully transparent pixels are any, and would darken what it paints beside them
    seen = result if alpha is None else bleed(pixels, alpha)
    seen = result if seen is pixels else seen
    result_alpha = alpha.copy() if alpha is not None and opaque else alpha
    no_source = unknown if alpha is None else unknown | (alpha == 0)
    for box in boxes:
        distances = distance_in(mask, box, spread)
        todo = unknown[box.slices] & (distances <= hidden)
        if not todo.any():  # it lay in the box of another
            continue
        band = (distances <= spread) & ~no_source[box.slices]
        weights = seam_weights(distances, grow, feather) * (todo | band)
        filling = filler.fill(seen, unknown, todo, box)
        filling = add_texture(seen, no_source, todo, box, filling, options.texture, seed)
        for target in (result,) if seen is result else (result, seen):
            lay_in(target[box.slices], filling, weights)
        if result_alpha is not None and opaque:
            make_opaque(result_alpha[box.slices], weights)
        unknown[box.slices] &= ~todo
        no_source[box.slices] &= ~todo
    return result, result_alpha
