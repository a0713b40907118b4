"""What a plan asks of the pipelines of diffusers by name, before one is loaded. Nothing here needs torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.report import Reporter


def settle(card: Card) -> tuple[Card, tuple[str, ...]]:
    """A card with what the files of its model say, where it was made on the spot for a folder, a repository or a file, and
    notes on that; any other card as it is. Of a repository that is not here the settings are fetched, a few kB.

    Raises:
        WeightsError: a pipeline that genkit does not drive, or settings that cannot be had.
    """
    from genkit import weights
    from genkit.models.diffusers.uncarded import settled

    return settled(weights.pinned(card))


def scheduler_names() -> list[str]:
    """Every scheduler that a pipeline can sample with."""
    from genkit.models.diffusers.schedulers import FLOW, NOISE

    return sorted({*NOISE, *FLOW})


def attention_names() -> list[str]:
    """Every way to compute attention."""
    from genkit.models.diffusers.speed import FOR_UNETS, KERNELS

    return list(dict.fromkeys((*KERNELS, *FOR_UNETS)))


def cache_names() -> list[str]:
    """Every cache of what changes little between steps."""
    from genkit.models.diffusers.speed import CACHES

    return list(CACHES)


def refuse_unheard(card: Card, negative: str, guidance: float | None) -> None:
    """Refuse a negative prompt that a card's pipeline would not look at.

    Raises:
        UsageError: guidance is too low for it.
    """
    from genkit.models.diffusers.pipelines import DRAWING

    if (kind := DRAWING.get(str(card.params.get("pipeline")))) is not None:
        kind.refuse_unheard(negative, guidance, card.name)


def fetch_part(card: Card, reporter: Reporter, *, accept_licence: bool) -> Mapping[str, Path]:
    """The files of an adapter, an autoencoder or a network that guides, by role; fetched where they are not here.

    Raises:
        WeightsError: they cannot be had.
    """
    from genkit.run.report import fetching
    from genkit.weights import obtain

    return obtain(card, announce=reporter.say, progress=fetching(reporter), accept_licence=accept_licence)[1]
