"""From what is asked of `genkit txt2img` to its outputs: seeds, counts, names, sheets, and what to say before it starts."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import option
from genkit.run.drawn import Output, Outputs
from genkit.verbs.txt2img.drawer import Drawer, Sheet
from genkit.verbs.txt2img.prompt_lists import Line, gather, lines_of_prompts, unquoted
from genkit.verbs.txt2img.prompts import expand, numbered, plain, slug
from genkit.verbs.txt2img.remarks import remarks_of
from genkit.verbs.txt2img.resolver import MOST_PICTURES, Planned, Resolver
from genkit.verbs.txt2img.values import Values, is_on, names_seed, overridden, per_line, seed_options, values_of

if TYPE_CHECKING:
    from genkit.run.verb import Context
    from genkit.verbs.txt2img.declaration import Txt2imgDeclaration
    from genkit.verbs.txt2img.source_settings import SourceSettings

RANDOM_SEEDS = 1 << 32
MOST_LOOKED_AT = 2000  # files of a folder in which an earlier run is looked for
MOST_STEPS = 1000  # where a card does not say how many there are
SHOWN_NAME = 48  # letters of a prompt in messages


@dataclass(frozen=True)
class Request:
    """The prompts of a call with options of their own, and those of all of them. `grid` is (columns, rows), `list_file` the
    file that lines come from, `recorded` what goes into every recipe beside the options of lines."""

    lines: Sequence[Line]
    values: Values
    grid: tuple[int, int] | None = None
    sheet: int | None = None
    list_file: Path | None = None
    save_steps: int | None = None
    recorded: Mapping[str, Any] = field(default_factory=dict)


def outputs_of(verb: Txt2imgDeclaration, context: Context, source: SourceSettings | None, notes: Sequence[str]) -> Outputs:
    """Give every picture its seed, its options and its name.

    Raises:
        UsageError: an option that is none, a value that cannot be, a sheet that is not there; names the line.
    """
    request, lost = _request(verb, context, source)
    resolver, start = _resolver(request, context)
    request = _filled(request, resolver)
    planned = _planned(request, resolver)
    remarks = [*unquoted(verb.prompts or []), *count_of(planned), *start]
    if request.save_steps and all(request.save_steps >= (each.job.steps or request.save_steps + 1) for each in planned):
        remarks.append(f"--save-steps {request.save_steps}: no picture has more steps than that, so none is saved on the way")
    if request.grid is None:
        outputs = _single_outputs(planned, request.save_steps)
    else:
        outputs = _sheets(request, resolver, planned, request.grid)
        if blank := -len(planned) % prod(request.grid):
            columns, rows = request.grid
            remarks.append(f"--grid {columns}x{rows}: {blank} {'place is' if blank == 1 else 'places are'} left blank")
        planned = [each for output in outputs for each in output.job.pictures]
    missing = parts_not_here(planned) if context.run.dry_run else []
    lost += remarks_of(context.card, [each.job for each in planned], resolver.native)
    drawer = Drawer(verb, context, planned)
    named = {"from": request.list_file, "like": verb.like}
    return Outputs(
        outputs,
        drawer.draw,
        drawer.batch,
        ready=drawer.ready,
        reads={option: Path(path) for option, path in named.items() if path is not None},
        unit="steps",
        notes=[*notes, *lost, *missing],
        remarks=remarks,
    )


def _request(verb: Txt2imgDeclaration, context: Context, source: SourceSettings | None) -> tuple[Request, list[str]]:
    """What is asked for, and what of a source's settings cannot be."""
    from genkit.run.lists import parse_grid
    from genkit.verbs.txt2img.source_settings import without_foreign

    values = values_of(verb, context)
    lines = gather(verb.prompts or [], verb.prompt_list)
    lost = []
    if source is not None:
        source = without_foreign(source, context.card)
        lost = [f"not taken over: {', '.join(source.lost)}"] if source.lost else []
        values = overridden(source.values, values)
        lines = lines or lines_of_prompts(source.prompts)
    if not lines:
        raise UsageError("no prompt", 'such as: genkit txt2img "a red bicycle", or a list: --from prompts.txt')
    recorded = {each.key: value for each, value in option.given(verb) if each.option.recorded and not each.option.per_line}
    return (
        Request(
            lines,
            values,
            parse_grid(verb.grid) if verb.grid is not None else None,
            verb.sheet,
            Path(verb.prompt_list) if verb.prompt_list not in (None, "-") else None,
            verb.save_steps,
            recorded,
        ),
        lost,
    )


def _planned(request: Request, resolver: Resolver) -> list[Planned]:
    """Every picture that is to be drawn."""
    planned: list[Planned] = []
    for line in request.lines:
        planned += resolver.resolve(line, request.values)
        if len(planned) > MOST_PICTURES:
            raise UsageError(f"more than {MOST_PICTURES:,} pictures", "draw them in several runs")
    return planned


def count_of(planned: Sequence[Planned]) -> list[str]:
    """What to say of how many pictures there will be and why; nothing of one."""
    if len(planned) < 2:
        return []
    facts: dict[str, set[Any]] = {}
    for each in planned:
        job = each.job
        found = {"prompts": job.prompt, "negatives": job.negative, "sizes": job.size, "schedulers": job.setup.scheduler}
        for name, value in (found | {"denoise": job.denoise} | dict(job.options) | {"seeds": job.seed}).items():
            facts.setdefault(name, set()).add(value)
    several = [f"{len(values)} {name}" for name, values in facts.items() if len(values) > 1]
    whole = prod(len(values) for values in facts.values()) == len(planned)
    return [f"{len(planned)} pictures" + (f": {' x '.join(several)}" if whole and several else "")]


def parts_not_here(planned: Sequence[Planned]) -> list[str]:
    """What to say, before anything is fetched, of upscalers, adapters and autoencoders that are named by their cards."""
    from genkit import cards
    from genkit.run.call import not_here

    setups = dict.fromkeys(each.job.setup for each in planned)
    named = [("upscale", each.upscale) for each in planned if each.upscale]
    named += [("txt2img", name) for setup in setups for name in (setup.vae, *(lora for lora, _ in setup.loras)) if name]
    found = [cards.find(name, task) for task, name in dict.fromkeys(named) if not Path(name).exists()]
    return [note for card in found if (note := not_here(card))]


# --- seeds ----------------------------------------------------------------------------------------------------------------


def _resolver(request: Request, context: Context) -> tuple[Resolver, list[str]]:
    """The resolver with the first seed of what names none: one at random, or with --resume the one that an earlier run drew
    here; and what to say about it."""
    seed, note = 0, []
    if not all(names_seed(overridden(request.values, line.options)) for line in request.lines):
        earlier = _earlier(request, context) if context.run.resume else None
        if earlier is not None:
            seed, note = earlier, [f"seed {earlier}, as the earlier run drew it"]
        else:
            seed = secrets.randbelow(RANDOM_SEEDS)
            note = [f"seed {seed}, drawn at random (--seed {seed} draws the same again)"]
    return Resolver(context, seed, request.recorded), note


def _earlier(request: Request, context: Context) -> int | None:
    """The first seed of the newest run whose pictures of these prompts lie where the outputs go."""
    from genkit.media.pictures.formats import FORMATS
    from genkit.media.recipe import read_recipe
    from genkit.run.journal import look_up
    from genkit.run.lists import parse_seeds
    from genkit.run.plan import output_folder

    output = context.run.output
    folder = output_folder(output) if output else Path()
    if folder is None:
        files = [Path(str(output))] if Path(str(output)).is_file() else []
    else:
        files = [path for path in folder.iterdir() if path.suffix.lower() in FORMATS] if folder.is_dir() else []
    open_lines = [line for line in request.lines if not names_seed(overridden(request.values, line.options))]
    prompts = {prompt for line in open_lines for prompt in expand(line.prompt)}
    whole = _recorded_prompt(request)
    seeds: list[int] = []
    for path in sorted(files, key=lambda path: path.stat().st_mtime, reverse=True)[:MOST_LOOKED_AT]:
        recipe = read_recipe(path) or look_up(path) or {}
        prompt, options = recipe.get("prompt"), recipe.get("options")
        if recipe.get("verb") != "txt2img" or recipe.get("model") != context.card.name:
            continue
        if request.grid is None and isinstance(recipe.get("seed"), int) and isinstance(prompt, str) and prompt in prompts:
            seeds.append(recipe["seed"])
        elif request.grid is not None and isinstance(options, dict) and "seeds" in options and prompt == whole:
            return parse_seeds(str(options["seeds"]))[0]
    first = seeds[0] if seeds else None
    while first is not None and first - 1 in seeds:
        first -= 1
    return first


def _filled(request: Request, resolver: Resolver) -> Request:
    """With as many seeds as fill one sheet, where none are asked for and what else is divides it."""
    given = {name for options in (request.values, *(line.options for line in request.lines)) for name in options}
    if request.grid is None or given.intersection(seed_options()):
        return request
    once = sum(len(resolver.resolve(line, request.values)) for line in request.lines)
    count, left = divmod(prod(request.grid), once)
    return request if left else replace(request, values=request.values | {"seed": [str(resolver.start)], "n": [str(count)]})


def written(seeds: Sequence[int]) -> str:
    """Seeds as they are given: 3-6, or 3,7,9."""
    whole = len(seeds) > 1 and list(seeds) == list(range(seeds[0], seeds[-1] + 1))
    return f"{seeds[0]}-{seeds[-1]}" if whole else ",".join(map(str, seeds))


# --- one output a picture -------------------------------------------------------------------------------------------------


def _single_outputs(planned: Sequence[Planned], every: int | None) -> list[Output]:
    """Those that would have one name are numbered."""
    stems = numbered(map(stem_of, planned))
    return [
        Output(
            name_of(each),
            stem,
            each,
            seed=each.job.seed,
            options=each.options,
            files=each.files,
            spelling=each.spelling,
            prompt=each.job.prompt,
            size=size_of(each),
            alone=every is not None,
            effort=effort_of(each),
            marks=[f"step{step:04}" for step in range(every, each.job.steps or MOST_STEPS, every)] if every else [],
        )
        for each, stem in zip(planned, stems, strict=True)
    ]


def stem_of(planned: Planned) -> str:
    marks = [mark for text in planned.marks if (mark := _safe(text))]
    return "-".join([slug(planned.job.prompt), *marks, f"seed{planned.job.seed}"])


def _safe(text: str) -> str:
    return "".join(letter if letter.isalnum() or letter in ".-_" else "-" for letter in text.lower()).strip("-.")


def name_of(planned: Planned) -> str:
    text = " ".join(plain(planned.job.prompt).split())
    text = text if len(text) <= SHOWN_NAME else f"{text[: SHOWN_NAME - 3]}..."
    return f"{text}, seed {planned.job.seed}"


def size_of(planned: Planned) -> tuple[int, int] | None:
    """What comes out, where the cards tell."""
    size, scale = planned.job.size, 1
    if planned.upscale is not None:
        from genkit import cards

        scale = int(cards.find(planned.upscale, "upscale").params.get("scale", 0))
    return (size[0] * scale, size[1] * scale) if size and scale else None


def effort_of(planned: Planned) -> float:
    """Steps times megapixels, as far as the card tells."""
    job = planned.job
    width, height = job.size or (1000, 1000)
    return max(1.0, job.steps * (job.denoise or 1.0)) * width * height / 1e6


# --- sheets ---------------------------------------------------------------------------------------------------------------


def _sheets(request: Request, resolver: Resolver, planned: Sequence[Planned], grid: tuple[int, int]) -> list[Output]:
    """Outputs of `grid` (columns, rows) pictures each. Their recipes say all that was asked for, and which sheet they are.

    Raises:
        UsageError: there are not so many sheets, or something that a recipe of a sheet cannot say.
    """
    _refuse_unnamed(request)
    columns, rows = grid
    sheets = [planned[at : at + columns * rows] for at in range(0, len(planned), columns * rows)]
    if request.sheet is not None and request.sheet > len(sheets):
        raise UsageError(
            f"--sheet {request.sheet}: there is {'one sheet' if len(sheets) == 1 else f'no more than {len(sheets)}'}"
        )
    common = resolver.resolve(Line(request.lines[0].prompt), request.values)
    options = _recorded(request, common) | {"grid": f"{columns}x{rows}"}
    found = []
    for number, cells in enumerate(sheets, 1):
        if request.sheet not in (None, number):
            continue
        found.append(
            Output(
                f"sheet {number} of {len(sheets)}" if len(sheets) > 1 else f"sheet of {len(cells)}",
                f"{stem_of(cells[0])}-grid{columns}x{rows}",
                Sheet(cells, columns, rows),
                options=options | ({"sheet": number} if len(sheets) > 1 else {}),
                files=dict(common[0].files) | ({"from": request.list_file} if request.list_file is not None else {}),
                spelling=common[0].spelling,
                prompt=_recorded_prompt(request),
                alone=True,
                effort=sum(map(effort_of, cells)),
            )
        )
    return [replace(each, stem=stem) for each, stem in zip(found, numbered(each.stem for each in found), strict=True)]


def _refuse_unnamed(request: Request) -> None:
    """Refuse what the recipe of a sheet could not say.

    Raises:
        UsageError: lines with files, or options from standard input.
    """
    for line in request.lines:
        files = [name for name in line.options if name in per_line() and per_line()[name].option.file]
        if files:
            raise UsageError(
                f"{line.place}: brings a file of its own ({files[0]}), which the recipe of a sheet cannot name",
                "leave out --grid, or give the file on the command line",
            )
        if line.options and request.list_file is None:
            raise UsageError(
                f"{line.place}: options of its own, which the recipe of a sheet cannot name",
                "put the list into a file: --from FILE",
            )


def _recorded_prompt(request: Request) -> str | list[str]:
    """The prompts of a sheet as its recipe has them: those of a list are in its file."""
    own = [line.prompt for line in request.lines if request.list_file is None or line.file != request.list_file]
    return own[0] if len(own) == 1 else own


def _recorded(request: Request, common: Sequence[Planned]) -> dict[str, Any]:
    """The options of the whole sheet, spelled as they were given."""
    options = dict(common[0].options)
    values = request.values
    for name, each in per_line().items():
        if name not in values:
            continue
        if each.option.listed:
            options[name] = ",".join(text for several in values[name] for text in several.split(","))
        elif each.option.negates and is_on(values, name):
            options[name] = True
    if "negative" in values:
        several = values["negative"]
        options["negative"] = several[0] if len(several) == 1 else f"{{{'|'.join(several)}}}"
    own = {name: ",".join(texts) for name, texts in values.items() if name not in per_line()}
    options |= {"model_options": own} if own else {}
    return options | {"seeds": written(list(dict.fromkeys(each.job.seed for each in common)))}
