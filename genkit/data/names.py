"""Which files are taken: lists of names, patterns that leave some out, and what is held out of training."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from fnmatch import fnmatch
from pathlib import Path

from genkit.errors import UsageError
from genkit.files import LARGEST_TEXT, read_input


def read_names(path: Path) -> list[str]:
    """The lines of a text file that say something, in their order.

    Raises:
        UsageError: it cannot be read as text.
    """
    try:
        text = read_input(path, LARGEST_TEXT).decode("utf-8-sig")
    except (OSError, ValueError) as error:
        unreadable = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        reason = error.strerror if isinstance(error, OSError) else unreadable
        raise UsageError(f"{path}: {reason}", code="missing-input") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in patterns)


def split_names(names: Sequence[str], holdout: Path | None, count: int = 20) -> tuple[list[str], list[str]]:
    """Divide names into (training, held out).

    `holdout` is a text file with one name a line. Without it one in twenty is held out, at least one and at most `count`,
    chosen by a fixed seed so that a resumed run holds out the same pictures.

    Raises:
        UsageError: the held-out file names nothing that the data has, or leaves nothing to train on.
    """
    if holdout is not None:
        listed = set(read_names(holdout))
        held = [name for name in names if name in listed]
        if not held:
            raise UsageError(f"{holdout}: none of its names is in the training data")
    elif len(names) > 1:
        held = sorted(random.Random(0).sample(list(names), min(count, max(1, len(names) // 20))))
    else:
        return list(names), list(names)
    kept = set(held)
    training = [name for name in names if name not in kept]
    if not training:
        raise UsageError("every picture is held out: nothing is left to train on")
    return training, held
