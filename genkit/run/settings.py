"""The options that verbs share: where outputs go, which model, what it runs on, what is reported. Each is declared once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from genkit.errors import UsageError
from genkit.run.film_options import FilmOptions
from genkit.run.option import DRAWING, MODEL, OUTPUT, REPORT, REQUIRED, Option, check, option

if TYPE_CHECKING:
    from genkit.cards import Card

_OUTPUT = Option(
    "A folder (exists, ends in / or has no suffix), a file, or - for standard output.",
    panel=OUTPUT,
    flags=("-o", "--output"),
    metavar="PATH",
    recorded=False,
)
_FORMAT = Option("jpeg, png, webp, tiff, avif, bmp or heif.", panel=OUTPUT, metavar="NAME")
_QUALITY = Option(panel=OUTPUT, metavar="1-100", least=1, most=100)
_NAME = Option(panel=OUTPUT, metavar="TEMPLATE", recorded=False)
_OVERWRITE = Option("Replace outputs that exist.", panel=OUTPUT, recorded=False)
_RESUME = Option("Skip outputs already made from the same input, model and options.", panel=OUTPUT, recorded=False)
_NUMBER = Option("Number outputs whose names are taken: NAME_2.", panel=OUTPUT, recorded=False)
_STRIP = Option("Write neither metadata nor recipe into the output.", panel=OUTPUT)
_SIDECAR = Option("Write the recipe to OUTPUT.json beside the output, too.", panel=OUTPUT, recorded=False)
_MODEL = Option(
    "Model to use; see `genkit models list`.",
    panel=MODEL,
    flags=("-m", "--model"),
    metavar="NAME",
    shown="the verb's own",
    completes="model",
    recorded=False,
)
_MODEL_OPTIONS = Option(
    "An option of this model alone, which `genkit models info NAME` lists; may be repeated.",
    panel=MODEL,
    flags=("-O",),
    metavar="KEY=VALUE",
    shown="the model's",
    completes="model option",
)
_ACCEPT_LICENCE = Option("Fetch a model whose licence is not commercial or must be accepted.", panel=MODEL, recorded=False)
_DEVICE = Option(
    "auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.", metavar="NAME", shown="auto", recorded=False
)
_DTYPE = Option("auto (the model's best on the device), float32, float16 or bfloat16.", metavar="NAME", shown="auto")
_ENGINE = Option(
    "What runs the network: auto (the quickest that gives torch's numbers), torch or openvino (the CPU).",
    panel=MODEL,
    metavar="NAME",
    shown="auto",
    recorded=False,
)
SWEEP = Option(
    "Try each of several values of one; repeated, each with each. Outputs are named by what differs.",
    metavar="NAME=V,V",
    shown=False,
    recorded=False,
)
SHEET = Option(
    "Lay the outputs out in one picture or page, with what differs beside them.",
    panel=OUTPUT,
    metavar="FILE",
    shown=False,
    recorded=False,
)
_OPEN = Option("Open the result when it is made, in the program for such files.", panel=OUTPUT, recorded=False, terminal=True)
_DRY_RUN = Option("Show the plan, with sizes and time, and do nothing.", panel=REPORT, recorded=False, terminal=True)
_JSON = Option("One JSON event a line on standard output.", panel=REPORT, recorded=False, terminal=True)
_QUIET = Option("Say nothing but paths and errors.", panel=REPORT, flags=("-q", "--quiet"), recorded=False, terminal=True)
_VERBOSE = Option(
    "Say more: each input, and what libraries say.",
    panel=REPORT,
    flags=("-v", "--verbose"),
    recorded=False,
    terminal=True,
)
_DEBUG = Option("Show the traceback of an error.", panel=REPORT, recorded=False, terminal=True)
STEPS = Option("Steps of the drawing.", panel=DRAWING, metavar="N", shown="the model's", of_model=True)
GUIDANCE = Option("How closely to follow --prompt.", panel=DRAWING, metavar="N", shown="the model's", of_model=True)
STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")  # which might be a file that a rename would replace
_DRAWN_NAME = "Output name, with {stem} {model} {verb} {seed} {index} {ext}: '{stem}-{index:03}'."


@dataclass(frozen=True)
class PictureRun:
    """What every verb takes that makes pictures out of pictures."""

    paths: list[str] = option(
        REQUIRED,
        "Files, folders, quoted globs, @list.txt (one path a line), or - for standard input.",
        argument=True,
        metavar="PATH...",
        shown=False,
        recorded=False,
    )
    output: str | None = option(None, _OUTPUT, shown="beside each input")
    recursive: bool = option(
        False,
        "Go into sub-folders, and mirror their tree under -o.",
        panel=OUTPUT,
        flags=("-r", "--recursive"),
        recorded=False,
    )
    format: str | None = option(None, _FORMAT, shown="as the input")
    quality: int | None = option(None, _QUALITY, help="Quality of jpeg, webp, avif and heif.", shown="as the input")
    name: str | None = option(
        None,
        _NAME,
        help="Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.",
        shown="the input's, marked (_x4) where it lies beside it",
    )
    overwrite: bool = option(False, _OVERWRITE)
    resume: bool = option(False, _RESUME)
    number: bool = option(False, _NUMBER)
    again: bool = option(
        False, "Work on what this verb itself has made, too, which is left out else.", panel=OUTPUT, recorded=False
    )
    strip_metadata: bool = option(False, _STRIP)
    sidecar: bool = option(False, _SIDECAR)
    open: bool = option(False, _OPEN)
    model: str | None = option(None, _MODEL)
    model_options: list[str] | None = option(None, _MODEL_OPTIONS)
    accept_licence: bool = option(False, _ACCEPT_LICENCE)
    device: str | None = option(None, _DEVICE)
    dtype: str | None = option(None, _DTYPE)
    engine: str | None = option(None, _ENGINE)
    seed: int = option(0, "Seed, where the model draws noise.", metavar="N", least=0, recorded=False)
    sweep: list[str] | None = option(None, SWEEP, panel=OUTPUT, terminal=True)
    sheet: str | None = option(None, SHEET, terminal=True)
    max_pixels: str | None = option(
        None, "Refuse inputs of more pixels than this; M is a million.", metavar="N", shown="100M", recorded=False
    )
    dry_run: bool = option(False, _DRY_RUN)
    json: bool = option(False, _JSON)
    quiet: bool = option(False, _QUIET)
    verbose: bool = option(False, _VERBOSE)
    debug: bool = option(False, _DEBUG)


@dataclass(frozen=True)
class FilmRun(FilmOptions, PictureRun):
    """The same, of verbs that take films, too."""


@dataclass(frozen=True)
class DrawnRun:
    """What every verb takes that makes outputs out of nothing but its own options."""

    output: str | None = option(None, _OUTPUT, shown="the current folder")
    format: str | None = option(None, _FORMAT, shown="png")
    quality: int | None = option(None, _QUALITY, help="Quality of jpeg, webp, avif and heif, and of mp4.", shown="the format's")
    name: str | None = option(None, _NAME, help=_DRAWN_NAME, shown="the verb's own")
    overwrite: bool = option(False, _OVERWRITE)
    resume: bool = option(False, _RESUME)
    number: bool = option(False, _NUMBER)
    strip_metadata: bool = option(False, _STRIP)
    sidecar: bool = option(False, _SIDECAR)
    open: bool = option(False, _OPEN)
    model: str | None = option(None, _MODEL)
    model_options: list[str] | None = option(None, _MODEL_OPTIONS)
    accept_licence: bool = option(False, _ACCEPT_LICENCE)
    device: str | None = option(None, _DEVICE)
    dtype: str | None = option(None, _DTYPE)
    engine: str | None = option(None, _ENGINE)
    sweep: list[str] | None = option(None, SWEEP, panel=OUTPUT, terminal=True)
    dry_run: bool = option(False, _DRY_RUN)
    json: bool = option(False, _JSON)
    quiet: bool = option(False, _QUIET)
    verbose: bool = option(False, _VERBOSE)
    debug: bool = option(False, _DEBUG)


@dataclass(frozen=True)
class ChainRun(FilmOptions):
    """What a chain of several verbs takes: models and seeds are its steps'."""

    model: ClassVar[None] = None
    model_options: ClassVar[None] = None

    paths: list[str] | None = option(
        None,
        "The recipe, and what to run it on: files, folders, quoted globs, @list.txt, or - for standard input.",
        argument=True,
        metavar="[RECIPE] [PATH]...",
        shown=False,
        recorded=False,
    )
    output: str | None = option(None, _OUTPUT, shown="beside each input")
    recursive: bool = option(
        False,
        "Go into sub-folders, and mirror their tree under -o.",
        panel=OUTPUT,
        flags=("-r", "--recursive"),
        recorded=False,
    )
    format: str | None = option(None, _FORMAT, shown="as the recipe or the input")
    quality: int | None = option(
        None, _QUALITY, help="Quality of jpeg, webp, avif and heif.", shown="as the recipe or the input"
    )
    name: str | None = option(
        None,
        _NAME,
        help="Output name, with {stem} {parent} {verb} {index} {ext}: '{stem}-{index:03}'.",
        shown="the input's, marked",
    )
    overwrite: bool = option(False, _OVERWRITE)
    resume: bool = option(False, _RESUME)
    number: bool = option(False, _NUMBER)
    again: bool = option(False, "Work on what chains have made, too, which is left out else.", panel=OUTPUT, recorded=False)
    strip_metadata: bool = option(False, _STRIP)
    sidecar: bool = option(False, _SIDECAR)
    open: bool = option(False, _OPEN)
    accept_licence: bool = option(False, _ACCEPT_LICENCE)
    device: str | None = option(None, _DEVICE)
    dtype: str | None = option(None, _DTYPE)
    engine: str | None = option(None, _ENGINE)
    max_pixels: str | None = option(
        None, "Refuse inputs of more pixels than this; M is a million.", metavar="N", shown="100M", recorded=False
    )
    dry_run: bool = option(False, _DRY_RUN)
    json: bool = option(False, _JSON)
    quiet: bool = option(False, _QUIET)
    verbose: bool = option(False, _VERBOSE)
    debug: bool = option(False, _DEBUG)


@dataclass(frozen=True)
class SpeechRun(DrawnRun):
    """The same, in words that fit sound."""

    format: str | None = option(None, _FORMAT, help="wav, flac, ogg or mp3; raw with -o -.", shown="wav")
    quality: int | None = option(None, _QUALITY, help="Quality of ogg and mp3.", shown="80")
    seed: int | None = option(
        None, "Seed.", metavar="N", shown="at random, where the voice draws noise", least=0, recorded=False
    )


Run = PictureRun | DrawnRun | ChainRun


@dataclass(frozen=True)
class Settings:
    """Options after the user's configuration has filled in what was left out."""

    device: str
    dtype: str
    engine: str
    format: str | None
    quality: int | None
    max_pixels: int


def settings_of(run: Run, verb: str) -> Settings:
    """The settings of a call of a verb (`gan`, `gan project`), or of a chain of several (no name).

    Raises:
        UsageError: a value that cannot be, here or in the configuration.
    """
    from genkit import config
    from genkit.media.pictures.formats import MAX_PIXELS
    from genkit.run.naming import names_format

    def pick(value: Any, key: str, fallback: Any = None) -> Any:
        return value if value is not None else (config.get(f"{task}.{key}" if task else key) or fallback)

    task = verb.partition(" ")[0]
    check(run)
    if run.output in STDOUT:
        raise UsageError(f"-o {run.output} is standard output", "-o -")
    for flag, given in (("--overwrite", run.overwrite), ("--resume", run.resume)):
        if run.number and given:
            raise UsageError(f"--number and {flag} contradict each other", "--number leaves what is there: give one of them")
    return Settings(
        device=pick(run.device, "device", "auto"),
        dtype=pick(run.dtype, "dtype", "auto"),
        engine=pick(run.engine, "engine", "auto"),
        format=run.format if names_format(run.name, run.output) else pick(run.format, "format"),
        quality=pick(run.quality, "quality"),
        max_pixels=parse_pixels(pick(getattr(run, "max_pixels", None), "max-pixels", MAX_PIXELS)),
    )


def parse_pixels(text: str | int) -> int:
    """Read a number of pixels, such as 250000000 or 250M.

    Raises:
        UsageError: not a number above 0.
    """
    plain = str(text).strip().lower().replace("_", "")
    factor = {"k": 1e3, "m": 1e6, "g": 1e9}.get(plain[-1:], 1)
    try:
        number = float(plain[:-1] if factor != 1 else plain) * factor
        if not 1 <= number < float("inf"):
            raise ValueError
    except ValueError:
        raise UsageError(f"--max-pixels {text}: expected a number of pixels, such as 250M") from None
    return int(number)


def parse_model_options(card: Card, texts: list[str] | tuple[str, ...] | None) -> dict[str, Any]:
    """Check every `-O key=value` against the model's card.

    Raises:
        UsageError: not an option of this model (the hint names the models that have it), or not a value that it takes.
    """
    from genkit import cards

    known = {each.name for each in card.options}
    for key in (text.partition("=")[0] for text in texts or ()):
        if key in known:
            continue
        able = [each.name for each in cards.all_cards(card.task) if key in {option.name for option in each.options}]
        has = f"it has {', '.join(f'-O {name}' for name in sorted(known))}" if known else "it has none"
        raise UsageError(
            f"{card.name} has no option {key}", f"models with {key}: {', '.join(able)}" if able else has, code="model-option"
        )
    return card.parse_options(texts or ())
