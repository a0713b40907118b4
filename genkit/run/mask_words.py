"""Masks by name: `--mask subject` and `--mask background`, wherever an option takes a mask.

The words stand for what the model of `genkit cutout` finds in each picture; a file or folder of that name is given with its
folder (`./subject`). The model goes into the recipe, so that a replay asks the same one. Standard library only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run.option import Option

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.verb import Context

SUBJECT, BACKGROUND = WORDS = "subject", "background"
MODEL_OPTION = Option(
    "The model of `genkit cutout` that --mask subject and background ask.", metavar="NAME", shown="the one of cutout"
)


def is_word(mask: Any) -> bool:
    return isinstance(mask, str) and mask in WORDS


def check(mask: Any, model: str | None) -> None:
    """Refuse a model that nothing asks.

    Raises:
        UsageError: there is no such model, or no word in the mask's place.
    """
    if is_word(mask):
        card_of(model)
    elif model is not None:
        raise UsageError(f"--mask-model {model}: nothing asks it", "--mask subject, or --mask background")


def card_of(model: str | None) -> Card:
    """The model that finds subjects.

    Raises:
        UsageError: there is none of that name.
    """
    from genkit import cards

    return cards.find(model or cards.default_model("cutout"), "cutout")


def recorded(mask: Any, model: str | None) -> dict[str, Any]:
    """What the recipe says beside the word."""
    return {"mask_model": card_of(model).name} if is_word(mask) else {}


def model_of(context: Context, model: str | None) -> Any:
    """The loaded model (`MaskModel`), on the CPU: it is asked once a picture, and the GPU is the verb's own.

    Raises:
        WeightsError: it cannot be had.
    """
    import torch

    from genkit.run.work import load_beside

    return load_beside(context, card_of(model), torch.device("cpu"))
