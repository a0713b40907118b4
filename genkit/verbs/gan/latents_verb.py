"""The commands of `genkit gan` that work on latents: find that of a picture, change one; and the list of classes."""

from __future__ import annotations

import sys
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.cli.options import DrawOptions, ImageOptions, spread
from genkit.run.drawing import put
from genkit.verbs.gan import directions_verb as gan_directions
from genkit.verbs.gan.options import LATENT, ClassOption, Layers, SeedOption, Truncation

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.verbs.gan.directions import Directions


def mount(app: typer.Typer) -> None:
    """Give the command `gan` its further commands."""
    app.command()(spread(project))
    app.command()(spread(edit))
    app.command()(gan_directions.directions)


def project(
    shared: ImageOptions,
    label: ClassOption = None,
    steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, max=100_000, rich_help_panel=LATENT, help="Steps of the search.")
    ] = 300,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="w+|w",
            rich_help_panel=LATENT,
            show_default="w+",
            help="A latent for each layer (w+: nearer to the picture), or one for all (w: easier to edit).",
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            "--features",
            metavar="NAME",
            rich_help_panel=LATENT,
            show_default="the style network that ships",
            help="The model whose features pictures are compared by; vgg19 is the published one.",
        ),
    ] = None,
) -> int:
    """Find the latent of pictures: what the model would have to start from to draw them.

    The middle square of a picture is looked for. The output is the picture as the model draws it (photo_projected.png), and
    photo_projected.npz beside it is the latent, which `genkit gan --latent` draws and `genkit gan edit` changes.

    \b
      genkit gan project photo.jpg
      genkit gan edit photo_projected.npz --direction 0 --amount 2
    """
    from genkit.errors import UsageError
    from genkit.run.pictures import PictureVerb, run_pictures
    from genkit.verbs.gan import projection as task
    from genkit.verbs.gan.options import find_card, read_options

    card = find_card(shared.model)
    chosen = read_options(card, shared.model_options, label, None)
    task.check(steps, space or task.SPACES[0])
    judge = find_features(features)
    if shared.output == "-":
        raise UsageError("standard output has no place for the latent beside it", "write to a file: -o FILE")
    seen = lru_cache(maxsize=1)(partial(load_features, judge, shared))

    def apply(model: Any, picture: Any, notice: Any, *, working: Any) -> Any:
        from genkit.media.atomic import write_atomic
        from genkit.media.pictures.colour import to_srgb
        from genkit.verbs.gan.latents import Latent
        from genkit.verbs.gan.task import render

        target = working.item.target.with_suffix(".npz")
        if target.exists() and not (shared.overwrite or shared.resume):
            from genkit.errors import OutputError

            raise OutputError(f"{target}: is there already", "--overwrite replaces it, or choose another -o", code="exists")
        picture = to_srgb(picture, notice)
        pixels, alpha = task.squared(picture.pixels, picture.alpha, model.side)
        found = task.project(
            model,
            seen(model.device),
            pixels,
            alpha,
            steps=steps,
            space=space or task.SPACES[0],
            label=chosen.get("class"),
            seed=shared.seed,
            progress=lambda step, of, loss: working.step(step, of, loss=round(loss, 6)),
        )
        notice(f"distance {found.loss:.3g}, from {found.start:.3g} at the start (2 is the mean picture's)")
        import torch

        w = torch.from_numpy(found.w)[None].to(model.device)
        drawn = next(render(model, w, [None], notice=notice))
        latent = Latent(found.w, card.name, card.revision or "", None, None)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(target, partial(put, latent.dump()))
        return picture.with_pixels(drawn.pixels, drawn.alpha)

    options: dict[str, Any] = chosen | {"steps": steps, "space": space, "features": judge.name}
    side = card.params.get("side")
    return run_pictures(
        shared,
        PictureVerb(
            name="gan project",
            card=card,
            mark="_projected",
            marks="_projected",
            apply=apply,
            size_of=lambda width, height: (side, side) if isinstance(side, int) else (width, height),
            options={name: value for name, value in options.items() if value is not None},
            works=True,
        ),
    )


def edit(
    shared: DrawOptions,
    latent: Annotated[
        Path | None,
        typer.Argument(metavar="[LATENT]", help="A saved latent (.npz); or a seed with --seed.", show_default=False),
    ] = None,
    seed: SeedOption = None,
    label: ClassOption = None,
    truncation: Truncation = None,
    direction: Annotated[
        str,
        typer.Option("--direction", metavar="NAME|N", rich_help_panel=LATENT, help="A direction, see `genkit gan directions`."),
    ] = "0",
    amount: Annotated[
        list[float] | None,
        typer.Option(
            "--amount",
            metavar="X",
            rich_help_panel=LATENT,
            show_default="2",
            help="How far, in standard deviations, again for each picture; below 0 the other way.",
        ),
    ] = None,
    directions: Annotated[
        Path | None,
        typer.Option(
            "--directions",
            metavar="FILE",
            rich_help_panel=LATENT,
            show_default="<model>-directions.npz beside the latent or here, else found anew",
            help="A file of `genkit gan directions`.",
        ),
    ] = None,
    layers: Layers = None,
    save_latent: Annotated[
        bool, typer.Option("--save-latent", rich_help_panel=LATENT, help="Save the changed latent beside the picture (.npz).")
    ] = False,
) -> int:
    """Change a picture along a direction of the latent space, by as much as --amount says.

    \b
      genkit gan edit --seed 7 --direction 3 --amount -2 --amount 2
      genkit gan edit photo_projected.npz --direction sleeves --amount 1.5
    """
    from genkit.errors import UsageError
    from genkit.run.drawing import DrawingVerb, run_drawings
    from genkit.verbs.gan.options import find_card, need_styles, read_latent, read_options, refuse_other_model
    from genkit.verbs.gan.outputs import Edit

    if (latent is None) == (seed is None):
        raise UsageError("edit what? Give a saved latent, or --seed N", "genkit gan edit --seed 7 --direction 0 --amount 2")
    saved = read_latent(latent, "edit") if latent is not None else None
    card = find_card(shared.model or (saved.model if saved and saved.model else None))
    need_styles(card, "edit")
    if saved is not None and latent is not None:
        refuse_other_model(card, saved, latent)
    chosen = read_options(card, shared.model_options, label, truncation)
    if saved and chosen:
        raise UsageError(f"--{next(iter(chosen))}: a saved latent has its own", "leave it out")
    places = [folder / f"{card.name}-directions.npz" for folder in ([latent.parent] if latent else []) + [Path()]]
    file = directions or next((one for one in places if one.is_file()), None)
    known = read_directions(card, file) if file is not None else None
    if known is not None:
        known.find(direction)
    make = Edit(card, chosen, saved, latent, seed, direction, file, known, layers, save_latent)
    drawings = [make.drawing(one) for one in (amount or [2.0])]
    return run_drawings(shared, DrawingVerb("gan edit", card, drawings, make.draw, suffixes=(".npz",) if save_latent else ()))


# --- what they share ------------------------------------------------------------------------------------------------------


def list_classes(card: Card, shared: DrawOptions) -> int:
    """Print each class with its number, from the card where it says them."""
    from genkit.run.report import write_event
    from genkit.verbs.gan.options import has_option, load_alone, refuse

    if not has_option(card, "label"):
        refuse("--list-classes", f"{card.name} has no classes", partial(has_option, name="label"))
    names = card.params.get("labels") or load_alone(card, shared).labels
    for index, name in enumerate(names):
        if shared.json:
            write_event("class", index=index, name=str(name))
        else:
            typer.echo(f"{index:>4}  {name}")
    if shared.json:
        write_event("done", done=len(names), failed=0, skipped=0, exit=0)
    return 0


def find_features(name: str | None) -> Card:
    """The card of the model whose features are compared.

    Raises:
        UsageError: it has none.
    """
    from genkit import cards
    from genkit.cards.finding import FIRST
    from genkit.errors import UsageError
    from genkit.verbs.style.methods import FEATURES

    card = cards.find(name or FIRST["style"], "style")
    if card.family not in FEATURES:
        able = [one.name for one in cards.all_cards("style") if one.family in FEATURES]
        raise UsageError(f"--features {name}: {card.name} has none to compare by", f"models with them: {', '.join(able)}")
    return card


def load_features(card: Card, shared: ImageOptions, device: Any) -> Any:
    """Features of several layers, from fine to coarse, of RGB (N, 3, H, W) in [0, 1]."""
    import torch

    from genkit.models import load_model
    from genkit.models.style.perceptual import encoder_of
    from genkit.weights import resolve

    files = resolve(card, announce=lambda text: print(text, file=sys.stderr), accept_licence=shared.accept_licence)
    features = encoder_of(load_model(card, files, device, torch.float32))
    assert features is not None  # find_features sees to that
    return lambda images: list(features(images, features.style).values())


def read_directions(card: Card, path: Path) -> Directions:
    """Read directions that everything asked for needs.

    Raises:
        UsageError: of another model, or not there. InputError: it holds none.
    """
    from genkit.errors import UsageError
    from genkit.verbs.gan.directions import load_directions
    from genkit.verbs.gan.options import read_bytes

    found = load_directions(read_bytes(path, "--directions"), str(path))
    if found.model != card.name:
        raise UsageError(f"{path} has directions of {found.model}, not of {card.name}", "give those of this model")
    return found
