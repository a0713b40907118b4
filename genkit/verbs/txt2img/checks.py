"""What can be refused of a picture by its model's card alone: before anything is fetched, loaded or drawn, and once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.txt2img.task import Job

GUIDED_BY = "sd15, dreamshaper-8, sdxl"


def refuse_impossible(job: Job, card: Card) -> None:
    """Refuse what the pipeline that the card names cannot do; of a pipeline that is not known yet, nothing.

    Raises:
        UsageError: options that do not go together, or that the pipeline has not; names models that have.
    """
    from genkit.models.diffusers.pipelines import DRAWING

    kind = DRAWING.get(str(card.params.get("pipeline")))
    options: dict[str, Any] = dict(job.options)
    steps = options.get("steps")
    if job.init is not None and steps and int(steps * (job.denoise or 1)) < 1:
        raise UsageError(
            f"{steps} {'step' if steps == 1 else 'steps'} at denoise {job.denoise:g} are less than one step",
            "more --steps or more --denoise",
        )
    if kind is None:
        return
    if job.negative:
        kind.refuse_unheard(job.negative, options.get("guidance"), card.name)
    if job.init is not None and kind.image is None:
        raise _has_not(f"--init: {card.name} cannot start from a picture", "sd15, sdxl, zimage-turbo")
    if job.control and kind.control is None:
        raise _has_not(f"--control: {card.name} takes none", GUIDED_BY)
    if job.control and job.init is not None and kind.control_image is None:
        raise _has_not(f"{card.name} takes --init or --control, not both", GUIDED_BY)
    if not kind.clip:
        from genkit.verbs.txt2img.prompts import has_weights

        if any(map(has_weights, (job.prompt, job.negative))):
            raise UsageError(
                f"{job.place}: {card.name} takes no weights such as (words:1.3)",
                r"leave them out, or write \( for a parenthesis that is meant",
                code="weights-in-prompt",
            )


def refuse_unknown_name(flag: str, name: str, known: list[str]) -> None:
    """Refuse a name that no model has.

    Raises:
        UsageError: names near ones, or all.
    """
    if name in known:
        return
    import difflib

    near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(known)}"
    raise UsageError(f"{flag} {name}: there is none of that name", hint, code="model-option")


def _has_not(message: str, models: str) -> UsageError:
    return UsageError(message, f"models that do: {models}", code="model-option")
