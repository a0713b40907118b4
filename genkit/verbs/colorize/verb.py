"""`colorize`: give pictures colours and keep their lightness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.run import ability
from genkit.run.option import option
from genkit.run.settings import FilmRun
from genkit.run.verb import Context, PictureVerb

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import ColorizeModel
    from genkit.verbs.colorize.hints import Hints
    from genkit.verbs.colorize.palette import Palette

COLOUR = "Colour"


@dataclass(frozen=True)
class Colorize(PictureVerb):
    """Colour black-and-white pictures: files, folders, whole trees. Lightness, transparency, 16 bits and metadata are kept.

    Pictures in colour are turned to grey first. Hints are drawn on the picture as it is shown: upright, whichever way the
    camera was held. Without -o, photo.jpg gives photo_colorized.jpg beside it.

    \b
      genkit colorize portrait.jpg
      genkit colorize album -r -o coloured/ --reference kodachrome.jpg
      genkit colorize scan.tif --strength 0.7 --model ddcolor
      genkit colorize portrait.jpg --hint strokes.png --model siggraph17
    """

    strength: float = option(
        1.0,
        "How much colour: 0 none (grey), 1 what the model says, up to 2 twice as much.",
        panel=COLOUR,
        metavar="N",
        least=0,
        most=2,
        bounds="0 (grey) to 2 (twice the colour)",
        way_out="1 is the model's own",
    )
    hint: str | None = option(
        None,
        "Coloured strokes on transparency that say which colour is where: a file, or a folder named as the inputs.",
        panel=COLOUR,
        metavar="PATH",
        shown=False,
        file="paired",
        needs="hints",
    )
    reference: str | None = option(
        None,
        "Take the palette of this picture; one for a whole folder gives it the same colours throughout.",
        panel=COLOUR,
        metavar="FILE",
        shown=False,
        file="one",
    )

    name = "colorize"
    run_type = FilmRun
    mark = marks = "_colorized"
    optional_files = ("hint",)

    def check(self, context: Context) -> None:
        if context.seed:
            ability.need(context.card, "seed", "--seed")
        self._palette(context)
        if "hint" in context.files:
            self._hints(context)

    def _palette(self, context: Context) -> Palette | None:
        from genkit.verbs.colorize.palette import Palette

        picture = context.picture("reference")
        return Palette.of(picture.pixels, picture.alpha, f"--reference {self.reference}") if picture else None

    def _hints(self, context: Context) -> Hints | None:
        from genkit.verbs.colorize.hints import Hints

        picture = context.picture("hint")  # a picture of a folder need not have any
        return Hints.of(picture.pixels, picture.alpha, f"--hint {context.files['hint']}") if picture else None

    def apply(self, model: ColorizeModel, picture: Picture, context: Context) -> Picture:
        from genkit.media.pictures.colour import to_srgb
        from genkit.verbs.colorize import task

        palette = context.once("palette", lambda: self._palette(context))
        options = task.ColorizeOptions(self.strength, self._hints(context), palette, context.seed, context.model_options)
        picture = to_srgb(picture, context.notify)
        return picture.with_pixels(*task.colorize(model, picture.pixels, picture.alpha, options, context.notify))
