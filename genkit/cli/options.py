"""The options that verbs share, each declared once; `spread` puts a record's fields into a command's signature.

A verb's function takes one of the records here and its own options beside it:

    @app.command()
    @spread
    def upscale(shared: ImageOptions, scale: Annotated[float | None, typer.Option(...)] = None): ...
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

if TYPE_CHECKING:
    from genkit.cards import Card

OUTPUT, MODEL, RUN, REPORT = "Output", "Model", "Run", "Reporting"


def complete_model(ctx: typer.Context, incomplete: str) -> list[str]:
    """Model names of the verb that is being typed."""
    from genkit import cards

    verb = ctx.info_name if ctx.info_name and cards.card_paths(ctx.info_name) else None
    return [name for name in cards.names(verb) if name.startswith(incomplete)]


def complete_option(ctx: typer.Context, incomplete: str) -> list[str]:
    """The keys (and choices) of `-O`, from the card of the model on the line or of the default one."""
    from genkit import cards
    from genkit.errors import GenkitError

    try:
        verb = str(ctx.info_name)
        card = cards.find(ctx.params.get("model") or cards.default_model(verb), verb)
    except GenkitError:
        return []
    texts = [f"{one.name}={choice}" for one in card.options for choice in (one.choices or ("",))]
    return [text for text in texts if text.startswith(incomplete)]


Inputs = Annotated[
    list[str],
    typer.Argument(
        metavar="PATH...",
        help="Files, folders, quoted globs, @list.txt (one path a line), or - for standard input.",
        show_default=False,
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        rich_help_panel=OUTPUT,
        show_default="beside each input",
        help="A folder (exists, ends in / or has no suffix), a file, or - for standard output.",
    ),
]
Recursive = Annotated[
    bool, typer.Option("-r", "--recursive", rich_help_panel=OUTPUT, help="Go into sub-folders, and mirror their tree under -o.")
]
Format = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        show_default="as the input",
        help="jpeg, png, webp, tiff, avif, bmp or heif.",
    ),
]
Quality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="1-100",
        min=1,
        max=100,
        rich_help_panel=OUTPUT,
        show_default="as the input",
        help="Quality of jpeg, webp, avif and heif.",
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        rich_help_panel=OUTPUT,
        show_default="the input's, marked (_x4) where it lies beside it",
        help="Output name, with {stem} {parent} {model} {verb} {scale} {seed} {index} {ext}: '{stem}-{index:03}'.",
    ),
]
DrawnOutput = Annotated[
    str | None,
    typer.Option(
        "-o",
        "--output",
        metavar="PATH",
        rich_help_panel=OUTPUT,
        show_default="the current folder",
        help="A folder (exists, ends in / or has no suffix), a file, or - for standard output.",
    ),
]
DrawnFormat = Annotated[
    str | None,
    typer.Option(
        "--format",
        metavar="NAME",
        rich_help_panel=OUTPUT,
        show_default="png",
        help="jpeg, png, webp, tiff, avif, bmp or heif.",
    ),
]
DrawnQuality = Annotated[
    int | None,
    typer.Option(
        "--quality",
        metavar="1-100",
        min=1,
        max=100,
        rich_help_panel=OUTPUT,
        show_default="the format's",
        help="Quality of jpeg, webp, avif and heif, and of mp4.",
    ),
]
DrawnName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="TEMPLATE",
        rich_help_panel=OUTPUT,
        show_default="the verb's own",
        help="Output name, with {stem} {model} {verb} {seed} {index} {ext}: '{stem}-{index:03}'.",
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", rich_help_panel=OUTPUT, help="Replace outputs that exist.")]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume", rich_help_panel=OUTPUT, help="Pass over outputs already made from the same input, model and options."
    ),
]
Again = Annotated[bool, typer.Option("--again", rich_help_panel=OUTPUT, help="Take inputs that this verb has made, too.")]
Strip = Annotated[
    bool, typer.Option("--strip-metadata", rich_help_panel=OUTPUT, help="Write neither metadata nor recipe into the output.")
]
Sidecar = Annotated[
    bool, typer.Option("--sidecar", rich_help_panel=OUTPUT, help="Write the recipe to OUTPUT.json beside the output, too.")
]
Model = Annotated[
    str | None,
    typer.Option(
        "-m",
        "--model",
        metavar="NAME",
        rich_help_panel=MODEL,
        show_default="the verb's own",
        autocompletion=complete_model,
        help="Model to use; see `genkit models list`.",
    ),
]
ModelOptions = Annotated[
    list[str] | None,
    typer.Option(
        "-O",
        metavar="KEY=VALUE",
        rich_help_panel=MODEL,
        show_default="the card's",
        autocompletion=complete_option,
        help="An option of this model, again for each; see `genkit models info NAME`.",
    ),
]
Steps = Annotated[
    str | None,
    typer.Option("--steps", metavar="N", rich_help_panel=MODEL, show_default="the card's", help="Steps of the drawing."),
]
Guidance = Annotated[
    str | None,
    typer.Option(
        "--guidance", metavar="N", rich_help_panel=MODEL, show_default="the card's", help="How closely to follow --prompt."
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        "--device",
        metavar="NAME",
        rich_help_panel=RUN,
        show_default="auto",
        help="auto (CUDA if there is one, else CPU), cpu, cuda, cuda:N or mps.",
    ),
]
Dtype = Annotated[
    str | None,
    typer.Option(
        "--dtype",
        metavar="NAME",
        rich_help_panel=RUN,
        show_default="auto",
        help="auto (the model's best on the device), float32, float16 or bfloat16.",
    ),
]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", rich_help_panel=RUN, min=0, help="Seed, where the model draws noise.")
]
MaxPixels = Annotated[
    str | None,
    typer.Option(
        "--max-pixels",
        metavar="N",
        rich_help_panel=RUN,
        show_default="100M",
        help="Refuse inputs of more pixels than this; M is a million.",
    ),
]
AcceptLicence = Annotated[
    bool,
    typer.Option(
        "--accept-licence", rich_help_panel=MODEL, help="Fetch a model whose licence is not commercial or must be accepted."
    ),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", rich_help_panel=REPORT, help="Show the plan, with sizes and time, and do nothing.")
]
Json = Annotated[bool, typer.Option("--json", rich_help_panel=REPORT, help="One JSON event a line on standard output.")]
Quiet = Annotated[bool, typer.Option("-q", "--quiet", rich_help_panel=REPORT, help="Say nothing but paths and errors.")]
Verbose = Annotated[
    bool, typer.Option("-v", "--verbose", rich_help_panel=REPORT, help="Say more: each input, and what libraries say.")
]
Debug = Annotated[bool, typer.Option("--debug", rich_help_panel=REPORT, help="Show the traceback of an error.")]


@dataclass(frozen=True)
class ImageOptions:
    """What every verb takes that makes pictures out of pictures."""

    paths: Inputs
    output: Output = None
    recursive: Recursive = False
    format: Format = None
    quality: Quality = None
    name: Name = None
    overwrite: Overwrite = False
    resume: Resume = False
    again: Again = False
    strip_metadata: Strip = False
    sidecar: Sidecar = False
    model: Model = None
    model_options: ModelOptions = None
    accept_licence: AcceptLicence = False
    device: Device = None
    dtype: Dtype = None
    seed: Seed = 0
    max_pixels: MaxPixels = None
    dry_run: DryRun = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False
    debug: Debug = False


@dataclass(frozen=True)
class DrawOptions:
    """What every verb takes that draws pictures, and has none to begin with."""

    output: DrawnOutput = None
    format: DrawnFormat = None
    quality: DrawnQuality = None
    name: DrawnName = None
    overwrite: Overwrite = False
    resume: Resume = False
    strip_metadata: Strip = False
    sidecar: Sidecar = False
    model: Model = None
    model_options: ModelOptions = None
    accept_licence: AcceptLicence = False
    device: Device = None
    dtype: Dtype = None
    dry_run: DryRun = False
    json: Json = False
    quiet: Quiet = False
    verbose: Verbose = False
    debug: Debug = False


def spread(command: Callable[..., Any]) -> Callable[..., Any]:
    """Replace each parameter whose type is a record by the record's fields, so that Typer sees one flat signature."""
    hints = get_type_hints(command, include_extras=True)
    records: dict[str, Any] = {}
    required: list[inspect.Parameter] = []
    own: list[inspect.Parameter] = []
    shared: list[inspect.Parameter] = []
    for name, parameter in inspect.signature(command).parameters.items():
        kind = hints[name]
        if not is_dataclass(kind):
            own.append(parameter.replace(annotation=kind, kind=parameter.KEYWORD_ONLY))
            continue
        records[name] = kind
        types = get_type_hints(kind, include_extras=True)
        for field in fields(kind):
            default = parameter.empty if field.default is MISSING else field.default
            one = inspect.Parameter(field.name, parameter.KEYWORD_ONLY, default=default, annotation=types[field.name])
            (required if default is parameter.empty else shared).append(one)
    signature = inspect.Signature([*required, *own, *shared])

    def flat(**values: Any) -> Any:
        for name, record in records.items():
            values[name] = record(**{field.name: values.pop(field.name) for field in fields(record)})
        return command(**values)

    flat.__name__, flat.__doc__, flat.__module__ = command.__name__, command.__doc__, command.__module__
    flat.__signature__ = signature  # type: ignore[attr-defined]
    flat.__annotations__ = {parameter.name: parameter.annotation for parameter in signature.parameters.values()}
    return flat


def parse_model_options(card: Card, given: Sequence[str] | None) -> dict[str, Any]:
    """Check every `-O key=value` against the model's card.

    Raises:
        UsageError: not an option of this model (the hint names the models that have it), or not a value that it takes.
    """
    from genkit import cards
    from genkit.errors import UsageError

    known = {option.name for option in card.options}
    for key in (text.partition("=")[0] for text in given or ()):
        if key in known:
            continue
        able = [one.name for one in cards.all_cards(card.task) if key in {option.name for option in one.options}]
        has = f"it has {', '.join(f'-O {name}' for name in sorted(known))}" if known else "it has none"
        raise UsageError(
            f"{card.name} has no option {key}", f"models with {key}: {', '.join(able)}" if able else has, code="model-option"
        )
    return card.parse_options(given or ())


def parse_pixels(text: str | int) -> int:
    """Read a number of pixels, such as 250000000 or 250M.

    Raises:
        UsageError: not a number above 0.
    """
    from genkit.errors import UsageError

    plain = str(text).strip().lower().replace("_", "")
    factor = {"k": 1e3, "m": 1e6, "g": 1e9}.get(plain[-1:], 1)
    try:
        number = float(plain[:-1] if factor != 1 else plain) * factor
        if not 1 <= number < float("inf"):
            raise ValueError
    except ValueError:
        raise UsageError(f"--max-pixels {text}: expected a number of pixels, such as 250M") from None
    return int(number)
