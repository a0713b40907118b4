"""genkit: generative media on the command line and from Python.

    import genkit

    large = genkit.upscale("photo.jpg", scale=2)              # a Pillow picture; an array in gives an array out
    genkit.upscale("photo.jpg", "large/photo.jpg", scale=2)   # a file, with metadata and recipe, as the command writes it
    model = genkit.load("genkit-x4")                          # loaded once, for many calls
    genkit.upscale(array, model=model)
    genkit.list_models("upscale")

Nothing heavy is imported until a function is called.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, OutputError, RunError, UsageError, WeightsError

if TYPE_CHECKING:
    from genkit.cards import Card


__version__ = "0.1.0"

__all__ = [
    "GenkitError",
    "InputError",
    "OutputError",
    "RunError",
    "UsageError",
    "WeightsError",
    "__version__",
    "colorize",
    "inpaint",
    "list_models",
    "load",
    "style",
    "translate",
    "upscale",
]


def list_models(task: str | None = None) -> list[Card]:
    """The cards of all models, or of one verb's."""
    from genkit import cards

    return cards.all_cards(task)


def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Any:
    """Load a model, fetching it if need be, and return it as a callable of its task's shape. The last two loaded are kept.

    Raises:
        UsageError: an unknown name or an absent device. WeightsError: it cannot be had.
    """
    return _load(name, device, dtype, accept_licence)


@lru_cache(maxsize=2)
def _load(name: str, device: str, dtype: str, accept_licence: bool) -> Any:
    import warnings

    from genkit import cards, runtime, weights
    from genkit.models import load_model

    card = cards.find(name)
    files = weights.resolve(card, announce=lambda text: warnings.warn(text, stacklevel=4), accept_licence=accept_licence)
    place = runtime.choose(device, dtype, card.dtypes)
    model = load_model(card, files, place.device, place.dtype, fallback=place.fallback)
    model.card = card
    return model


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
    from genkit.media import callers
    from genkit.tasks.upscale import UpscaleOptions, check
    from genkit.tasks.upscale import upscale as enlarge

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
    return callers.write_to(result, Path(output), _recipe("upscale", model, recorded, image))


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
    from genkit.media import callers
    from genkit.tasks import inpaint as task
    from genkit.tasks import masks

    word = "alpha" if isinstance(mask, str) and mask == "alpha" else None if mask is None else "drawn"
    rule = masks.read_rule(word, mask_color, mask_tolerance, mask_box, outpaint, invert_mask)
    options = task.InpaintOptions(grow=grow, feather=feather, model_options=model_options)
    task.check(options)
    model = _chosen("inpaint", model, device, dtype)
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
    recipe = _recipe("inpaint", model, recorded, image) | {"seed": seed}
    if drawn is not None:
        recipe["files"] = {"mask": callers.facts_of(mask, of_mask)}
    return callers.write_to(result, Path(output), recipe)


def _as_pixels(mask: Any) -> Any:
    """A mask of bools as pixels; anything else as it is."""
    import numpy as np

    return mask.astype(np.uint8) * 255 if isinstance(mask, np.ndarray) and mask.dtype == bool else mask


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
    from genkit.media import callers
    from genkit.media.colour import to_srgb
    from genkit.media.further import read_further
    from genkit.media.pairing import facts_of
    from genkit.tasks.colorize import ColorizeOptions, check
    from genkit.tasks.colorize import colorize as give_colours
    from genkit.tasks.hints import Hints
    from genkit.tasks.palette import Palette

    hints = palette = None
    if hint is not None:
        strokes = read_further("hint", Path(hint))
        hints = Hints.of(strokes.pixels, strokes.alpha, f"hint {hint}")
    if reference is not None:
        shown = read_further("reference", Path(reference))
        palette = Palette.of(shown.pixels, shown.alpha, f"reference {reference}")
    options = ColorizeOptions(strength, hints, palette, model_options=model_options)
    check(options)
    model = _chosen("colorize", model, device, dtype)
    picture = to_srgb(callers.take(image))
    result = picture.with_pixels(*give_colours(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    recorded = ({"strength": strength} if strength != 1 else {}) | ({"model_options": model_options} if model_options else {})
    recipe = _recipe("colorize", model, recorded, image)
    further = {"hint": hint, "reference": reference}
    if files := {option: facts_of(Path(path)) for option, path in further.items() if path is not None}:
        recipe["files"] = files
    return callers.write_to(result, Path(output), recipe)


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

    from genkit.cli.inpaint import read_drawn
    from genkit.cli.style import gather, style_names
    from genkit.media import callers, images, pairing
    from genkit.media.colour import to_srgb
    from genkit.tasks import masks
    from genkit.tasks import style as task

    given = style if isinstance(style, (list, tuple)) else [] if style is None else [style]
    task.check_styles(len(given), weights, style_size)
    options = task.StyleOptions(strength=strength, keep_colors=keep_colors, tile=tile)
    task.check(options)
    taken = [callers.take(one) for one in given]
    if given:
        options = replace(options, styles=gather([to_srgb(one) for one in taken], weights, style_size))
    model = _chosen("style", model, device, dtype)
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
    recipe = _recipe("style", model, recorded, image)
    named = zip(style_names(len(given)), given, taken, strict=True)
    files = {name: callers.facts_of(one, read) for name, one, read in named}
    files |= {"mask": pairing.facts_of(Path(mask))} if mask is not None else {}
    recipe |= {"files": files} if files else {}
    return callers.write_to(result, Path(output), recipe)


def translate(
    image: Any,
    output: str | Path | None = None,
    *,
    to: str | None = None,
    strength: float = 1.0,
    edges: bool = False,
    work_size: int | None = None,
    seed: int = 0,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
    **model_options: Any,
) -> Any:
    """Turn a picture into another kind of picture; `image`, `output`, `model` and what comes back are as for `upscale`.

    `to` is a domain of a model that knows several; `strength` 0 (the input) to 1; `edges` draws the picture's edges first, for
    a model of edges; `work_size` is the longer side that the model sees. `model_options` are the card's, such as prompt="snow".

    Raises:
        GenkitError: its kind says what failed.
    """
    from genkit.media import callers
    from genkit.media.colour import to_srgb
    from genkit.tasks import translate as task

    options = task.TranslateOptions(strength, to, edges, work_size, seed, model_options)
    task.check(options)
    model = _chosen("translate", model, device, dtype)
    picture = to_srgb(callers.take(image))
    result = picture.with_pixels(*task.translate(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    given: dict[str, Any] = {"to": to, "strength": strength if strength != 1 else None, "edges": edges, "work_size": work_size}
    recorded = {key: value for key, value in given.items() if value not in (None, False)}
    recorded |= {"model_options": model_options} if model_options else {}
    return callers.write_to(result, Path(output), _recipe("translate", model, recorded, image) | {"seed": seed})


def _chosen(verb: str, model: Any, device: str, dtype: str) -> Any:
    """A model by name, the verb's default for None, or what `load` gave."""
    from genkit import cards

    if model is not None and not isinstance(model, str):
        return model
    name = model or cards.default_model(verb)
    return load(cards.find(name, verb).name if not name.endswith(".toml") else name, device=device, dtype=dtype)


def _recipe(verb: str, model: Any, options: dict[str, Any], image: Any) -> dict[str, Any]:
    import hashlib

    recipe: dict[str, Any] = {"genkit": __version__, "verb": verb}
    if (card := getattr(model, "card", None)) is not None:
        recipe |= {"model": card.name, "revision": card.revision}
    recipe |= {"options": options, "seed": 0}
    if isinstance(image, (str, Path)):
        path = Path(image)
        recipe["input"] = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return recipe
