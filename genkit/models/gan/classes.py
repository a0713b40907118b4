"""The classes of a generator as they are asked for: by name, by number, or by the seed."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import numpy as np

from genkit.errors import UsageError
from genkit.models.shapes.sample import Labels


def some(labels: Sequence[str]) -> str:
    """The first of the names, for messages."""
    return ", ".join(labels[:12]) + (" ..." if len(labels) > 12 else "")


def index_of(labels: Sequence[str], label: str | int) -> int:
    """The index of a class by its name (upper and lower case alike) or number.

    Raises:
        UsageError: there is none, or several have this name.
    """
    if not labels:
        raise UsageError("this model has no classes", code="model-option")
    plain = [one.lower() for one in labels]
    text = str(label).strip().lower()
    matches = [index for index, one in enumerate(plain) if one == text]
    if len(matches) == 1 and not isinstance(label, int):
        return matches[0]
    if len(matches) > 1:
        raise UsageError(f"class {label!r} is {' and '.join(map(str, matches))}", "say the number")
    if text.isdigit() and int(text) < len(labels):
        return int(text)
    near = difflib.get_close_matches(text, plain, n=4, cutoff=0.5) or [one for one in plain if len(text) > 2 and text in one]
    names = [labels[plain.index(one)] for one in near[:4]]
    hint = f"did you mean {', '.join(names)}?" if names else f"classes 0 to {len(labels) - 1}: {some(labels)}"
    raise UsageError(f"this model has no class {label!r}", hint, code="unknown-class")


def of_seeds(labels: Sequence[str], seeds: Sequence[int], label: Labels = None) -> np.ndarray | None:
    """The class index (N,) of each seed: by default one that a picture has alone and in a batch; None without classes.

    Raises:
        UsageError: no such class, no classes at all, or not one for each seed.
    """
    if label is None:
        return np.array([seed % len(labels) for seed in seeds], np.int64) if labels else None
    wanted = [label] * len(seeds) if isinstance(label, (str, int)) else list(label)
    if len(wanted) != len(seeds):
        raise UsageError(f"{len(wanted)} classes for {len(seeds)} pictures", "one for all, or one for each")
    return np.array([index_of(labels, one) for one in wanted], np.int64)


def checked(labels: Sequence[str], indices: Sequence[int] | np.ndarray | int | None, count: int) -> np.ndarray | None:
    """Class indices as (count,), or None for a model without classes.

    Raises:
        UsageError: classes that it has not got, or none where one is needed.
    """
    if indices is None:
        if labels:
            raise UsageError("this model has classes, one of which is needed", some(labels))
        return None
    if not labels:
        raise UsageError("this model has no classes", code="model-option")
    found = np.broadcast_to(np.asarray(indices, np.int64).reshape(-1), (count,))
    if count and not 0 <= found.min() <= found.max() < len(labels):
        raise UsageError(f"classes are 0 to {len(labels) - 1}", code="unknown-class")
    return found
