"""A training configuration: one TOML file whose tables are the arguments of the network, the data and the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from genkit.errors import UsageError
from genkit.files import parse_toml, read_toml
from genkit.train.former import current_path, current_table

Options = TypeVar("Options")


@dataclass(frozen=True)
class LoopConfig:
    """What the loop itself needs, the same for every task.

    `steps` is the length of the schedule: a main part, in which the learning rate warms up over `warmup` steps, holds, and
    falls along a half cosine over the last `decay` share; then `finish_steps` of fine-tuning, from `finish_rate` down another
    half cosine, for which a task may change its loss. With `muon_rate` the job's hidden matrices are trained by Muon, at that
    rate along the same curve, and the rest by AdamW. `discriminator_rate` is a discriminator's, 0 for the same rate. `ema`
    is the decay of the averaged weights. Intervals are in steps.
    """

    steps: int = 10_000
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.99)
    warmup: int = 100
    decay: float = 0.5
    finish_steps: int = 0
    finish_rate: float = 1e-4
    muon_rate: float = 0.0
    discriminator_rate: float = 0.0
    clip: float = 1.0
    ema: float = 0.999
    seed: int = 0
    log_every: int = 50
    eval_every: int = 1000
    save_every: int = 500
    sheet_every: int = 2000


@dataclass(frozen=True)
class TrainConfig:
    """One training run. `start` names a model, a checkpoint or a run's `state.pt` whose tensors of equal shape are the first
    weights; `data_note` is what the card says about the data, `licence` and `commercial` what it says of use. `stages` has, by
    name, the network, data and loop of each training of a run of several. `bits` is the size of the matrices in the file that
    comes out, 16 or 8."""

    name: str
    task: str
    family: str
    start: str | None = None
    summary: str = ""
    licence: str = "Apache-2.0"
    commercial: bool = True
    data_note: str = ""
    network: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    loop: LoopConfig = field(default_factory=LoopConfig)
    stages: Mapping[str, Any] = field(default_factory=dict)
    bits: int = 16


def read_config(path: Path, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read `path`; each override is `table.key=value` with a TOML value, such as `loop.steps=2000`.

    Raises:
        UsageError: the file or an override cannot be read, or names a field that does not exist.
    """
    try:
        raw = read_toml(path)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: not a training configuration ({error})") from error
    raw = current_table(raw, str(path))
    for override in overrides:
        _override(raw, override)
    return parse_config(raw, str(path))


def parse_config(raw: Mapping[str, Any], origin: str) -> TrainConfig:
    loop = options_of(LoopConfig, raw.get("loop", {}), f"{origin} [loop]")
    missing = [name for name in ("name", "task", "family") if name not in raw]
    if missing:
        raise UsageError(f"{origin}: missing {', '.join(missing)}")
    if raw.get("bits", 16) not in (8, 16):
        raise UsageError(f"{origin}: bits = {raw['bits']}", "16 for half precision, 8 for half of that")
    return options_of(TrainConfig, {**raw, "loop": loop}, origin)


def options_of(kind: type[Options], table: Mapping[str, Any], where: str = "[data]") -> Options:
    """The dataclass `kind` from a table of a configuration; lists become tuples.

    Raises:
        UsageError: a field that it has not.
    """
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]
    if unknown := sorted(set(table) - known):
        raise UsageError(f"{where}: unknown field {', '.join(unknown)}", f"known fields: {', '.join(sorted(known))}")
    return kind(**{key: tuple(value) if isinstance(value, list) else value for key, value in table.items()})


def _override(raw: dict[str, Any], text: str) -> None:
    key, equals, value = text.partition("=")
    if not equals:
        raise UsageError(f"--set {text}: expected key=value, such as loop.steps=2000")
    try:
        parsed = parse_toml(f"value = {value}")["value"]
    except ValueError:
        parsed = value
    path = key.strip().split(".")
    if isinstance(parsed, Mapping):
        parsed = current_table(parsed, f"--set {text}", path[-1])
    *tables, last = current_path(path)
    place = raw
    for name in tables:
        place = place.setdefault(name, {})
    place[last] = parsed
