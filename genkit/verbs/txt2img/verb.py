"""`genkit txt2img`: draw pictures from words."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from genkit.cli.options import DrawOptions, spread
from genkit.verbs.txt2img.options import GuideOptions, HowOptions, SpeedOptions, WhatOptions

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.txt2img.like import Like
    from genkit.verbs.txt2img.prompt_lists import Values

app = typer.Typer(rich_markup_mode=None, add_completion=False)


@app.command()
@spread
def txt2img(
    what: WhatOptions,
    how: HowOptions,
    guide: GuideOptions,
    speed: SpeedOptions,
    shared: DrawOptions,
    prompts: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PROMPT...", help="What to draw, in quotes; - reads prompts from standard input.", show_default=False
        ),
    ] = None,
) -> int:
    """Draw pictures from words. A prompt and a seed give the same picture, whatever is drawn with them.

    {red|blue} draws each, and so do lists: --guidance 2,4,7. (words:1.3) makes words count for more, where the model takes
    weights. A backslash before { | } ( or ) makes it plain text. A line of a list may bring options of its own: behind the
    prompt in .txt (a red bicycle --steps 20), as columns in .csv, as keys in .jsonl.

    \b
      genkit txt2img "a red bicycle"
      genkit txt2img "a {red|blue} heart" --seeds 0-3 -o hearts/
      genkit txt2img "a heart" --guidance 2,4,7 --seeds 0-1 --grid 3x2
      genkit txt2img --from prompts.csv -o out/ --resume
      genkit txt2img "in the snow" --init photo.jpg --denoise 0.6
    """
    from genkit import cards, weights
    from genkit.errors import UsageError
    from genkit.models.diffusers.uncarded import settled
    from genkit.run.drawing import DrawingVerb, run_drawings
    from genkit.run.lists import parse_grid
    from genkit.verbs.txt2img.like import read_like
    from genkit.verbs.txt2img.options import SEEN, as_values
    from genkit.verbs.txt2img.outputs import Drawer, parts_not_here
    from genkit.verbs.txt2img.plan import Asked, plan_outputs
    from genkit.verbs.txt2img.requests import gather, lines_of_prompts, unquoted

    _refuse_contradictions(what, speed, shared)
    given = list(prompts or ())
    like = read_like(what.like) if what.like is not None else None
    chosen = shared.model or (like.model if like else None) or cards.default_model("txt2img")
    card, told = settled(weights.pinned(cards.find(chosen, "txt2img")))
    values = _with_model_options(as_values(what, how, guide), shared.model_options, card)
    lines = gather(given, what.listed)
    notes = [note] if (note := unquoted(given)) else []
    if like is not None:
        values, said = _over(like, values, card)
        notes += said
        lines = lines or lines_of_prompts(like.prompts)
    if not lines:
        raise UsageError("no prompt", 'such as: genkit txt2img "a red bicycle", or a list: --from prompts.txt')
    listed = Path(what.listed) if what.listed not in (None, "-") else None
    grid = parse_grid(what.grid) if what.grid is not None else None
    extra = {name: value for name in SEEN if (value := getattr(speed, name)) is not None}
    asked = Asked(lines, values, grid, what.sheet, listed, speed.save_steps, extra)
    outputs = plan_outputs(asked, card, shared)
    if shared.dry_run:
        notes += parts_not_here(outputs.entries)
    drawer = Drawer(card, shared, speed, outputs.entries)
    return run_drawings(
        shared,
        DrawingVerb(
            "txt2img",
            card,
            outputs.drawings,
            drawer.draw,
            drawer.batch,
            ready=drawer.ready,
            notes=[*told, *notes, *outputs.notes],
        ),
    )


def _refuse_contradictions(what: WhatOptions, speed: SpeedOptions, shared: DrawOptions) -> None:
    from genkit.errors import UsageError
    from genkit.models.diffusers.speed import CACHES, FOR_UNETS, KERNELS
    from genkit.verbs.txt2img.checks import refuse_unknown_name
    from genkit.verbs.txt2img.files import to_whole
    from genkit.verbs.txt2img.options import OFFLOADS

    if speed.offload not in OFFLOADS:
        raise UsageError(f"--offload {speed.offload}: expected one of {', '.join(OFFLOADS)}")
    if speed.attention is not None:
        refuse_unknown_name("--attention", speed.attention, list(dict.fromkeys((*KERNELS, *FOR_UNETS))))
    if speed.cache is not None:
        refuse_unknown_name("--cache", speed.cache, list(CACHES))
    if speed.batch_size != "auto":
        to_whole("--batch-size", speed.batch_size, 1, 1024)
    if what.sheet is not None and what.grid is None:
        raise UsageError("--sheet is one of the sheets of --grid", "give both, or neither")
    if what.grid is not None and speed.save_steps is not None:
        raise UsageError("--save-steps saves steps of a picture, not of a sheet", "leave out --grid or --save-steps")
    if speed.save_steps is not None and shared.output == "-":
        raise UsageError("standard output has no place for pictures on the way", "write to a file: -o FILE")


def _with_model_options(values: Values, given: list[str] | None, card: Card) -> Values:
    """Options of the command line with the model's own, which are given as -O key=value.

    Raises:
        UsageError: not an option of this model, or one that is given both ways.
    """
    from genkit.cli.options import parse_model_options
    from genkit.errors import UsageError
    from genkit.verbs.txt2img.options import SAFETY

    found = parse_model_options(card, given)
    own: Values = {}
    for text in given or ():
        key, _, value = text.partition("=")
        if key == "prompt":
            raise UsageError("-O prompt: the prompt stands for itself", 'genkit txt2img "a red bicycle"')
        name = SAFETY if key == "safety" else key
        if name in values:
            raise UsageError(f"--{name.replace('_', '-')} and -O {key} say the same thing", "give one of them")
        own[name] = [value] if key != "safety" else ["false" if found["safety"] else "true"]
    return values | own


def _over(like: Like, values: Values, card: Card) -> tuple[Values, list[str]]:
    """What was given, over what a picture says of itself; and what could not be taken from there."""
    from genkit.verbs.txt2img.like import without_foreign
    from genkit.verbs.txt2img.options import overridden

    like = without_foreign(like, card)
    lost = [f"not taken over: {', '.join(like.lost)}"] if like.lost else []
    return overridden(like.values, values), lost
