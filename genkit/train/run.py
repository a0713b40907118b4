"""What `genkit train TASK` does around the loop: read the configuration, make the job, run it, finish with a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from genkit.errors import UsageError
from genkit.evaluate.perceptual import SHIPPED, TITLES
from genkit.train.config import TrainConfig, read_config, shipped_names, shortened
from genkit.train.finish import write_model
from genkit.train.former import read_state
from genkit.train.job import Job
from genkit.train.loop import Report, refuse_begun, train

RUNS = Path("runs")
JUDGE = "features.txt"  # of a run folder
FALLBACK = TITLES[SHIPPED]


@dataclass(frozen=True)
class Request:
    """The command line of one run; `words` are what a task adds to it, as a card quotes them (`--styles styles.zip`). `out` is
    the run's folder, `name` what the user calls the model, `steps` how long each training is to be."""

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
    name: str | None = None
    steps: int | None = None


def run(
    request: Request, make_job: Callable[[TrainConfig, tuple[Path, ...], Path | None], Job], report: Report
) -> dict[str, Any]:
    """Train and return the loop's outcome with the card's path under `card`; where what was trained is a part that nothing
    can be made with yet, `next` is what the job says comes then.

    Raises:
        UsageError: the configuration is for another task, or `out` cannot be used.
    """
    config = config_of(request)
    refuse_begun(request.out, request.resume, request.out / "state.pt")  # before anything is read
    job = make_job(config, request.data, request.holdout)
    keep_judge(request, job.judge)
    if config.start and not (request.out / "state.pt").exists():
        start_from(config.start, job)
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


def is_begun(run: Path) -> bool:
    """Whether a training was begun in a folder, or one of its stages."""
    return any(run.glob("state.pt")) or any(run.glob("*/state.pt"))


def settled(request: Request, out: Path | None, own: str) -> Request:
    """The request with its name and its folder: `out`, or runs/NAME.

    A model that is trained here is the user's own: it is called what `--name` says, or as a configuration of theirs says, and
    `own` where the configuration is one that ships. A run that a former version began under the shipped name goes on there.

    Raises:
        UsageError: a name that is no file's name.
    """
    name = request.name
    if name is None:
        configured = read_config(request.config, request.overrides).name
        name = own if configured in shipped_names() else configured
        former = out or RUNS / configured
        if request.resume and is_begun(former) and (former.name == configured or (former / f"{configured}.toml").is_file()):
            name, out = configured, former
    if not name or Path(name).name != name or name.startswith("."):
        raise UsageError(f"--name {name}: give a word that a file can be called", "--out says where the run is kept")
    return replace(request, name=name, out=out or RUNS / name)


def config_of(request: Request) -> TrainConfig:
    """Read the configuration; what ships under another name is told as it is then: of the user's own files.

    Raises:
        UsageError: it is for another task.
    """
    config = read_config(request.config, request.overrides)
    if config.task != request.task:
        raise UsageError(f"{request.config}: trains {config.task}, not {request.task}", f"genkit train {config.task} …")
    if request.steps is not None:
        config = shortened(config, request.steps)
    if request.name in (None, config.name):
        return config
    if config.name in shipped_names():
        note = f"the user's own files: {', '.join(path.name for path in request.data)}"
        config = replace(config, summary=f"Trained as {config.name} was, on other files.", data_note=note)
    return replace(config, name=str(request.name))


def keep_judge(request: Request, judge: str) -> None:
    """Note in a new run by whose features it is judged; one that goes on has the same to the end.

    Raises:
        UsageError: it was begun with others, whose loss and figures are of another scale.
    """
    note, begun = request.out / JUDGE, is_begun(request.out) and request.resume
    if not judge or (begun and not note.is_file() and judge != FALLBACK):
        return  # former versions had VGG-19 alone, and kept no note
    if begun:
        before = note.read_text(encoding="utf-8").strip() if note.is_file() else "VGG-19"
        if before != judge:
            raise UsageError(
                f"{request.out}: was begun with features of {before}, and would go on with {judge}",
                "--set data.features=vgg19, genkit-style or the file that it was begun with",
            )
        return
    request.out.mkdir(parents=True, exist_ok=True)
    note.write_text(judge + "\n", encoding="utf-8")


def start_from(name: str, job: Job) -> None:
    """Copy every tensor of a model, a checkpoint file or a run's `state.pt` whose name and shape fit; say nothing of the rest
    by design: a last layer for another scale starts anew."""
    from genkit.cards import find
    from genkit.weights import obtain, read_state_dict

    path = Path(name)
    if not path.is_file():
        if path.suffix:
            stage = path.stem
            raise UsageError(
                f"start = {name}: no such file, which this configuration goes on from",
                f"train {stage} first (--config {stage} --name {stage}), or start from what ships: --set start=genkit-…",
                code="missing-input",
            )
        _, files = obtain(find(name), announce=lambda text: None)
        path = files["weights"] if "weights" in files else files[job.averaged[0]]
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
    if request.name is not None and request.name != read_config(request.config, request.overrides).name:
        words += ["--name", request.name]
    if request.steps is not None:
        words += ["--steps", str(request.steps)]
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
