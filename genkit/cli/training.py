"""What every `genkit train TASK` shares: its options, the run, what is told of it while it goes and at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

RunOption = partial(typer.Option, rich_help_panel="Run")


@dataclass(frozen=True)
class TrainOptions:
    """What every `genkit train TASK` takes."""

    data: Annotated[list[Path], RunOption("--data", metavar="PATH", help="Folder or zip of training files, again for each.")]
    config: Annotated[
        str | None,
        RunOption(
            "--config",
            metavar="NAME|FILE",
            help="Training configuration: one that ships by its name, such as genkit-x4-photo, or a TOML file.",
            show_default="the verb's own",
        ),
    ] = None
    name: Annotated[
        str | None, RunOption("--name", metavar="NAME", help="What the model is called.", show_default="my-VERB")
    ] = None
    output: Annotated[
        Path | None, RunOption("-o", "--output", metavar="PATH", help="Run folder.", show_default="runs/NAME")
    ] = None
    steps: Annotated[
        int | None,
        RunOption("--steps", min=1, metavar="N", help="Steps to train, of each stage.", show_default="the configuration's"),
    ] = None
    holdout: Annotated[
        Path | None,
        RunOption(
            "--holdout",
            metavar="FILE",
            help="Text file with names that are measured on and never trained on.",
            show_default="one in 20",
        ),
    ] = None
    max_minutes: Annotated[
        float | None,
        RunOption("--max-minutes", metavar="N", help="Stop after this many minutes and save; --resume continues."),
    ] = None
    resume: Annotated[bool, RunOption("--resume", help="Continue the run in the run folder.")] = False
    overrides: Annotated[
        list[str] | None,
        RunOption("--set", metavar="KEY=VALUE", help="Override one field, such as loop.learning_rate=1e-4, again for each."),
    ] = None
    device: Annotated[str, RunOption("--device", metavar="NAME", help="auto (CUDA if there is one), cpu or cuda.")] = "auto"
    json: Annotated[bool, RunOption("--json", help="One JSON event a line on standard output.")] = False
    out: Annotated[Path | None, RunOption("--out", hidden=True)] = None  # what --output was called


@dataclass(frozen=True)
class Training:
    """One kind of training: `default` is the configuration where none is given, `former` the one that former versions took;
    they lie in the task's folder or in `folder`. `own` is what a model is called that has no name of the user's; `words` are
    the options of this task alone, for the card; `sources` are folders of pictures to try it with: styles, or what is not in
    --data. Either `make_job` makes the job of the one loop, or `perform(request, report)` runs what is not one job."""

    task: str
    default: str = "own"
    make_job: Any = None
    perform: Any = None
    words: tuple[str, ...] = ()
    folder: str = ""
    former: str = ""
    own: str = ""
    sources: tuple[Path, ...] = ()


def carry_out(training: Training, options: TrainOptions) -> None:
    """Train, and tell what came out and the line that uses it."""
    from genkit.errors import UsageError
    from genkit.train.former import begun_with
    from genkit.train.run import Request, run, settled

    device, task = options.device, training.task
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: training takes auto, cpu or cuda", "pick one GPU with CUDA_VISIBLE_DEVICES")
    if device == "cuda":
        from genkit import runtime

        runtime.choose("cuda")  # an absent device is an error that lists what there is
    out = options.output or options.out
    asked = Request(
        task=task,
        config=_config(training, options),
        data=tuple(options.data or ()),
        holdout=options.holdout,
        out=out or Path(),
        name=options.name,
        steps=options.steps,
        overrides=tuple(options.overrides or ()),
        max_minutes=options.max_minutes,
        resume=options.resume,
        cpu=device == "cpu",
        words=training.words,
    )
    request = settled(asked, out, training.own or f"my-{task}")
    if options.resume:
        request = replace(request, config=begun_with(request.config, request.out))
    say = _json_report if options.json else _text_report
    outcome = training.perform(request, say) if training.perform else run(request, training.make_job, say)
    if options.json:
        _json_report({"event": "done", **outcome})
        return
    _tell(training, request.data, outcome)


def _config(training: Training, options: TrainOptions) -> Path:
    """The configuration that is asked for, or that the run to continue was begun with, or the default one."""
    from genkit.train.config import config_path, own_config
    from genkit.train.run import RUNS, is_begun

    folder = training.folder or training.task
    if options.config is not None:
        return config_path(options.config, folder)
    former, out = training.former, options.output or options.out
    if options.resume and former:
        run = out or RUNS / former
        if is_begun(run) and (run.name == former or (run / f"{former}.toml").is_file()):
            return own_config(folder, former)
    return own_config(folder, training.default)


def _tell(training: Training, data: tuple[Path, ...], outcome: dict[str, Any]) -> None:
    figures = ", ".join(f"{key} {value:.4g}" for key, value in outcome["metrics"].items())
    stage = f" of stage {outcome['stage']}" if "stage" in outcome else ""
    state = "finished" if outcome["finished"] else "stopped; the same line with --resume continues"
    typer.echo(f"{state} at step {outcome['step']}{stage} after {outcome['minutes']} min: {figures}", err=True)
    if left := outcome.get("stages_left"):
        typer.echo(f"still to come: {', '.join(left)}; a model comes after the last", err=True)
    if "lora" in outcome:
        typer.echo(outcome["lora"])
        typer.echo(f"use it: {outcome['use']}", err=True)
    elif outcome["card"] is not None:  # else a run of several stages, not yet at the last
        typer.echo(outcome["card"])
        use = f"use it: {_use(training, Path(outcome['card']), data, outcome.get('prompt', ''))}"
        typer.echo(f"next: {outcome['next']}" if "next" in outcome else use, err=True)


def _use(training: Training, path: Path, data: tuple[Path, ...], prompt: str) -> str:
    """A line that tries the new model, as it can be typed here: on a picture of the training's own where there is one, and not
    into the folder of that, which may be trained on again."""
    import shlex

    from genkit.cards import find, read_card
    from genkit.errors import GenkitError

    task, card = training.task, read_card(path.resolve())
    model = str(path)
    try:  # its name is enough where it leads here
        if find(card.name, task).toml == card.toml:
            model = card.name
    except GenkitError:
        pass
    words = ["genkit", task]
    if task in ("gan", "tts", "txt2img"):
        words += {"tts": ["Hello."], "txt2img": [prompt]}.get(task, [])
    else:
        words += [_picture(data or training.sources), "-o", f"{path.parent / 'tried'}/"]
    if task == "inpaint":
        words += ["--mask-box", "40%,40%,20%,20%"]
    if task == "style" and not card.params.get("own_style"):
        words += ["--style", _picture(training.sources or data)]
    if task == "translate" and card.params.get("domains"):
        words += ["--to", str(card.params["domains"][0])]
    return shlex.join([*words, "--model", model])


def _picture(sources: tuple[Path, ...]) -> str:
    from genkit.data.pictures import list_pictures

    for source in sources:
        if source.is_dir():
            return str(source / list_pictures(source)[0])
        if source.is_file() and source.suffix != ".zip":
            return str(source)
    return "photo.jpg"


def _json_report(event: dict[str, Any]) -> None:
    import json

    typer.echo(json.dumps({"schema": "genkit/1", "event": "progress", **event}))


def _text_report(event: dict[str, Any]) -> None:
    speed = event["steps_per_s"]
    left = (event["of"] - event["step"]) / speed / 60 if speed else 0.0
    skip = {"stage", "step", "of", "minutes", "steps_per_s", "lr"}
    figures = "  ".join(f"{key} {value:.4f}" for key, value in event.items() if key not in skip)
    stage = f"{event['stage']}: " if "stage" in event else ""
    typer.echo(f"{stage}step {event['step']}/{event['of']}  {speed:.1f} steps/s  {left:.0f} min left  {figures}", err=True)
