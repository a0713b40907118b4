"""One output of a plan: what it is made of, and where it goes (standard library only)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genkit.run.beside import NOTHING, Beside

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.film.codecs import Encoding
    from genkit.media.film.facts import FilmFacts
    from genkit.media.film.reading import Part
    from genkit.media.film.streams import Beside as BesidePictures


class Choice(NamedTuple):
    """The model that a verb takes for one input where none was named, and what that input is."""

    card: Card
    why: str


@dataclass(frozen=True)
class FilmPlan:
    """How one film is made: about how many `frames` there are, and what becomes of `beside` streams."""

    facts: FilmFacts
    encoding: Encoding
    beside: Sequence[BesidePictures]
    part: Part
    rate: Fraction | None
    deinterlace: bool
    frames: int


@dataclass(frozen=True)
class Item:
    """One output to make. `source` None is standard input (`data` holds it), or, without `data`, nothing: the picture is drawn,
    and its own size is what `input_size` says. `target` None is standard output. Sizes are
    (width, height), None where the header could not be read; `pixel_bytes` are those of a decoded pixel; `bytes` is an
    estimate of the output's. `variant` counts the outputs of one input from 1 (0: it has one); `partners` are the files that
    go with this picture alone, by option, None where one is missing; `choice` is another model than the run's; `beside` says
    what the output brings along. `effort` is what there is to do in the plan's unit, 0 where that is megapixels. A `film` is
    one, and the sizes are those of its frames."""

    index: int
    name: str
    source: Path | None
    target: Path | None
    format: str
    data: bytes | None = None
    input_size: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    pixel_bytes: int = 3
    bytes: int = 0
    exists: bool = False
    variant: int = 0
    partners: Mapping[str, Path | None] = field(default_factory=dict)
    choice: Choice | None = None
    beside: Beside = NOTHING
    effort: float = 0.0
    film: FilmPlan | None = None

    @property
    def work(self) -> float:
        return self.effort or self.megapixels

    @property
    def companions(self) -> list[Path]:
        """The files beside the output."""
        return self.beside.of(self.target) if self.target else []

    @property
    def megapixels(self) -> float:
        size = self.input_size[0] * self.input_size[1] / 1e6 if self.input_size else 0.0
        return size * self.film.frames if self.film is not None else size
