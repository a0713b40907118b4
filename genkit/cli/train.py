"""`genkit train TASK`: train a model on your own files."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from genkit.cli.options import spread
from genkit.cli.training import RunOption, Training, TrainOptions, carry_out

app = typer.Typer(name="train", help="Train a model on your own files.", no_args_is_help=True)
Captions = Annotated[
    Path | None,
    RunOption(
        "--captions",
        metavar="FILE",
        help="Table of file and name (TSV, CSV).",
        show_default="captions.tsv in the data, or NAME.txt beside NAME.png",
    ),
]


@dataclass(frozen=True)
class TranslateTrainOptions(TrainOptions):
    """The same, where --data can be left out."""

    data: Annotated[
        list[Path] | None,
        RunOption(
            "--data",
            metavar="PATH",
            help="Folder with folders A and B (pairs where names agree), or a folder for each kind of picture; with --config "
            "photographs that pairs are made from.",
        ),
    ] = None  # type: ignore[assignment]  # wider than the parent's: --pairs and the like stand in for it


@app.callback()
def choose() -> None:
    """Train a model on your own files. Runs are resumable, and end with safetensors and a card that `--model` takes."""


@app.command()
@spread
def upscale(options: TrainOptions) -> None:
    """Train a super-resolution network on sharp pictures; they are made small and worse on the fly."""
    from genkit.train.run import run
    from genkit.train.upscale.distill import make_job

    def perform(request: Any, say: Any) -> dict[str, Any]:
        return run(request, partial(make_job, folder=request.out), say)

    carry_out(Training("upscale", perform=perform, former="genkit-x4"), options)


@app.command()
@spread
def colorize(options: TrainOptions) -> None:
    """Train a colour network on colour pictures; their colours are taken away on the fly."""
    from genkit.train.colorize.job import ColorizeJob

    carry_out(Training("colorize", make_job=ColorizeJob, former="genkit-colorize"), options)


@app.command()
@spread
def inpaint(options: TrainOptions) -> None:
    """Train an inpainting network on whole pictures; holes are drawn on the fly."""
    from genkit.train.inpaint.job import InpaintJob

    carry_out(Training("inpaint", make_job=InpaintJob, former="genkit-inpaint-first"), options)


@app.command()
@spread
def cutout(options: TrainOptions) -> None:
    """Train a network that finds the subject of pictures: subjects with transparency around them are put before photographs on
    the fly.

    --data once for photographs, and again for pictures with transparency (icons, earlier cut-outs). What photographs show is
    learnt from the masks of a published network: --set data.teacher=NAME|FILE.
    """
    from genkit.train.cutout.job import CutoutJob

    carry_out(Training("cutout", make_job=CutoutJob), options)


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
    """Train a style network on photographs (--data) and the manner of a picture (--style) or of many (--styles). Without
    either the pictures of --data are the styles, too.

    Features judge the results: those of VGG-19 if it is here (genkit models pull vgg19), else those of genkit-style's own
    encoder. --set data.features=NAME|FILE chooses.
    """
    from genkit.errors import UsageError
    from genkit.train.style.job import StyleJob

    if picture is not None and pictures is not None:
        raise UsageError("give --style PICTURE (one style) or --styles FOLDER (any style)")
    words: tuple[str, ...] = ()
    if picture is not None:
        words = ("--style", picture.name)
    elif pictures is not None:
        words = ("--styles", pictures.name)
    else:
        typer.echo("no --style and no --styles: the pictures of --data are the styles, too", err=True)
    given = picture or pictures
    job = partial(StyleJob, styles=options.data if given is None else [given])
    kind = ("own", "genkit-style") if picture is None else ("one-style", "one-style")
    carry_out(Training("style", kind[0], job, former=kind[1], words=words, sources=(given,) if given else ()), options)


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
    several kinds. --data alone takes a folder by what is in it.

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
    if len(chosen) > 1:
        raise UsageError("give one of --pairs, --unpaired and --domains", "genkit train translate --pairs drawings:photos")
    words: tuple[str, ...] = ()
    for name, source in chosen.items():  # quoted without their folders
        words = (f"--{name}", *([Path(part).name for part in source] if name == "unpaired" else [_quoted(source)]))
    if not chosen and options.config is None:
        chosen = _laid_out(options.data)
    places = [Path(part) for source in chosen.values() for part in (_parts(source) if isinstance(source, str) else source)]
    kind = next(iter(chosen), "genkit-photo2sketch")
    job = partial(make_job, **chosen)
    carry_out(Training("translate", kind, job, words=words, own="my-translate", sources=tuple(places)), options)


def _laid_out(data: list[Path] | None) -> dict[str, Any]:
    """What a folder is taken for, said."""
    from genkit.data.layouts import translation_of
    from genkit.errors import UsageError

    if not data or len(data) > 1:
        raise UsageError(
            "give one folder with --data, or one of --pairs, --unpaired and --domains, or --config",
            "genkit train translate --pairs drawings:photos",
        )
    kind, places = translation_of(data[0])
    typer.echo(f"{data[0]}: taken as --{kind} {' '.join(places)}", err=True)
    return {kind: places if kind == "unpaired" else places[0]}


def _parts(source: str) -> list[str]:
    return [source, *source.split(":")]  # a drive letter has a colon too


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
    options = replace(options, overrides=[*(options.overrides or ()), *overrides])
    carry_out(Training("gan", make_job=GanJob), options)


@app.command()
@spread
def txt2img(options: TrainOptions, captions: Captions = None) -> None:
    """Train a small network that draws from words, from nothing, in three stages that run one after another: an autoencoder,
    what words say of latents, and what draws.

    Wants a few thousand pictures that are alike in manner, such as icons. --max-minutes counts for all stages together; a
    stopped run says which are left, and --resume goes on with them.
    """
    from genkit.train.txt2img import job as training

    _refuse_holdout(options, "txt2img")
    words = () if captions is None else ("--captions", captions.name)

    def perform(request: Any, say: Any) -> dict[str, Any]:
        return training.run(request, captions, say)

    carry_out(Training("txt2img", perform=perform, words=words, former="genkit-icons"), options)


@app.command()
@spread
def tts(
    options: TrainOptions,
    part: Annotated[
        str | None,
        RunOption(
            "--part",
            metavar="NAME",
            help="Train one part alone: acoustic (phonemes to spectrograms) or vocoder (spectrograms to sound).",
            show_default="both, one after the other",
        ),
    ] = None,
) -> None:
    """Train a voice on recordings with their texts (metadata.csv: id|text, as LJSpeech has them): an acoustic model, then a
    vocoder, in one run.

    The recordings are prepared first, by PocketSphinx (pip install 'genkit-media[speech]'); the run folder keeps that as
    prepared.npz, which may be given as --data, and then needs no library for sound. --max-minutes counts for both stages;
    --resume goes on where it stopped.
    """
    from genkit.errors import UsageError
    from genkit.train.run import config_of, run
    from genkit.train.tts import job as whole
    from genkit.train.tts.acoustic import AcousticJob
    from genkit.train.tts.vocoder import VocoderJob

    jobs: dict[str | None, Any] = {None: AcousticJob, "acoustic": AcousticJob, "vocoder": VocoderJob}
    if part not in jobs:
        raise UsageError(f"--part {part}: give acoustic or vocoder")

    def perform(request: Any, say: Any) -> dict[str, Any]:
        if part is None and config_of(request).stages:
            return whole.run(request, say)
        return run(request, partial(jobs[part], folder=request.out), say)

    if part is None:
        training = Training("tts", perform=perform, own="my-voice", former="genkit-kathleen-acoustic")
    else:
        training = Training("tts", f"genkit-kathleen-{part}", perform=perform, words=("--part", part), own=f"my-voice-{part}")
    carry_out(training, options)


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

    carry_out(Training("lora", "lora", perform=perform, words=("--model", model), folder="txt2img"), options)


def _refuse_holdout(options: TrainOptions, task: str) -> None:
    from genkit.errors import UsageError

    if options.holdout is not None:
        raise UsageError(f"genkit train {task} holds nothing out", "leave --holdout away")
