"""Numbers that files say, held against what their weights are before anything is built: a network has no more parts than its
weights could fill, and a scheduler or a tokenizer no more steps or tokens than any has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from genkit.errors import WeightsError

PARTS = 1_000, 40  # modules that any network may have, and how many more for each tensor: activations, dropouts, containers
NUMBERS = 1 << 26  # of a buffer that is computed, such as positions
STEPS = 100_000  # that a scheduler may speak of: published ones were trained with 1,000
ENTRIES = 10_000  # of a list of settings
POSITIONS = 1 << 24  # tokens: the longest published window has ten million
WINDOW = 1 << 20  # tokens of a text for a picture or a voice


@contextmanager
def bounded_parts(tensors: int, name: Path | str) -> Iterator[None]:
    """While a network is built whose weights are so many tensors, stop where it gets far more parts than these could fill.

    Raises:
        WeightsError: it does, or one of its computed tables is larger than any should be.
    """
    from torch.nn.modules.module import register_module_buffer_registration_hook, register_module_module_registration_hook

    least, each = PARTS
    left = least + each * tensors

    def count(module: Any, part: str, submodule: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise WeightsError(
                f"{name}: its settings ask for far more layers than its {tensors:,} tensors fill",
                "fetch it again",
                code="damaged",
            )

    def measure(module: Any, part: str, buffer: Any) -> None:
        if buffer is not None and buffer.numel() > NUMBERS:
            raise WeightsError(f"{name}: its settings ask for a table {part} of {buffer.numel():,} numbers", code="damaged")

    hooks = register_module_module_registration_hook(count), register_module_buffer_registration_hook(measure)
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def check_network(settings: Mapping[str, Any], tensors: int, name: Path | str) -> None:
    """Settings of a network whose weights are so many tensors: counts of layers, lists with an entry a block, positions.

    Raises:
        WeightsError: the first that no such weights go with.
    """
    least, each = PARTS
    for key, value in _flat(settings):
        count = len(value) if isinstance(value, list) else value
        word = key.lower()
        layered = isinstance(value, list) or any(part in word for part in ("layer", "block", "depth", "stage"))
        most = least + each * tensors if layered and "channel" not in word and "dim" not in word else 0
        if "position" in word or word.endswith("max_length"):
            most = POSITIONS
        if most and isinstance(count, int) and not -most <= count <= most:
            raise WeightsError(f"{name}: {key} = {count:,} does not go with its weights", "fetch it again", code="damaged")


def check_scheduler(settings: Mapping[str, Any], name: Path | str) -> None:
    """Settings of a scheduler, which makes tables of its steps.

    Raises:
        WeightsError: more steps than any has.
    """
    for key, value in _flat(settings):
        count, most = (len(value), ENTRIES) if isinstance(value, list) else (value, STEPS)
        if isinstance(count, int) and not -most <= count <= most:
            raise WeightsError(f"{name}: {key} = {count:,}: no scheduler has so many", "fetch it again", code="damaged")
    steps = settings.get("num_train_timesteps", 1)
    if not isinstance(steps, int) or steps < 1:
        raise WeightsError(f"{name}: num_train_timesteps = {steps!r}", "fetch it again", code="damaged")


def window_of(given: Any, positions: Any, name: Path | str) -> int:
    """How many tokens are read at once: what a tokenizer says, and no more than its encoder has `positions` for, if that is
    known. Tokenizers that know no bound say 10^30.

    Raises:
        WeightsError: no number, or less than one token beside those of beginning and end.
    """
    try:
        length = int(given)
    except (TypeError, ValueError, OverflowError) as error:
        raise WeightsError(f"{name}: model_max_length = {given!r}", "fetch it again", code="damaged") from error
    if length < 3:
        raise WeightsError(f"{name}: model_max_length = {length}", "fetch it again", code="damaged")
    known = positions if isinstance(positions, int) and positions > 2 else WINDOW
    return min(length, known, WINDOW)


def _flat(settings: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Every setting, those of inner tables too."""
    pending: list[Mapping[str, Any]] = [settings]
    while pending:
        for key, value in pending.pop().items():
            if isinstance(value, Mapping):
                pending.append(value)
            else:
                yield key, value
                if isinstance(value, list):
                    for entry in value[:ENTRIES]:
                        yield key, entry
