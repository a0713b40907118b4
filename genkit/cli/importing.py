"""What `genkit models import` finds out about a checkpoint before it becomes a model."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def recognise(state: dict[str, Any], family: str | None, file: Path) -> tuple[str, dict[str, Any], Sequence[str]]:
    """Family, parameters and number formats of a checkpoint."""
    import warnings

    from genkit import models
    from genkit.errors import WeightsError

    warnings.simplefilter("ignore")  # the libraries' own notes, while they build networks to compare with
    if family is None:
        match = models.recognise(state)
        if match is None:
            hint = f"families: {', '.join(models.FAMILIES)}; name one with --family if you know better"
            raise WeightsError(f"{file}: its tensors are of no network that genkit knows", hint, code="not-recognised")
        family, params = match
    else:
        params = models.family_module(family).recognise(state)
        if params is None:
            raise WeightsError(
                f"{file}: its tensors are not of the family {family}", "leave --family out", code="not-recognised"
            )
    return family, dict(params), models.dtypes_of(family, state)


def kept_files(family: str | None, sources: dict[str, Path]) -> tuple[dict[str, Any], dict[str, Path]] | None:
    """Fields of the card and the files of a model that is kept as it is: of a family that runs files (`fields_of`), which must
    be named. None for others.

    Raises:
        WeightsError: the files are none of that family.
    """
    from genkit import models
    from genkit.errors import WeightsError

    fields_of = getattr(models.family_module(family), "fields_of", None) if family else None
    if fields_of is None:
        if family is None and sources["weights"].suffix == ".onnx":
            raise WeightsError(
                f"{sources['weights']}: an ONNX file is imported where its family is named",
                "--family piper, for one of Piper's voices",
                code="not-recognised",
            )
        return None
    return fields_of(sources)


def refuse_other_settings(found: dict[str, Any], said: dict[str, Any], file: Path) -> None:
    """Hold what the tensors show against what the file itself says of them.

    Raises:
        WeightsError: they differ.
    """
    from genkit.errors import WeightsError

    wrong = [f"{key} {value}, its tensors {found[key]}" for key, value in said.items() if found.get(key, value) != value]
    if wrong:
        raise WeightsError(f"{file}: its settings say {wrong[0]}", "fetch it again", code="damaged")


def options(family: str, params: dict[str, Any]) -> dict[str, Any]:
    """The options that a model of this family has, for its card."""
    from genkit import models

    options_of = getattr(models.family_module(family), "options_of", None)
    return options_of(params) if options_of else {}


def refuse_other_task(family: str, task: str) -> None:
    """Hold a task against those that the family's published models are for; a family without any may be for all.

    Raises:
        UsageError: none of them is for it; names theirs.
    """
    from genkit import cards
    from genkit.errors import UsageError

    published = [card for card in map(cards.read_card, cards.card_paths()) if card.toml.is_relative_to(cards.weights_folder())]
    tasks = sorted({one for card in published if card.family == family for one in card.tasks})
    if tasks and task not in tasks:
        raise UsageError(f"--task {task}: this is a {family} network, which is for {' and '.join(tasks)}", f"--task {tasks[0]}")
