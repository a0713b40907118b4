"""Put pictures into a style from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


def style(
    image: Any,
    output: str | Path | None = None,
    *,
    style: Any = None,
    weights: Sequence[float] = (),
    style_size: int | None = None,
    strength: float = 1.0,
    keep_colors: bool = False,
    mask: str | Path | None = None,
    tile: int | None = None,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
) -> Any:
    """Put a picture into the style of others; `image`, `output`, `model` and what comes back are as for `upscale`.

    `style` is a picture (path, Pillow or array) or several, blended by `weights`; a model of one style takes none.
    `style_size` is the shorter side they are brought to: larger gives broader strokes. `strength` is 0 (the input) to 1;
    `mask` a picture, white where the style goes.

    Raises:
        GenkitError: its kind says what failed.
    """
    from dataclasses import replace

    from genkit.media.pictures import images
    from genkit.media.pictures.colour import to_srgb
    from genkit.pixels import masks
    from genkit.run import callers, pairing
    from genkit.verbs.inpaint.verb import read_drawn
    from genkit.verbs.style import task
    from genkit.verbs.style.verb import gather, style_names

    given = style if isinstance(style, (list, tuple)) else [] if style is None else [style]
    task.check_styles(len(given), weights, style_size)
    options = task.StyleOptions(strength=strength, keep_colors=keep_colors, tile=tile)
    task.check(options)
    taken = [callers.take(one) for one in given]
    if given:
        options = replace(options, styles=gather([to_srgb(one) for one in taken], weights, style_size))
    model = chosen("style", model, device, dtype)
    picture = to_srgb(callers.take(image))
    if mask is not None:
        drawn = read_drawn(Path(mask), images.MAX_PIXELS)
        size = picture.width, picture.height
        options = replace(options, mask=masks.from_picture(drawn.pixels, drawn.alpha, size, drawn.name))
    result = picture.with_pixels(*task.style(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    recorded: dict[str, Any] = {"weight": list(weights), "style_size": style_size, "keep_colors": keep_colors}
    recorded = {key: value for key, value in recorded.items() if value} | ({"strength": strength} if strength != 1 else {})
    recipe = recipe_of("style", model, recorded, image)
    named = zip(style_names(len(given)), given, taken, strict=True)
    files = {name: callers.facts_of(one, read) for name, one, read in named}
    files |= {"mask": pairing.facts_of(Path(mask))} if mask is not None else {}
    recipe |= {"files": files} if files else {}
    return callers.write_to(result, Path(output), recipe)
