"""What `style` does beside its one pass: optimisation, photographs that stay photographs, styles by regions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from genkit.errors import UsageError, flag
from genkit.run.option import given

if TYPE_CHECKING:
    from genkit.media.pictures.picture import Picture
    from genkit.models.shapes import StyleModel
    from genkit.run.verb import Context
    from genkit.verbs.style.declaration import StyleDeclaration
    from genkit.verbs.style.doodle import Map, Regions
    from genkit.verbs.style.optimize import Checkpoint, OptimizeOptions
    from genkit.verbs.style.task import StyleOptions

OF_OPTIMIZE = ("steps", "start", "style_weight", "optimizer", "optimize_size", "save_steps")
PUBLISHED = "vgg19"  # the features that optimisation was published with
PHOTOREAL_SIDE = 1024  # longest side of the picture that --photoreal takes colours from


def check(asked: StyleDeclaration) -> None:
    """Refuse options that contradict each other.

    Raises:
        UsageError: says which.
    """
    from genkit.verbs.style import optimize

    own = [each.flag for each, _ in given(asked) if each.name in OF_OPTIMIZE]
    if own and not asked.optimizes:
        raise UsageError(f"{own[0]} is of --method optimize", "add --method optimize, or leave it out")
    if asked.optimizes and asked.tile != "auto":
        raise UsageError("--tile: --method optimize looks at the whole picture", "--optimize-size N bounds its memory")
    if asked.work_size is not None and (asked.optimizes or asked.photoreal or asked.semantic):
        raise UsageError("--work-size is of the plain pass", "--optimize-size N is that of --method optimize")
    if (asked.semantic is None) != (asked.style_semantic is None):
        raise UsageError(
            "--semantic and --style-semantic go together", "one is the map of the input, the other that of the style"
        )
    if asked.semantic is not None and len(asked.style or ()) > 1:
        raise UsageError("--semantic: several styles have no common map", "give one --style")
    optimize.check(_optimize_options(asked, None if asked.names_file("start") else asked.start, 0))


def _optimize_options(asked: StyleDeclaration, start: str | np.ndarray | None, seed: int) -> OptimizeOptions:
    from genkit.verbs.style.optimize import OPTIMIZERS, STARTS, STEPS, OptimizeOptions

    return OptimizeOptions(
        steps=STEPS if asked.steps is None else asked.steps,
        optimizer=asked.optimizer or OPTIMIZERS[0],
        start=STARTS[0] if start is None else start,
        style_weight=1.0 if asked.style_weight is None else asked.style_weight,
        size=asked.optimize_size,
        save_steps=asked.save_steps,
        seed=seed,
    )


def marks(asked: StyleDeclaration) -> list[str]:
    """Those of the pictures on the way that are saved."""
    from genkit.verbs.style.optimize import STEPS

    steps, every = STEPS if asked.steps is None else asked.steps, asked.save_steps
    return [f"step{step:04}" for step in range(every, steps, every)] if every else []


def effort(asked: StyleDeclaration, width: int, height: int) -> float:
    """Steps times the megapixels that are iterated on."""
    from genkit.verbs.style.optimize import LARGEST, STEPS

    share = min(1.0, (asked.optimize_size or LARGEST["cpu"]) / max(width, height, 1))
    return (asked.steps or STEPS) * width * height * share**2 / 1e6


@dataclass(frozen=True)
class Painter:
    """Makes of the visible pixels of a picture, (H, W, 1 or 3), styled ones, (H, W, 3), in the way that was asked for.

    `model` is a style network, or for optimisation whatever has features. `picture` is the one that the pixels are of, for what
    is saved on the way.
    """

    asked: StyleDeclaration
    model: StyleModel
    options: StyleOptions
    context: Context
    picture: Picture

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        if not self.asked.photoreal:
            return self._paint(pixels)
        from genkit.pixels.resample import resize
        from genkit.verbs.style.photoreal import photoreal

        factor = min(1.0, PHOTOREAL_SIDE / max(pixels.shape[:2]))
        small = resize(pixels, *(max(1, round(side * factor)) for side in pixels.shape[1::-1]))
        return photoreal(pixels, self._paint(small))

    def _paint(self, pixels: np.ndarray) -> np.ndarray:
        regions = self._regions(pixels) if self.asked.semantic is not None else None
        return self._optimized(pixels, regions) if self.asked.optimizes else self._fast(pixels, regions)

    def _further(self, name: str) -> np.ndarray:
        """The pixels of a map or of a first picture, opaque."""
        from genkit.pixels.transparency import bleed

        picture = self.context.picture(name)
        assert picture is not None  # the plan sees to that
        return picture.pixels if picture.alpha is None else bleed(picture.pixels, picture.alpha)

    def _regions(self, pixels: np.ndarray) -> Regions:
        from genkit.verbs.style.doodle import read_regions

        assert self.options.styles is not None
        style = self.options.styles.pictures[0]
        maps = self._map("semantic"), self._map("style_semantic")
        return read_regions(maps[0], pixels.shape[:2], maps[1], style.shape[:2], self.context.notify)

    def _map(self, name: str) -> Map:
        from genkit.verbs.style.doodle import Map

        return Map(self._further(name), f"{flag(name)} {self.context.files[name].name}")

    def _fast(self, pixels: np.ndarray, regions: Regions | None) -> np.ndarray:
        from genkit.pixels.shared_statistics import stylize
        from genkit.verbs.style.doodle import doodle, is_flat
        from genkit.verbs.style.patches import paint
        from genkit.verbs.style.task import fitted

        model, options, notify = self.model, self.options, self.context.notify
        if regions is None:
            return stylize(model, pixels, options.code(model, notify), tile=options.tile, notify=notify)
        assert options.styles is not None
        style = options.styles.pictures[0]
        if is_flat(pixels, regions):
            notify("nothing but regions: painted from patches of the style, without a network")
            if options.styles.size is not None:
                notify("--style-size changes nothing here: patches are as large as the style's own strokes")
            return paint(regions.content, _deep(style, pixels), regions.style, regions.count, self.context.seed)
        return doodle(
            model, pixels, fitted(style, options.styles.size, model.style_side), regions, tile=options.tile, notify=notify
        )

    def _optimized(self, pixels: np.ndarray, regions: Regions | None) -> np.ndarray:
        from genkit.run.session import features_of
        from genkit.verbs.style.doodle import is_flat
        from genkit.verbs.style.optimize import optimize

        context, styles, steps = self.context, self.options.styles, self.context.steps
        features = features_of(self.model)
        assert features is not None and styles is not None and steps is not None  # a verb that works has steps
        if features is self.model:
            context.notify(f"features: {context.card.name}")
        else:
            context.notify(
                f"features: the encoder of {context.card.name}; genkit models pull {PUBLISHED} fetches the published ones"
            )
        start = self._further("start") if "start" in context.files else self.asked.start
        own = replace(_optimize_options(self.asked, start, context.seed), style_size=styles.size, regions=regions)
        if regions is not None and is_flat(pixels, regions):
            own = replace(own, keep_content=False)
        if own.save_steps:
            steps.reserve(marks(self.asked))

        def progress(point: Checkpoint) -> None:
            steps.step(point.step, point.steps, loss=round(point.loss, 6), width=point.width, height=point.height)
            if point.save:
                steps.save(self.picture.with_pixels(point.picture(), None), f"step{point.step:04}")

        return optimize(features, pixels, styles.pictures, styles.shares, own, progress, context.notify)


def _deep(style: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """A style picture in the picture's own depth, and in RGB."""
    from genkit.pixels.resample import in_depth

    return in_depth(style if style.shape[2] == 3 else np.repeat(style, 3, 2), pixels.dtype)
