"""What is to be repainted: a mask (H, W) of bools, True = repaint, from a file, the transparency, a colour or a box.

One rule for all: white is repainted, black and transparent is kept, half and above counts as white. A mask of another size is
taken if it has the picture's proportions, and then enlarged or reduced to it; any other is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from genkit.errors import InputError, UsageError
from genkit.nets.luma import LUMA
from genkit.pixels.mask_kinds import MaskPicture, brightest

if TYPE_CHECKING:
    import numpy as np

PROPORTIONS = 0.01  # how much the aspect ratios of picture and mask may differ, by the rounding of whoever scaled it
STRIP = 256  # rows handled at once


@dataclass(frozen=True)
class Length:
    """So many pixels, or so many per cent of a side."""

    value: float
    percent: bool = False

    def pixels(self, side: int) -> int:
        return round(self.value * side / 100) if self.percent else round(self.value)


@dataclass(frozen=True)
class MaskRule:
    """Where the mask comes from: at most one of `alpha`, `color`, `box` and a drawn one.

    `outpaint` are the lengths by which the canvas grows left, above, right and below; alone it needs no mask. `tolerance` is
    of 255."""

    alpha: bool = False
    color: tuple[int, int, int] | None = None
    tolerance: int = 0
    box: tuple[Length, ...] | None = None
    outpaint: tuple[Length, ...] | None = None
    invert: bool = False


def lay_out(
    rule: MaskRule, pixels: np.ndarray, alpha: np.ndarray | None, mask_picture: MaskPicture | None
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Pixels, alpha and mask that are to be worked on, on the extended canvas where one is asked for.

    Raises:
        InputError: the mask does not go with the picture.
    """
    size = pixels.shape[1], pixels.shape[0]
    mask = None
    if mask_picture is not None:
        mask = from_picture(mask_picture.pixels, mask_picture.alpha, size, mask_picture.name)
    elif rule.alpha:
        mask = from_alpha(alpha)
    elif rule.color is not None:
        mask = from_color(pixels, rule.color, rule.tolerance)
    elif rule.box is not None:
        mask = from_box(rule.box, size)
    if mask is not None and rule.invert:
        mask = ~mask
    if rule.outpaint is not None:
        return extend(pixels, alpha, mask, sides_of(rule.outpaint, *size))
    assert mask is not None  # whoever reads the options sees to that
    return pixels, alpha, mask


def why_empty(rule: MaskRule, mask_picture: MaskPicture | None) -> str:
    """What to say where a mask covers nothing."""
    start = "the mask is empty, so the picture stays as it is: "
    if mask_picture is not None:
        return (
            f"{start}white is repainted, black and transparent are kept (--invert-mask turns it round){brightest(mask_picture)}"
        )
    if rule.color is not None:
        return start + "no pixel has that colour (--mask-tolerance takes in near ones)"
    return start + ("nothing in it is transparent" if rule.alpha else "nothing is left to repaint")


def extend(
    pixels: np.ndarray, alpha: np.ndarray | None, mask: np.ndarray | None, sides: tuple[int, int, int, int]
) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
    """Put a picture (H, W, C) on a canvas with so many more pixels left, above, right and below; these are mask, and opaque."""
    import numpy as np

    left, top, right, bottom = sides
    margins = ((top, bottom), (left, right))
    extended = np.pad(pixels, (*margins, (0, 0)), mode="edge")
    opaque = None if alpha is None else np.pad(alpha, margins, constant_values=int(np.iinfo(alpha.dtype).max))
    inside = np.zeros(pixels.shape[:2], bool) if mask is None else mask
    return extended, opaque, np.pad(inside, margins, constant_values=True)


def canvas_size(rule: MaskRule, width: int, height: int) -> tuple[int, int]:
    """(width, height) of what comes of a picture: larger than it where the canvas is extended."""
    if rule.outpaint is None:
        return width, height
    left, top, right, bottom = sides_of(rule.outpaint, width, height)
    return width + left + right, height + top + bottom


def refuse_canvas(rule: MaskRule, width: int, height: int, most: int) -> None:
    """Keep an extended canvas of more than `most` pixels from taking all memory before anything can be said about it.

    Raises:
        InputError: it is larger.
    """
    wide, high = canvas_size(rule, width, height)
    if rule.outpaint is not None and wide * high > most:
        raise InputError(
            f"the canvas would be {wide}x{high}, which is above --max-pixels", "extend it by less", code="too-large"
        )


def read_rule(
    mask: str | None, color: str | None, tolerance: int, box: str | None, outpaint: str | None, invert: bool
) -> MaskRule:
    """Read the options that say what is repainted; `mask` is "alpha", or anything else for a drawn one.

    Raises:
        UsageError: none or several of them, or one that cannot be read.
    """
    sources = [name for name, value in (("--mask", mask), ("--mask-color", color), ("--mask-box", box)) if value is not None]
    if len(sources) > 1:
        raise UsageError(f"{' and '.join(sources)} contradict each other", "give one of them")
    if not sources and outpaint is None:
        raise UsageError("nothing says what to repaint", "give --mask FILE|DIR|alpha, --mask-color, --mask-box or --outpaint")
    if invert and not sources:
        raise UsageError("--invert-mask without a mask", "give --mask, --mask-color or --mask-box")
    if tolerance and color is None:
        raise UsageError("--mask-tolerance without --mask-color", "give the colour")
    sides = parse_lengths(outpaint, "--outpaint", "LEFT,TOP,RIGHT,BOTTOM") if outpaint is not None else None
    if sides is not None and not any(side.value for side in sides):
        raise UsageError(f"--outpaint {outpaint}: the canvas does not grow", "such as --outpaint 0,0,25%,0")
    return MaskRule(
        alpha=mask == "alpha",
        color=parse_color(color) if color is not None else None,
        tolerance=tolerance,
        box=parse_lengths(box, "--mask-box", "X,Y,WIDTH,HEIGHT") if box is not None else None,
        outpaint=sides,
        invert=invert,
    )


def parse_lengths(text: str, option: str, names: str) -> tuple[Length, ...]:
    """Read four lengths, `10,20,30%,40`: whole pixels, or per cent.

    Raises:
        UsageError: not four of them, or one is negative.
    """
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4 or not all(re.fullmatch(r"\d{1,7}|\d{1,4}(\.\d+)?%", part) for part in parts):
        raise UsageError(f"{option} {text}: expected {names}, in pixels or per cent", f"such as {option} 40,0,25%,0")
    return tuple(Length(float(part.removesuffix("%")), part.endswith("%")) for part in parts)


def parse_color(text: str, option: str = "--mask-color") -> tuple[int, int, int]:
    """Read `#ff00ff`, `ff00ff` or `#f0f`.

    Raises:
        UsageError: not a colour.
    """
    digits = text.strip().removeprefix("#").lower()
    if re.fullmatch(r"[0-9a-f]{3}", digits):
        digits = "".join(2 * digit for digit in digits)
    if not re.fullmatch(r"[0-9a-f]{6}", digits):
        raise UsageError(f"{option} {text}: expected a colour as six hexadecimal digits", f"such as {option} '#ff00ff'")
    return int(digits[:2], 16), int(digits[2:4], 16), int(digits[4:], 16)


def from_picture(pixels: np.ndarray, alpha: np.ndarray | None, size: tuple[int, int], name: str) -> np.ndarray:
    """Threshold a mask's pixels (h, w, 1 or 3) at half, transparent ones black, and fit it to `size` (width, height).

    Raises:
        InputError: it has other proportions than the picture.
    """
    import numpy as np

    height, width = pixels.shape[:2]
    wanted_width, wanted_height = size
    if (width, height) != size and not _alike(width, height, *size):
        raise InputError(
            f"{name} is {width}x{height}, and the picture {wanted_width}x{wanted_height}",
            "give a mask of the picture's size, or of its proportions",
            code="mask-size",
        )
    peak = int(np.iinfo(pixels.dtype).max)
    mask = np.empty((height, width), bool)
    for top in range(0, height, STRIP):
        part = pixels[top : top + STRIP].astype(np.float32)
        value = part[..., 0] if part.shape[2] == 1 else part @ np.array(LUMA, np.float32)
        if alpha is not None:
            value *= alpha[top : top + STRIP].astype(np.float32) / peak
        mask[top : top + STRIP] = value >= peak / 2
    if (width, height) == size:
        return mask
    # nearest neighbours: what is thin stays, and no new greys have to be judged
    rows = ((np.arange(wanted_height) + 0.5) * height / wanted_height).astype(int)
    columns = ((np.arange(wanted_width) + 0.5) * width / wanted_width).astype(int)
    return mask[np.ix_(rows, columns)]


def _alike(width: int, height: int, wanted_width: int, wanted_height: int) -> bool:
    across, down = wanted_width / width, wanted_height / height
    return abs(across - down) <= PROPORTIONS * max(across, down)


def from_alpha(alpha: np.ndarray | None) -> np.ndarray:
    """What is more transparent than opaque.

    Raises:
        InputError: the picture has no transparency.
    """
    import numpy as np

    if alpha is None:
        raise InputError(
            "it has no transparency that could be the mask",
            "give --mask FILE, --mask-color or --mask-box",
            code="no-alpha",
        )
    return alpha <= np.iinfo(alpha.dtype).max // 2


def from_color(pixels: np.ndarray, color: tuple[int, int, int], tolerance: int = 0) -> np.ndarray:
    """The pixels (H, W, 1 or 3) whose channels all lie within `tolerance` (of 255) of a colour; grey ones count as RGB."""
    import numpy as np

    scale = int(np.iinfo(pixels.dtype).max) // 255
    # halves of a step let 16 bits that were 8 once, and rounded since, still be that colour
    reach = tolerance * scale + scale // 2
    mask = np.empty(pixels.shape[:2], bool)
    for top in range(0, len(mask), STRIP):
        part = pixels[top : top + STRIP].astype(np.int32)
        mask[top : top + STRIP] = (np.abs(part - np.array(color) * scale) <= reach).all(2)
    return mask


def from_box(box: tuple[Length, ...], size: tuple[int, int]) -> np.ndarray:
    """A rectangle: left, top, width, height; what of it lies outside a picture of `size` (width, height) is cut off.

    Raises:
        InputError: nothing of it lies inside.
    """
    import numpy as np

    left, top = box[0].pixels(size[0]), box[1].pixels(size[1])
    right, bottom = min(left + box[2].pixels(size[0]), size[0]), min(top + box[3].pixels(size[1]), size[1])
    if right <= left or bottom <= top:
        raise InputError(
            f"nothing of the box lies in the picture, which is {size[0]}x{size[1]}",
            "the box is X,Y,WIDTH,HEIGHT from the upper left",
            code="empty-box",
        )
    mask = np.zeros((size[1], size[0]), bool)
    mask[top:bottom, left:right] = True
    return mask


def sides_of(extend: tuple[Length, ...], width: int, height: int) -> tuple[int, int, int, int]:
    """Pixels that a canvas gains: left, top, right, bottom."""
    left, top, right, bottom = extend
    return left.pixels(width), top.pixels(height), right.pixels(width), bottom.pixels(height)
