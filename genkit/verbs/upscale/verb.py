"""`upscale`: enlarge pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from genkit.run.option import RESULT, RUN, option
from genkit.run.settings import FilmRun
from genkit.run.verb import Context, PictureVerb

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.pictures.formats import Probe
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import TransformModel
    from genkit.run.item import Choice
    from genkit.run.settings import Run
    from genkit.verbs.upscale.task import UpscaleOptions

SIZE = "Size"
WORN_TOLD = "was a JPEG"  # what a context keeps: whether it has been said, once a run


@dataclass(frozen=True)
class Upscale(PictureVerb):
    """Enlarge pictures: files, folders, whole trees. Metadata, transparency, 16 bits and the format are kept.

    Without -o the result lies beside its input: photo.jpg gives photo_x4.jpg.

    \b
      genkit upscale photo.jpg
      genkit upscale holiday -r -o large/ --scale 2
      genkit upscale scan.tif --size 4k --model realesrgan-x4plus
      genkit upscale - < in.jpg > out.jpg
    """

    scale: float | None = option(
        None,
        "How many times as wide and high, such as 2 or 1.5.",
        panel=SIZE,
        flags=("-s", "--scale"),
        metavar="N",
        shown="the model's, 4",
    )
    size: str | None = option(
        None,
        "Fit inside this, in pixels, or inside 720p, 1080p, 1440p (2k), 4k, 5k or 8k.",
        panel=SIZE,
        metavar="WxH",
        shown="by --scale",
    )
    width: int | None = option(None, "Width in pixels.", panel=SIZE, metavar="N", shown="by --scale", least=1)
    height: int | None = option(None, "Height in pixels.", panel=SIZE, metavar="N", shown="by --scale", least=1)
    sharpen: float = option(
        0.0, "Sharpen the result by an unsharp mask.", panel=RESULT, metavar="0-1", shown=False, least=0, most=1
    )
    tile: str = option(
        "auto",
        "auto (by free memory), 0 for the whole picture at once, or a side in input pixels.",
        panel=RUN,
        metavar="N",
        recorded=False,
    )
    wrap: bool = option(False, "Keep a seamless texture seamless: edges go round.", panel=RESULT)
    tta: bool = option(False, "Average eight turned and mirrored passes: 8 times as slow, a bit better.", panel=RESULT)

    name = "upscale"
    run_type = FilmRun
    hdr = True
    marks = r"_x\d+(\.\d+)?|_\d+k|_\d+p|_\d+x\d+|_[wh]\d+|_restored"

    def find_card(self, run: Run) -> Card:
        from genkit import cards

        return cards.find(run.model or cards.default_model("upscale", scale=self.scale), "upscale")

    def choose(self, context: Context, facts: Probe) -> Choice | None:
        """The photo network for a JPEG that was compressed hard: the ordinary ones draw its blocks and its ringing larger."""
        from genkit import cards
        from genkit.run.item import Choice
        from genkit.verbs.upscale.task import WORN

        worn = facts.quality is not None and facts.quality <= WORN.get(_scale_of(context), 0)
        grows = max(self.size_of(context, facts.width, facts.height)) > max(facts.width, facts.height)
        if not (worn and grows and self._may_be_better(context)):
            return None
        return Choice(cards.find(self._for_worn(), "upscale"), f"a JPEG of quality {facts.quality}")

    def _for_worn(self) -> str:
        from genkit import cards

        return cards.default_model("upscale", scale=self.scale, worn=True)

    def _may_be_better(self, context: Context) -> bool:
        """Whether the model is the ordinary default: neither named, nor configured, nor chosen by the header."""
        return not context.run.model and context.card.name != self._for_worn()

    def check(self, context: Context) -> None:
        from genkit.verbs.upscale import task

        task.check(self._options(context))

    def _options(self, context: Context) -> UpscaleOptions:
        from genkit.pixels.tiles import parse_tile
        from genkit.verbs.upscale.task import UpscaleOptions

        return UpscaleOptions(
            scale=self.scale,
            size=self.size,
            width=self.width,
            height=self.height,
            tile=parse_tile(self.tile),
            wrap=self.wrap,
            tta=self.tta,
            model_options=context.model_options,
        )

    def mark_of(self, context: Context) -> str:
        """`_x4`, `_4k`, `_w1920`; `_restored` where nothing grows."""
        if self.size is not None:
            return f"_{self.size.lower().replace('×', 'x')}"
        if self.width is not None or self.height is not None:
            parts = (f"w{self.width}" if self.width else "", f"h{self.height}" if self.height else "")
            return "_" + "".join(parts)
        scale = self.scale or _scale_of(context)
        return "_restored" if scale == 1 else f"_x{scale:g}"

    def size_of(self, context: Context, width: int, height: int) -> tuple[int, int]:
        from genkit.verbs.upscale import task

        return task.target_size(width, height, self._options(context), _scale_of(context))

    def fields(self, context: Context) -> Mapping[str, Any]:
        scale = self.scale or _scale_of(context)
        return {"scale": int(scale) if float(scale).is_integer() else scale}

    def apply(self, model: TransformModel, picture: Picture, context: Context) -> Picture:
        from genkit.verbs.upscale import task

        if self._may_be_better(context) and not context.once(WORN_TOLD, list):
            from genkit.pixels.jpeg_blocks import was_jpeg

            if was_jpeg(picture.pixels):
                context.once(WORN_TOLD, list).append(True)
                context.notify(f"it looks as if it was a JPEG once: --model {self._for_worn()} may suit it better")
        pixels, alpha = task.upscale(model, picture.pixels, picture.alpha, self._options(context), context.notify)
        if self.sharpen:
            from genkit.pixels.unsharp import unsharp

            pixels = unsharp(pixels, self.sharpen, wrap=self.wrap)
        return picture.with_pixels(pixels, alpha)


def _scale_of(context: Context) -> int:
    return int(context.card.params.get("scale", 1))
