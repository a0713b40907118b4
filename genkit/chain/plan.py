"""The plan of a chain: which input becomes which outputs by which branch, how large, by which models, in how much time."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from genkit.chain import films, speech
from genkit.chain.graph import Graph, Leaf, Node
from genkit.errors import UsageError
from genkit.media.film.names import FILM_SUFFIXES, MUXED, kind_of_name
from genkit.media.pictures.formats import FORMATS, Probe, output_suffix
from genkit.run import plan as paths
from genkit.run.films import only, probe_of
from genkit.run.inputs import Found
from genkit.run.item import Choice, Item
from genkit.run.recipe import flag_of
from genkit.run.settings import ChainRun, Settings
from genkit.run.verb import PictureVerb, SpeechVerb

if TYPE_CHECKING:
    from genkit.media.film.facts import FilmFacts
    from genkit.run.drawn import Output
    from genkit.run.pairing import Pairs
    from genkit.run.report import Reporter

NAME = "run"


@dataclass(frozen=True, eq=False)
class Source:
    """What chains begin with: an input (`found`), or one of the pictures that a verb draws (`drawn`, the `number`-th)."""

    found: Found
    data: bytes | None = None
    drawn: Output | None = None
    number: int = 0
    facts: Probe | None = None
    film: FilmFacts | None = None


@dataclass
class ChainPlan(paths.Plan):
    """`leaves` and `sources` are those of each item, by its index. `choices` are models that a verb took for an input, `pairs`
    the further files that go with one input each, `facts` what a picture is behind a step."""

    leaves: list[Leaf] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    choices: dict[tuple[Source, Node], Choice] = field(default_factory=dict)
    pairs: dict[Node, Sequence[Pairs]] = field(default_factory=dict)
    facts: dict[tuple[Source, Node], Probe] = field(default_factory=dict)
    scripts: dict[int, int] = field(default_factory=dict)  # of items that are spoken, by their index
    seconds: float | None = None
    unknown: str = ""  # a model whose pace is not known


def mark_of(graph: Graph, leaf: Leaf) -> str:
    """What an output beside its input is called after: the recipe, or else its verbs."""
    if graph.recipe.name:
        return f"_{graph.recipe.name}"
    return "".join(node.verb.mark_of(node.context) for node in leaf.node.chain if isinstance(node.verb, PictureVerb)) or "_run"


def plan_chain(
    graph: Graph, settings: Settings, reporter: Reporter, inputs: Sequence[Found] | None = None, data: bytes | None = None
) -> ChainPlan:
    """Give every output its place. `inputs` are those that were found already, `data` what standard input would hold.

    Raises:
        UsageError: the plan cannot start.
    """
    run, result = graph.run, ChainPlan()
    sources = _sources(graph, settings, reporter, result, inputs, data)
    drawn = not any(leaf.node.takes_input for leaf in graph.leaves)
    output = run.output or ("." if drawn else None)
    folder = paths.output_folder(output)
    count = sum(len(each) * speech.count_of(leaf) for leaf, each in sources.items())
    if output is not None and folder is None and count > 1:
        paths.refuse_several(count, output)
    drawn_stems = [one.found.relative.stem for leaf in graph.leaves for one in sources[leaf] if one.drawn is not None]
    told_apart = len(set(drawn_stems)) == len(drawn_stems)  # by what is drawn: labels would only say it again
    seen: list[str] = []
    # by source, so that what chains have in common is at hand when the next one wants it
    order = sorted(
        (
            (number, place, leaf, source)
            for place, leaf in enumerate(graph.leaves)
            for number, source in enumerate(sources[leaf])
        ),
        key=lambda one: one[:2],
    )
    for number, _, leaf, source in order:
        if isinstance(leaf.node.verb, SpeechVerb):
            for script, item in enumerate(speech.items_of(leaf, run, folder)):
                result.scripts[len(result.items)] = script
                result.items.append(replace(item, index=len(result.items)))
                result.leaves.append(leaf)
                result.sources.append(source)
            continue
        naming = paths.Naming(mark_of(graph, leaf), output, settings.format, run.name, {"verb": graph.recipe.name or NAME})
        named = replace(leaf, label="") if source.drawn is not None and told_apart else leaf
        item, reason = _item(number, named, source, naming, folder, run, settings, result)
        if reason:
            seen.append(f"{item.name}: {reason}")
        result.items.append(replace(item, index=len(result.items), beside=paths.Beside(sidecar=run.sidecar)))
        result.leaves.append(leaf)
        result.sources.append(source)
    result.notices += list(dict.fromkeys(seen))
    reads = [
        (flag_of(name), path) for node in graph.nodes for name, path in node.context.files.items() if name not in node.pictures
    ]
    reads += [("--from", path) for leaf in graph.leaves for path in speech.reads_of(leaf)]
    paths.checked(result, reads, overwrite=run.overwrite, resume=run.resume, number=run.number)
    speech.refuse_unfinished(result.items, run)
    _estimate(graph, result, settings.device)
    return result


# --- sources --------------------------------------------------------------------------------------------------------------


def _sources(
    graph: Graph,
    settings: Settings,
    reporter: Reporter,
    result: ChainPlan,
    inputs: Sequence[Found] | None,
    data: bytes | None,
) -> dict[Leaf, list[Source]]:
    found: dict[Leaf, list[Source]] = {}
    pictures = [leaf for leaf in graph.leaves if leaf.node.takes_input]
    given = list(inputs or ()) or graph.run.paths or ()
    if (pictures or graph.reads_texts) and not given:
        raise UsageError("nothing to begin with", "name files or folders behind the recipe", code="no-input")
    if given and not pictures and not graph.reads_texts:
        first = graph.leaves[0].node.chain[0].verb.name
        raise UsageError(f"the recipe begins with {first}, and takes no input", f"leave out {given[0]}")
    if pictures and graph.reads_texts:
        raise UsageError("the recipe takes its inputs for texts and for pictures", "make two recipes of it")
    if pictures:
        several = _find(graph, settings, reporter, result, inputs, data)
        found |= dict.fromkeys(pictures, several)
    roots: dict[Node, list[Source]] = {}
    for leaf in graph.leaves:
        root = next((node for node in leaf.node.chain if node.outputs is not None), None)
        if root is None:
            if leaf not in found:  # nothing but speech
                found[leaf] = [Source(Found(None, PurePath(leaf.node.verb.name)))]
            continue
        if leaf.node.takes_input:
            raise UsageError("a chain begins with its input or with what a verb draws, not with both", "make two recipes of it")
        assert root.outputs is not None
        if root not in roots:
            roots[root] = [_drawn(number, one) for number, one in enumerate(root.outputs.outputs)]
            result.notices += root.outputs.notes
        found[leaf] = roots[root]
    return found


def _drawn(number: int, output: Output) -> Source:
    facts = Probe(*output.size, "PNG") if output.size else None
    return Source(Found(None, PurePath(f"{output.stem}.png")), None, output, number, facts)


def _find(
    graph: Graph,
    settings: Settings,
    reporter: Reporter,
    result: ChainPlan,
    inputs: Sequence[Found] | None,
    data: bytes | None,
) -> list[Source]:
    from genkit.errors import GenkitError
    from genkit.run.inputs import find_inputs
    from genkit.run.pairing import pair
    from genkit.run.pictures import leave_out, probe, standard_input, without_own

    run, folder = graph.run, paths.output_folder(graph.run.output)
    moving = films.takes_films(graph)
    found = list(inputs or ())
    if not found:
        found = find_inputs(
            run.paths or (),
            suffixes=FORMATS.keys() | (FILM_SUFFIXES if moving else ()),
            recursive=run.recursive,
            leave_out=folder,
            films=moving,
            rows=moving and run.output is not None and folder is None and kind_of_name(Path(run.output)) in MUXED,
            notice=reporter.say,
        )
        found = only(found, run.only)
    if any(each.path is None for each in found):
        data = data or standard_input(NAME)
    elif run.output is None and not run.again and not inputs:
        marks = "|".join(re.escape(mark_of(graph, leaf)) + r"(?:_[\w.-]+)?" for leaf in graph.leaves[:1])
        found = without_own(found, NAME, marks, reporter)
    files = {str(path.resolve()) for node in graph.nodes for path in node.context.files.values()}
    found = leave_out(found, files, reporter)
    for node in graph.nodes:
        if node.context.folders:
            result.pairs[node] = [pair(name, place, found) for name, place in node.context.folders.items()]
    sources = []
    for one in found:
        facts = film = None
        with suppress(GenkitError):  # it fails, with its reason, when its turn comes
            film = films.facts_of(one) if moving else None
            facts = (
                probe_of(film)
                if film is not None
                else probe(data or b"" if one.path is None else one.path, settings.max_pixels)
            )
        sources.append(Source(one, data if one.path is None else None, facts=facts, film=film))
    return sources


# --- one output -----------------------------------------------------------------------------------------------------------


def _item(
    number: int,
    leaf: Leaf,
    source: Source,
    naming: paths.Naming,
    folder: Path | None,
    run: ChainRun,
    settings: Settings,
    result: ChainPlan,
) -> tuple[Item, str | None]:
    def probe(_: Path | bytes) -> Probe:
        if source.facts is None:
            from genkit.errors import InputError

            raise InputError(f"{source.found.name}: cannot be read")
        return facts_after(leaf.node, source, result)

    relative = source.found.relative
    if leaf.label:
        relative = relative.with_name(f"{relative.stem}_{leaf.label}{relative.suffix}")
    found = Found(source.found.path, relative)
    if source.film is not None:
        planner = films.planner(leaf, run, settings, lambda: facts_after(leaf.node, source, result))
        item, said = planner.plan(number, found, naming, folder)
        result.notices += [f"{item.name}: {one}" for one in said]
        return replace(item, choice=None, effort=0.0), None
    wanted = paths.wanted_format(naming)
    data = source.data
    if source.drawn is not None:
        found, data = Found(None, relative), b""
    item, reason = paths.item_of(number, found, naming, folder, wanted, probe, lambda w, h: (w, h), lambda facts: None, data)
    item = replace(item, input_size=(source.facts.width, source.facts.height) if source.facts else None)
    if source.drawn is not None:
        target = item.target
        if target is None and naming.output != "-":
            target = Path(f"{relative.stem}{output_suffix(item.format)}")
        name = f"{source.drawn.name}{f' ({leaf.label})' if leaf.label else ''}"
        item = replace(item, name=name, target=target, data=None)
    elif leaf.label:
        item = replace(item, name=f"{item.name} ({leaf.label})")
    return item, reason


def facts_after(end: Node, source: Source, result: ChainPlan) -> Probe:
    """What a picture is after a chain: size, channels, transparency."""
    assert source.facts is not None
    if (source, end) in result.facts:
        return result.facts[source, end]
    for node in end.chain:
        if (source, node) in result.facts:
            continue
        if not isinstance(node.verb, PictureVerb):
            result.facts[source, node] = source.facts
            continue
        before = source.facts if node.source is None else result.facts[source, node.source]
        choice = node.verb.choose(node.context, before)
        if choice is not None:
            result.choices[source, node] = choice
        width, height = node.verb.size_of(node.context, before.width, before.height)
        after = replace(node.verb.facts_of(node.context, before), width=width, height=height, quality=None)
        result.facts[source, node] = replace(after, turned=False)
    return result.facts[source, end]


def _estimate(graph: Graph, result: ChainPlan, device: str) -> None:
    """How long it will take, by the paces that its models had here; what chains have in common counts once."""
    from genkit.run.call import pace_of
    from genkit.run.estimate import estimate

    total, done = 0.0, set[tuple[Source, Node]]()
    for item, leaf, source in zip(result.items, result.leaves, result.sources, strict=True):
        for node in leaf.node.chain:
            speaks = isinstance(node.verb, SpeechVerb)
            if ((source, node) in done and not speaks) or (source.facts is None and source.drawn is None and not speaks):
                continue
            done.add((source, node))
            unit, work = (speech.UNIT, item.effort) if speaks else work_of(node, source, result)
            seconds = estimate(work, pace_of(node.verb, node.context.card, unit), device)
            if seconds is None:
                result.unknown = result.unknown or node.context.card.name
            total += seconds or 0.0
    result.seconds = None if result.unknown else round(total, 1)


def work_of(node: Node, source: Source, result: ChainPlan) -> tuple[str, float]:
    """What there is to do at a node for a source, and its unit (empty: megapixels)."""
    if not isinstance(node.verb, PictureVerb):
        assert node.outputs is not None and source.drawn is not None
        unit = node.outputs.unit or ("" if source.drawn.size else "pictures")
        return unit, source.drawn.effort or 1.0
    known = source.facts is not None and node.source is not None
    before = facts_after(node.source, source, result) if known and node.source else source.facts
    if before is None:
        return node.verb.unit, 0.0
    frames = source.film.video.frames if source.film is not None else 1
    if node.verb.unit:
        return node.verb.unit, node.verb.effort(node.context, before.width, before.height) * frames
    return "", before.width * before.height * frames / 1e6


def partners_of(result: ChainPlan, node: Node, source: Source) -> Mapping[str, Path | None]:
    """The further files of a node that go with one input alone."""
    return {each.option: each.partners.get(source.found) for each in result.pairs.get(node, ())}
