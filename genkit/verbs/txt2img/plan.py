"""From what is asked of `genkit txt2img` to its outputs: seeds, counts, sheets, and what to say before it starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.verbs.txt2img.options import LISTS, NAMES, SAFETY, SEEDS, names_seed, overridden

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.cli.options import DrawOptions
    from genkit.run.drawing import Drawing
    from genkit.verbs.txt2img.prompt_lists import Line, Values
    from genkit.verbs.txt2img.requests import Entry

RANDOM_SEEDS = 1 << 32
MOST_LOOKED_AT = 2000  # files of a folder in which an earlier run is looked for
BROUGHT = ("init", "control", "lora", "vae")  # options of files


@dataclass(frozen=True)
class Asked:
    """A whole command line: the prompts with options of their own, and those of all of them. `listed` is the file that lines
    come from, `extra` what goes into every recipe beside these."""

    lines: Sequence[Line]
    values: Values
    grid: tuple[int, int] | None = None
    sheet: int | None = None
    listed: Path | None = None
    save_every: int | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """What will be made, in order, and what to say before."""

    drawings: list[Drawing]
    entries: list[Entry]
    notes: list[str] = field(default_factory=list)


def plan_outputs(asked: Asked, card: Card, shared: DrawOptions) -> Outputs:
    """Give every picture its seed, its options and its name.

    Raises:
        UsageError: an option that is none, a value that cannot be, a sheet that is not there; names the line.
    """
    from genkit.verbs.txt2img import outputs as drawings
    from genkit.verbs.txt2img.prompt_lists import Line
    from genkit.verbs.txt2img.requests import MOST_PICTURES, Resolver

    notes: list[str] = []
    values = asked.values
    start, note = _start(asked, card, shared)
    resolver = Resolver(card, partial(_read, shared), start, dict(asked.extra))
    if asked.grid is not None and not any(
        name in one for name in SEEDS for one in (values, *(line.options for line in asked.lines))
    ):
        values = values | _filling(asked, values, resolver)
    entries: list[Entry] = []
    for line in asked.lines:
        entries += resolver.entries(line, values)
        if len(entries) > MOST_PICTURES:
            raise UsageError(f"more than {MOST_PICTURES:,} pictures", "draw them in several runs")
    if (counted := count_of(entries)) is not None:
        notes.append(counted)
    notes += [note] if note else []
    if asked.save_every and all(
        asked.save_every >= (dict(one.job.options).get("steps") or asked.save_every + 1) for one in entries
    ):
        notes.append(f"--save-steps {asked.save_every}: no picture has more steps than that, so none is saved on the way")
    if asked.grid is None:
        return Outputs(drawings.single_drawings(entries, card, alone=asked.save_every is not None), entries, notes)
    _refuse_unnamed(asked)
    if blank := -len(entries) % prod(asked.grid):
        notes.append(f"--grid {asked.grid[0]}x{asked.grid[1]}: {blank} {'place is' if blank == 1 else 'places are'} left blank")
    common = resolver.entries(Line(asked.lines[0].prompt), values)
    options = _recorded(values, common)
    sheets = drawings.sheet_drawings(entries, asked.grid, asked.sheet, _said(asked), options, common[0], asked.listed)
    shown = {id(one) for drawing in sheets for one in drawing.job.entries}
    return Outputs(sheets, [one for one in entries if id(one) in shown], notes)


def count_of(entries: Sequence[Entry]) -> str | None:
    """How many pictures there will be and why; None for one."""
    if len(entries) < 2:
        return None
    facts: dict[str, set[Any]] = {}
    for one in entries:
        job = one.job
        found = {"prompts": job.prompt, "negatives": job.negative, "sizes": job.size, "schedulers": job.setup.scheduler}
        for name, value in (found | {"denoise": job.denoise} | dict(job.options) | {"seeds": job.seed}).items():
            facts.setdefault(name, set()).add(value)
    several = [f"{len(values)} {name}" for name, values in facts.items() if len(values) > 1]
    whole = prod(len(values) for values in facts.values()) == len(entries)
    return f"{len(entries)} pictures" + (f": {' x '.join(several)}" if whole and several else "")


# --- seeds ----------------------------------------------------------------------------------------------------------------


def _start(asked: Asked, card: Card, shared: DrawOptions) -> tuple[int, str | None]:
    """The first seed of what names none: one at random, or with --resume the one that an earlier run drew here; and what to
    say about it."""
    if all(names_seed(overridden(asked.values, line.options)) for line in asked.lines):
        return 0, None
    if shared.resume and (earlier := _earlier(asked, card, shared)) is not None:
        return earlier, f"seed {earlier}, as the earlier run drew it"
    seed = secrets.randbelow(RANDOM_SEEDS)
    return seed, f"seed {seed}, drawn at random (--seed {seed} draws the same again)"


def _earlier(asked: Asked, card: Card, shared: DrawOptions) -> int | None:
    """The first seed of the newest run whose pictures of these prompts lie where the outputs go."""
    from genkit.media.pictures.formats import FORMATS
    from genkit.media.recipe import read_recipe
    from genkit.run.journal import look_up
    from genkit.run.lists import parse_seeds
    from genkit.run.plan import output_folder
    from genkit.verbs.txt2img.prompts import expand

    folder = output_folder(shared.output) if shared.output else Path()
    if folder is None:
        files = [Path(str(shared.output))] if Path(str(shared.output)).is_file() else []
    else:
        files = [one for one in folder.iterdir() if one.suffix.lower() in FORMATS] if folder.is_dir() else []
    open_lines = [line for line in asked.lines if not names_seed(overridden(asked.values, line.options))]
    prompts = {prompt for line in open_lines for prompt in expand(line.prompt)}
    whole = _said(asked)
    seeds: list[int] = []
    for path in sorted(files, key=lambda one: one.stat().st_mtime, reverse=True)[:MOST_LOOKED_AT]:
        recipe = read_recipe(path) or look_up(path) or {}
        said, options = recipe.get("prompt"), recipe.get("options")
        if recipe.get("verb") != "txt2img" or recipe.get("model") != card.name:
            continue
        if asked.grid is None and isinstance(recipe.get("seed"), int) and isinstance(said, str) and said in prompts:
            seeds.append(recipe["seed"])
        elif asked.grid is not None and isinstance(options, dict) and "seeds" in options and said == whole:
            return parse_seeds(str(options["seeds"]))[0]
    first = seeds[0] if seeds else None
    while first is not None and first - 1 in seeds:
        first -= 1
    return first


def _filling(asked: Asked, values: Values, resolver: Any) -> Values:
    """As many seeds as fill one sheet, where what else is asked for divides it."""
    assert asked.grid is not None
    cells = asked.grid[0] * asked.grid[1]
    once = sum(len(resolver.entries(line, values)) for line in asked.lines)
    return {"seed": [str(resolver.start)], "n": [str(cells // once)]} if once and cells % once == 0 else {}


# --- sheets ---------------------------------------------------------------------------------------------------------------


def _refuse_unnamed(asked: Asked) -> None:
    """Refuse what the recipe of a sheet could not say.

    Raises:
        UsageError: lines with files, or options from standard input.
    """
    for line in asked.lines:
        brought = [name for name in BROUGHT if name in line.options]
        if brought:
            raise UsageError(
                f"{line.place}: brings a file of its own ({brought[0]}), which the recipe of a sheet cannot name",
                "leave out --grid, or give the file on the command line",
            )
        if line.options and asked.listed is None:
            raise UsageError(
                f"{line.place}: options of its own, which the recipe of a sheet cannot name",
                "put the list into a file: --from FILE",
            )


def _said(asked: Asked) -> str | list[str]:
    """The prompts of a sheet as its recipe has them: those of a list are in its file."""
    said = [line.prompt for line in asked.lines if asked.listed is None or not line.place.startswith(f"{asked.listed}, line ")]
    return said[0] if len(said) == 1 else said


def _recorded(values: Values, common: Sequence[Entry]) -> dict[str, Any]:
    """The options of the whole sheet, spelled as they were given."""
    options = dict(common[0].options)
    for name in LISTS:
        if name in values:
            options[name] = ",".join(one for text in values[name] for one in text.split(","))
    if "negative" in values:
        several = values["negative"]
        options["negative"] = several[0] if len(several) == 1 else f"{{{'|'.join(several)}}}"
    own = {name: ",".join(texts) for name, texts in values.items() if name not in NAMES}
    options |= {"model_options": own} if own else {}
    options |= {SAFETY: True} if values.get(SAFETY, ["false"])[-1] == "true" else {}
    return options | {"seeds": written(list(dict.fromkeys(one.job.seed for one in common)))}


def written(seeds: Sequence[int]) -> str:
    """Seeds as they are given: 3-6, or 3,7,9."""
    whole = len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if whole else ",".join(map(str, seeds))


def _read(shared: DrawOptions, path: Path) -> Any:
    """Pixels (H, W, 3) and alpha of a picture that an option names."""
    import numpy as np

    from genkit.run.further import read_further
    from genkit.run.planning import settings_of

    picture = read_further("the picture", path, settings_of(shared, "txt2img").max_pixels)
    pixels = np.repeat(picture.pixels, 3, axis=2) if picture.pixels.shape[2] == 1 else picture.pixels
    return pixels, picture.alpha
