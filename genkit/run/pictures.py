"""Pictures out of pictures: the plan of a `PictureVerb` over everything that was named, and the stages of one picture."""

from __future__ import annotations

import hashlib
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import InputError, UsageError, flag
from genkit.media.film.names import FILM_SUFFIXES, MUXED, is_film_input, kind_of_name
from genkit.run import callers, film_options
from genkit.run.films import film_planner, only
from genkit.run.recipe import flag_of
from genkit.run.settings import PictureRun
from genkit.run.threads import Threads
from genkit.run.verb import Context, PictureVerb
from genkit.run.work import Work, load, naming

if TYPE_CHECKING:
    from collections.abc import Sequence

    from genkit.media.pictures.headers import Probe
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.film_work import MadeFilm
    from genkit.run.inputs import Found
    from genkit.run.pairing import Pairs
    from genkit.run.plan import Item, Plan
    from genkit.run.report import Reporter
    from genkit.run.session import Session


def plan_pictures(verb: PictureVerb, context: Context, reporter: Reporter, data: bytes | None = None) -> Plan:
    """Which input becomes which output; `data` is what standard input would hold.

    Raises:
        UsageError: the plan cannot start.
    """
    from genkit.media.pictures.formats import FORMATS
    from genkit.run import plan as paths
    from genkit.run.inputs import find_inputs

    run, settings = context.run, context.settings
    assert isinstance(run, PictureRun)
    folder = paths.output_folder(run.output)
    films = film_planner(verb, context)
    inputs = find_inputs(
        run.paths,
        suffixes=FORMATS.keys() | (FILM_SUFFIXES if films else ()),
        recursive=run.recursive,
        leave_out=folder,
        films=films is not None,
        rows=films is not None and run.output is not None and folder is None and kind_of_name(Path(run.output)) in MUXED,
        notice=reporter.say,
    )
    inputs = only(inputs, getattr(run, "only", None))
    if any(each.path is None for each in inputs):
        data = data or standard_input(verb.name)
    elif run.output is None and not run.again:
        inputs = without_own(inputs, verb.name, verb.marks_of(), reporter)
    inputs, pairs = _find_partners(inputs, verb, context, reporter)
    plan = paths.plan(
        inputs,
        paths.Naming(
            mark=verb.mark_of(context),
            output=run.output,
            format=settings.format,
            template=run.name,
            fields={"verb": verb.name, "model": context.card.name, "seed": run.seed, **verb.fields(context)},
        ),
        probe=lambda source: verb.facts_of(context, probe(source, settings.max_pixels)),
        size_of=partial(verb.size_of, context),
        stdin=data,
        overwrite=run.overwrite,
        resume=run.resume,
        number=run.number,
        beside=replace(verb.beside(context), sidecar=run.sidecar),
        variants=verb.variants(context),
        partners={each: {pair.option: pair.partners.get(each) for pair in pairs} for each in inputs} if pairs else {},
        reads=[(flag_of(name), path) for name, path in context.files.items()],
        choose=partial(verb.choose, context),
        film=films.plan if films is not None else None,
    )
    plan.notices += _choices(plan.items)
    if verb.unit:
        plan.unit = verb.unit
        plan.items = [replace(each, effort=_effort(verb, context, each)) for each in plan.items]
    return plan


def _effort(verb: PictureVerb, context: Context, item: Item) -> float:
    frames = item.film.frames if item.film is not None else 1
    return verb.effort(context, *item.input_size or (0, 0)) * frames


def _choices(items: Sequence[Item]) -> list[str]:
    """What to say of models that the verb chose for some inputs: once for each."""
    chosen: dict[str, list[Item]] = {}
    for item in items:
        if item.choice is not None and item.variant < 2:
            chosen.setdefault(item.choice.card.name, []).append(item)
    notices = []
    for name, several in chosen.items():
        first, more = several[0], len(several) - 1
        others = f", and {more} more {'is' if more == 1 else 'are'} alike" if more else ""
        why = first.choice.why if first.choice else ""
        notices.append(f"{first.name} is {why}{others}: {name} takes {'them' if more else 'it'} (--model wins)")
    return notices


def settled(context: Context, plan: Plan) -> Context:
    """The context with the one model that takes all inputs, where the verb chose it."""
    cards = {card.name: card for item in plan.items if (card := item.choice.card if item.choice else context.card)}
    return replace(context, card=next(iter(cards.values()))) if len(cards) == 1 else context


def standard_input(verb: str) -> bytes:
    if sys.stdin.isatty():
        raise UsageError("standard input is the terminal", f"pipe a picture in: genkit {verb} - < photo.jpg > out.jpg")
    data = sys.stdin.buffer.read()
    if not data:
        raise UsageError("standard input is empty", "what is before the pipe wrote nothing", code="missing-input")
    return data


def probe(source: Path | bytes, max_pixels: int) -> Probe:
    """Look at a header; what is too large to be read is left for its turn to fail, and claims no space in the plan."""
    from genkit.media.pictures import headers

    facts = headers.probe(source) if isinstance(source, Path) else headers.read_header(source, "standard input")
    if facts.width * facts.height > max_pixels:
        raise InputError(f"{source if isinstance(source, Path) else 'standard input'}: above --max-pixels")
    return facts


def without_own(inputs: list[Found], name: str, marks: str, reporter: Reporter) -> list[Found]:
    """Leave out what this verb has made: by the recipe inside, or by its name where the original lies beside it."""
    from genkit.media.recipe import read_recipe

    stems = {(each.path.parent, each.path.stem) for each in inputs if each.path}
    kept: list[Found] = []
    own: list[Found] = []
    for each in inputs:
        assert each.path is not None
        recipe = None
        with suppress(OSError):  # it fails, with its reason, when its turn to be read comes
            recipe = read_recipe(each.path)
        original = re.sub(f"(?:{marks})$", "", each.path.stem)
        named = recipe is None and original != each.path.stem and (each.path.parent, original) in stems
        mine = named or (recipe is not None and recipe["verb"] == name)
        (own if mine else kept).append(each)
    if own:
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        reporter.say(f"{own[0].name}{more} left out: made by genkit {name} (--again takes them too)")
    return kept


def _find_partners(
    inputs: list[Found], verb: PictureVerb, context: Context, reporter: Reporter
) -> tuple[list[Found], list[Pairs]]:
    """Leave out the inputs that are no pictures to work on but masks, hints and the like; pair the others with theirs."""
    from genkit.run.pairing import pair

    inputs = leave_out(inputs, {os.path.realpath(path) for path in context.files.values()}, reporter)
    for folder in context.folders.values():
        start = os.path.realpath(folder) + os.sep
        inside = {real for each in inputs if each.path and (real := _real(each)).startswith(start)}
        if len(inside) < len(inputs):
            inputs = leave_out(inputs, inside, reporter)
    pairs = [pair(name, folder, inputs) for name, folder in context.folders.items()]
    inputs = leave_out(inputs, {os.path.realpath(path) for each in pairs for path in each.partners.values()}, reporter)
    for each in pairs:
        alone = [one for one in each.missing if one in inputs]
        if alone:
            more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
            without = ", made without" if each.option in verb.optional_files else ""
            reporter.say(f"{alone[0].name}{more}: nothing of that name in {flag(each.option)} {each.folder}{without}")
    return inputs, pairs


def leave_out(inputs: list[Found], paths: set[str], reporter: Reporter) -> list[Found]:
    kept = [each for each in inputs if each.path is None or _real(each) not in paths]
    if not kept or len(kept) == len(inputs):  # the only input is meant, even where it is its own mask
        return inputs
    others = [each for each in inputs if each not in kept]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    reporter.say(f"{others[0].name}{more} left out: goes with the other inputs")
    return kept


def _real(each: Found) -> str:
    return os.path.realpath(each.path or "")


@dataclass(frozen=True)
class _Loaded:
    picture: Picture | None
    recipe: dict[str, Any]
    brought: Mapping[str, bytes] = field(default_factory=dict)
    film: MadeFilm | None = None


def _of(loaded: _Loaded) -> Picture:
    assert loaded.picture is not None
    return loaded.picture


class PictureWork(Work):
    """Read (a thread), process (the caller's), write (threads). `memory`: the input is a picture
    without a file, not standard input."""

    verb: PictureVerb

    def __init__(
        self,
        verb: PictureVerb,
        context: Context,
        reporter: Reporter,
        session: Session,
        plan: Plan,
        memory: bool,
        stop: threading.Event | None = None,
    ):
        self._films, self._stop = film_planner(verb, context), stop or threading.Event()
        super().__init__(verb, context, reporter, session)
        self._items, self._memory, self._threads = plan.items, memory, Threads()
        self._files = {name: self.facts(name, path) for name, path in context.files.items()}

    def read(self, item: Item) -> Any:
        from genkit.media.pictures import images
        from genkit.run.batch import Skip

        for name, path in item.partners.items():
            if path is None and name not in self.verb.optional_files:
                raise InputError(
                    f"{item.name}: nothing of that name in {flag(name)} {self.context.folders[name]}",
                    "add it, or leave the picture out",
                    code="no-partner",
                )
        if item.film is not None or (item.source is not None and self._films and is_film_input(item.source)):
            return self._read_film(item)
        data = images.load(item.source if item.source is not None else item.data or b"", item.name)
        recipe = self._recipe(item, hashlib.sha256(data).hexdigest())
        if self.is_made(item, recipe):
            return Skip("already made")
        picture = images.read(data, max_pixels=self.context.settings.max_pixels, name=item.name)
        self.notify(item, picture.metadata.notices)
        return _Loaded(picture, recipe)

    def _read_film(self, item: Item) -> Any:
        """Nothing is decoded ahead: a film's frames are read while they are worked on."""
        from genkit.media.film import facts
        from genkit.run.batch import Skip
        from genkit.run.pairing import digest

        assert item.source is not None
        if item.film is None:  # the plan could not read it: say why
            assert self._films is not None
            self._films.check(facts.probe(item.source))
            raise InputError(f"{item.name}: cannot be read")
        try:
            recipe = self._recipe(item, digest(item.source))
        except OSError as error:
            raise InputError(f"{item.name}: cannot be read: {error.strerror}") from error
        return Skip("already made") if self.is_made(item, recipe) else _Loaded(None, recipe)

    def prepare(self) -> list[Process]:
        pixels = sum(width * height for width, height in (item.input_size or (0, 0) for item in self._items))
        place, first = self.load(pixels)
        models = {self.context.card.name: first}
        for card in {item.choice.card.name: item.choice.card for item in self._items if item.choice is not None}.values():
            if card.name not in models:
                models[card.name] = load(replace(self.context, card=card), self.session, self.reporter, pixels)[1]

        def process(item: Item, loaded: _Loaded) -> _Loaded:
            from genkit.run.steps import Steps

            context = self.context if item.choice is None else replace(self.context, card=item.choice.card)
            model = models[context.card.name]
            if item.film is not None:
                return self._film(item, loaded, context, model, place)
            steps = None
            if self.verb.works:
                steps = Steps(item, loaded.recipe, context.run, context.settings, self.reporter)
            own = context.of_input(item.partners, loaded.recipe["seed"], lambda text: self.notify(item, [text]), steps)
            with naming(item):
                made = self.verb.apply(model, _of(loaded), own)
            return _Loaded(made, loaded.recipe, steps.brought if steps is not None else {})

        if any(item.film is not None for item in self._items):  # whose frames are worked on at once, and one film at a time
            return [process]
        return [process] * self._threads.workers(place, models, len(self._items), alone=self.verb.works)

    def _film(self, item: Item, loaded: _Loaded, context: Context, model: Any, place: Any) -> _Loaded:
        from genkit.run.film_work import make_film
        from genkit.run.steps import Steps

        seed = loaded.recipe["seed"]
        alone = {name: path for name, path in item.partners.items() if path is None or not path.is_dir()}

        def apply(picture: Picture, files: Mapping[str, Path]) -> Picture:
            steps = Steps(item, loaded.recipe, context.run, context.settings, self.reporter) if self.verb.works else None
            return self.verb.apply(
                model, picture, context.of_input({**alone, **files}, seed, lambda text: self.notify(item, [text]), steps)
            )

        made = make_film(
            item,
            loaded.recipe,
            apply,
            self.reporter,
            resume=context.run.resume,
            stopped=self._stop.is_set,
            threads=self._threads,
            place=place,
            models={context.card.name: model},
            alone=self.verb.works,
        )
        return replace(loaded, film=made)

    def close(self) -> None:
        self._threads.give_back()

    def write(self, item: Item, result: _Loaded) -> dict[str, Any]:
        self.write_beside(item, result.brought)
        if result.film is not None:
            return self.write_film(item, result.film, result.recipe)
        return self.write_media(item, _of(result), result.recipe)

    def wanted_recipe(self, item: Item) -> dict[str, Any]:
        return self._recipe(item, "")

    def _recipe(self, item: Item, digest: str) -> dict[str, Any]:
        name = item.source.name if item.source else callers.name_of(item.data or b"") if self._memory else "stdin"
        films = film_options.recorded(self.context.run) if item.film is not None else {}
        return self.recipe(
            item,
            {**self.verb.recorded(self.context), **films},
            seed=self.context.seed + max(item.variant - 1, 0),
            source={"name": name, "sha256": digest},
            files=self._files | {name: self.facts(name, path) for name, path in item.partners.items() if path},
        )
