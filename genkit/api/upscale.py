"""Enlarge pictures from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.api.models import load, recipe_of


def upscale(
    image: Any,
    output: str | Path | None = None,
    *,
    scale: float | None = None,
    size: str | None = None,
    width: int | None = None,
    height: int | None = None,
    model: Any = None,
    tile: int | None = None,
    wrap: bool = False,
    tta: bool = False,
    device: str = "auto",
    dtype: str = "auto",
    **model_options: Any,
) -> Any:
    """Enlarge a picture: a path, a Pillow picture, or an array (H, W), (H, W, 1 to 4), uint8 or uint16.

    Without `output`, an array gives an array, anything else a Pillow picture. With it, the result is written there with the
    input's metadata and a recipe, atomically and over what is there, and the path is returned. `model` is a name or what
    `load` gave; `tile` is in input pixels, None for automatic.

    Raises:
        GenkitError: its kind says what failed (`genkit.InputError`, `genkit.UsageError`, ...).
    """
    from genkit import cards
    from genkit.run import callers
    from genkit.verbs.upscale.task import UpscaleOptions, check
    from genkit.verbs.upscale.task import upscale as enlarge

    options = UpscaleOptions(scale, width, height, size, tile, wrap, tta, model_options)
    check(options)
    if model is None or isinstance(model, str):
        name = model or cards.default_model("upscale", scale=scale)
        model = load(cards.find(name, "upscale").name if not name.endswith(".toml") else name, device=device, dtype=dtype)
    picture = callers.take(image)
    result = picture.with_pixels(*enlarge(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    recorded = {key: value for key, value in vars(options).items() if value and key != "tile"}
    return callers.write_to(result, Path(output), recipe_of("upscale", model, recorded, image))
