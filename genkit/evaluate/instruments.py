"""Networks that measure and nothing else: cards of the task `measure`, used where they are here, and never fetched unasked."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch

from genkit.cards import find
from genkit.files import size_text
from genkit.models import load_model
from genkit.weights import local_files


def instrument(name: str) -> Any | None:
    """The network of a measuring card, on the CPU, or None where its file is not here."""
    files = local_files(find(name, "measure"))
    return None if files is None else _loaded(name, tuple(files.items()))


def absent(name: str, measure: str) -> str:
    """One line that says what is not measured, and the command that changes that."""
    card = find(name, "measure")
    return (
        f"{measure}: not measured, as {card.name} is not here; genkit models pull {card.name} adds it ({size_text(card.size)})"
    )


@cache
def _loaded(name: str, files: tuple[tuple[str, Path], ...]) -> Any:
    return load_model(find(name, "measure"), dict(files), torch.device("cpu"), torch.float32)
