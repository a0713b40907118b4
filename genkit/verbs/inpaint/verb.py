"""`inpaint`: repaint a part of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import ability, mask_words
from genkit.run.option import DRAWING, option
from genkit.run.settings import GUIDANCE, STEPS, FilmRun
from genkit.run.verb import Context, PictureVerb
from genkit.verbs import named_masks

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import FillModel
    from genkit.pixels.masks import MaskRule

MASK = "Mask"
AUTO, MOST = "auto", 1024
HOLE, TRACE = 0.5, 0.01  # how much of what a mask covers must be transparent for it to be a hole's, or to be spoken of
WAY_OUT = "--mask alpha takes the input's own transparency; a mask is white where it is repainted, and black elsewhere"


@dataclass(frozen=True)
class Inpaint(PictureVerb):
    """Repaint a part of pictures: remove things, fill holes, extend the canvas.

    Not one pixel changes outside the mask, its --grow and its --feather. PNG, TIFF and lossless formats so keep every other
    pixel bit for bit; JPEG, and what else is lossy, is encoded again as a whole. A mask counts as white from half on, and what
    is transparent in it as black; one of another size must have the picture's proportions. It is drawn on the picture as it is
    shown: upright, whichever way the camera was held.

    \b
      genkit inpaint photo.jpg --mask mask.png
      genkit inpaint photo.jpg --mask subject
      genkit inpaint photos -r -o clean/ --mask masks/
      genkit inpaint scan.png --mask-color '#ff00ff'
      genkit inpaint photo.png --outpaint 0,0,25%,0
    """

    mask: str | None = option(
        None,
        "White is repainted: one file for all, a folder paired by name, alpha for the input's own transparency, subject or "
        "background for what genkit cutout finds, or another word for a --mask-model that knows it.",
        panel=MASK,
        metavar="FILE|DIR|WORD",
        shown=False,
        file="paired",
    )
    mask_model: str | None = option(None, mask_words.MODEL_OPTION, panel=MASK)
    mask_color: str | None = option(None, "Repaint what has this colour.", panel=MASK, metavar="#RRGGBB", shown=False)
    mask_tolerance: int = option(
        0, "How far from --mask-color, of 255; JPEG files want about 30.", panel=MASK, metavar="N", least=0, most=255
    )
    mask_box: str | None = option(
        None, "Repaint a rectangle, in pixels or per cent: 10,20,30%,40.", panel=MASK, metavar="X,Y,W,H", shown=False
    )
    outpaint: str | None = option(
        None,
        "Extend the canvas by so many pixels (or per cent) left, above, right and below, and paint what is new.",
        panel=MASK,
        metavar="L,T,R,B",
        shown=False,
    )
    invert_mask: bool = option(False, "Repaint what the mask would keep.", panel=MASK)
    grow: str | None = option(
        None,
        "Pixels that the mask grows by first; auto: as far as what it covers has left traces.",
        panel=MASK,
        metavar="N|auto",
        shown="1/600 of the diagonal; 0 beside a new canvas",
        was=("0.2.0", "4"),
    )
    feather: int | None = option(
        None,
        "Pixels beyond that, over which it is blended in.",
        panel=MASK,
        metavar="N",
        shown="1/600 of the diagonal",
        was=("0.2.0", 4),
        least=0,
        most=1024,
        unit="px",
    )
    hide_feather: bool = option(
        False, "Hide what --feather blends from the model, as versions before 0.2.0 did.", panel=MASK, was=("0.2.0", True)
    )
    texture: str = option(
        AUTO,
        "How much of the texture around a wide hole to add to what the model painted; auto: where it is lacking.",
        panel=DRAWING,
        metavar="auto|0-1",
        was=("0.2.0", "0"),
    )
    wrap: bool = option(False, "Keep a seamless texture seamless: edges go round.", panel=DRAWING)
    candidates: int = option(
        1,
        "Make N different fillings (_1, _2, ...): by the model's noise, or the texture's.",
        panel=DRAWING,
        metavar="N",
        least=1,
        most=64,
        recorded=False,
    )
    prompt: str | None = option(None, "What to paint there.", panel=DRAWING, metavar="TEXT", shown=False, of_model=True)
    negative: str | None = option(None, "What not to paint.", panel=DRAWING, metavar="TEXT", shown=False, of_model=True)
    steps: str | None = option(None, STEPS)
    guidance: str | None = option(None, GUIDANCE)
    denoise: str | None = option(
        None,
        "How much of what is under the mask to forget; 1 is all of it.",
        panel=DRAWING,
        metavar="0-1",
        shown="the model's",
        of_model=True,
    )

    name = "inpaint"
    run_type = FilmRun
    hdr = True
    mark = "_inpainted"
    marks = r"_inpainted(_\d+)?"

    def names_file(self, name: str) -> bool:
        return name != "mask" or (self.mask != "alpha" and mask_words.names_file(self.mask, self.mask_model))

    def recorded(self, context: Context) -> dict[str, Any]:
        grow = {} if self._grow() is None else {"grow": self._grow()}  # a number, as recipes of former versions have it
        return super().recorded(context) | grow | mask_words.recorded(self.mask, self.mask_model)

    def check(self, context: Context) -> None:
        if self._texture() == 0:  # what takes texture takes it by chance
            for flag, asked in (("--seed", context.seed), ("--candidates", self.candidates > 1)):
                if asked:
                    ability.need(context.card, "seed", flag)
        self._grow()
        self._rule()
        mask_words.check(self.mask, self.mask_model)
        if self.wrap and self.outpaint is not None:
            raise UsageError("--wrap and --outpaint contradict each other: what is extended is no tile", "leave one out")

    def _grow(self) -> int | None:
        if self.grow is None or self.grow == AUTO:
            return None
        try:
            pixels = int(self.grow)
        except ValueError:
            pixels = -1
        if not 0 <= pixels <= MOST:
            raise UsageError(f"--grow {self.grow}: expected {AUTO}, or a whole number from 0 to {MOST}")
        return pixels

    def _texture(self) -> float | None:
        """The share of the texture that is added, None to decide it place by place."""
        if self.texture == AUTO:
            return None
        try:
            share = float(self.texture)
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise UsageError(f"--texture {self.texture}: expected {AUTO}, or a number from 0 to 1")
        return share

    def _rule(self) -> MaskRule:
        from genkit.pixels import masks

        return masks.read_rule(self.mask, self.mask_color, self.mask_tolerance, self.mask_box, self.outpaint, self.invert_mask)

    def variants(self, context: Context) -> int | None:
        return self.candidates if self.candidates > 1 or "seed" in context.card.can else None

    def size_of(self, context: Context, width: int, height: int) -> tuple[int, int]:
        from genkit.pixels import masks

        return masks.canvas_size(self._rule(), width, height)

    def apply(self, model: FillModel, picture: Picture, context: Context) -> Picture:
        from genkit.pixels import mask_kinds, masks
        from genkit.verbs.inpaint import rim, task

        rule = self._rule()
        masks.refuse_canvas(rule, picture.width, picture.height, context.settings.max_pixels)
        drawn = context.picture("mask", in_srgb=False)
        given = masks.MaskPicture(drawn.pixels, drawn.alpha, str(context.files["mask"])) if drawn else None
        if given is not None and (note := mask_kinds.judge(given, WAY_OUT)):
            context.notify(note)
        if mask_words.is_word(self.mask, self.mask_model):
            given = named_masks.find(self.mask, self.mask_model, picture, context)
        pixels, alpha, mask = masks.lay_out(rule, picture.pixels, picture.alpha, given)
        if not mask.any():
            context.notify(masks.why_empty(rule, given))
            return picture.with_pixels(pixels, alpha)
        if given is not None and (share := float(mask.mean())) > mask_kinds.MOSTLY:
            context.notify(f"the mask covers {share:.0%} of the picture (--invert-mask repaints the rest)")
        grow = self._grow()
        if self.grow == AUTO:
            grow = rim.traces(pixels, mask)
            context.notify(f"--grow auto: the mask grows by {grow} pixels")
        elif grow is None and given is None and not (rule.alpha or rule.color or rule.box):
            grow = 0  # nothing of what is there is to go
        options = task.InpaintOptions(grow, self.feather, self.hide_feather, self._texture(), self.wrap, context.model_options)
        opaque = (rule.alpha and not self.invert_mask) or self._fills_a_hole(alpha, mask, context)
        return picture.with_pixels(
            *task.inpaint(model, pixels, alpha, mask, options, context.notify, seed=context.seed, opaque=opaque)
        )

    def _fills_a_hole(self, alpha: np.ndarray | None, mask: np.ndarray, context: Context) -> bool:
        """Whether a mask that was drawn is for what is transparent, which is then opaque; of a smaller part it is said that it
        stays. A colour is looked for in what nobody sees, too, and means no hole."""
        from genkit.pixels import mask_kinds

        if alpha is None or self.mask == "alpha" or self.mask_color is not None:
            return False
        share = mask_kinds.hidden_share(alpha, mask)
        if share >= HOLE:
            context.notify("what is transparent under the mask is painted, and opaque from now on")
        elif share > TRACE:
            context.notify(f"{share:.0%} of what the mask covers is transparent, and stays so (--mask alpha fills it)")
        return share >= HOLE
