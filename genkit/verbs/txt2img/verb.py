"""`txt2img`: draw pictures from words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.models.shapes.draw import DENOISE, OFFLOADS
from genkit.run.option import RUN, option
from genkit.run.settings import parse_model_options
from genkit.run.verb import Context, DrawingVerb

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.outputs import Outputs
    from genkit.run.settings import Run

WHAT, HOW, GUIDE, SPEED = "Pictures", "Drawing", "Guided by pictures and weights", "Memory and speed"
SEED = "seed"  # the group of options that say which seeds are drawn
NOTES, SOURCE = "notes on the card", "source settings"  # what a context keeps
LARGEST_BATCH = 1024


@dataclass(frozen=True)
class Txt2img(DrawingVerb):
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

    name = "txt2img"
    first = "prompts"

    @classmethod
    def adopt(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Several seeds may be given as `seed`, and a size as (width, height)."""
        found = dict(values)
        for name in ("seed", "seeds"):
            if isinstance(found.get(name), Sequence) and not isinstance(found[name], str):
                found["seeds"] = ",".join(map(str, found.pop(name)))
        if isinstance(size := found.get("size"), (list, tuple)):
            found["size"] = _size_text(size) if _is_size(size) else [_size_text(one) if _is_size(one) else one for one in size]
        return found

    def context(self, run: Run, card: Card | None = None) -> Context:
        from genkit import cards
        from genkit.run.pipelines import settle
        from genkit.verbs.txt2img.source_settings import read_source_settings

        self._refuse_contradictions(run)
        source = read_source_settings(self.like) if self.like is not None else None
        notes: tuple[str, ...] = ()
        if card is None:
            name = run.model or (source.model if source else None) or cards.default_model(self.task)
            card, notes = settle(cards.find(name, self.task))
        context = super().context(run, card)
        context.once(NOTES, lambda: notes)
        context.once(SOURCE, lambda: source)
        return context

    def _refuse_contradictions(self, run: Run) -> None:
        if self.sheet is not None and self.grid is None:
            raise UsageError("--sheet is one of the sheets of --grid", "give both, or neither")
        if self.grid is not None and self.save_steps is not None:
            raise UsageError("--save-steps saves steps of a picture, not of a sheet", "leave out --grid or --save-steps")
        if self.save_steps is not None and run.output == "-":
            raise UsageError("standard output has no place for pictures on the way", "write to a file: -o FILE")
        self.batch_limit()

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

    def options_of_model(self, card: Card, run: Run) -> dict[str, Any]:
        """Those of -O alone: what has a spelling of its own may differ from line to line."""
        return parse_model_options(card, run.model_options)

    def check(self, context: Context) -> None:
        from genkit.run import ability, pipelines

        if self.attention is not None:
            ability.refuse_unknown("--attention", self.attention, pipelines.attention_names())
        if self.cache is not None:
            ability.refuse_unknown("--cache", self.cache, pipelines.cache_names())

    def outputs(self, context: Context) -> Outputs:
        from genkit.verbs.txt2img.plan import outputs_of

        return outputs_of(self, context, context.once(SOURCE, lambda: None), context.once(NOTES, tuple))


def _is_size(value: Any) -> bool:
    return isinstance(value, (list, tuple)) and len(value) == 2 and all(isinstance(side, int) for side in value)


def _size_text(size: Any) -> str:
    return "x".join(map(str, size))
