"""Pictures in a terminal: as pixels where it draws them (Kitty, Sixel, iTerm2, by textual-image), else two to a letter."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from genkit.errors import UsageError
from genkit.view.page import reduced

SIDE = 800  # pixels of the longer side


def print_pictures(files: Sequence[Path]) -> None:
    """Print each picture under its name.

    Raises:
        UsageError: standard output is no terminal. InputError: one is no picture.
    """
    from rich.console import Console

    from genkit.media.pictures import images

    if not sys.stdout.isatty():
        raise UsageError("--preview draws in a terminal, and standard output is none", "leave it out, or do not redirect it")
    console = Console()
    for path in files:
        picture = reduced(images.read(path), SIDE)
        console.print(str(path), markup=False, highlight=False)
        console.print(_drawn(picture))


def _drawn(picture: Any) -> Any:
    from genkit.media.pictures.picture import on_white

    pixels = picture.pixels if picture.alpha is None else on_white(picture.pixels, picture.alpha)
    if find_spec("textual_image") is not None:
        from PIL import Image
        from textual_image.renderable import Image as Renderable

        return Renderable(Image.fromarray(pixels))
    from genkit.run.preview import in_blocks

    return in_blocks(pixels)
