"""A training configuration: one TOML file whose tables are the arguments of the network, the data and the loop."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from genkit.cards.places import weights_folder
from genkit.errors import UsageError
from genkit.files import parse_toml, read_toml
from genkit.train.former import SUFFIX, current_path, current_table

Options = TypeVar("Options")
# options of [data] that are steps of the schedule: where a part of the loss begins
BEGINNINGS = ("discriminator_from", "aux_classifier_from")


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


def own_config(folder: str, name: str) -> Path:
    """The shipped configuration of that name, which a verb takes where none is given."""
    return weights_folder() / folder / f"{name}{SUFFIX}"


def config_path(given: str, folder: str) -> Path:
    """The file that `--config` names: a file of the user's own, or the name of one that ships (`genkit-x4-photo`), of which
    those of the verb's `folder` are told where there is none.

    Raises:
        UsageError: neither.
    """
    path = Path(given)
    if path.is_file():
        return path
    name = given.removesuffix(SUFFIX)
    shipped = {file.name.removesuffix(SUFFIX): file for file in sorted(weights_folder().glob(f"*/*{SUFFIX}"))}
    shipped |= {file.name.removesuffix(SUFFIX): file for file in weights_folder().glob(f"{folder}/*{SUFFIX}")}
    if name in shipped:
        return shipped[name]
    if path.suffix or path.name != given:
        reason = "no regular file" if path.exists() else "no such file"
        raise UsageError(f"--config {given}: {reason}", "or a name that ships, such as genkit-x4-photo", code="missing-input")
    import difflib

    verb = [each for each, file in shipped.items() if file.parent.name == folder]
    near = difflib.get_close_matches(name, shipped, n=3, cutoff=0.6)
    raise UsageError(
        f"--config {given}: neither a file nor the name of a configuration that ships",
        f"did you mean {', '.join(near)}?" if near else f"for {folder} there are {', '.join(verb)}",
    )


def shipped_names() -> set[str]:
    """The names that models and configurations of genkit's own have."""
    return {path.name.removesuffix(SUFFIX).removesuffix(".toml") for path in weights_folder().glob("*/*.toml")}


def shortened(config: TrainConfig, steps: int) -> TrainConfig:
    """The same training in so many steps: its warm-up, its finish and what begins on the way keep their shares."""
    loop, share = config.loop, steps / config.loop.steps
    loop = replace(
        loop, steps=steps, warmup=round(loop.warmup * min(1.0, share)), finish_steps=round(loop.finish_steps * share)
    )
    begun = {key: round(config.data[key] * share) for key in BEGINNINGS if config.data.get(key, 0) > 0}
    return replace(config, loop=loop, data={**config.data, **begun})


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
