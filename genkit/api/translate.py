"""Turn pictures into other kinds of pictures from Python."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


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
    from genkit.media.pictures.colour import to_srgb
    from genkit.run import callers
    from genkit.verbs.translate import task

    options = task.TranslateOptions(strength, to, edges, work_size, seed, model_options)
    task.check(options)
    model = chosen("translate", model, device, dtype)
    picture = to_srgb(callers.take(image))
    result = picture.with_pixels(*task.translate(model, picture.pixels, picture.alpha, options))
    if output is None:
        return callers.give_back(result, image)
    given: dict[str, Any] = {"to": to, "strength": strength if strength != 1 else None, "edges": edges, "work_size": work_size}
    recorded = {key: value for key, value in given.items() if value not in (None, False)}
    recorded |= {"model_options": model_options} if model_options else {}
    return callers.write_to(result, Path(output), recipe_of("translate", model, recorded, image) | {"seed": seed})
