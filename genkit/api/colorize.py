"""Give pictures colours from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


def colorize(
    image: Any,
    output: str | Path | None = None,
    *,
    strength: float = 1.0,
    hint: str | Path | None = None,
    reference: str | Path | None = None,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
    **model_options: Any,
) -> Any:
    """Give a picture colours and keep its lightness; `image`, `output`, `model` and what comes back are as for `upscale`.

    `strength` is 0 (grey) to 2; `hint` a picture of coloured strokes on transparency, for models that take them; `reference`
    a picture to take the palette from.

    Raises:
        GenkitError: its kind says what failed.
    """
    from genkit.media.pictures.colour import to_srgb
    from genkit.run import callers
    from genkit.run.further import read_further
    from genkit.run.pairing import facts_of
    from genkit.verbs.colorize.hints import Hints
    from genkit.verbs.colorize.palette import Palette
    from genkit.verbs.colorize.task import ColorizeOptions, check
    from genkit.verbs.colorize.task import colorize as give_colours

    hints = palette = None
    if hint is not None:
        strokes = read_further("hint", Path(hint))
        hints = Hints.of(strokes.pixels, strokes.alpha, f"hint {hint}")
    if reference is not None:
        shown = read_further("reference", Path(reference))
        palette = Palette.of(shown.pixels, shown.alpha, f"reference {reference}")
    options = ColorizeOptions(strength, hints, palette, model_options=model_options)
    check(options)
    model = chosen("colorize", model, device, dtype)
    picture = to_srgb(callers.take(image))
    result = picture.with_pixels(*give_colours(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    recorded = ({"strength": strength} if strength != 1 else {}) | ({"model_options": model_options} if model_options else {})
    recipe = recipe_of("colorize", model, recorded, image)
    further = {"hint": hint, "reference": reference}
    if files := {option: facts_of(Path(path)) for option, path in further.items() if path is not None}:
        recipe["files"] = files
    return callers.write_to(result, Path(output), recipe)
