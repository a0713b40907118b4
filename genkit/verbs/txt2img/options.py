"""The options of `genkit txt2img`, and how they are held: as texts by name, the same from a line of a list as from the command
line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import RUN

if TYPE_CHECKING:
    from genkit.verbs.txt2img.prompt_lists import Values

WHAT, HOW, GUIDE, SPEED = "Pictures", "Drawing", "Guided by pictures and weights", "Memory and speed"
SEEDS = ("seed", "seeds", "n")
LISTS = ("steps", "guidance", "size", "scheduler", "denoise")  # several values multiply: 2,4,7
TOGETHER = ("lora", "control")  # given again for each, all for one picture
SINGLE = ("negative", "init", "vae", "upscale", "control_strength")
SAFETY = "no_safety_checker"
NAMES = (*SEEDS, *LISTS, *TOGETHER, *SINGLE, SAFETY)
OFFLOADS = ("auto", "none", "model", "sequential")
# What of memory and speed goes into recipes: kernels of attention that compute with fewer bits, and work that a cache leaves
# out, can be seen. Not in recipes are --offload (parts wait elsewhere and compute the same), --compile (the same sums in
# another order, as on another device), --batch-size (a neighbour changes nothing) and --save-steps.
SEEN = ("attention", "cache")


def _option(flag: str, metavar: str, panel: str, default: Any, help: str, *more: str) -> Any:
    return typer.Option(flag, *more, metavar=metavar, rich_help_panel=panel, show_default=default, help=help)


@dataclass(frozen=True)
class WhatOptions:
    """Which pictures."""

    listed: Annotated[
        str | None,
        _option("--from", "FILE", WHAT, False, "Prompts from .txt, .csv or .jsonl, with options of their own; - is stdin."),
    ] = None
    like: Annotated[
        Path | None,
        _option(
            "--like", "FILE", WHAT, False, "Prompt and settings of a picture, ours or the common web UI's; others given win."
        ),
    ] = None
    negative: Annotated[str | None, _option("--negative", "TEXT", WHAT, False, "What not to draw.")] = None
    seed: Annotated[int | None, typer.Option("--seed", metavar="N", min=0, rich_help_panel=WHAT, show_default="random")] = None
    seeds: Annotated[str | None, _option("--seeds", "LIST", WHAT, False, "Several seeds: 0-3, or 3,7,9.")] = None
    n: Annotated[
        int | None,
        typer.Option(
            "-n", metavar="N", min=1, max=100_000, rich_help_panel=WHAT, show_default="1", help="Pictures of each prompt."
        ),
    ] = None
    size: Annotated[str | None, _option("--size", "WxH", WHAT, "the model's", "Width and height: 768x512.")] = None
    grid: Annotated[
        str | None,
        _option("--grid", "COLSxROWS", WHAT, False, "Lay the pictures out in sheets, with words that say in what they differ."),
    ] = None
    sheet: Annotated[
        int | None,
        typer.Option("--sheet", metavar="N", min=1, rich_help_panel=WHAT, show_default="all", help="This one alone."),
    ] = None
    upscale: Annotated[str | None, _option("--upscale", "NAME", WHAT, False, "Enlarge each with this model at the end.")] = None


@dataclass(frozen=True)
class HowOptions:
    """How they are drawn."""

    steps: Annotated[str | None, _option("--steps", "N", HOW, "the card's", "Steps; a list (4,8) draws each.")] = None
    guidance: Annotated[
        str | None, _option("--guidance", "N", HOW, "the card's", "How closely to follow the prompt; a list draws each.")
    ] = None
    scheduler: Annotated[
        str | None, _option("--scheduler", "NAME", HOW, "the model's", "How it samples: euler-a, dpmpp-2m-karras, ...")
    ] = None
    no_safety_checker: Annotated[
        bool,
        typer.Option("--no-safety-checker", rich_help_panel=HOW, help="Turn off the checker that some models come with."),
    ] = False


@dataclass(frozen=True)
class GuideOptions:
    """What else they are made of."""

    init: Annotated[str | None, _option("--init", "IMG", GUIDE, False, "Begin with this picture.")] = None
    denoise: Annotated[
        str | None, _option("--denoise", "0-1", GUIDE, "0.6", "How much of --init to draw anew; a list draws each.")
    ] = None
    control: Annotated[
        list[str] | None,
        _option(
            "--control",
            "KIND:IMG",
            GUIDE,
            False,
            "Follow a picture: canny:photo.jpg, depth:map.png, lines:map.png; again for each.",
        ),
    ] = None
    control_strength: Annotated[
        str | None, _option("--control-strength", "0-2", GUIDE, "1", "How closely to follow --control.")
    ] = None
    lora: Annotated[
        list[str] | None,
        _option("--lora", "PATH|NAME[:WEIGHT]", GUIDE, False, "Add a LoRA, again for each: style.safetensors:0.8."),
    ] = None
    vae: Annotated[str | None, _option("--vae", "PATH|NAME", GUIDE, False, "Another autoencoder.")] = None


@dataclass(frozen=True)
class SpeedOptions:
    """What it may cost."""

    batch_size: Annotated[str, _option("--batch-size", "auto|N", RUN, "auto", "Pictures to draw at once.")] = "auto"
    offload: Annotated[
        str, _option("--offload", "|".join(OFFLOADS), SPEED, "auto", "Keep parts in main memory until their turn comes.")
    ] = "auto"
    attention: Annotated[
        str | None,
        _option("--attention", "NAME", SPEED, "the library's", "How attention is computed: flash, sage, xformers, ..."),
    ] = None
    compile: Annotated[
        bool, typer.Option("--compile", rich_help_panel=SPEED, help="Compile first: minutes, and faster pictures after them.")
    ] = False
    cache: Annotated[
        str | None,
        _option("--cache", "NAME", SPEED, False, "Leave out work that changes little between steps: first-block, ..."),
    ] = None
    save_steps: Annotated[
        int | None,
        typer.Option(
            "--save-steps",
            metavar="N",
            min=1,
            rich_help_panel=SPEED,
            show_default=False,
            help="Save a preview of every Nth step beside the picture.",
        ),
    ] = None


def as_values(*records: Any) -> Values:
    """What was given, as texts by name: the same form as the lines of a list have."""
    found: Values = {}
    for record in records:
        for name, value in vars(record).items():
            if name not in NAMES or value is None or value is False:
                continue
            found[name] = [str(one) for one in value] if isinstance(value, list) else ["true" if value is True else str(value)]
    return found


def overridden(base: Values, own: Values) -> Values:
    """Options with others over them; seeds of one spelling replace those of the other, and a count alone goes on from the
    first of them."""
    gone = SEEDS if "seed" in own or "seeds" in own else ("seeds",) if "n" in own else ()
    first = {"seed": [_first_of(base["seeds"])]} if "seeds" in base and "seeds" in gone and not names_seed(own) else {}
    return {name: value for name, value in base.items() if name not in gone} | first | own


def _first_of(seeds: list[str]) -> str:
    from genkit.run.lists import parse_seeds

    return str(parse_seeds(",".join(seeds))[0])


def names_seed(values: Values) -> bool:
    """Whether it is said which seeds are drawn, and not only how many."""
    return "seed" in values or "seeds" in values
