"""The options of `genkit style` beside its one pass: optimisation, photographs that stay photographs, styles by regions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from genkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.cli.options import ImageOptions
    from genkit.media.pictures.images import Picture
    from genkit.run.working import Working
    from genkit.verbs.style.doodle import Map, Regions
    from genkit.verbs.style.task import StyleOptions

METHOD = "Method"
FAST, OPTIMIZE = "fast", "optimize"
PUBLISHED = "vgg19"  # the features that the method was published with
FEATURES = ("vgg19", "stylizer")  # families that have features to compare pictures by
PHOTOREAL_SIDE = 1024  # longest side of the picture that --photoreal takes colours from


@dataclass(frozen=True)
class MethodOptions:
    """How a picture is made. None is the method's own default, so that what was not asked for is not in the recipe."""

    method: Annotated[
        str,
        typer.Option(
            "--method",
            metavar="fast|optimize",
            rich_help_panel=METHOD,
            help="One pass of a network, or optimisation step by step: minutes.",
        ),
    ] = FAST
    photoreal: Annotated[
        bool,
        typer.Option(
            "--photoreal", rich_help_panel=METHOD, help="Take colours and light alone; edges and textures stay the input's."
        ),
    ] = False
    semantic: Annotated[
        str | None,
        typer.Option(
            "--semantic",
            metavar="FILE|DIR",
            rich_help_panel=METHOD,
            show_default=False,
            help="A map of the input in plain colours: what is of one colour takes after what --style-semantic has in it. "
            "The input may be the map itself, which becomes a painting.",
        ),
    ] = None
    style_semantic: Annotated[
        str | None,
        typer.Option(
            "--style-semantic",
            metavar="FILE",
            rich_help_panel=METHOD,
            show_default=False,
            help="The map of --style, in the same colours.",
        ),
    ] = None
    steps: Annotated[
        int | None,
        typer.Option("--steps", metavar="N", rich_help_panel=METHOD, show_default="300", help="optimize: iterations in all."),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="content|style|noise|FILE",
            rich_help_panel=METHOD,
            show_default="content",
            help="optimize: the picture to begin with.",
        ),
    ] = None
    style_weight: Annotated[
        float | None,
        typer.Option(
            "--style-weight",
            metavar="N",
            rich_help_panel=METHOD,
            show_default="1",
            help="optimize: how much style against content; 10 is much, 0.1 little.",
        ),
    ] = None
    optimizer: Annotated[
        str | None,
        typer.Option(
            "--optimizer", metavar="lbfgs|adam", rich_help_panel=METHOD, show_default="lbfgs", help="optimize: what iterates."
        ),
    ] = None
    optimize_size: Annotated[
        int | None,
        typer.Option(
            "--optimize-size",
            metavar="N",
            rich_help_panel=METHOD,
            show_default="1024, or 2048 on a GPU",
            help="optimize: longest side that is iterated on; a larger picture is enlarged from there along its edges.",
        ),
    ] = None
    save_steps: Annotated[
        int | None,
        typer.Option(
            "--save-steps",
            metavar="N",
            rich_help_panel=METHOD,
            show_default="none",
            help="optimize: write the picture beside the output after every N steps.",
        ),
    ] = None

    @property
    def optimizes(self) -> bool:
        return self.method == OPTIMIZE

    @property
    def draws(self) -> bool:
        """Whether a seed can change anything: noise to begin with, or patches that are looked for by chance."""
        return self.start == "noise" if self.optimizes else self.semantic is not None

    def own(self) -> dict[str, Any]:
        """What was given of the options that only --method optimize has."""
        names = ("steps", "start", "style_weight", "optimizer", "optimize_size", "save_steps")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def check(ways: MethodOptions, tile: str, styles: int, work_size: int | None) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: says which.
    """
    from genkit.verbs.style import optimize

    if ways.method not in (FAST, OPTIMIZE):
        raise UsageError(f"--method {ways.method}: expected {FAST} or {OPTIMIZE}")
    if not ways.optimizes and (given := ways.own()):
        option = "--" + next(iter(given)).replace("_", "-")
        raise UsageError(f"{option} is of --method {OPTIMIZE}", f"add --method {OPTIMIZE}, or leave it out")
    if ways.optimizes and tile != "auto":
        raise UsageError(f"--tile: --method {OPTIMIZE} looks at the whole picture", "--optimize-size N bounds its memory")
    if work_size is not None and (ways.optimizes or ways.photoreal or ways.semantic):
        raise UsageError("--work-size is of the plain pass", f"--optimize-size N is that of --method {OPTIMIZE}")
    if (ways.semantic is None) != (ways.style_semantic is None):
        raise UsageError(
            "--semantic and --style-semantic go together", "one is the map of the input, the other that of the style"
        )
    if ways.semantic is not None and styles > 1:
        raise UsageError("--semantic: several styles have no common map", "give one --style")
    optimize.check(_optimize_options(ways, None, 0))


def find_card(model: str | None, ways: MethodOptions) -> Card:
    """The card of the network that is wanted: for optimisation VGG-19 where it is here, else the encoder of the one that ships.

    Raises:
        UsageError: unknown, or it has not what the method needs.
    """
    from genkit import cards, weights

    if not ways.optimizes:
        card = cards.find(model or cards.default_model("style"), "style")
        if card.family == "vgg19":
            raise UsageError(
                f"{card.name} has features to compare pictures by, and paints none",
                f"add --method {OPTIMIZE}",
                code="model-option",
            )
        return card
    if model is None and weights.local_files(cards.find(PUBLISHED, "style")) is not None:
        return cards.find(PUBLISHED, "style")
    card = cards.find(model or cards.default_model("style"), "style")
    if card.family not in FEATURES:
        able = [one.name for one in cards.all_cards("style") if one.family in FEATURES]
        raise UsageError(
            f"--method {OPTIMIZE}: {card.name} has no features for it",
            f"models with them: {', '.join(able)}",
            code="model-option",
        )
    return card


def further_files(ways: MethodOptions) -> tuple[dict[str, Path], dict[str, Path], dict[str, Any]]:
    """Files for every picture, folders to be paired by name, and what goes into the recipe as it is.

    Raises:
        UsageError: one of them is not there.
    """
    from genkit.run.pairing import sort_extra
    from genkit.verbs.style.optimize import STARTS

    start = ways.start if ways.start not in (None, *STARTS) else None
    if start is not None and not Path(start).is_file():
        raise UsageError(f"--start {start}: no such file, and not one of {', '.join(STARTS)}", code="missing-input")
    files, folders = sort_extra({"semantic": ways.semantic, "style_semantic": ways.style_semantic, "start": start})
    if "style_semantic" in folders:
        raise UsageError(f"--style-semantic {ways.style_semantic}: is a folder", "give the map of the style, a picture")
    recorded = ways.own()
    if start is not None:
        del recorded["start"]
    recorded |= {"method": ways.method} if ways.optimizes else {}
    return files, folders, recorded | ({"photoreal": True} if ways.photoreal else {})


def read_other(option: str, path: Path, max_pixels: int) -> np.ndarray:
    """The pixels of a map or of a first picture, opaque.

    Raises:
        UsageError: it cannot be read.
    """
    from genkit.pixels.transparency import bleed
    from genkit.run.further import read_further

    picture = read_further(f"--{option.replace('_', '-')}", path, max_pixels)
    return picture.pixels if picture.alpha is None else bleed(picture.pixels, picture.alpha)


@dataclass(frozen=True)
class Methods:
    """Everything that is the same for all pictures of a run."""

    ways: MethodOptions
    card: Card
    files: Mapping[str, Path]
    seed: int
    max_pixels: int
    read: Callable[..., np.ndarray] = field(default_factory=lambda: lru_cache(maxsize=3)(read_other))

    def painter(
        self, model: Any, options: StyleOptions, partners: Mapping[str, Path], notice: Any, working: Working, picture: Picture
    ) -> Callable[[np.ndarray], np.ndarray] | None:
        """How a picture's visible pixels become styled ones, or None for the plain pass of the network.

        `picture` is the one they are of, for what is saved on the way.
        """
        ways, paths = self.ways, {**self.files, **partners}
        if not (ways.optimizes or ways.photoreal or ways.semantic):
            return None

        def paint(pixels: np.ndarray) -> np.ndarray:
            regions = self._regions(pixels, options, paths, notice) if "semantic" in paths else None
            if ways.optimizes:
                return self._optimized(model, pixels, options, regions, paths, notice, working, picture)
            return self._fast(model, pixels, options, regions, notice)

        if not ways.photoreal:
            return paint

        def realistic(pixels: np.ndarray) -> np.ndarray:
            from genkit.pixels.resample import resize
            from genkit.verbs.style.photoreal import photoreal

            factor = min(1.0, PHOTOREAL_SIDE / max(pixels.shape[:2]))
            small = resize(pixels, *(max(1, round(side * factor)) for side in pixels.shape[1::-1]))
            return photoreal(pixels, paint(small))

        return realistic

    def _regions(self, pixels: np.ndarray, options: StyleOptions, paths: Mapping[str, Path], notice: Any) -> Regions:
        from genkit.verbs.style.doodle import read_regions

        assert options.styles is not None
        style = options.styles.pictures[0]
        maps = self._map("semantic", paths), self._map("style_semantic", paths)
        return read_regions(maps[0], pixels.shape[:2], maps[1], style.shape[:2], notice)

    def _map(self, option: str, paths: Mapping[str, Path]) -> Map:
        from genkit.verbs.style.doodle import Map

        return Map(self.read(option, paths[option], self.max_pixels), f"--{option.replace('_', '-')} {paths[option].name}")

    def _fast(self, model: Any, pixels: np.ndarray, options: StyleOptions, regions: Regions | None, notice: Any) -> np.ndarray:
        from genkit.pixels.shared_statistics import stylize
        from genkit.verbs.style.doodle import doodle, is_flat
        from genkit.verbs.style.patches import paint
        from genkit.verbs.style.task import fitted

        if regions is None:
            code = options.styles.code(model, notice) if options.styles is not None else []
            return stylize(model, pixels, code, tile=options.tile, notice=notice)
        assert options.styles is not None
        style = options.styles.pictures[0]
        if is_flat(pixels, regions):
            notice("nothing but regions: painted from patches of the style, without a network")
            if options.styles.size is not None:
                notice("--style-size changes nothing here: patches are as large as the style's own strokes")
            return paint(regions.content, _deep(style, pixels), regions.style, regions.count, self.seed)
        return doodle(model, pixels, fitted(style, options.styles.size), regions, tile=options.tile, notice=notice)

    def _optimized(
        self,
        model: Any,
        pixels: np.ndarray,
        options: StyleOptions,
        regions: Regions | None,
        paths: Mapping[str, Path],
        notice: Any,
        working: Working,
        picture: Picture,
    ) -> np.ndarray:
        from dataclasses import replace

        from genkit.models.style.perceptual import encoder_of
        from genkit.verbs.style.doodle import is_flat
        from genkit.verbs.style.optimize import Checkpoint, optimize

        features = encoder_of(model)
        assert features is not None and options.styles is not None  # find_card sees to that
        if self.card.family == "vgg19":
            notice(f"features: {self.card.name}")
        else:
            notice(f"features: the encoder of {self.card.name}; genkit models pull {PUBLISHED} fetches the published ones")
        start = self.read("start", paths["start"], self.max_pixels) if "start" in paths else None
        own = _optimize_options(self.ways, start, self.seed)
        own = replace(own, style_size=options.styles.size, regions=regions)
        if regions is not None and is_flat(pixels, regions):
            own = replace(own, keep_content=False)
        if own.save_steps:
            working.reserve(f"step{step:04}" for step in range(own.save_steps, own.steps, own.save_steps))

        def progress(point: Checkpoint) -> None:
            facts = {"loss": round(point.loss, 6), "width": point.width, "height": point.height}
            working.step(point.step, point.steps, **facts)
            if point.save:
                working.save(picture.with_pixels(point.picture(), None), f"step{point.step:04}")

        return optimize(features, pixels, options.styles.pictures, options.styles.shares, own, progress, notice)


def _deep(style: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A style picture in the picture's own depth, and in RGB."""
    import numpy as np

    style = style if style.shape[2] == 3 else np.repeat(style, 3, 2)
    if style.dtype == pixels.dtype:
        return style
    return style.astype(np.uint16) * 257 if pixels.dtype == np.uint16 else (style >> 8).astype(np.uint8)


def _optimize_options(ways: MethodOptions, start: Any, seed: int) -> Any:
    from genkit.verbs.style.optimize import OPTIMIZERS, STARTS, STEPS, OptimizeOptions

    return OptimizeOptions(
        steps=STEPS if ways.steps is None else ways.steps,
        optimizer=ways.optimizer or OPTIMIZERS[0],
        start=start if start is not None else ways.start if ways.start in STARTS else STARTS[0],
        style_weight=1.0 if ways.style_weight is None else ways.style_weight,
        size=ways.optimize_size,
        save_steps=ways.save_steps,
        seed=seed,
    )


def refuse_seed(card: Card, shared: ImageOptions, ways: MethodOptions) -> None:
    """Refuse a seed where nothing is drawn by chance.

    Raises:
        UsageError: neither the pass of a network nor what begins with a picture draws anything.
    """
    if shared.seed and not ways.draws:
        way_out = "leave it out, or --start noise" if ways.optimizes else "leave it out"
        raise UsageError(f"--seed: {card.name} draws nothing by chance, so a seed changes nothing", way_out)
