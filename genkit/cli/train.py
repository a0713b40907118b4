"""`genkit train TASK`: train a model on your own files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.options import spread

app = typer.Typer(name="train", help="Train a model on your own files.", no_args_is_help=True)
RunOption = partial(typer.Option, rich_help_panel="Run")
Captions = Annotated[
    Path | None,
    typer.Option(
        "--captions",
        help="Table of file and name (TSV, CSV). Default: captions.tsv in the data, or NAME.txt beside NAME.png.",
    ),
]


@dataclass(frozen=True)
class TrainOptions:
    """What every `genkit train TASK` takes."""

    data: Annotated[list[Path], RunOption("--data", help="Folder or zip of training files (repeat for several).")]
    config: Annotated[
        Path | None, RunOption("--config", help="Training configuration (TOML). Default: the shipped model's.")
    ] = None
    holdout: Annotated[
        Path | None,
        RunOption("--holdout", help="Text file with names that are measured on and never trained on. Default: one in 20."),
    ] = None
    out: Annotated[Path | None, RunOption("--out", help="Run folder. Default: runs/NAME.")] = None
    max_minutes: Annotated[
        float | None, RunOption("--max-minutes", help="Stop after this many minutes and save; --resume continues.")
    ] = None
    resume: Annotated[bool, RunOption("--resume", help="Continue the run in the run folder.")] = False
    overrides: Annotated[list[str] | None, RunOption("--set", help="Override one field, such as loop.steps=2000 (repeat).")] = (
        None
    )
    device: Annotated[str, RunOption("--device", help="auto (CUDA if there is one), cpu or cuda.")] = "auto"
    json: Annotated[bool, RunOption("--json", help="One JSON event a line on stdout.")] = False


@dataclass(frozen=True)
class TranslateTrainOptions(TrainOptions):
    """The same, where --data can be left out."""

    data: Annotated[list[Path] | None, RunOption("--data", help="Photographs that pairs are made from, with --config.")] = None  # type: ignore[assignment]  # wider than the parent's: --pairs and the like stand in for it


@app.callback()
def choose() -> None:
    """Train a model on your own files. Runs are resumable, and end with safetensors and a card that `--model` takes."""


@app.command()
@spread
def upscale(options: TrainOptions) -> None:
    """Train a super-resolution network on sharp pictures; they are made small and worse on the fly."""
    from genkit.train.upscale.job import UpscaleJob

    _train("upscale", "genkit-x4", UpscaleJob, options)


@app.command()
@spread
def colorize(options: TrainOptions) -> None:
    """Train a colour network on colour pictures; their colours are taken away on the fly."""
    from genkit.train.colorize.job import ColorizeJob

    _train("colorize", "genkit-colorize", ColorizeJob, options)


@app.command()
@spread
def inpaint(options: TrainOptions) -> None:
    """Train an inpainting network on whole pictures; holes are drawn on the fly."""
    from genkit.train.inpaint.job import InpaintJob

    _train("inpaint", "genkit-inpaint-first", InpaintJob, options)


@app.command()
@spread
def style(
    options: TrainOptions,
    picture: Annotated[
        Path | None,
        typer.Option("--style", help="A picture: train a quick network of this style alone.", rich_help_panel="Styles"),
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option("--styles", help="Folder or zip of pictures: train a network of any style.", rich_help_panel="Styles"),
    ] = None,
) -> None:
    """Train a style network on photographs (--data) and the manner of a picture (--style) or of many (--styles).

    Features of VGG-19 judge the results: genkit models pull vgg19 and --set data.features=vgg19, or a file of its own.
    """
    from genkit.errors import UsageError
    from genkit.train.style.job import StyleJob

    path = picture or pictures
    if path is None or (picture is not None and pictures is not None):
        raise UsageError("give --style PICTURE (one style) or --styles FOLDER (any style)")
    default, flag = ("one-style", "--style") if picture is not None else ("genkit-style", "--styles")
    _train("style", default, partial(StyleJob, styles=[path]), options, (flag, path.name))


@app.command()
@spread
def translate(
    options: TranslateTrainOptions,
    pairs: Annotated[
        str | None,
        typer.Option("--pairs", help="Pairs: A:B (two folders, equal names), or a folder of A and B or side by side."),
    ] = None,
    unpaired: Annotated[
        tuple[Path, Path] | None, typer.Option("--unpaired", help="Two folders that need not show the same things.")
    ] = None,
    domains: Annotated[Path | None, typer.Option("--domains", help="A folder of folders, each one kind of picture.")] = None,
) -> None:
    """Train a network that turns pictures of one kind into another: from --pairs, from two folders without pairs, or between
    several kinds.

    With --config and --data pairs are made from photographs, as the shipped models' were.
    """
    from genkit.errors import UsageError
    from genkit.train.translate.job import make_job

    sources: dict[str, Any] = {
        "pairs": pairs,
        "unpaired": unpaired and [str(path) for path in unpaired],
        "domains": domains and str(domains),
    }
    chosen = {name: source for name, source in sources.items() if source is not None}
    if len(chosen) > 1 or (not chosen and options.config is None):
        raise UsageError(
            "give one of --pairs, --unpaired and --domains, or --config",
            "genkit train translate --pairs drawings:photos",
        )
    words: tuple[str, ...] = ()
    for name, source in chosen.items():  # quoted without their folders
        words = (f"--{name}", *([Path(part).name for part in source] if name == "unpaired" else [_quoted(source)]))
    _train("translate", next(iter(chosen), "genkit-photo2sketch"), partial(make_job, **chosen), options, words)


def _quoted(source: str) -> str:
    return ":".join(Path(part).name for part in source.split(":"))


@app.command()
@spread
def gan(
    options: TrainOptions,
    size: Annotated[
        int | None,
        typer.Option("--size", help="Side of the pictures: 32, 64, 128 or 256. Default: the configuration's."),
    ] = None,
    classes: Annotated[
        str | None,
        typer.Option("--classes", help="folders (a class for each folder) or none. Default: the configuration's."),
    ] = None,
) -> None:
    """Train a network that draws pictures like yours: a few hundred at least, better some thousands.

    It ends by itself where it draws only one thing, or has nothing left to learn from. --set data.features=vgg19 adds a
    distance from your pictures to the report (genkit models pull vgg19).
    """
    from genkit.errors import UsageError
    from genkit.train.gan.job import GanJob

    if size is not None and (size < 8 or size & (size - 1)):
        raise UsageError(f"--size {size}: give 32, 64, 128 or 256")
    if classes not in (None, "folders", "none"):
        raise UsageError(f"--classes {classes}: give folders or none")
    settings = {"data.side": size, "data.classes": classes}
    overrides = [f"{key}={value}" for key, value in settings.items() if value is not None]
    _train("gan", "own", GanJob, replace(options, overrides=[*(options.overrides or ()), *overrides]))


@app.command()
@spread
def txt2img(options: TrainOptions, captions: Captions = None) -> None:
    """Train a small network that draws from words, from nothing: an autoencoder first, then words and what draws.

    Wants a few thousand pictures that are alike in manner, such as icons. --max-minutes counts for both stages.
    """
    from genkit.train.txt2img import job as training

    _refuse_holdout(options, "txt2img")
    words = () if captions is None else ("--captions", captions.name)
    _train("txt2img", "genkit-icons", None, options, words, perform=lambda request, say: training.run(request, captions, say))


@app.command()
@spread
def tts(
    options: TrainOptions,
    part: Annotated[
        str,
        typer.Option("--part", help="acoustic (words to spectrograms) or vocoder (spectrograms to sound)."),
    ] = "acoustic",
) -> None:
    """Train a voice on recordings with their texts (metadata.csv: id|text, as LJSpeech has them), in two parts.

    The recordings are prepared once, which the run folder keeps as prepared.npz; that file may be given as --data, and then
    needs no library for sound. --part vocoder --set data.acoustic=CARD of a trained acoustic part ends in a whole voice.
    """
    from genkit.errors import UsageError
    from genkit.train.tts.acoustic import AcousticJob
    from genkit.train.tts.vocoder import VocoderJob

    jobs: dict[str, Any] = {"acoustic": AcousticJob, "vocoder": VocoderJob}
    if part not in jobs:
        raise UsageError(f"--part {part}: give acoustic or vocoder")
    _train("tts", f"genkit-kathleen-{part}", partial(jobs[part], folder=options.out), options, ("--part", part))


@app.command()
@spread
def lora(
    options: TrainOptions,
    model: Annotated[str, typer.Option("--model", help="The text-to-image model to adapt, such as sd15.")],
    captions: Captions = None,
) -> None:
    """Teach a text-to-image model your own pictures: ten or more, with words for each. `--lora` takes what comes out."""
    from genkit.train.txt2img import lora as training

    _refuse_holdout(options, "lora")

    def perform(request: Any, say: Any) -> dict[str, Any]:
        return training.run(request, model, captions, say)

    _train("lora", "lora", None, options, ("--model", model), perform, folder="txt2img")


def _refuse_holdout(options: TrainOptions, task: str) -> None:
    from genkit.errors import UsageError

    if options.holdout is not None:
        raise UsageError(f"genkit train {task} holds nothing out", "leave --holdout away")


def _train(
    task: str,
    default: str,
    make_job: Any,
    options: TrainOptions,
    words: tuple[str, ...] = (),
    perform: Any = None,
    folder: str = "",
) -> None:
    """The part that every trainable task shares; `default` names the configuration among the shipped ones, `words` are the
    options of this task alone, for the card. `perform(request, report)` runs what is not one job of the loop; `folder` is
    where the configuration lies, if not in the task's own."""
    from genkit.cards.places import weights_folder
    from genkit.errors import UsageError
    from genkit.train.config import read_config
    from genkit.train.run import Request, run

    device = options.device
    if device not in ("auto", "cpu", "cuda"):
        raise UsageError(f"--device {device}: training takes auto, cpu or cuda", "pick one GPU with CUDA_VISIBLE_DEVICES")
    if device == "cuda":
        from genkit import runtime

        runtime.choose("cuda")  # an absent device is an error that lists what there is
    overrides = tuple(options.overrides or ())
    config = options.config or weights_folder() / (folder or task) / f"{default}.train.toml"
    request = Request(
        task=task,
        config=config,
        data=tuple(options.data or ()),
        holdout=options.holdout,
        out=options.out or Path("runs") / read_config(config, overrides).name,
        overrides=overrides,
        max_minutes=options.max_minutes,
        resume=options.resume,
        cpu=device == "cpu",
        words=words,
    )
    say = _json_report if options.json else _text_report
    outcome = run(request, make_job, say) if perform is None else perform(request, say)
    if options.json:
        _json_report({"event": "done", **outcome})
        return
    figures = ", ".join(f"{key} {value:.4g}" for key, value in outcome["metrics"].items())
    state = "finished" if outcome["finished"] else "stopped; --resume continues"
    typer.echo(f"{state} at step {outcome['step']} after {outcome['minutes']} min: {figures}", err=True)
    if "lora" in outcome:
        typer.echo(outcome["lora"])
        typer.echo(f"use it: genkit txt2img … --lora {outcome['lora']}", err=True)
    elif outcome["card"] is not None:  # else a run of several stages, not yet at the last
        typer.echo(outcome["card"])
        use = f"use it: genkit {task} --model {outcome['card']} …"
        typer.echo(f"next: {outcome['next']}" if "next" in outcome else use, err=True)


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
