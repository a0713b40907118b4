"""The stages of one output, whatever it is: known already, read, made, written with its recipe.

`PictureWork` (pictures.py) makes pictures out of pictures, `DrawingWork` (outputs.py) draws them, speech has its own stages in
its verb; what they share is here, and `batch.py` takes items through them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, OutputError, flag
from genkit.run.beside import Beside, is_device

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.film.video import Film
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.film_work import MadeFilm
    from genkit.run.item import Item
    from genkit.run.report import Reporter
    from genkit.run.session import Session
    from genkit.run.verb import Context, Verb
    from genkit.runtime import Runtime


class Work:
    """`read`, `prepare` and `write` are what `batch.run` calls; `close` gives back what they took."""

    def __init__(self, verb: Verb, context: Context, reporter: Reporter, session: Session):
        self.verb, self.reporter, self.session = verb, reporter, session
        self.context = replace(context, session=session)
        self._facts: dict[Path, dict[str, Any]] = {}
        self._told: set[tuple[int, str]] = set()

    def read(self, item: Item) -> Any:
        raise NotImplementedError

    def prepare(self) -> Sequence[Process]:
        raise NotImplementedError

    def write(self, item: Item, result: Any) -> dict[str, Any]:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing was taken that others wait for."""

    def load(self, pixels: int = 0) -> tuple[Runtime, Any]:
        """The model and where it runs; `pixels` as for `Session.model`."""
        return load(self.context, self.session, self.reporter, pixels, in_torch=getattr(self.verb, "works", False))

    def notify(self, item: Item, notices: Iterable[str]) -> None:
        for notice in notices:
            if item.film is not None and (item.index, notice) in self._told:  # what holds for a frame holds for most
                continue
            self._told.add((item.index, notice))
            self.reporter("notice", message=notice, input=item.name)

    def is_made(self, item: Item, recipe: dict[str, Any]) -> bool:
        """With --resume: whether an output need not be made again; refuse to replace what is not genkit's.

        Raises:
            OutputError: something is there that is not.
        """
        run, target = self.context.run, item.target
        if not run.resume or target is None or is_device(target):
            return False
        from genkit.run import journal

        state = journal.state_of(target, recipe) if item.exists else "other"
        whole = state == "same" and all(path.exists() for path in item.beside.parts(target))
        beside = Beside(sidecar=run.sidecar).of(target) if whole else item.companions
        foreign = [target] if state == "foreign" else []
        foreign += [path for path in beside if os.path.lexists(path) and not journal.is_ours(path, target, self.verb.name)]
        if foreign and not run.overwrite:
            raise OutputError(
                f"{foreign[0]}: is there already, and was not made by genkit",
                "--overwrite replaces it, another -o leaves it alone",
                code="foreign",
            )
        return whole

    def wanted_recipe(self, item: Item) -> dict[str, Any]:
        """How an output is to be made, before its input is read.

        Raises:
            GenkitError: what it is made with cannot be read.
        """
        raise NotImplementedError

    def made_otherwise(self, items: Iterable[Item]) -> int:
        """How many outputs there are that were made with other options, which --resume makes anew."""
        from genkit.run.journal import made_of, same_options

        count = 0
        for item in items:
            if item.exists and item.target is not None and item.target.is_file():
                with suppress(OSError, GenkitError):  # its turn comes, and says so
                    made = made_of(item.target)
                    count += made is not None and not same_options(made, self.wanted_recipe(item))
        return count

    def write_beside(self, item: Item, brought: Mapping[str, bytes]) -> None:
        """Write what an output brings along, by suffix: before the output, whose name so stands for all of it. What a run that
        was killed between the two has written stays.

        Raises:
            OutputError: the place refuses it.
        """
        from genkit.media.atomic import write_atomic
        from genkit.run import journal

        for suffix, data in brought.items():
            assert item.target is not None  # a stream has nothing beside it, which the plan refuses
            path = item.target.with_suffix(suffix)
            if path.is_file() and journal.is_ours(path, item.target, self.verb.name) and path.read_bytes() == data:
                continue
            note = {"verb": self.verb.name, "part": suffix}
            make_folder(path.parent)
            write_atomic(path, partial(_put, data), before_naming=partial(journal.note_down, path, recipe=note, key="beside"))

    def facts(self, name: str, path: Path) -> dict[str, Any]:
        """The name and sha256 of a further file, for recipes.

        Raises:
            InputError: it cannot be read.
        """
        from genkit.run.pairing import facts_of

        if path not in self._facts:
            try:
                self._facts[path] = facts_of(path)
            except OSError as error:
                raise InputError(f"{flag(name)} {path}: cannot be read: {error.strerror}", exit_code=2) from error
        return self._facts[path]

    def recipe(
        self,
        item: Item,
        options: Mapping[str, Any],
        *,
        seed: int | None,
        source: Mapping[str, Any] | None,
        files: Mapping[str, Any],
    ) -> dict[str, Any]:
        """How an output is made; `source` is its input and `files` its further ones, each with its name and sha256."""
        from genkit.media.pictures.formats import LOSSY
        from genkit.media.sound.formats import LOSSY as LOSSY_SOUNDS
        from genkit.version import __version__

        run, settings = self.context.run, self.context.settings
        card = item.choice.card if item.choice is not None else self.context.card
        options = dict(options)
        options |= {"dtype": settings.dtype} if settings.dtype != "auto" else {}
        options |= {"format": item.format.lower()} if settings.format else {}
        lossy = item.format in (*LOSSY, *LOSSY_SOUNDS, "MP4") or item.film is not None
        options |= {"quality": settings.quality} if settings.quality and lossy else {}
        options |= {"strip_metadata": True} if run.strip_metadata else {}
        return {
            "genkit": __version__,
            "verb": self.verb.name,
            "model": card.name,
            "revision": card.revision,
            "options": options,
            **({"seed": seed} if seed is not None else {}),
            **({"input": dict(source)} if source else {}),
            **({"files": dict(files)} if files else {}),
        }

    def keep_recipe(self, item: Item, target: Path, recipe: dict[str, Any]) -> Callable[[Path], None]:
        """What notes the recipe of a written file down, where the file cannot carry it: before it has its name, since a kill
        must not leave an output that a resume does not know."""
        from genkit.run import journal

        run = self.context.run

        def keep(written: Path) -> None:
            moving = item.film is not None and item.format == "AVIF"  # whose animations have no place for it
            if run.strip_metadata or item.format in journal.WITHOUT_RECIPE or moving:
                journal.note_down(target, written, recipe)
            if run.sidecar:
                journal.write_sidecar(target, recipe)

        return keep

    def write_media(self, item: Item, made: Picture | Film, recipe: dict[str, Any]) -> dict[str, Any]:
        """Write a picture or a film whole or not at all, and say what it is."""
        from genkit.media.film.video import Film

        strip = self.context.run.strip_metadata
        target: Any = sys.stdout.buffer
        if item.target is not None:
            target = item.target
            make_folder(target.parent)
        keep = self.keep_recipe(item, target, recipe)
        if isinstance(made, Film):
            from genkit.media.atomic import write_atomic

            def produce(stream: Any) -> None:
                stream.write(made.with_recipe(None if strip else recipe))

            size = write_atomic(target, produce, before_naming=keep)
        else:
            from genkit.media.pictures import images

            notices = made.metadata.notices
            told = len(notices)
            size = images.write(
                made,
                target,
                format=item.format,
                quality=self.context.settings.quality,
                recipe=None if strip else recipe,
                strip=strip,
                before_naming=keep,
            )
            self.notify(item, notices[told:])
        return {"width": made.width, "height": made.height, "format": item.format, "bytes": size}

    def write_film(self, item: Item, made: MadeFilm, recipe: dict[str, Any]) -> dict[str, Any]:
        """Write a film whose frames are made whole or not at all, and say what it is."""
        from genkit.run import film_work

        assert item.target is not None
        strip = self.context.run.strip_metadata
        return film_work.write(item, made, recipe, strip=strip, before_naming=self.keep_recipe(item, item.target, recipe))


def load(
    context: Context, session: Session, reporter: Reporter, pixels: int = 0, *, in_torch: bool = False
) -> tuple[Runtime, Any]:
    """A call's model, which may have to be fetched, and where it runs; `pixels` as for `Session.model`. What follows
    gradients is `in_torch`.

    Raises:
        UsageError: a device that is not here. WeightsError: the model cannot be had.
    """
    from genkit import runtime
    from genkit.run.report import fetching

    card, settings = context.card, context.settings
    engine = "torch" if in_torch else settings.engine
    place = runtime.choose(settings.device, settings.dtype, card.dtypes, engine)  # before anything is fetched for it
    model = session.model(
        card,
        place,
        accept_licence=context.run.accept_licence,
        report=reporter.say,
        progress=fetching(reporter),
        pixels=pixels,
    )
    model.progress = reporter.steps()
    return place, model


def load_beside(context: Context, card: Card, device: Any) -> Any:
    """Another model that works together with a call's own, on a device and in float32.

    Raises:
        WeightsError: it cannot be had.
    """
    from genkit.run.session import DEFAULT
    from genkit.runtime import Device, Runtime

    session = DEFAULT if context.session is None else context.session  # an empty one is false
    accept = context.run.accept_licence
    return session.model(card, Runtime(Device(str(device)), "float32"), accept_licence=accept, report=context.notify)


@contextmanager
def naming(item: Item) -> Iterator[None]:
    """Let an error say which input it is about: a verb knows pixels, and not where they are from."""
    try:
        yield
    except GenkitError as error:
        if item.name not in error.message:
            error.message = f"{item.name}: {error.message}"
        raise


def _put(data: bytes, stream: Any) -> None:
    stream.write(data)


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {error.strerror}", "choose another -o") from error
