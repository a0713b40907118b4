"""Masks by name, wherever an option takes a mask: `--mask subject` and `--mask background`, or any words where the model finds
what words name (`--mask sky --mask-model clipseg`).

The first two stand for what the model of `genkit cutout` finds in each picture; a file or folder of that name is given with its
folder (`./subject`). The model goes into the recipe, so that a replay asks the same one. Standard library only.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run import ability
from genkit.run.option import Option

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.run.verb import Context

SUBJECT, BACKGROUND = PLACES = "subject", "background"
TASK = "mask"  # of the models that find what words name
MODEL_OPTION = Option(
    "The model that finds what a word in --mask's place names: of `genkit cutout`, or one that knows any (clipseg).",
    metavar="NAME",
    shown="the one of cutout",
)
_WORDS = re.compile(r"[^\W\d_][\w' -]*")
_OTHERS = ("alpha",)  # what it means the verb says itself


def is_word(mask: Any, model: str | None) -> bool:
    """Whether a mask is found and not read: `subject`, `background`, or any words for a model that finds by words. Other words
    are none without it, for no model that is taken unasked knows them."""
    return isinstance(mask, str) and (mask in PLACES or (model is not None and _may_be_words(mask) and _knows_any(model)))


def names_file(mask: Any, model: str | None) -> bool:
    """Whether a mask is read from a file or folder. What is neither there nor a word that is known is refused by `check`."""
    return not is_word(mask, model) and not _is_unknown(mask)


def check(mask: Any, model: str | None) -> None:
    """Refuse words that the model does not know, and a model that nothing asks.

    Raises:
        UsageError: as above, or there is no such model; names those that know any word.
    """
    if is_word(mask, model):
        if mask in PLACES:
            ability.need(card_of(model), "subject", f"--mask {mask}", verb="cutout")
    elif _is_unknown(mask):
        ability.need(card_of(model), "any_word", f"--mask {mask}", verb=TASK)
    elif model is not None:
        raise UsageError(f"--mask-model {model}: nothing asks it", "--mask subject, --mask background, or another word")


def card_of(model: str | None) -> Card:
    """The model that finds what a mask names.

    Raises:
        UsageError: there is none of that name.
    """
    from genkit import cards

    try:
        return cards.find(model or cards.default_model("cutout"), "cutout")
    except UsageError as error:
        if model is None or error.code != "wrong-task" or cards.find(model).task != TASK:
            raise
        return cards.find(model, TASK)


def recorded(mask: Any, model: str | None) -> dict[str, Any]:
    """What the recipe says beside the word."""
    return {"mask_model": card_of(model).name} if is_word(mask, model) else {}


def model_of(context: Context, model: str | None) -> Any:
    """The loaded model (`MaskModel` or `WordMaskModel`), on the CPU: it is asked once a picture, and the GPU is the verb's own.

    Raises:
        WeightsError: it cannot be had.
    """
    from genkit.run.work import load_beside

    return load_beside(context, card_of(model), "cpu")


def _may_be_words(mask: str) -> bool:
    return mask not in _OTHERS and bool(_WORDS.fullmatch(mask))


def _is_unknown(mask: Any) -> bool:
    return isinstance(mask, str) and _may_be_words(mask) and not Path(mask).exists()


def _knows_any(model: str) -> bool:
    try:
        return "any_word" in card_of(model).can
    except UsageError:  # `check` says it
        return False
