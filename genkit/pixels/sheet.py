"""Lay pictures out in a grid with words at its columns and rows, or under each picture, that say in what they differ."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL import ImageDraw

GAP, MARGIN = 6, 8  # pixels between pictures, and around words
SMALLEST_TEXT, LARGEST_TEXT = 11, 28  # pixels of height
SIDE_SHARE = 0.5  # of a picture's width: the most that the words beside rows take
MOST_LINES = 5
INK, PAPER = (30, 30, 30), (255, 255, 255)


@dataclass(frozen=True)
class Labels:
    """What is said at each column, each row and each picture."""

    columns: list[str]
    rows: list[str]
    cells: list[str]


def find_labels(facts: Sequence[Mapping[str, str]], columns: int) -> Labels:
    """Part what differs between pictures into what a whole column has in common, what a whole row has, and the rest."""
    names = [name for name in dict.fromkeys(name for one in facts for name in one) if len({one.get(name) for one in facts}) > 1]
    places = range(len(facts))

    def alike(line: Sequence[int]) -> dict[str, str]:
        return {name: facts[line[0]].get(name, "") for name in names if len({facts[one].get(name) for one in line}) == 1}

    across = [alike([one for one in places if one % columns == column]) for column in range(min(columns, len(facts)))]
    down = [alike([one for one in places if one // columns == row]) for row in range(-(-len(facts) // columns))]
    of_columns = {name for name in names if all(name in one for one in across)}
    of_rows = {name for name in names if all(name in one for one in down)} - of_columns
    rest = [name for name in names if name not in of_columns | of_rows]
    return Labels(
        [_text(one, of_columns) for one in across],
        [_text(one, of_rows) for one in down],
        [_text(one, rest) for one in facts],
    )


def _text(facts: Mapping[str, str], names: Any) -> str:
    parts = [value if name == "prompt" else f"{name} {value or '-'}" for name, value in facts.items() if name in names]
    return ", ".join(parts)


def lay_out(pictures: Sequence[tuple[np.ndarray, np.ndarray | None]], labels: Labels, columns: int, rows: int) -> np.ndarray:
    """Put pictures (H, W, 3) uint8 with their alpha (H, W) or None row by row on white, smaller ones in the middle of their
    place: (H, W, 3) uint8."""
    from PIL import Image, ImageDraw

    width = max(pixels.shape[1] for pixels, _ in pictures)
    height = max(pixels.shape[0] for pixels, _ in pictures)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    font = _font(min(LARGEST_TEXT, max(SMALLEST_TEXT, height // 16)))
    heads = [_wrapped(pen, font, text, width) for text in labels.columns]
    beside = max(width * SIDE_SHARE, 6.0 * SMALLEST_TEXT)
    sides = [_wrapped(pen, font, text, int(beside)) for text in labels.rows]
    under = [_wrapped(pen, font, text, width) for text in labels.cells]
    top = _height(font, heads)
    left = int(max((pen.textlength(line, font) for text in sides for line in text), default=0)) + MARGIN if any(sides) else 0
    below = _height(font, under)
    step = height + below + GAP
    sheet = Image.new("RGB", (left + columns * (width + GAP) - GAP, top + rows * step - GAP), PAPER)
    pen = ImageDraw.Draw(sheet)
    for number, lines in enumerate(heads):
        _write(pen, font, lines, left + number * (width + GAP) + width // 2, MARGIN // 2, "ma")
    for number, lines in enumerate(sides):
        _write(pen, font, lines, 0, top + number * step + height // 2 - _height(font, [lines]) // 2, "la")
    for index, (pixels, alpha) in enumerate(pictures):
        x, y = left + index % columns * (width + GAP), top + index // columns * step
        place = x + (width - pixels.shape[1]) // 2, y + (height - pixels.shape[0]) // 2
        mask = None if alpha is None else Image.fromarray(alpha)
        sheet.paste(Image.fromarray(pixels), place, mask)
        _write(pen, font, under[index], x + width // 2, y + height + MARGIN // 2, "ma")
    return np.asarray(sheet)


def _font(size: int) -> Any:
    from PIL import ImageFont

    return ImageFont.load_default(size)


def _wrapped(pen: ImageDraw.ImageDraw, font: Any, text: str, width: int) -> list[str]:
    """Lines of at most `width` pixels; a word that is longer is broken, what is too much ends in three dots."""
    lines: list[str] = []
    for word in text.split():
        joined = f"{lines[-1]} {word}" if lines else word
        if lines and pen.textlength(joined, font) <= width:
            lines[-1] = joined
            continue
        while len(word) > 1 and pen.textlength(word, font) > width:
            fitting = next(
                count for count in range(len(word) - 1, 0, -1) if count == 1 or pen.textlength(word[:count], font) <= width
            )
            lines.append(word[:fitting])
            word = word[fitting:]
        lines.append(word)
    if len(lines) > MOST_LINES:
        last = lines[MOST_LINES - 1]
        while last and pen.textlength(f"{last}...", font) > width:
            last = last[:-1]
        lines = [*lines[: MOST_LINES - 1], f"{last}..."]
    return lines


def _line_height(font: Any) -> int:
    ascent, descent = font.getmetrics()
    return int(ascent + descent)


def _height(font: Any, texts: Sequence[Sequence[str]]) -> int:
    most = max((len(lines) for lines in texts), default=0)
    return most * _line_height(font) + MARGIN if most else 0


def _write(pen: ImageDraw.ImageDraw, font: Any, lines: Sequence[str], x: int, y: int, anchor: str) -> None:
    for number, line in enumerate(lines):
        pen.text((x, y + number * _line_height(font)), line, INK, font, anchor)
