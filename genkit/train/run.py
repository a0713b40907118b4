"""What `genkit train TASK` does around the loop: read the configuration, make the job, run it, finish with a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from genkit.errors import UsageError
from genkit.train.config import TrainConfig, read_config
from genkit.train.finish import write_model
from genkit.train.former import read_state
from genkit.train.job import Job
from genkit.train.loop import Report, train


@dataclass(frozen=True)
class Request:
    """The command line of one run; `words` are what a task adds to it, as a card quotes them (`--styles styles.zip`)."""

    task: str
    config: Path
    data: tuple[Path, ...]
    holdout: Path | None
    out: Path
    overrides: tuple[str, ...] = ()
    max_minutes: float | None = None
    resume: bool = False
    cpu: bool = False
    words: tuple[str, ...] = ()


def run(
    request: Request, make_job: Callable[[TrainConfig, tuple[Path, ...], Path | None], Job], report: Report
) -> dict[str, Any]:
    """Train and return the loop's outcome with the card's path under `card`; where what was trained is a part that nothing
    can be made with yet, `next` is what the job says comes then.

    Raises:
        UsageError: the configuration is for another task, or `out` cannot be used.
    """
    config = config_of(request)
    job = make_job(config, request.data, request.holdout)
    if config.start and not (request.out / "state.pt").exists():
        _start_from(config.start, job)
    outcome = train(
        config,
        job,
        request.out,
        max_minutes=request.max_minutes,
        resume=request.resume,
        cpu=request.cpu,
        report=report,
    )
    tensors, params = job.export(job.modules)
    metrics = {
        **outcome["metrics"],
        "steps": outcome["step"],
        "train_minutes": outcome["minutes"],
        "protocol": job.protocol,
    }
    card = write_model(
        request.out, config, tensors, params, command=command_of(request), metrics=metrics, extra=job.card_fields()
    )
    outcome = {**outcome, "card": str(card)}
    if (following := getattr(job, "following", None)) is not None and (hint := following(card)):
        outcome["next"] = hint
    return outcome


def config_of(request: Request) -> TrainConfig:
    """Read the configuration.

    Raises:
        UsageError: it is for another task.
    """
    config = read_config(request.config, request.overrides)
    if config.task != request.task:
        raise UsageError(f"{request.config}: trains {config.task}, not {request.task}", f"genkit train {config.task} …")
    return config


def _start_from(name: str, job: Job) -> None:
    """Copy every tensor of a model, a checkpoint file or a run's `state.pt` whose name and shape fit; say nothing of the rest
    by design: a last layer for another scale starts anew."""
    from genkit.cards import find
    from genkit.weights import read_state_dict, resolve

    path = Path(name)
    if not path.is_file():
        path = resolve(find(name), announce=lambda text: None)["weights"]
    first = job.adapt(tensors_of_run(path) or read_state_dict(path))
    fitting = 0
    for module in job.modules.values():
        state = module.state_dict()
        chosen = {key: value for key, value in first.items() if key in state and state[key].shape == value.shape}
        fitting += len(chosen)
        module.load_state_dict({**state, **chosen})
    if not fitting:
        raise UsageError(f"start = {name}: none of its tensors fits the network of this configuration")


def tensors_of_run(path: Path) -> dict[str, Tensor]:
    """What a run's `state.pt` has learnt, its discriminators too, averaged where it is, but not how far it came: the steps of a
    new run begin at 0. {} if the file is none."""
    state = read_state(path) if path.suffix == ".pt" else None
    if state is None:
        return {}
    parts = {**state["modules"], **state["averages"]}
    return {key: tensor for name, part in parts.items() if name != "training_state" for key, tensor in part.items()}


def command_of(request: Request) -> list[str]:
    """The command to quote in a card: file names without their folders, so that no place of this machine is told."""
    words = ["genkit", "train", request.task, "--config", _quotable(request.config)]
    for source in request.data:
        words += ["--data", source.name]
    words += request.words
    if request.holdout is not None:
        words += ["--holdout", request.holdout.name]
    for override in request.overrides:
        key, equals, value = override.partition("=")
        words += ["--set", key + equals + (Path(value.strip("\"'")).name if Path(value.strip("\"'")).is_absolute() else value)]
    return words


def _quotable(path: Path) -> str:
    return path.as_posix() if not path.is_absolute() else path.name
