"""What a model can do beside its verb, and the one way in which an option is refused that it cannot honour."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from genkit.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from genkit.cards import Card
    from genkit.run.option import Declared

# Capability of a card (`Card.can`): what is said of a model without it.
LACKING = {
    "any_style": "has one style, its own",
    "any_word": "finds subject and background alone, and no file has that name",
    "candidates": "has one answer for a picture and a mask",
    "classes": "has no classes",
    "control": "follows no pictures",
    "control_init": "begins with a picture or follows one, not both",
    "domains": "makes one kind of picture only",
    "edges": "does not start from edges",
    "features": "has none to compare by",
    "hints": "takes no hints",
    "init": "cannot begin with a picture",
    "lora": "takes no LoRA",
    "negative": "takes no negative prompt",
    "phonemes": "takes no phonemes",
    "pitch": "has one pitch",
    "prompt": "takes no prompt",
    "safety": "has no safety checker",
    "seed": "draws nothing by chance, so a seed changes nothing",
    "speed": "has one speed",
    "subject": "finds what words name, and no subject",
    "styles": "is not style-based: it has no layers with a latent each",
    "truncation": "has no truncation",
    "vae": "has no autoencoder that could be another",
    "vocoder": "has no vocoder that could be another",
}


def need(card: Card, capability: str, flag: str, *, verb: str = "", reason: str = "") -> None:
    """Refuse an option that the model cannot honour, naming those that can.

    Raises:
        UsageError: `capability` is not among what the card's model can.
    """
    if capability not in card.can:
        refuse(card, flag, reason or LACKING.get(capability, "takes none"), able(verb or card.task, capability))


def value_of(card: Card, option: Declared, text: str, *, verb: str) -> Any:
    """The value of an option that is the model's own, from the text that its spelling here was given.

    Raises:
        UsageError: the model has no such option, or does not take the value.
    """
    own = next((each for each in card.options if each.name == option.key), None)
    if own is None:
        reason = LACKING.get(option.option.needs or option.key, "takes none")
        refuse(card, option.flag, reason, taking(verb, option.key))
    return own.parse(text, option.flag)


def able(verb: str, capability: str) -> list[str]:
    """The models of a verb that have a capability, by name."""
    from genkit import cards

    return cards.able(verb, capability)


def refuse(card: Card, flag: str, reason: str, names: Iterable[str]) -> NoReturn:
    """Say that a model cannot honour an option, and which can.

    Raises:
        UsageError: always.
    """
    names = list(names)
    way_out = f"models with it: {', '.join(names)}" if names else "no model does; leave it out"
    raise UsageError(f"{flag}: {card.name} {reason}", way_out, code="model-option")


def refuse_unknown(flag: str, name: str, known: Sequence[str]) -> None:
    """Refuse a name that no model has.

    Raises:
        UsageError: names near ones, or all.
    """
    if name in known:
        return
    from difflib import get_close_matches

    near = get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(known)}"
    raise UsageError(f"{flag} {name}: there is none of that name", hint, code="model-option")


def takes(card: Card, name: str) -> bool:
    """Whether a model has an option of its own of that name."""
    return any(each.name == name for each in card.options)


def taking(verb: str, name: str) -> list[str]:
    """The models of a verb that have an option of that name."""
    from genkit import cards

    return [each.name for each in cards.all_cards(verb) if takes(each, name)]
