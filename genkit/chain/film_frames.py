"""The frames of a film through a chain: what is asked before the first of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from genkit.chain import films
from genkit.chain.plan import ChainPlan, Source, facts_after, partners_of
from genkit.errors import InputError, flag

if TYPE_CHECKING:
    from genkit.chain.graph import Leaf
    from genkit.run.item import Item
    from genkit.run.settings import ChainRun, Settings


def check(item: Item, leaf: Leaf, source: Source, plan: ChainPlan, run: ChainRun, settings: Settings) -> str:
    """The sha256 of a film that can be worked on.

    Raises:
        InputError: why it cannot be: by its kind, or by pictures for each frame, which in a chain nobody would know them by.
    """
    from genkit.run.pairing import digest

    assert source.film is not None and source.found.path is not None
    if item.film is None:  # the plan could not take it: say why
        films.planner(leaf, run, settings, lambda: facts_after(leaf.node, source, plan)).check(source.film)
        raise InputError(f"{item.name}: cannot be worked on")
    for node in leaf.node.chain:
        for option, path in partners_of(plan, node, source).items():
            if path is not None and path.is_dir():
                raise InputError(
                    f"{item.name}: {flag(option)} {path} has a picture for each frame, which chains do not take",
                    "one picture for all frames",
                )
    return digest(source.found.path)
