"""Draw pictures from a latent space, from Python."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from genkit.api.models import chosen, recipe_of


def gan(
    seeds: int | Sequence[int] = 0,
    output: str | Path | None = None,
    *,
    label: str | int | None = None,
    truncation: float | None = None,
    batch: int | None = None,
    model: Any = None,
    device: str = "auto",
    dtype: str = "auto",
) -> Any:
    """Draw the picture of a seed, or of several: a Pillow picture, or a list of them.

    `label` is a class, by name or number, of a model that has classes; `truncation` 0 to 1, where the model has it. With
    `output` the picture of a single seed is written there, and those of several into that folder under the names that the
    command gives them, over what is there; paths come back. `model` is a name or what `load` gave.

    Raises:
        GenkitError: its kind says what failed (`genkit.UsageError`, `genkit.RunError`, ...).
    """
    from genkit.media.pictures.picture import Picture
    from genkit.run import callers
    from genkit.verbs.gan.task import draw

    model = chosen("gan", model, device, dtype)
    several = not isinstance(seeds, int)
    wanted: list[int] = [int(one) for one in seeds] if not isinstance(seeds, int) else [seeds]
    made = draw(model, wanted, label=label, truncation=truncation, batch=batch)
    results: list[Any] = []
    for seed, drawn in zip(wanted, made, strict=True):
        picture = Picture(drawn.pixels, drawn.alpha)
        if output is None:
            results.append(callers.give_back(picture, None))
            continue
        given = {"class": label, "truncation": truncation}
        recipe = recipe_of("gan", model, {key: value for key, value in given.items() if value is not None}, None)
        target = Path(output)
        if several:
            card = getattr(model, "card", None)
            target /= "-".join(
                [card.name if card else "picture", *([str(label)] if label is not None else []), f"seed{seed:04}"]
            )
            target = target.with_name(target.name + ".png")
        results.append(callers.write_to(picture, target, recipe | {"seed": seed}))
    return results if several else results[0]
