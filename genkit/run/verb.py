"""What a verb is: a frozen dataclass of its options, and what it does with them.

A `PictureVerb` makes a picture out of a picture, a `DrawingVerb` draws pictures out of nothing but its options, a `SpeechVerb`
speaks. The base classes say what the batch, the planner and the surfaces ask of a verb; a verb overrides what differs.
"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from genkit.errors import InputError, UsageError, flag
from genkit.run import ability, option
from genkit.run.beside import Beside
from genkit.run.settings import DrawnRun, PictureRun, Run, Settings, SpeechRun, parse_model_options, settings_of

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.media.pictures.formats import Probe
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import SpeakModel
    from genkit.run.batch import Counts
    from genkit.run.drawn import Outputs
    from genkit.run.plan import Choice, Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.steps import Steps

Notify = Callable[[str], None]


def _silent(message: str) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Context:
    """What a verb is told beside its options: the model's card and options, the run, and, for one input, what belongs to it.

    `files` are the further files of every input, `folders` those with one for each, by option; for one input `files` has its
    own. `notify` takes messages about the input, `steps` work that takes minutes. `session` keeps what is loaded, None for that
    of the process.
    """

    card: Card
    run: Run
    settings: Settings
    model_options: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, Path] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    seed: int = 0
    notify: Notify = _silent
    steps: Steps | None = None
    session: Session | None = None
    _kept: dict[Any, Any] = field(default_factory=dict)
    _reader: Callable[..., Picture] = field(default_factory=lambda: lru_cache(maxsize=4)(_read))  # a file may change after it

    def of_input(self, files: Mapping[str, Path | None], seed: int, notify: Notify, steps: Steps | None) -> Context:
        """The same, for one input with files of its own."""
        own = {name: path for name, path in files.items() if path is not None}
        return dataclasses.replace(self, files={**self.files, **own}, seed=seed, notify=notify, steps=steps)

    def picture(self, name: str, *, in_srgb: bool = True) -> Picture | None:
        """The picture that an option names for this input, None where it names none; the last one read is kept.

        Raises:
            UsageError: it cannot be read. It is an option's, so nothing can be made without it.
        """
        from genkit.run.recipe import flag_of

        path = self.files.get(name)
        return None if path is None else self.read_picture(path, flag_of(name), in_srgb=in_srgb)

    def read_picture(self, path: Path, called: str, *, in_srgb: bool = True) -> Picture:
        """A picture that an option names; `called` is what the user knows it by.

        Raises:
            UsageError: as `picture`.
        """
        return self._reader(called, path, self.settings.max_pixels, in_srgb)

    def pictures(self, name: str) -> list[Picture]:
        """Those of an option that is given again for each picture, in their order.

        Raises:
            UsageError: one cannot be read.
        """
        from genkit.run.recipe import flag_of

        found = (self.picture(key) for key in self.files if flag_of(key) == flag(name))
        return [picture for picture in found if picture is not None]

    def probe(self) -> None:
        """Look at the header of each picture that all inputs need, before any of them is begun.

        Raises:
            InputError: it is no picture, or cannot be opened.
        """
        from genkit.media.pictures import headers
        from genkit.run.recipe import flag_of

        for name, path in self.files.items():
            try:
                headers.probe(path)
            except InputError as error:
                raise InputError(f"{flag_of(name)} {error.message}", error.hint, code=error.code, exit_code=2) from error

    def once(self, key: Any, make: Callable[[], Any]) -> Any:
        """What `make` gives, made once for the whole run."""
        if key not in self._kept:
            self._kept[key] = make()
        return self._kept[key]


def _read(flag: str, path: Path, max_pixels: int, in_srgb: bool) -> Picture:
    from genkit.media.pictures import images
    from genkit.media.pictures.colour import to_srgb

    try:
        picture = images.read(path, max_pixels=max_pixels)
    except InputError as error:
        raise UsageError(f"{flag} {error.message}", error.hint, code=error.code) from error
    return to_srgb(picture) if in_srgb else picture


@dataclass(frozen=True)
class Outcome:
    """How a call ended: the counts of its batch (None where only the plan was asked for), and what a command exits with."""

    plan: Plan
    counts: Counts | None
    exit_code: int


class Verb:
    """One thing genkit does to media. Its fields are its options (`option()`); the docstring is its help."""

    name: ClassVar[str]
    run_type: ClassVar[type[Run]]
    first: ClassVar[str]  # the option that is the first argument in Python, where that is no picture

    @property
    def task(self) -> str:
        """The verb that models are for: `gan` for `gan project`."""
        return self.name.partition(" ")[0]

    def find_card(self, run: Run) -> Card:
        """The model that is asked for, or the verb's default.

        Raises:
            UsageError: there is none of that name.
        """
        from genkit import cards

        return cards.find(run.model or cards.default_model(self.task), self.task)

    def context(self, run: Run, card: Card | None = None) -> Context:
        """Check all that can be checked before a model is loaded.

        Raises:
            UsageError: says what cannot be.
        """
        option.check(self)
        card = card or self.find_card(run)
        context = Context(
            card,
            run,
            settings_of(run, self.name),
            self.options_of_model(card, run),
            *self._files(),
            seed=getattr(run, "seed", None) or 0,
        )
        self._check_needs(context)
        self.check(context)
        return context

    @classmethod
    def adopt(cls, values: Mapping[str, Any]) -> Mapping[str, Any]:
        """Values by name as Python, JSON and TOML may have them, in the forms that the options are declared with."""
        return values

    def listed(self, run: Run) -> int | None:
        """Where an option asks for a list (of classes, of voices) and for no output: print it and return the exit code."""
        return None

    def carry_out(self, context: Context, reporter: Reporter, session: Session, stop: threading.Event | None) -> Outcome:
        """Do what is asked for: of a verb that neither makes pictures out of pictures nor draws them.

        Raises:
            GenkitError: the plan cannot start, or the model cannot be had.
        """
        raise NotImplementedError

    def check(self, context: Context) -> None:
        """Refuse options that contradict each other, or that this model cannot honour. Reads what every input needs."""

    def _check_needs(self, context: Context) -> None:
        for each, value in [*option.given(self), *option.given(context.run)]:
            if each.option.needs and not each.option.per_line:  # what a line may bring is checked with its line
                reason = ability.LACKING.get(each.name, "")  # of the option itself, where that says more
                ability.need(context.card, each.option.needs, self.spelled(each, value), verb=self.task, reason=reason)

    def spelled(self, each: option.Declared, value: Any) -> str:
        """How an option is called in a refusal."""
        return each.flag

    def options_of_model(self, card: Card, run: Run) -> dict[str, Any]:
        """The model's own options: those of `-O`, and those that have a spelling of their own here.

        Raises:
            UsageError: the model has no such option (the hint names the models that have), or one is given both ways.
        """
        values = parse_model_options(card, run.model_options)
        keys = {text.partition("=")[0] for text in run.model_options or ()}
        for each, value in option.given(self):
            if each.option.of_model and not each.option.per_line:
                if each.key in keys:
                    raise UsageError(f"{each.flag} and -O {each.key} say the same thing", "give one of them")
                text = f"{value:g}" if isinstance(value, float) else str(value)
                values[each.key] = ability.value_of(card, each, text, verb=self.task)
        return values

    def _files(self) -> tuple[dict[str, Path], dict[str, Path]]:
        from genkit.run.pairing import sort_extra, sort_several

        own = [each for each, _ in option.given(self) if each.option.file and not each.option.per_line]
        named = {each.name: each for each in own if self.names_file(each.name)}
        files: dict[str, Path] = {}
        folders: dict[str, Path] = {}
        for name, each in named.items():
            if each.several:
                files |= sort_several(each, getattr(self, name))
                continue
            one, several = sort_extra({name: getattr(self, name)})
            # a folder where one file is wanted is no picture, which whoever reads it says
            files |= one | (several if each.option.file == "one" else {})
            folders |= several if each.option.file == "paired" else {}
        return files, folders

    def names_file(self, name: str) -> bool:
        """Whether the value of an option that may name a file does so."""
        return True

    def recorded(self, context: Context) -> dict[str, Any]:
        """What of the options goes into recipes: those that differ from their defaults, and the model's own."""
        found = {
            each.key: value
            for each, value in option.given(self)
            if each.option.recorded and not each.option.of_model and not (each.option.file and self.names_file(each.name))
        }
        return found | ({"model_options": dict(context.model_options)} if context.model_options else {})


class PictureVerb(Verb):
    """A picture in, a picture out.

    `mark` is what an output beside its input is called after (`_x4`), `marks` the pattern of all that the verb gives. An
    `optional_files` option may have no file for some inputs of a folder.
    """

    run_type: ClassVar[type[Run]] = PictureRun
    mark: ClassVar[str]
    marks: ClassVar[str]
    optional_files: ClassVar[Sequence[str]] = ()
    hdr: ClassVar[bool] = False  # of one that takes films: whether PQ and HLG stay what they are

    def context(self, run: Run, card: Card | None = None) -> Context:
        context = super().context(run, card)
        context.probe()  # the further files of a verb of pictures are pictures
        return context

    def mark_of(self, context: Context) -> str:
        return self.mark

    def marks_of(self) -> str:
        return self.marks

    def size_of(self, context: Context, width: int, height: int) -> tuple[int, int]:
        """(width, height) of the output of an input of that size."""
        return width, height

    def facts_of(self, context: Context, facts: Probe) -> Probe:
        """What the output's format must hold, beside its size: by the input's header, with or without transparency."""
        return facts

    def fields(self, context: Context) -> Mapping[str, Any]:
        """What --name may have beside what all verbs have."""
        return {}

    def beside(self, context: Context) -> Beside:
        """What lies beside each output."""
        return Beside()

    def variants(self, context: Context) -> int | None:
        """How many outputs each input gives, numbered and with seeds of their own; None for one."""
        return None

    def choose(self, context: Context, facts: Probe) -> Choice | None:
        """Another model for one input, where none was named and its header tells that it is better. Outputs keep their size
        and name with it; the plan says once which inputs it takes."""
        return None

    @property
    def unit(self) -> str:
        """What a plan's time is told by where it is no megapixels of input; `effort` counts it."""
        return ""

    def effort(self, context: Context, width: int, height: int) -> float:
        """What there is to do for an input of that size, in `unit`s."""
        raise NotImplementedError

    @property
    def works(self) -> bool:
        """Whether a picture takes minutes, is told of in steps, and takes the memory there is."""
        return False

    def apply(self, model: Any, picture: Picture, context: Context) -> Picture:
        """Make the output of one input.

        Raises:
            GenkitError: its kind says what failed.
        """
        raise NotImplementedError


class DrawingVerb(Verb):
    """Pictures out of options alone."""

    run_type: ClassVar[type[Run]] = DrawnRun

    def outputs(self, context: Context) -> Outputs:
        """What is to be drawn, and how.

        Raises:
            UsageError: what is asked for cannot be.
        """
        raise NotImplementedError


class SeveralVerbs(Verb):
    """Calls of several verbs, each with a model of its own, which they find, check and load (`carry_out`)."""


class SpeechVerb(Verb):
    """Sounds out of texts. How they are planned and said is the verb's own (`carry_out`)."""

    run_type: ClassVar[type[Run]] = SpeechRun

    def in_memory(self, model: SpeakModel, context: Context, reporter: Reporter) -> tuple[np.ndarray, int]:
        """Say everything one after another and write nothing: samples (T,) float32 [-1, 1], and how many make a second.

        Raises:
            UsageError: an option that is for files, or that the voice cannot honour. InputError: there is nothing to say.
        """
        raise NotImplementedError
