"""What a `DrawingVerb` is asked for: outputs that are made of options alone, and who draws them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.media.film.video import Film
    from genkit.media.pictures.images import Picture
    from genkit.run.report import Reporter
    from genkit.run.session import Session


@dataclass(frozen=True)
class Output:
    """One output. `name` is what messages call it and `stem` what its file is called; `job` is what `Outputs.draw` takes.

    `seed`, `options`, the `prompt` (or prompts) and the `files` it is made with (option: path) go into its recipe, `source` as
    its input; `spelling` is what stands before and behind a file in its option. What is drawn `alone` is not put into one batch
    with others: a grid, a film (`film`: MP4 or GIF). `size` is (width, height) where known, `marks` are those of pictures on
    the way that are saved. `effort` is what there is to do, in the unit of `Outputs`, 0 where that is megapixels.
    """

    name: str
    stem: str
    job: Any
    seed: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    spelling: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    prompt: str | Sequence[str] | None = None
    source: Path | None = None
    size: tuple[int, int] | None = None
    alone: bool = False
    film: str | None = None
    marks: Sequence[str] = ()
    effort: float = 0.0


@dataclass(frozen=True)
class Sample:
    """What is drawn: a picture or a film, and what goes into files beside it, by suffix."""

    result: Picture | Film
    beside: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Outputs:
    """What a call asks for. `draw(model, jobs, notify, steps)` gives one `Sample` for each job, or for the first ones, after
    which the others come again; `steps` (see `steps.py`) is None but for what is drawn alone. `batch(model)` is how many jobs
    it takes at once. `suffixes` are those of the files beside each output. `ready(model, session, reporter)` is called
    once the model is loaded, and gives what `draw` and `batch` get in its place. `reads` are files that were read for all of
    them (option: path) and stand in no recipe. `unit` is what the effort is counted in. `notes` are said before it starts,
    `remarks` (how many outputs there will be, and why) where a person or a log reads them and no caller from Python."""

    outputs: Sequence[Output]
    draw: Callable[..., Sequence[Sample]]
    batch: Callable[[Any], int] = lambda model: 1
    suffixes: Sequence[str] = ()
    ready: Callable[[Any, Session, Reporter], Any] = lambda model, session, reporter: model
    reads: Mapping[str, Path] = field(default_factory=dict)
    unit: str = ""
    notes: Sequence[str] = ()
    remarks: Sequence[str] = ()
