"""What is put behind a subject: the words of `--background`, and the colours they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.run.verb import Context

BLUR = "blur"


def is_word(text: str) -> bool:
    """Whether it is a colour or `blur`, and so no file; a file of such a name is given with its folder (./white)."""
    from PIL.ImageColor import colormap  # the names that CSS gives colours

    return text == BLUR or text.lower() in colormap or text.startswith("#")


def parse(text: str) -> tuple[int, int, int] | None:
    """The colour (of 255), or None for `blur`.

    Raises:
        UsageError: digits that are no colour.
    """
    from PIL.ImageColor import colormap

    from genkit.pixels.masks import parse_color

    return None if text == BLUR else parse_color(str(colormap.get(text.lower(), text)), "--background")


def refuse_opaque(context: Context) -> None:
    """Refuse a format that was asked for and holds no transparency, where the result has nothing else.

    Raises:
        UsageError: names the format and the ways out.
    """
    from genkit.media.pictures.formats import ALPHA
    from genkit.run.naming import Naming, wanted_format

    run = context.run
    wanted = wanted_format(Naming("", run.output, context.settings.format, getattr(run, "name", None)))
    if wanted is not None and wanted not in ALPHA:
        raise UsageError(
            f"{wanted} holds no transparency, which a cut-out is",
            "--background white (or another colour, a picture, blur), or -o NAME.png",
        )
