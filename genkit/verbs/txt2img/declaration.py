"""The options of `genkit txt2img`; what is done with them is `verb.py`'s."""

from __future__ import annotations

from dataclasses import dataclass

from genkit.errors import UsageError
from genkit.models.shapes.draw import DENOISE, OFFLOADS
from genkit.run.option import RUN, option
from genkit.run.verb import DrawingVerb

WHAT, HOW, GUIDE, SPEED = "Pictures", "Drawing", "Guided by pictures and weights", "Memory and speed"
SEED = "seed"  # the group of options that say which seeds are drawn
LARGEST_BATCH = 1024


@dataclass(frozen=True)
class Txt2imgDeclaration(DrawingVerb):
    """In the order of help."""

    prompts: list[str] | None = option(
        None,
        "What to draw, in quotes; - reads prompts from standard input.",
        argument=True,
        metavar="PROMPT...",
        shown=False,
        recorded=False,
        former=("prompt",),
    )
    prompt_list: str | None = option(
        None,
        "Prompts from .txt, .csv or .jsonl, with options of their own; - is stdin.",
        panel=WHAT,
        flags=("--from",),
        metavar="FILE",
        shown=False,
        recorded=False,
    )
    like: str | None = option(
        None,
        "Prompt and settings of a picture, ours or another program's; others given win.",
        panel=WHAT,
        metavar="FILE",
        shown=False,
        recorded=False,
    )
    negative: str | None = option(
        None, "What not to draw.", panel=WHAT, metavar="TEXT", shown=False, of_model=True, per_line=True
    )
    seed: int | None = option(None, panel=WHAT, metavar="N", shown="random", least=0, per_line=True, group=SEED)
    seeds: str | None = option(
        None, "Several seeds: 0-3, or 3,7,9.", panel=WHAT, metavar="LIST", shown=False, per_line=True, group=SEED
    )
    n: int | None = option(
        None,
        "Pictures of each prompt.",
        panel=WHAT,
        flags=("-n",),
        metavar="N",
        shown="1",
        least=1,
        most=100_000,
        per_line=True,
        group=SEED,
    )
    size: str | None = option(
        None,
        "Width and height: 768x512.",
        panel=WHAT,
        metavar="WxH",
        shown="the model's",
        unit="pixels",
        per_line=True,
        listed=True,
    )
    # a sheet's own place in the recipe is the outputs' business: which one it is, and of what kind
    grid: str | None = option(
        None,
        "Lay the pictures out in sheets, with words that say in what they differ.",
        panel=WHAT,
        metavar="COLSxROWS",
        shown=False,
        recorded=False,
    )
    sheet: int | None = option(None, "This one alone.", panel=WHAT, metavar="N", shown="all", least=1, recorded=False)
    upscale: str | None = option(
        None, "Enlarge each with this model at the end.", panel=WHAT, metavar="NAME", shown=False, per_line=True
    )

    steps: str | None = option(
        None,
        "Steps; a list (4,8) draws each.",
        panel=HOW,
        metavar="N",
        shown="the model's",
        of_model=True,
        per_line=True,
        listed=True,
    )
    guidance: str | None = option(
        None,
        "How closely to follow the prompt; a list draws each.",
        panel=HOW,
        metavar="N",
        shown="the model's",
        of_model=True,
        per_line=True,
        listed=True,
    )
    scheduler: str | None = option(
        None,
        "How it samples: euler-a, dpmpp-2m-karras, ...",
        panel=HOW,
        metavar="NAME",
        shown="the model's",
        per_line=True,
        listed=True,
    )
    no_safety_checker: bool = option(
        False,
        "Turn off the checker that some models come with.",
        panel=HOW,
        of_model=True,
        recorded_as="safety",
        negates=True,
        per_line=True,
    )

    init: str | None = option(
        None, "Begin with this picture.", panel=GUIDE, metavar="IMG", shown=False, needs="init", file="one", per_line=True
    )
    denoise: str | None = option(
        None,
        "How much of --init to draw anew; a list draws each.",
        panel=GUIDE,
        metavar="0-1",
        shown=f"{DENOISE:g}",
        per_line=True,
        listed=True,
    )
    control: list[str] | None = option(
        None,
        "Follow a picture: canny:photo.jpg, depth:map.png, lines:map.png; may be repeated.",
        panel=GUIDE,
        metavar="KIND:IMG",
        shown=False,
        needs="control",
        file="list",
        per_line=True,
    )
    control_strength: float | None = option(
        None,
        "How closely to follow --control.",
        panel=GUIDE,
        metavar="0-2",
        shown="1",
        least=0,
        most=2,
        bounds="a number from 0 to 2",
        per_line=True,
    )
    lora: list[str] | None = option(
        None,
        "Add a LoRA with its weight, as style.safetensors:0.8; may be repeated.",
        panel=GUIDE,
        metavar="PATH|NAME[:WEIGHT]",
        shown=False,
        needs="lora",
        file="list",
        per_line=True,
    )
    vae: str | None = option(
        None, "Another autoencoder.", panel=GUIDE, metavar="PATH|NAME", shown=False, needs="vae", file="one", per_line=True
    )

    # Of these, recipes have what can be seen: attention that computes with fewer bits, and work that a cache leaves out. Parts
    # that wait elsewhere compute the same, compiled code adds the same sums in another order, as another device does, and a
    # neighbour in a batch changes nothing.
    batch_size: str = option(
        "auto", "Pictures to draw at once.", panel=RUN, metavar="auto|N", recorded=False, former=("batch",)
    )
    offload: str = option(
        "auto",
        "Keep parts in main memory until their turn comes.",
        panel=SPEED,
        metavar="|".join(OFFLOADS),
        choices=OFFLOADS,
        recorded=False,
    )
    attention: str | None = option(
        None, "How attention is computed: flash, sage, xformers, ...", panel=SPEED, metavar="NAME", shown="the library's"
    )
    compile: bool = option(False, "Compile first: minutes, and faster pictures after them.", panel=SPEED, recorded=False)
    cache: str | None = option(
        None,
        "Leave out work that changes little between steps: first-block, ...",
        panel=SPEED,
        metavar="NAME",
        shown=False,
        needs="cache",
    )
    save_steps: int | None = option(
        None,
        "Save a preview of every Nth step beside the picture.",
        panel=SPEED,
        metavar="N",
        shown=False,
        least=1,
        recorded=False,
    )

    def batch_limit(self) -> int | None:
        """How many to draw at once; None is as memory bears.

        Raises:
            UsageError: no such number.
        """
        if self.batch_size == "auto":
            return None
        if not self.batch_size.isdecimal() or not 1 <= int(self.batch_size[:9]) <= LARGEST_BATCH:
            raise UsageError(f"--batch-size {self.batch_size}: expected a whole number from 1 to {LARGEST_BATCH}")
        return int(self.batch_size)
