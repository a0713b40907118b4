"""`genkit compare`: the same picture several times, as a page with a slider, a strip, or an animation."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.media.pictures.formats import FORMATS
from genkit.view.page import embedded, page, reduced, text

if TYPE_CHECKING:
    import numpy as np

    from genkit.media.pictures.picture import Picture

LONGEST = 2048  # pixels a side of pictures in pages
STRIP = 640  # in strips and animations
FRAME_MS = 900


@dataclass(frozen=True)
class Scores:
    """Of a picture against the first one, in RGB of 8 bits; `resized` says that the first was brought to its size."""

    psnr: float
    ssim: float
    resized: bool


def groups_of(paths: Sequence[Path], notice: Callable[[str], None]) -> list[tuple[str, list[Path]]]:
    """What belongs together: the files themselves, or of folders what has one name in all of them.

    Raises:
        UsageError: something is not there, files and folders are mixed, or no name is in all of them.
    """
    for path in paths:
        if not path.exists():
            raise UsageError(f"{path}: not found", code="missing-input")
    if len(paths) < 2:
        raise UsageError("one picture cannot be compared", "genkit compare BEFORE AFTER -o page.html")
    folders = [path.is_dir() for path in paths]
    if not any(folders):
        return [(paths[-1].name, list(paths))]
    if not all(folders):
        raise UsageError("files and folders cannot be compared", "name files alone, or folders alone")
    by_name = [_pictures(path) for path in paths]
    shared = [name for name in by_name[0] if all(name in each for each in by_name)]
    if not shared:
        raise UsageError(f"no name is in {' and '.join(map(str, paths))} both", "they are paired by names without suffixes")
    alone = {name for each in by_name for name in each} - set(shared)
    if alone:
        first = sorted(alone)[0]
        more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
        notice(f"{first}{more}: not in all of the folders, left out")
    return [(name, [each[name] for each in by_name]) for name in shared]


def _pictures(folder: Path) -> dict[str, Path]:
    from genkit.run.inputs import is_junk, natural_key

    found = [path for path in folder.rglob("*") if path.suffix.lower() in FORMATS and not is_junk(path.name)]
    found.sort(key=lambda path: natural_key(str(path)))
    return {str(path.relative_to(folder).with_suffix("")): path for path in found}


def scores_of(first: Picture, other: Picture) -> Scores:
    """How alike two pictures are: PSNR in dB and SSIM (`evaluate/fidelity.py`), over all pixels."""
    from genkit.evaluate.fidelity import psnr, ssim

    a, b = _plain(first), _plain(other)
    resized = a.shape != b.shape
    if resized:
        a = _resized(a, b.shape[1], b.shape[0])
    small = min(b.shape[:2]) < 11  # of SSIM's window
    return Scores(psnr(b, a), math.nan if small else ssim(b, a), resized)


def _plain(picture: Picture) -> np.ndarray:
    from genkit.media.pictures.picture import joined, on_white

    small = reduced(picture, 1 << 30)
    return on_white(small.pixels, small.alpha) if small.alpha is not None else joined(small.pixels, None)


def _resized(pixels: np.ndarray, width: int, height: int) -> np.ndarray:
    import numpy as np
    from PIL import Image

    return np.asarray(Image.fromarray(pixels).resize((width, height), Image.Resampling.LANCZOS))


def write_page(groups: Sequence[tuple[str, Sequence[Path]]], target: Path) -> None:
    """A page with every group.

    Raises:
        InputError: a picture cannot be read.
    """
    from genkit.files import replace_text
    from genkit.media.pictures import images

    sections = []
    for name, paths in groups:
        pictures = [images.read(path) for path in paths]
        sections.append(_section(name, paths, pictures))
    title = " | ".join(path.name or str(path) for path in groups[0][1]) if len(groups) == 1 else f"{len(groups)} pictures"
    keys = "keys: 1 slider, 2 side by side, 3 difference, arrows move the slider, j and k go on and back"
    buttons = "".join(
        f'<button value="{value}" aria-pressed="false">{words}</button> '
        for value, words in (("slider", "Slider"), ("side", "Side by side"), ("difference", "Difference x 4"))
    )
    body = f'<nav>{buttons}<small>{keys}</small></nav>\n<main data-mode="slider">\n' + "\n".join(sections) + "\n</main>"
    replace_text(target, page(title, "compare.css", body, "compare.js"))


def _section(name: str, paths: Sequence[Path], pictures: Sequence[Picture]) -> str:
    widest = max(pictures, key=lambda one: one.width)
    images = "".join(
        f'<img alt="{text(path)}" width="{widest.width}" height="{widest.height}" loading="lazy" decoding="async" '
        f'src="{embedded(path, picture, LONGEST)}">'
        for path, picture in zip(paths, pictures, strict=True)
    )
    rows = [f"<tr><td>A<td>{text(paths[0])}<td>{pictures[0].width} x {pictures[0].height}<td><td></tr>"]
    for number, (path, picture) in enumerate(zip(paths[1:], pictures[1:], strict=True), 1):
        scores = scores_of(pictures[0], picture)
        against = "to A, resized" if scores.resized else "to A"
        psnr = "equal" if math.isinf(scores.psnr) else f"PSNR {scores.psnr:.2f} dB {against}"
        ssim = "" if math.isnan(scores.ssim) else f"SSIM {scores.ssim:.4f}"
        letter = chr(ord("A") + number) if number < 26 else str(number)
        rows.append(f"<tr><td>{letter}<td>{text(path)}<td>{picture.width} x {picture.height}<td>{psnr}<td>{ssim}</tr>")
    choice = ""
    if len(paths) > 2:
        options = "".join(f'<option value="{n}">{text(path.name)}</option>' for n, path in enumerate(paths[1:], 1))
        choice = f'<label>against A: <select aria-label="picture against A">{options}</select></label>'
    label = f"how much of {text(paths[0].name)} is shown of {text(name)}"
    slider = f'<input type="range" min="0" max="100" step="0.5" value="50" aria-label="{label}">'
    shown = f'<div class="pair"><div class="stage">{images}</div>{slider}</div>'
    return f"<section><h2>{text(name)}</h2>{shown}{choice}<table>{''.join(rows)}</table></section>"


def write_strip(groups: Sequence[tuple[str, Sequence[Path]]], target: Path) -> None:
    """All of them side by side, a group a row, with names and scores: any picture format that is written."""
    from genkit.media.pictures import images
    from genkit.media.pictures.picture import Picture
    from genkit.pixels.sheet import Labels, lay_out

    cells, shown = [], []
    for _, paths in groups:
        pictures = [images.read(path) for path in paths]
        for number, (path, picture) in enumerate(zip(paths, pictures, strict=True)):
            small = reduced(picture, STRIP)
            cells.append((small.pixels, small.alpha))
            scores = scores_of(pictures[0], picture) if number else None
            told = (
                ""
                if scores is None
                else " equal"
                if math.isinf(scores.psnr)
                else f" {scores.psnr:.1f} dB, SSIM {scores.ssim:.3f}"
            )
            shown.append(f"{path.name}{told}")
    columns = len(groups[0][1])
    sheet = lay_out(cells, Labels([""] * columns, [""] * len(groups), shown), columns, len(groups))
    images.write(Picture(sheet), target)


def write_animation(groups: Sequence[tuple[str, Sequence[Path]]], target: Path) -> None:
    """A GIF that shows one after another, again and again.

    Raises:
        UsageError: there are several groups.
    """
    from PIL import Image, ImageDraw, ImageFont

    from genkit.media.atomic import write_atomic
    from genkit.media.pictures import images
    from genkit.run.outputs import put

    if len(groups) > 1:
        raise UsageError("an animation shows one picture", "compare two files, or write a page: -o page.html")
    frames = []
    for path in groups[0][1]:
        frames.append(Image.fromarray(_plain(reduced(images.read(path), STRIP))))
    size = max(frame.width for frame in frames), max(frame.height for frame in frames)
    frames = [frame.resize(size, Image.Resampling.LANCZOS) if frame.size != size else frame for frame in frames]
    for frame, path in zip(frames, groups[0][1], strict=True):
        pen, font = ImageDraw.Draw(frame), ImageFont.load_default(14)
        pen.rectangle((0, 0, pen.textlength(path.name, font) + 10, 20), fill=(0, 0, 0))
        pen.text((5, 2), path.name, (255, 255, 255), font)
    stream = io.BytesIO()
    frames[0].save(stream, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)
    write_atomic(target, partial(put, stream.getvalue()))
