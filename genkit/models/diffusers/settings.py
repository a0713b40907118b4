"""A card's options as the arguments of a pipeline's call, the same for every shape of adapter.

Prompts that do not fit the text encoder are refused: the pipelines would cut them with a warning that nobody reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from genkit.cards import Card
from genkit.errors import UsageError, WeightsError
from genkit.models.diffusers.pipelines import (
    DENOISE,
    DRAWING,
    GUIDANCE,
    KINDS,
    NEGATIVE,
    PROMPT,
    SAFETY,
    STEPS,
    Kind,
    models_with,
)
from genkit.models.diffusers.prompts import text_of
from genkit.models.shapes.draw import DENOISE as DENOISED
from genkit.models.shapes.draw import Prompt

if TYPE_CHECKING:
    import torch


def kind_of(card: Card) -> Kind:
    """The pipeline that a card names in `params.pipeline`, if its options fit.

    Raises:
        WeightsError: a pipeline that genkit does not drive, or an option that the pipeline does not take.
    """
    known = DRAWING if card.task == "txt2img" else KINDS
    name = card.params.get("pipeline")
    kind = known.get(name) if isinstance(name, str) else None
    if kind is None:
        raise WeightsError(f"{card.name}: params.pipeline is {name!r}", f"pipelines: {', '.join(known)}", code="card")
    for option in card.options:
        if option.name not in kind.arguments:
            takes = ", ".join(kind.arguments)
            raise WeightsError(f"{card.name}: {kind.name} takes no option {option.name}", f"it takes {takes}", code="card")
    return kind


class Settings:
    """The options of one card: `defaults` (name: value), and how they become arguments."""

    def __init__(self, card: Card, kind: Kind):
        self.name, self.kind = card.name, kind
        self.defaults = {option.name: option.default for option in card.options}

    def complete(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Fill in what was not given.

        Raises:
            UsageError: an option that the card does not have, or values that cannot go together.
        """
        for name in options:
            if name not in self.defaults:
                raise UsageError(f"{self.name} has no option {name}", f"its options: {', '.join(self.defaults) or 'none'}")
        values = self.defaults | dict(options)
        self.check_negative(values)
        steps, denoise = values.get(STEPS), values.get(DENOISE)
        if steps and denoise is not None and int(steps * denoise) < 1:
            raise UsageError(f"{steps} steps at denoise {denoise:g} are less than one step", "more --steps or more --denoise")
        return values

    def negatives(self, negative: Prompt | Sequence[Prompt] | None, count: int) -> list[Prompt | None]:
        """What each of `count` pictures is led away from: one for all, or one each.

        Raises:
            UsageError: neither one nor as many as there are pictures.
        """
        if negative is None or isinstance(negative, str) or (negative and isinstance(negative[0], tuple)):
            return [negative or self.defaults.get(NEGATIVE)] * count  # type: ignore[list-item]
        if len(negative) != count:
            raise UsageError(f"{len(negative)} negative prompts for {count} pictures", "one for all, or one for each")
        return [one or None for one in negative]  # type: ignore[misc]

    def drawing(
        self, options: dict[str, Any], starts: bool, denoise: float | None, negatives: Sequence[Prompt | None]
    ) -> dict[str, Any]:
        """What a picture is drawn with: all options, checked with what else was given, and `strength` if it `starts` from one.

        Raises:
            UsageError: what does not go together.
        """
        if any(negatives) and NEGATIVE not in self.kind.arguments:
            raise UsageError(f"{self.name} takes no negative prompt", models_with(NEGATIVE))
        values = self.complete(options)
        values |= {NEGATIVE: next((text_of(one) for one in negatives if one), None)}
        self.check_negative(values)
        if not starts:
            if denoise is not None:
                raise UsageError("--denoise says how much of --init is drawn anew", "--init IMG with it")
            return values
        if self.kind.image is None:
            raise UsageError(
                f"--init: {self.name} cannot start from a picture",
                f"{models_with('init')}; or genkit translate, {models_with('prompt', verb='translate')}",
                code="model-option",
            )
        values["strength"] = DENOISED if denoise is None else denoise
        if not 0 < values["strength"] <= 1:
            raise UsageError(f"--denoise is above 0 and at most 1, not {values['strength']:g}")
        steps = values.get(STEPS)
        if steps and int(steps * values["strength"]) < 1:
            raise UsageError(
                f"{steps} steps at denoise {values['strength']:g} are less than one step", "more --steps or more --denoise"
            )
        return values

    def check_negative(self, values: Mapping[str, Any]) -> None:
        """Refuse a negative prompt that the pipeline would not look at.

        Raises:
            UsageError: guidance is too low for it.
        """
        self.kind.refuse_unheard(values.get(NEGATIVE), values.get(GUIDANCE, 0.0), self.name)

    def arguments(self, values: Mapping[str, Any], count: int) -> dict[str, Any]:
        """Arguments of the call for `count` pictures from complete values; texts once for each picture."""
        arguments: dict[str, Any] = dict(self.kind.fixed)
        for name, value in values.items():
            parameter = self.kind.arguments[name]
            if name == SAFETY or value is None:
                continue
            arguments[parameter] = [value] * count if name in (PROMPT, NEGATIVE) else value
        arguments.setdefault(self.kind.arguments[PROMPT], [""] * count)  # a card may leave it out, the pipelines do not
        return arguments

    def check_texts(self, pipeline: Any, values: Mapping[str, Any]) -> None:
        """Refuse texts that the pipeline's text encoders would cut.

        Raises:
            UsageError: too long; says how long and how long it may be.
        """
        tokenizers = [pipeline.tokenizer, getattr(pipeline, "tokenizer_2", None)]
        for name in (PROMPT, NEGATIVE):
            text = values.get(name)
            for tokenizer in tokenizers if text else ():
                if tokenizer is None:
                    continue
                room = self.kind.window or tokenizer.model_max_length
                length = self._tokens(tokenizer, str(text))
                if length > room:
                    raise UsageError(f"--{name} is {length} tokens long, and {self.name} reads {room}", "make it shorter")

    def _tokens(self, tokenizer: Any, text: str) -> int:
        if self.kind.chat:
            message = [{"role": "user", "content": text}]
            text = tokenizer.apply_chat_template(message, tokenize=False, add_generation_prompt=True)
        return len(tokenizer(text, truncation=False, verbose=False).input_ids)


def generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """One source of noise for each picture, on the CPU: its noise does not depend on the device nor on its neighbours."""
    import torch

    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
