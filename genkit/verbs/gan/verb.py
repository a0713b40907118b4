"""`genkit gan`: draw pictures from a latent space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from genkit.cli.options import RUN, DrawOptions, spread
from genkit.verbs.gan import latents_verb as gan_latents
from genkit.verbs.gan.options import LATENT, WHAT, ClassOption, SeedOption, Truncation

app = typer.Typer(rich_markup_mode=None, add_completion=False)
gan_latents.mount(app)

FILM = "Film"


@dataclass(frozen=True)
class WalkOptions:
    walk: Annotated[
        str | None,
        typer.Option(
            "--walk",
            metavar="LIST",
            rich_help_panel=FILM,
            show_default=False,
            help="Go from seed to seed: -o walk.mp4, walk.gif, or a folder for single pictures.",
        ),
    ] = None
    interpolate: Annotated[
        str | None,
        typer.Option(
            "--interpolate",
            metavar="z|w",
            rich_help_panel=FILM,
            show_default="w, or z for a model that is not style-based",
            help="Straight through the styles (w), or along circles through the latents (z).",
        ),
    ] = None
    seconds: Annotated[
        float | None,
        typer.Option(
            "--seconds", metavar="S", rich_help_panel=FILM, show_default="2 from seed to seed", help="How long the walk takes."
        ),
    ] = None
    fps: Annotated[
        float | None,
        typer.Option("--fps", metavar="N", rich_help_panel=FILM, show_default="24", help="Pictures a second."),
    ] = None
    loop: Annotated[
        bool, typer.Option("--loop", rich_help_panel=FILM, help="Go back to the first seed; a GIF plays again and again.")
    ] = False
    frame: Annotated[
        int | None,
        typer.Option(
            "--frame", metavar="N", min=1, rich_help_panel=FILM, show_default="all", help="This picture of the walk alone."
        ),
    ] = None


@app.callback(invoke_without_command=True)
@spread
def gan(
    context: typer.Context,
    film: WalkOptions,
    shared: DrawOptions,
    seeds: Annotated[
        str | None,
        typer.Option("--seeds", metavar="LIST", rich_help_panel=WHAT, show_default="0", help="Seeds: 0-15, or 3,7,9."),
    ] = None,
    seed: SeedOption = None,
    label: ClassOption = None,
    list_classes: Annotated[
        bool, typer.Option("--list-classes", rich_help_panel=WHAT, help="List the model's classes, and draw nothing.")
    ] = False,
    truncation: Truncation = None,
    grid: Annotated[
        str | None,
        typer.Option(
            "--grid",
            metavar="COLSxROWS",
            rich_help_panel=WHAT,
            show_default=False,
            help="Lay the pictures out in grids; without --seeds as many as fill one.",
        ),
    ] = None,
    mix: Annotated[
        list[str] | None,
        typer.Option(
            "--mix",
            metavar="A:B:LAYERS",
            rich_help_panel=LATENT,
            show_default=False,
            help="Seed A with the styles of seed B in some layers, again for each: 3:7:0-3.",
        ),
    ] = None,
    latent: Annotated[
        list[Path] | None,
        typer.Option(
            "--latent", metavar="FILE", rich_help_panel=LATENT, show_default=False, help="Draw a saved latent, again for each."
        ),
    ] = None,
    save_latent: Annotated[
        bool, typer.Option("--save-latent", rich_help_panel=LATENT, help="Save each picture's latent beside it (.npz).")
    ] = False,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            metavar="N",
            min=1,
            max=1024,
            rich_help_panel=RUN,
            show_default="4, or 16 on a GPU",
            help="Pictures to draw at once.",
        ),
    ] = None,
) -> int | None:
    """Draw pictures from a latent space. A seed gives the same picture alone, in a batch and in a grid.

    \b
      genkit gan --seeds 0-15
      genkit gan --seeds 0-15 --class dress -o dresses/
      genkit gan --grid 4x4 -o sheet.png
      genkit gan --walk 3,7,9 --loop -o walk.mp4
      genkit gan --mix 3:7:3-4
    """
    if context.invoked_subcommand is not None:
        _refuse_before_command(context)
        return None
    from genkit.errors import UsageError
    from genkit.run.drawing import DrawingVerb, run_drawings
    from genkit.verbs.gan.options import find_card, read_latent, read_options
    from genkit.verbs.gan.outputs import Drawings
    from genkit.verbs.gan.task import batch_size as fitting

    given = {"--seeds": seeds, "--seed": seed, "--walk": film.walk, "--mix": mix, "--latent": latent}
    named = [option for option, value in given.items() if value not in (None, [])]
    if len(named) > 1:
        raise UsageError(f"{' and '.join(named)} both say what to draw", "give one of them")
    saved = [(path, read_latent(path)) for path in latent or ()]
    card = find_card(shared.model or (saved[0][1].model if saved and saved[0][1].model else None))
    if list_classes:
        return gan_latents.list_classes(card, shared)
    chosen = read_options(card, shared.model_options, label, truncation)
    if saved and chosen:
        raise UsageError(f"--{next(iter(chosen))}: a saved latent has its own", "leave it out")
    if grid is not None and named and named[0] not in ("--seeds", "--seed"):
        raise UsageError(f"--grid lays out the pictures of --seeds, not of {named[0]}", "leave out one of them")
    if film.walk is None and any((film.interpolate, film.seconds, film.fps, film.loop, film.frame)):
        raise UsageError("--interpolate, --seconds, --fps, --loop and --frame are for a --walk", "name its seeds: --walk 3,7,9")
    if save_latent and (grid or film.walk):
        raise UsageError("--save-latent saves the latent of a picture, not of a grid or a film", "leave it out")
    make = Drawings(card, chosen, shared, save_latent, batch_size)
    if film.walk is not None:
        drawings = make.walk(film)
    elif mix:
        drawings = [make.mixture(one) for one in mix]
    elif saved:
        drawings = [make.saved(*one) for one in saved]
    else:
        drawings = make.seeds(seeds, seed, grid)
    suffixes = (".npz",) if save_latent else ()
    verb = DrawingVerb("gan", card, drawings, make.draw, lambda model: fitting(model, batch_size), suffixes)
    return run_drawings(shared, verb)


def _refuse_before_command(context: typer.Context) -> None:
    """Refuse options before the command's name, which would be lost."""
    from genkit.errors import UsageError

    for name in context.params:
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE":
            option = f"--{name.replace('_', '-')}"
            command = context.invoked_subcommand
            raise UsageError(f"options go behind the command: genkit gan {command} ... (before it stands {option})")
