"""`style`: put pictures into the style of other pictures."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import ability, mask_words
from genkit.run.beside import Beside
from genkit.run.option import given
from genkit.run.settings import FilmRun
from genkit.run.verb import Context
from genkit.verbs import named_masks
from genkit.verbs.style.declaration import OPTIMIZE, StyleDeclaration

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import StyleModel
    from genkit.run.settings import Run
    from genkit.verbs.style.task import StyleOptions, Styles

OF_STYLES = ("style", "weight", "style_size", "semantic")  # options that a model of one style has no use for


@dataclass(frozen=True)
class Style(StyleDeclaration):
    """Put pictures into the style of a painting: files, folders, whole trees, at their full resolution.

    Transparency, 16 bits and metadata are kept. Masks and maps are drawn on the picture as it is shown: upright, whichever way
    the camera was held. Without -o, photo.jpg gives photo_styled.jpg beside it.

    \b
      genkit style photo.jpg --style starry-night.jpg
      genkit style photos -r -o styled/ --style monet.jpg --strength 0.6
      genkit style photo.jpg --style a.jpg --weight 3 --style b.jpg --weight 1
      genkit style photo.jpg --style wave.jpg --keep-colors --mask sky.png
      genkit style photo.jpg --style wave.jpg --mask background
      genkit style photo.jpg --style monet.jpg --photoreal
      genkit style photo.jpg --style monet.jpg --method optimize --steps 200
      genkit style map.png --semantic map.png --style a.jpg --style-semantic b.png
    """

    name = "style"
    run_type = FilmRun
    mark = "_styled"
    marks = r"_styled(_step\d+)?"

    @property
    def works(self) -> bool:
        return self.optimizes

    @property
    def unit(self) -> str:
        return "steps" if self.optimizes else ""

    def effort(self, context: Context, width: int, height: int) -> float:
        from genkit.verbs.style import methods

        return methods.effort(self, width, height)

    def beside(self, context: Context) -> Beside:
        from genkit.verbs.style import methods

        return Beside(marks=methods.marks(self))

    def names_file(self, name: str) -> bool:
        if name == "mask":
            return mask_words.names_file(self.mask, self.mask_model)
        if name != "start":
            return True
        from pathlib import Path

        from genkit.files import is_input
        from genkit.verbs.style.optimize import STARTS

        # what is neither a file nor a word is refused as both, once the options are checked
        return self.start is not None and self.start not in STARTS and is_input(Path(self.start))

    def recorded(self, context: Context) -> dict[str, Any]:
        return super().recorded(context) | mask_words.recorded(self.mask, self.mask_model)

    def find_card(self, run: Run) -> Card:
        """For optimisation the published features where they are here, else the encoder of the model that ships."""
        from genkit import cards
        from genkit.run.call import not_here
        from genkit.verbs.style.methods import PUBLISHED

        if self.optimizes and run.model is None and not_here(published := cards.find(PUBLISHED, "style")) is None:
            return published
        return super().find_card(run)

    def check(self, context: Context) -> None:
        from genkit.verbs.style import methods, task

        methods.check(self)
        mask_words.check(self.mask, self.mask_model)
        card = context.card
        if self.optimizes:
            ability.need(card, "features", f"--method {OPTIMIZE}", reason="has no features for it")
        elif not {"any_style", "own_style"} & card.can:
            raise UsageError(
                f"{card.name} has features to compare pictures by, and paints none",
                f"add --method {OPTIMIZE}",
                code="model-option",
            )
        task.check(self._options())
        self._check_styles(card)
        if context.seed and not self._draws():
            way_out = "leave it out, or --start noise" if self.optimizes else "leave it out"
            raise UsageError(f"--seed: {card.name} {ability.LACKING['seed']}", way_out)
        self._styles(context)

    def _check_styles(self, card: Card) -> None:
        """Refuse a style for a model of one style, and none for a model of any."""
        from genkit.verbs.style import task

        if "own_style" in card.can:
            own = next((each for each in card.options if each.name == "style"), None)
            several = f"has {len(own.choices)} styles of its own (-O style=NAME; genkit models info {card.name})" if own else ""
            for each, _ in given(self):
                if each.name in OF_STYLES:
                    ability.need(card, "any_style", each.flag, reason=several)
        elif not self.style:
            able = ability.able("style", "own_style")
            way_out = f", or take a model of one style: {', '.join(able)}" if able else ""
            raise UsageError(
                "nothing says which style: --style is missing", f"give --style PICTURE{way_out}", code="missing-style"
            )
        task.check_styles(len(self.style or ()), self.weight or (), self.style_size)

    def _draws(self) -> bool:
        """Whether a seed can change anything: noise to begin with, or patches that are looked for by chance."""
        return self.start == "noise" if self.optimizes else self.semantic is not None

    def _options(self) -> StyleOptions:
        from genkit.pixels.tiles import parse_tile
        from genkit.verbs.style.task import StyleOptions

        return StyleOptions(
            strength=self.strength, keep_colors=self.keep_colors, tile=parse_tile(self.tile), work_size=self.work_size
        )

    def _styles(self, context: Context) -> Styles | None:
        """The styles, with colours under what is transparent; read once a run."""
        from genkit.pixels.transparency import bleed
        from genkit.verbs.style.task import Styles

        def read() -> Styles | None:
            pictures = context.pictures("style")
            visible = [each.pixels if each.alpha is None else bleed(each.pixels, each.alpha) for each in pictures]
            return Styles(visible, self.weight or (), self.style_size) if visible else None

        styles: Styles | None = context.once("styles", read)
        return styles

    def _named(self, picture: Picture, context: Context) -> np.ndarray:
        import numpy as np

        mask = named_masks.find(self.mask, self.mask_model, picture, context).pixels[..., 0]
        return mask > np.iinfo(mask.dtype).max // 2

    def apply(self, model: StyleModel, picture: Picture, context: Context) -> Picture:
        from genkit.media.pictures.colour import to_srgb
        from genkit.pixels import mask_kinds, masks
        from genkit.verbs.style import methods, task

        picture = to_srgb(picture, context.notify)
        options = replace(self._options(), styles=self._styles(context), of_model=context.model_options)
        if (drawn := context.picture("mask", in_srgb=False)) is not None:
            size = picture.width, picture.height
            given = masks.MaskPicture(drawn.pixels, drawn.alpha, str(context.files["mask"]))
            if note := mask_kinds.judge(given, "a mask is white where the style goes, and black elsewhere"):
                context.notify(note)
            mask = masks.from_picture(given.pixels, given.alpha, size, given.name)
            options = replace(options, mask=mask)
        elif mask_words.is_word(self.mask, self.mask_model):
            options = replace(options, mask=self._named(picture, context))
        if self.optimizes or self.photoreal or self.semantic is not None:
            options = replace(options, paint=methods.Painter(self, model, options, context, picture))
        return picture.with_pixels(*task.style(model, picture.pixels, picture.alpha, options, context.notify))
