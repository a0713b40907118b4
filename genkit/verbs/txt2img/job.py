"""What one picture is drawn from, and at which size. Without numpy, for plans are made of these."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture

LARGEST_SIDE = 16_384
LARGEST_SEED = 1 << 62
NEAR = (0.5, 1.5)  # of the native number of pixels: an --init picture of so many is drawn at its own size
GRAIN = 16  # what sides taken from a picture are rounded to: every pipeline's multiple divides it or nearly
Size = tuple[int, int]


@dataclass(frozen=True)
class ReferenceImage:
    """A picture that something is drawn from: `size` is (width, height), `read()` gives it in sRGB."""

    name: str
    size: Size
    read: Callable[[], Picture] = field(compare=False)


@dataclass(frozen=True)
class Setup:
    """What holds for a model until it is loaded again, but for the scheduler: `loras` are (file or name, weight)."""

    scheduler: str | None = None
    loras: tuple[tuple[str, float], ...] = ()
    vae: str | None = None
    controls: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """One picture. `prompt` and `negative` as they are written, with weights and backslashes; `size` is (width, height), None
    for the model's own; `options` are the model's, as (name, value). `place` is where the prompt comes from, for messages."""

    prompt: str
    seed: int
    negative: str = ""
    size: Size | None = None
    options: tuple[tuple[str, Any], ...] = ()
    init: ReferenceImage | None = None
    denoise: float | None = None
    control: tuple[tuple[str, ReferenceImage], ...] = ()
    control_strength: float | None = None
    setup: Setup = Setup()
    place: str = "the prompt"

    @property
    def kind(self) -> tuple[Any, ...]:
        """What pictures must have in common to be drawn in one batch."""
        return (
            self.setup, self.size, self.options, bool(self.negative),
            self.init, self.denoise, self.control, self.control_strength,
        )  # fmt: skip

    @property
    def steps(self) -> int:
        """How many there are, 0 where the card does not say."""
        return int(dict(self.options).get("steps") or 0)


def merged(options: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Options as a job holds them."""
    return tuple(sorted(options.items()))


def parse_size(text: str) -> Size:
    """Read `768x512`, or one number for a square.

    Raises:
        UsageError: no such thing.
    """
    match = re.fullmatch(r"\s*(\d{1,6})\s*(?:[xX×]\s*(\d{1,6})\s*)?", text)
    width, height = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not (8 <= width <= LARGEST_SIDE and 8 <= height <= LARGEST_SIDE):
        raise UsageError(f"--size {text}: expected WIDTHxHEIGHT, such as 768x512, each from 8 to {LARGEST_SIDE}")
    return width, height


def size_after(width: int, height: int, native: int | None) -> Size:
    """The size to draw at from a picture of that size: its proportions, and about as many pixels as the model is made for."""
    share = width * height / (native or 512) ** 2
    scale = 1.0 if NEAR[0] <= share <= NEAR[1] else share**-0.5
    grain = GRAIN if (native or 512) > 256 else GRAIN // 2
    across, down = (max(grain, round(side * scale / grain) * grain) for side in (width, height))
    return min(across, LARGEST_SIDE), min(down, LARGEST_SIDE)
