"""`genkit sheet`: many outputs at a glance, with what made each of them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from genkit.errors import GenkitError, UsageError
from genkit.media.pictures.formats import FORMATS
from genkit.view.page import embedded, page, reduced, text

THUMB = 320  # pixels a side
MOST_FILTERS = 12  # options that a page can be filtered by, those first that take few values
MOST_VALUES = 40


def find_pictures(paths: Sequence[Path], *, recursive: bool, notice: Callable[[str], None]) -> list[Path]:
    """The pictures of folders and files, in natural order.

    Raises:
        UsageError: there are none.
    """
    from genkit.run.inputs import find_inputs

    found = find_inputs([str(path) for path in paths], suffixes=FORMATS.keys(), recursive=recursive, notice=notice)
    return [one.path for one in found if one.path is not None]


def facts_of(recipe: Mapping[str, Any] | None) -> dict[str, str]:
    """What a recipe chose, by name: verb, model, options; those of a chain with the verb of their step before them."""
    if recipe is None:
        return {}
    steps = recipe.get("steps") if recipe.get("verb") == "run" else None
    if not isinstance(steps, list):
        return _facts_of_call(recipe)
    found: dict[str, str] = {}
    names = [str(step.get("verb")) for step in steps if isinstance(step, dict)]
    found["steps"] = ", ".join(names)
    for number, step in enumerate(steps):
        if isinstance(step, dict):
            name = names[number] if names.count(names[number]) == 1 else f"{number + 1} {names[number]}"
            found |= {f"{name} {key}": value for key, value in _facts_of_call(step).items() if key != "verb"}
    return found


def _facts_of_call(recipe: Mapping[str, Any]) -> dict[str, str]:
    found = {key: _word(recipe[key]) for key in ("verb", "model", "prompt", "text") if recipe.get(key) is not None}
    options = recipe.get("options")
    for key, value in options.items() if isinstance(options, dict) else ():
        nested = value.items() if isinstance(value, dict) else [(key, value)]
        found |= {str(name): _word(one) for name, one in nested}
    files = recipe.get("files")
    for key, one in files.items() if isinstance(files, dict) else ():
        if isinstance(one, dict):
            found[str(key)] = str(one.get("name"))
    return found | ({"seed": str(recipe["seed"])} if recipe.get("seed") else {})


def _word(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return ", ".join(map(_word, value)) if isinstance(value, list) else str(value)


def read_facts(path: Path) -> dict[str, str]:
    """What made an output; nothing where it does not say."""
    from genkit.run.journal import made_of

    try:
        return facts_of(made_of(path))
    except (OSError, ValueError):
        return {}


def write_page(paths: Sequence[Path], target: Path, notice: Callable[[str], None]) -> int:
    """A page of thumbnails that is filtered by model and options; returns how many there are.

    Raises:
        UsageError: none of them can be read.
    """
    from genkit.files import replace_text
    from genkit.media.pictures import images

    figures, every = [], []
    for path in paths:
        try:
            picture = images.read(path)
        except GenkitError as error:
            notice(f"left out: {error.message}")
            continue
        facts = read_facts(path)
        every.append(facts)
        rows = "".join(f"<dt>{text(key)}<dd>{text(value)}" for key, value in facts.items())
        shown = f'<img alt="{text(path.name)}" loading="lazy" decoding="async" src="{embedded(path, picture, THUMB)}">'
        size = f"{picture.width} x {picture.height}"
        figures.append(
            f'<figure data-facts="{text(json.dumps(facts))}">{shown}<figcaption><b>{text(path.name)}</b> {size}'
            f"<dl>{rows}</dl></figcaption></figure>"
        )
    if not figures:
        raise UsageError("none of the pictures can be read", "see the notes above")
    body = f"<form>{_filters(every)}<output></output></form>\n<main>\n" + "\n".join(figures) + "\n</main>"
    replace_text(target, page(f"{len(figures)} pictures", "sheet.css", body, "sheet.js"))
    return len(figures)


def _filters(every: Sequence[Mapping[str, str]]) -> str:
    values: dict[str, list[str]] = {}
    for facts in every:
        for key, value in facts.items():
            if value not in values.setdefault(key, []):
                values[key].append(value)
    useful = [
        key for key, several in values.items() if 1 < len(several) + any(key not in facts for facts in every) <= MOST_VALUES
    ]
    found = []
    for key in sorted(useful, key=lambda one: (not one.endswith("model"), len(values[one])))[:MOST_FILTERS]:
        options = "".join(f'<option value="{text(one)}">{text(one)}</option>' for one in values[key])
        found.append(f'<label>{text(key)} <select name="{text(key)}"><option value="">all</option>{options}</select></label>')
    return "".join(found)


def write_picture(
    paths: Sequence[Path],
    target: Path,
    notice: Callable[[str], None],
    *,
    facts: Sequence[Mapping[str, str]] | None = None,
    columns: int | None = None,
    side: int = THUMB,
) -> int:
    """A contact sheet with what differs at its columns and rows, or under each; returns how many pictures are on it.

    Raises:
        UsageError: none of them can be read.
    """
    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture
    from genkit.pixels.sheet import find_labels, lay_out

    cells, kept = [], []
    for place, path in enumerate(paths):
        try:
            small = reduced(images.read(path), side)
        except GenkitError as error:
            notice(f"left out: {error.message}")
            continue
        cells.append((small.pixels, small.alpha))
        kept.append({"": path.name, **read_facts(path)} if facts is None else dict(facts[place]))
    if not cells:
        raise UsageError("none of the pictures can be read", "see the notes above")
    columns = min(columns or math.ceil(math.sqrt(len(cells))), len(cells))
    labels = find_labels(kept, columns)
    images.write(Picture(lay_out(cells, labels, columns, math.ceil(len(cells) / columns))), target)
    return len(cells)
