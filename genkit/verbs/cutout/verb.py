"""`cutout`: the subject of pictures without what is behind it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import option
from genkit.run.verb import Context, PictureVerb
from genkit.verbs.cutout import background

if TYPE_CHECKING:
    from genkit.media.pictures.formats import Probe
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import MaskModel

RESULT = "Result"


@dataclass(frozen=True)
class Cutout(PictureVerb):
    """Cut the subject out of pictures: people, animals, things that stand out; what is behind them becomes transparent.

    Edges are found at the picture's full resolution, and freed of the colours behind them. 16 bits and metadata are kept. What
    cannot hold transparency (JPEG) becomes PNG, unless there is a --background. Without -o, photo.jpg gives photo_cutout.png
    beside it.

    \b
      genkit cutout cup.jpg
      genkit cutout shop -r -o white/ --background white --crop
      genkit cutout portrait.jpg --matte --background beach.jpg
      genkit cutout portrait.jpg --background blur
      genkit cutout cup.jpg --mask-only -o mask.png
    """

    background: str | None = option(
        None,
        "Put the subject before a colour (white, '#ff8800'), a picture, or blur: what was behind it, out of focus.",
        panel=RESULT,
        metavar="COLOUR|FILE|blur",
        shown="transparent",
        file="one",
    )
    matte: bool = option(False, "Soft edges for hair, fur and glass, solved for; slower.", panel=RESULT)
    mask_only: bool = option(False, "Give the mask itself: white is the subject.", panel=RESULT)
    crop: bool = option(False, "Cut the picture to the subject.", panel=RESULT)

    name = "cutout"
    mark = "_cutout"
    marks = "_(?:cutout|mask)"

    def mark_of(self, context: Context) -> str:
        return "_mask" if self.mask_only else self.mark

    def names_file(self, name: str) -> bool:
        return not background.is_word(self.background or "")

    @property
    def _transparent(self) -> bool:
        return self.background is None and not self.mask_only

    def check(self, context: Context) -> None:
        if context.seed:
            ability.need(context.card, "seed", "--seed")
        if self.mask_only and self.background is not None:
            raise UsageError("--mask-only gives the mask, and no --background", "leave out one of them")
        if self.background is not None and background.is_word(self.background):
            background.parse(self.background)
        if self._transparent:
            background.refuse_opaque(context)

    def facts_of(self, context: Context, facts: Probe) -> Probe:
        return replace(facts, alpha=self._transparent, channels=1 if self.mask_only else facts.channels)

    def apply(self, model: MaskModel, picture: Picture, context: Context) -> Picture:
        from genkit.media.pictures.colour import to_srgb
        from genkit.verbs.cutout import task

        behind = context.picture("background")
        if self.background is not None:
            picture = to_srgb(picture, context.notify)  # colours are given in sRGB
        options = task.CutoutOptions(
            background=self.background if behind is None else None,
            behind=None if behind is None else behind.pixels,
            matte=self.matte,
            mask_only=self.mask_only,
            crop=self.crop,
        )
        return picture.with_pixels(*task.cutout(model, picture.pixels, picture.alpha, options, context.notify))
