"""The stages of one output of a chain: its input read once for all branches, each step worked once, the last one written."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.chain import film_frames, speech
from genkit.chain.graph import Graph, Leaf, Node
from genkit.chain.plan import ChainPlan, Source, partners_of, work_of
from genkit.chain.record import recipe_of, step_record
from genkit.errors import GenkitError, InputError, flag
from genkit.run import film_options
from genkit.run.threads import Threads
from genkit.run.verb import Context, PictureVerb, SpeechVerb, Verb
from genkit.run.work import Work, load, naming

if TYPE_CHECKING:
    from genkit.chain.keep import Keep
    from genkit.media.pictures.images import Picture
    from genkit.run.batch import Process
    from genkit.run.film_work import MadeFilm
    from genkit.run.item import Item
    from genkit.run.report import Reporter
    from genkit.run.session import Session


@dataclass(eq=False)
class _Held:
    """What is known of one source while its outputs are made: its picture, and those of steps that several outputs need."""

    left: int
    digest: str = ""
    data: bytes | None = None
    picture: Picture | None = None
    made: dict[Node, Picture | GenkitError] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    moving: bool = False  # a frame of a film, of which no step is kept


@dataclass(frozen=True)
class _Loaded:
    held: _Held
    recipe: dict[str, Any]
    picture: Picture | None = None
    said: Any = None
    film: MadeFilm | None = None


class ChainWork(Work):
    """Read (a thread), process (the caller's and others), write (threads). `keep` remembers pictures of steps between runs."""

    def __init__(
        self,
        verb: Verb,
        context: Context,
        reporter: Reporter,
        session: Session,
        graph: Graph,
        plan: ChainPlan,
        keep: Keep | None = None,
        stop: threading.Event | None = None,
    ):
        super().__init__(verb, context, reporter, session)
        self._graph, self._plan, self._keep = graph, plan, keep
        self._threads = Threads()
        self._models: dict[Any, Any] = {}
        self._ready: dict[Node, Any] = {}
        self._drawn: dict[tuple[Node, int], Picture] = {}
        self._lock = threading.Lock()
        self._held: dict[Source, _Held] = {}
        for source in plan.sources:
            self._held.setdefault(source, _Held(0)).left += 1
        users: dict[Node, set[Any]] = {}
        for leaf in graph.leaves:
            for node in leaf.node.chain:
                for need in node.needs:
                    users.setdefault(need, set()).add(node)
            users.setdefault(leaf.node, set()).add(leaf)
        self._shared = {node for node, by in users.items() if len(by) > 1}
        self._paces: dict[Node, tuple[float, float]] = {}  # work done, and seconds for it
        self._workers = 1
        stop = self._stop = stop or threading.Event()
        self._used: dict[str, Any] = {}
        self._speakers = {
            node: speech.SpeechWork(node.verb, speech.request_of(node), node.context, reporter, session, stop)  # type: ignore[arg-type]
            for node in graph.nodes
            if isinstance(node.verb, SpeechVerb)
        }
        self._speak: dict[Node, Process] = {}
        self.steps_run = 0  # counted for tests and -v

    # --- reading ------------------------------------------------------------------------------------------------------

    def read(self, item: Item) -> Any:
        from genkit.media.pictures import images
        from genkit.run.batch import Skip

        source = self._plan.sources[item.index]
        held = self._held[source]
        try:
            self._check_partners(self._plan.leaves[item.index], source)
            with held.lock:
                if source.film is not None and not held.digest:
                    leaf, run = self._plan.leaves[item.index], self._graph.run
                    held.digest = film_frames.check(item, leaf, source, self._plan, run, self.context.settings)
                elif (source.found.path is not None or source.data is not None) and not held.digest:
                    held.data = images.load(source.found.path or source.data or b"", source.found.name)
                    held.digest = hashlib.sha256(held.data).hexdigest()
                recipe = self._recipe(item, held.digest)
                if self.is_made(item, recipe):
                    self._let_go(source)
                    return Skip("already made")
                if held.data is not None:
                    limit = self.context.settings.max_pixels
                    held.picture = images.read(held.data, max_pixels=limit, name=source.found.name)
                    held.data = None
                    self.notify(item, held.picture.metadata.notices)
                return _Loaded(held, recipe)
        except BaseException:
            self._let_go(source)
            raise

    def _check_partners(self, leaf: Leaf, source: Source) -> None:
        for node in leaf.node.chain:
            optional = getattr(node.verb, "optional_files", ())
            for name, path in partners_of(self._plan, node, source).items():
                if path is None and name not in optional:
                    folder = node.context.folders[name]
                    raise InputError(
                        f"{source.found.name}: nothing of that name in {flag(name)} {folder}",
                        "add it, or leave the picture out",
                        code="no-partner",
                    )

    def _let_go(self, source: Source) -> None:
        """One output less needs this source; after the last one its pictures are forgotten."""
        held = self._held[source]
        with self._lock:
            held.left -= 1
            if held.left == 0:
                held.picture = held.data = None
                held.made.clear()

    # --- models -------------------------------------------------------------------------------------------------------

    def prepare(self) -> list[Process]:
        alone, place = False, None
        used: dict[str, Any] = {}
        for node, speaker in self._speakers.items():
            self._speak[node] = speaker.prepare()[0]
        for node in self._graph.nodes:
            if node in self._speakers:
                continue
            contexts = [
                node.context,
                *(replace(node.context, card=one.card) for (_, at), one in self._plan.choices.items() if at is node),
            ]
            for context in contexts:
                place, model = self._load(context)
                used[context.card.name] = model
            if isinstance(node.verb, PictureVerb):
                alone = alone or node.verb.works
            else:
                assert node.outputs is not None
                self._ready[node] = node.outputs.ready(model, self.session, self.reporter)
        if place is None or not used or self._speakers:
            return [self._process]
        if any(item.film is not None for item in self._plan.items):  # whose frames are worked on at once
            self._used = {"place": place, "models": used, "alone": alone}
            return [self._process]
        drawn = any(node.outputs is not None for node in self._graph.nodes)
        count = 1 if drawn else self._threads.workers(place, used, len(self._held), alone=alone)
        self._workers = count
        return [self._process] * count

    def _pixels(self) -> int:
        return sum(one.facts.width * one.facts.height for one in self._plan.sources if one.facts is not None)

    def _load(self, context: Context) -> tuple[Any, Any]:
        """A model, and where it runs: loaded once, however many steps and pictures want it."""
        settings = context.settings
        key = (str(context.card.toml), context.card.name, settings.device, settings.dtype, settings.engine)
        if key not in self._models:
            self._models[key] = load(replace(context, session=self.session), self.session, self.reporter, self._pixels())
        return self._models[key]

    # --- making -------------------------------------------------------------------------------------------------------

    def _process(self, item: Item, loaded: _Loaded) -> _Loaded:
        source, leaf = self._plan.sources[item.index], self._plan.leaves[item.index]
        try:
            with loaded.held.lock, naming(item):
                if leaf.node in self._speakers:
                    before = leaf.node.source
                    cover = self._picture(before, source, loaded.held, item) if before is not None else None
                    return replace(loaded, picture=cover, said=self._speak[leaf.node](self._as_script(item), loaded.recipe))
                if item.film is not None:
                    return replace(loaded, film=self._film(item, loaded, leaf, source))
                made = self._picture(leaf.node, source, loaded.held, item, last=True)
            assert made is not None
            return replace(loaded, picture=made)
        finally:
            self._let_go(source)

    def _film(self, item: Item, loaded: _Loaded, leaf: Leaf, source: Source) -> MadeFilm:
        from genkit.run.film_work import make_film

        def frame(picture: Picture, files: Mapping[str, Path]) -> Picture:
            made = self._picture(leaf.node, source, _Held(1, loaded.held.digest, None, picture, moving=True), item, last=True)
            assert made is not None
            return made

        return make_film(
            item,
            loaded.recipe,
            frame,
            self.reporter,
            resume=self.context.run.resume,
            stopped=self._stop.is_set,
            threads=self._threads,
            **self._used,
        )

    def _picture(self, node: Node | None, source: Source, held: _Held, item: Item, *, last: bool = False) -> Picture | None:
        """The picture of a step, None for the input; what others need too is kept, and so is why it could not be made."""
        if node is None:
            return held.picture
        found = held.made.get(node)
        if found is None:
            try:
                found = self._kept(node, source, held, item, last)
            except GenkitError as error:
                if node in self._shared:
                    held.made[node] = error
                raise
            if node in self._shared:
                held.made[node] = found
        if isinstance(found, GenkitError):
            raise found
        return found

    def _kept(self, node: Node, source: Source, held: _Held, item: Item, last: bool) -> Picture:
        if self._keep is None or last or held.moving:
            return self._made(node, source, held, item)
        record = self._recipe_to(node, source, held.digest, {"format": "png"})
        found = self._keep.find(node, record, held.picture)
        if found is None:
            found = self._made(node, source, held, item)
            self._keep.store(node, record, found)
        return found

    def _made(self, node: Node, source: Source, held: _Held, item: Item) -> Picture:
        if node.outputs is not None:
            return self._draw(node, source, item)
        before = self._picture(node.source, source, held, item)
        further = {name: self._picture(one, source, held, item) for name, one in node.pictures.items()}
        context = self._context(node, source, item, further)
        model = self._load(context)[1]
        assert isinstance(node.verb, PictureVerb)
        begun = time.perf_counter()
        made: Picture = node.verb.apply(model, before, context)  # type: ignore[arg-type]
        self.steps_run += 1
        self._remember(node, source, time.perf_counter() - begun)
        return made

    def _context(self, node: Node, source: Source, item: Item, further: Mapping[str, Picture | None]) -> Context:
        choice = self._plan.choices.get((source, node))
        context = replace(node.context, session=self.session)
        context = context if choice is None else replace(context, card=choice.card)
        steps = None
        if getattr(node.verb, "works", False):
            from genkit.run.steps import Steps

            steps = Steps(item, {}, node.context.run, node.context.settings, self.reporter)
        files = partners_of(self._plan, node, source)
        context = context.of_input(files, context.seed, lambda text: self.notify(item, [text]), steps)
        if not further:
            return context
        places = {name: Path(f"$picture-{number}.png") for number, name in enumerate(further)}
        pictures = {places[name]: one for name, one in further.items()}

        def reader(called: str, path: Path, max_pixels: int, in_srgb: bool) -> Picture:
            from genkit.media.pictures.colour import to_srgb

            if path not in pictures:
                own: Picture = node.context._reader(called, path, max_pixels, in_srgb)
                return own
            picture = pictures[path]
            assert picture is not None
            return to_srgb(picture) if in_srgb else picture

        # what a verb keeps of its files for a whole run is another one for each picture here
        return replace(context, files={**context.files, **places}, _kept={}, _reader=reader)

    def _draw(self, node: Node, source: Source, item: Item) -> Picture:
        """One of the pictures that a verb draws; those that are drawn in one batch are kept until their turn comes."""
        assert node.outputs is not None and source.drawn is not None
        outputs = node.outputs.outputs
        key = (node, source.number)
        if key not in self._drawn:
            wanted = [source.number]
            if not source.drawn.alone:
                most = max(1, node.outputs.batch(self._ready[node]))
                asked = {each.number for each in self._plan.sources if each.drawn is not None and self._held[each].left}
                for number in range(source.number + 1, len(outputs)):
                    if len(wanted) == most or outputs[number].alone:
                        break
                    wanted += [number] if number in asked else []
            begun = time.perf_counter()
            jobs = [outputs[number].job for number in wanted]
            samples = node.outputs.draw(self._ready[node], jobs, lambda text: self.notify(item, [text]), None)
            self.steps_run += len(samples)
            self._remember(node, source, (time.perf_counter() - begun) / max(1, len(samples)))
            for number, sample in zip(wanted, samples, strict=False):
                self._drawn[node, number] = sample.result  # type: ignore[assignment]
        return self._drawn.pop(key)

    def _remember(self, node: Node, source: Source, seconds: float) -> None:
        with self._lock:
            work, before = self._paces.get(node, (0.0, 0.0))
            self._paces[node] = work + work_of(node, source, self._plan)[1], before + seconds

    # --- recipes and writing ------------------------------------------------------------------------------------------

    def wanted_recipe(self, item: Item) -> dict[str, Any]:
        return self._recipe(item, "")

    def _recipe(self, item: Item, digest: str) -> dict[str, Any]:
        from genkit.media.pictures.formats import LOSSY

        leaf, source = self._plan.leaves[item.index], self._plan.sources[item.index]
        if (speaker := self._speakers.get(leaf.node)) is not None:
            own = speaker.wanted_recipe(self._as_script(item))
            before = [] if leaf.node.source is None else self._recipe_to(leaf.node.source, source, digest, {})["steps"]
            return recipe_of(self._graph.recipe.name, [*before, own], {}, self._input_facts(source, digest))
        settings = self.context.settings
        options: dict[str, Any] = {"format": item.format.lower()} if settings.format else {}
        options |= {"quality": settings.quality} if settings.quality and item.format in LOSSY else {}
        options |= {"strip_metadata": True} if self.context.run.strip_metadata else {}
        options |= film_options.recorded(self.context.run) if item.film is not None else {}
        return self._recipe_to(leaf.node, source, digest, options)

    def _recipe_to(self, node: Node, source: Source, digest: str, options: Mapping[str, Any]) -> dict[str, Any]:
        chain = node.chain
        steps = [
            step_record(
                each, chain, source, self._plan, {name: self.facts(name, path) for name, path in self._files(each, source)}
            )
            for each in chain
        ]
        return recipe_of(self._graph.recipe.name, steps, options, self._input_facts(source, digest))

    def _input_facts(self, source: Source, digest: str) -> dict[str, Any] | None:
        if source.drawn is not None or (source.found.path is None and source.data is None):
            return None
        return {"name": source.found.path.name if source.found.path else "stdin", "sha256": digest}

    def _files(self, node: Node, source: Source) -> list[tuple[str, Path]]:
        files = node.context.files if node.outputs is None or source.drawn is None else source.drawn.files
        own = {name: path for name, path in files.items() if name not in node.pictures}
        partners = {name: path for name, path in partners_of(self._plan, node, source).items() if path}
        return list((own | partners).items())

    def _as_script(self, item: Item) -> Item:
        """An item as its own verb counts it."""
        return replace(item, index=self._plan.scripts[item.index])

    def write(self, item: Item, result: _Loaded) -> dict[str, Any]:
        speaker = self._speakers.get(self._plan.leaves[item.index].node)
        if speaker is not None:
            cover = None if result.picture is None else speech.cover_of(result.picture)
            return speaker.write(self._as_script(item), result.said, cover)
        if result.film is not None:
            return self.write_film(item, result.film, result.recipe)
        assert result.picture is not None
        return self.write_media(item, result.picture, result.recipe)

    def close(self) -> None:
        self._threads.give_back()
        for speaker in self._speakers.values():
            speaker.close()
        if self._keep is not None:
            self._keep.close()

    def remember(self) -> None:
        """Keep the pace of each step for the next plan."""
        from genkit.run.batch import Counts
        from genkit.run.call import pace_of
        from genkit.run.estimate import remember

        for node, (work, seconds) in self._paces.items():
            unit = work_of(node, self._plan.sources[0], self._plan)[0]
            pace = pace_of(node.verb, node.context.card, unit)
            remember(Counts(seconds=seconds / self._workers, work=work), pace, node.context.settings.device)
