"""The options of `genkit style`; what is done with them is `verb.py`'s."""

from __future__ import annotations

from dataclasses import dataclass

from genkit.run import mask_words
from genkit.run.option import RESULT, option
from genkit.run.verb import PictureVerb

STYLE, METHOD = "Style", "Method"
FAST, OPTIMIZE = "fast", "optimize"


@dataclass(frozen=True)
class StyleDeclaration(PictureVerb):
    """In the order of help."""

    style: list[str] | None = option(
        None,
        "The picture whose style is wanted; repeated, several are blended. A model of one style takes none.",
        panel=STYLE,
        metavar="FILE",
        shown=False,
        file="one",
    )
    weight: list[float] | None = option(
        None,
        "The share of each --style, in their order: --weight 3 --weight 1.",
        panel=STYLE,
        metavar="N",
        shown="all alike",
        former=("weights",),
    )
    style_size: int | None = option(
        None,
        "Bring the shorter side of each style to N pixels: larger gives broader strokes.",
        panel=STYLE,
        metavar="N",
        shown="at most 512",
        least=64,
        most=4096,
        bounds="64 to 4096 pixels",
        unit="px",
    )
    strength: float = option(
        1.0,
        "How much style: 0 is the input, 1 all of it.",
        panel=RESULT,
        metavar="0-1",
        least=0,
        most=1,
        bounds="0 (the input) to 1 (the style)",
    )
    keep_colors: bool = option(False, "Keep the input's colours, and take strokes and light.", panel=RESULT)
    mask: str | None = option(
        None,
        "Style only where it is white: one file for all, a folder paired by name, subject or background for what genkit "
        "cutout finds, or another word for a --mask-model that knows it.",
        panel=RESULT,
        metavar="FILE|DIR|WORD",
        shown=False,
        file="paired",
    )
    mask_model: str | None = option(None, mask_words.MODEL_OPTION, panel=RESULT)
    tile: str = option(
        "auto",
        "Side of the tiles in pixels; 0 takes the whole picture at once. The result is the same.",
        panel=RESULT,
        metavar="auto|0|N",
        recorded=False,
    )
    work_size: int | None = option(
        None,
        "Paint the picture at N pixels on its longer side and enlarge that along its edges: broader strokes.",
        panel=RESULT,
        metavar="N",
        shown="the picture's size",
        least=64,
        bounds="64 pixels or more",
        unit="px",
    )
    method: str = option(
        FAST,
        "One pass of a network, or optimisation step by step: minutes.",
        panel=METHOD,
        metavar="fast|optimize",
        choices=(FAST, OPTIMIZE),
        bounds="fast or optimize",
    )
    photoreal: bool = option(False, "Take colours and light alone; edges and textures stay the input's.", panel=METHOD)
    semantic: str | None = option(
        None,
        "A map of the input in plain colours: what is of one colour takes after what --style-semantic has in it. The input may "
        "be the map itself, which becomes a painting.",
        panel=METHOD,
        metavar="FILE|DIR",
        shown=False,
        file="paired",
    )
    style_semantic: str | None = option(
        None, "The map of --style, in the same colours.", panel=METHOD, metavar="FILE", shown=False, file="one"
    )
    steps: int | None = option(
        None,
        "optimize: iterations in all.",
        panel=METHOD,
        metavar="N",
        shown="300",
        least=1,
        bounds="1 or more",
        way_out="300 is the default",
    )
    start: str | None = option(
        None,
        "optimize: the picture to begin with.",
        panel=METHOD,
        metavar="content|style|noise|FILE",
        shown="content",
        file="one",
    )
    style_weight: float | None = option(
        None,
        "optimize: how much style against content; 10 is much, 0.1 little.",
        panel=METHOD,
        metavar="N",
        shown="1",
    )
    optimizer: str | None = option(
        None, "optimize: what iterates.", panel=METHOD, metavar="lbfgs|adam", shown="lbfgs", choices=("lbfgs", "adam")
    )
    optimize_size: int | None = option(
        None,
        "optimize: longest side that is iterated on; a larger picture is enlarged from there along its edges.",
        panel=METHOD,
        metavar="N",
        shown="1024, or 2048 on a GPU",
        least=16,
        bounds="16 or more",
        unit="px",
    )
    save_steps: int | None = option(
        None,
        "optimize: write the picture beside the output after every N steps.",
        panel=METHOD,
        metavar="N",
        shown="none",
        least=1,
        bounds="1 or more",
    )

    @property
    def optimizes(self) -> bool:
        return self.method == OPTIMIZE
