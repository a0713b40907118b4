"""Films through a chain: planned as one verb's are, each frame taken through all steps in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from genkit.media.film.names import is_film_input
from genkit.run import film_options
from genkit.run.film_options import FilmOptions
from genkit.run.films import FilmPlanner
from genkit.run.verb import PictureVerb

if TYPE_CHECKING:
    from genkit.chain.graph import Graph, Leaf
    from genkit.media.film.facts import FilmFacts
    from genkit.media.pictures.formats import Probe
    from genkit.run.inputs import Found
    from genkit.run.settings import ChainRun, Settings


def takes_films(graph: Graph) -> bool:
    """Whether every step can work on the frames of a film."""
    return all(isinstance(node.verb, PictureVerb) and issubclass(node.verb.run_type, FilmOptions) for node in graph.nodes)


def facts_of(one: Found) -> FilmFacts | None:
    """What an input says of itself, where it is a film.

    Raises:
        InputError: it cannot be read.
    """
    from genkit.media.film.facts import probe

    return probe(one.path) if one.path is not None and is_film_input(one.path) else None


def planner(leaf: Leaf, run: ChainRun, settings: Settings, after: Callable[[], Probe]) -> FilmPlanner:
    """What plans the films of a branch; `after` says what their frames are in the end."""

    def size_of(width: int, height: int) -> tuple[int, int]:
        facts = after()
        return facts.width, facts.height

    film_options.check(run, settings.quality)
    narrow = [node.verb for node in leaf.node.chain if isinstance(node.verb, PictureVerb) and not node.verb.hdr]
    return FilmPlanner(
        run=run,
        format=settings.format,
        quality=settings.quality,
        max_pixels=settings.max_pixels,
        hdr=not narrow,
        verb=narrow[0].name if narrow else "run",
        size_of=size_of,
        facts_of=lambda facts: after(),
        choose=lambda facts: None,
    )
