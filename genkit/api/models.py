"""Models for callers from Python, and what every call writes into its recipe."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from genkit.cards import Card


def list_models(task: str | None = None) -> list[Card]:
    """The cards of all models, or of one verb's."""
    from genkit import cards

    return cards.all_cards(task)


def load(name: str, *, device: str = "auto", dtype: str = "auto", accept_licence: bool = False) -> Any:
    """Load a model, fetching it if need be, and return it as a callable of its task's shape. The last two loaded are kept.

    Raises:
        UsageError: an unknown name or an absent device. WeightsError: it cannot be had.
    """
    return _load(name, device, dtype, accept_licence)


@lru_cache(maxsize=2)
def _load(name: str, device: str, dtype: str, accept_licence: bool) -> Any:
    import warnings

    from genkit import cards, runtime, weights
    from genkit.models import load_model

    card = weights.pinned(cards.find(name))
    files = weights.resolve(card, announce=lambda text: warnings.warn(text, stacklevel=4), accept_licence=accept_licence)
    place = runtime.choose(device, dtype, card.dtypes)
    model = load_model(card, files, place.device, place.dtype, fallback=place.fallback)
    model.card = card
    return model


def chosen(verb: str, model: Any, device: str, dtype: str) -> Any:
    """A model by name, the verb's default for None, or what `load` gave."""
    from genkit import cards

    if model is not None and not isinstance(model, str):
        return model
    name = model or cards.default_model(verb)
    return load(cards.find(name, verb).name if not name.endswith(".toml") else name, device=device, dtype=dtype)


def recipe_of(verb: str, model: Any, options: dict[str, Any], image: Any) -> dict[str, Any]:
    import hashlib

    from genkit import __version__

    recipe: dict[str, Any] = {"genkit": __version__, "verb": verb}
    if (card := getattr(model, "card", None)) is not None:
        recipe |= {"model": card.name, "revision": card.revision}
    recipe |= {"options": options, "seed": 0}
    if isinstance(image, (str, Path)):
        path = Path(image)
        recipe["input"] = {"name": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
    return recipe
