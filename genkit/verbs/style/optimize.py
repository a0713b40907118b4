"""Paint a picture in the manner of others by optimisation: features of the content, Gram matrices of the styles.

Gatys, Ecker and Bethge 2015, "A Neural Algorithm of Artistic Style" (arXiv 1508.06576), and 2016 (CVPR). Two things differ, so
that one weight serves every feature network: the content's squared error is divided by the content features' variance, and a
Gram matrix's squared error by the squared norm of the style's, layer by layer. Colours out of range are held by a penalty and
not by clamping, which L-BFGS would stumble over.

Large pictures go from coarse to fine: a quarter of the side, half, the whole, each from the enlarged one before (Gatys et al.
2017, arXiv 1611.07865, section 6), for a style's large marks lie beyond what a network sees at full size. Above what memory and
patience bear, the last result is enlarged along the edges of the picture (`guided.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import RunError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.models.shapes import FeaturesModel
    from genkit.run.verb import Notify
    from genkit.verbs.style.doodle import Regions

STEPS, EVERY = 300, 10  # iterations in all; between two checkpoints
STARTS, OPTIMIZERS = ("content", "style", "noise"), ("lbfgs", "adam")
SHORTEST = 256  # longest side of a coarse stage at least: below, a picture says too little
ONE_STAGE = 512  # up to this side there is nothing to gain from coarse stages
LARGEST = {"cpu": 1024, "cuda": 2048}  # longest side that is optimised, by kind of device
SHARES = (0.3, 0.3, 0.4)  # of the steps, coarse to fine
MEMORY_SHARE = 0.4
CONTENT_WEIGHT, STYLE_WEIGHT, SMOOTH_WEIGHT, RANGE_WEIGHT = 1.0, 30.0, 0.02, 20.0
HISTORY = 20  # pairs that L-BFGS remembers
RATE = 0.03  # of Adam at first, in units of the pixels' range; it falls to 0


@dataclass(frozen=True)
class OptimizeOptions:
    """`style_weight` is relative to the default; `size` is the longest side that is optimised (None: from device and memory);
    `style_size` the shorter side of the styles at the picture's full size (None: as many pixels as the picture)."""

    steps: int = STEPS
    optimizer: str = "lbfgs"
    start: str | np.ndarray = "content"
    style_weight: float = 1.0
    size: int | None = None
    style_size: int | None = None
    save_steps: int | None = None
    regions: Regions | None = None
    keep_content: bool = True
    seed: int = 0


@dataclass(frozen=True)
class Checkpoint:
    """Where an optimisation is; `loss` is the least so far at this size, and `picture()` the pixels that have it, if wanted."""

    step: int
    steps: int
    loss: float
    width: int
    height: int
    save: bool
    picture: Callable[[], np.ndarray] = field(repr=False)


Progress = Callable[[Checkpoint], None]


def check(options: OptimizeOptions) -> None:
    """Refuse what no picture can be made with.

    Raises:
        UsageError: says which option.
    """
    if options.steps < 1:
        raise UsageError(f"--steps {options.steps}: expected 1 or more", f"{STEPS} is the default")
    if options.optimizer not in OPTIMIZERS:
        raise UsageError(f"--optimizer {options.optimizer}: expected one of {', '.join(OPTIMIZERS)}")
    if isinstance(options.start, str) and options.start not in STARTS:
        raise UsageError(f"--start {options.start}: no such file, and not one of {', '.join(STARTS)}")
    if not 0 < options.style_weight < float("inf"):
        raise UsageError(f"--style-weight {options.style_weight:g}: expected a number above 0", "1 is the default")
    if options.save_steps is not None and options.save_steps < 1:
        raise UsageError(f"--save-steps {options.save_steps}: expected 1 or more")
    if options.size is not None and options.size < 16:
        raise UsageError(f"--optimize-size {options.size}: expected 16 or more")


def optimize(
    features: FeaturesModel,
    pixels: np.ndarray,
    styles: Sequence[np.ndarray],
    weights: Sequence[float],
    options: OptimizeOptions,
    progress: Progress = lambda checkpoint: None,
    notify: Notify = lambda message: None,
) -> np.ndarray:
    """Pixels (H, W, 1 or 3) uint8 or uint16 in the manner of `styles` (h, w, 1 or 3), as (H, W, 3) of the same dtype.

    `weights` are the styles' shares. The same seed gives the same picture.

    Raises:
        UsageError: options that cannot be. RunError: out of memory, or numbers that run away.
    """
    import torch

    from genkit import runtime

    check(options)
    limit = options.size or _limit(features, pixels, notify)
    # each stage takes a step at least, so fewer steps than stages leave out the coarse ones
    sizes = stages(pixels.shape[1], pixels.shape[0], limit, features.minimum)[-options.steps :]
    work = _Work(features, _three(pixels), [_three(one) for one in styles], weights, options, progress)
    before = torch.backends.cudnn.deterministic
    torch.backends.cudnn.deterministic = True
    try:
        with torch.inference_mode(False), torch.enable_grad():
            result = work.run(sizes)
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        raise RunError(
            f"out of memory on {features.device}, at {sizes[-1][0]}x{sizes[-1][1]}",
            f"--optimize-size {max(sizes[-1]) // 2} takes a quarter of it",
        ) from error
    finally:
        torch.backends.cudnn.deterministic = before
    small = _pixels(result, pixels.dtype)
    if small.shape[:2] == pixels.shape[:2]:
        return small
    if (small.shape[0] * small.shape[1]) < pixels.shape[0] * pixels.shape[1]:
        notify(f"optimised at {small.shape[1]}x{small.shape[0]}, and enlarged along the picture's edges")
    from genkit.verbs.style.photoreal import enlarge_along

    return enlarge_along(_three(pixels), small)


def stages(width: int, height: int, limit: int, minimum: int) -> list[tuple[int, int]]:
    """The sizes (width, height) that are optimised one after another, the last one with a longest side of at most `limit`."""
    longest = max(width, height)
    last = min(longest, limit)
    sides = [last] if last <= ONE_STAGE else [side for side in (last // 4, last // 2) if side >= SHORTEST] + [last]
    return [tuple(max(minimum, round(one * side / longest)) for one in (width, height)) for side in sides]  # type: ignore[misc]


def _limit(features: FeaturesModel, pixels: np.ndarray, notify: Notify) -> int:
    from genkit import runtime

    free = MEMORY_SHARE * runtime.free_memory(features.device)
    longest, shortest = max(pixels.shape[:2]), min(pixels.shape[:2])
    side = int((free / features.pixel_bytes * longest / shortest) ** 0.5)
    usual = LARGEST.get(features.device.type, LARGEST["cpu"])
    if side < min(usual, longest):
        notify(f"memory is short: optimised at no more than {side} pixels a side")
    return max(features.minimum, min(side, usual))


def _three(pixels: np.ndarray) -> np.ndarray:
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, 2)


def _pixels(images: Tensor, dtype: np.dtype[Any]) -> np.ndarray:
    from genkit.pixels.tensors import store

    result = np.empty((*images.shape[2:], 3), dtype)
    store(images[0].detach().float().cpu().clamp(0, 1), result, int(np.iinfo(dtype).max))
    return result


@dataclass
class _Target:
    """What one stage strives for: content by layer with its variance, Gram matrices by layer and region with their norms."""

    content: Mapping[str, tuple[Tensor, Tensor]]
    grams: Mapping[str, Sequence[tuple[Tensor, Tensor]]]
    shares: Sequence[float]
    masks: Tensor | None  # (1, regions, H, W)


class _Work:
    """One picture on its way through the stages."""

    def __init__(
        self,
        features: FeaturesModel,
        pixels: np.ndarray,
        styles: Sequence[np.ndarray],
        weights: Sequence[float],
        options: OptimizeOptions,
        progress: Progress,
    ):
        self._features, self._pixels, self._styles, self._options = features, pixels, styles, options
        self._weights = [one / sum(weights) for one in weights]
        self._progress = progress
        self._done = 0
        self._layers = sorted({*features.content, *features.style}, key=features.layers.index)

    def run(self, sizes: Sequence[tuple[int, int]]) -> Tensor:
        """Go through the stages; the result (1, 3, h, w) has the last one's size."""
        from torch.nn.functional import interpolate

        images = self._start(*sizes[0])
        for index, (size, steps) in enumerate(zip(sizes, shares(self._options.steps, len(sizes)), strict=True)):
            if index:
                images = interpolate(images, (size[1], size[0]), mode="bicubic", align_corners=False).clamp(0, 1)
            images = self._stage(images, size, steps)
        return images

    def _start(self, width: int, height: int) -> Tensor:
        import torch

        start = self._options.start
        if isinstance(start, np.ndarray):
            return self._images(_three(start), width, height)
        if start == "noise":
            generator = torch.Generator().manual_seed(self._options.seed)
            noise = torch.randn((1, 3, height, width), generator=generator).mul_(0.15).add_(0.5)
            return noise.clamp_(0, 1).to(self._features.device)
        return self._images(self._styles[0] if start == "style" else self._pixels, width, height)

    def _images(self, pixels: np.ndarray, width: int, height: int) -> Tensor:
        from genkit.pixels.resample import resize
        from genkit.pixels.tensors import to_images

        return to_images(resize(pixels, width, height), self._features.device)

    def _style_images(self, width: int) -> Iterator[Tensor]:
        """The styles at the scale of a stage."""
        scale = width / self._pixels.shape[1]
        for style in self._styles:
            height, across = style.shape[:2]
            if self._options.style_size is not None:
                factor = self._options.style_size * scale / min(height, across)
            else:
                factor = scale * (self._pixels.shape[0] * self._pixels.shape[1] / (height * across)) ** 0.5
            least = self._features.minimum
            yield self._images(style, max(least, round(across * factor)), max(least, round(height * factor)))

    def _target(self, width: int, height: int) -> _Target:
        import torch

        from genkit.verbs.style.doodle import soft_masks

        with torch.no_grad():
            features = self._features(self._images(self._pixels, width, height), self._features.content)
            content = {name: (one, one.var() + 1e-6) for name, one in features.items()}
            masks, shares = self._masks(width, height)
            sums: dict[str, list[Tensor]] = {}
            for weight, images in zip(self._weights, self._style_images(width), strict=True):
                own = None
                if self._options.regions is not None:
                    own = soft_masks(self._options.regions.style, self._options.regions.count, *images.shape[2:]).to(images)
                for name, one in self._features(images, self._features.style).items():
                    parts = [gram * weight for gram in grams(one, own)]
                    sums[name] = [a + b for a, b in zip(sums[name], parts, strict=True)] if name in sums else parts
            known = {name: [(gram, gram.square().sum() + 1e-12) for gram in parts] for name, parts in sums.items()}
        return _Target(content, known, shares, masks)

    def _masks(self, width: int, height: int) -> tuple[Tensor | None, list[float]]:
        regions = self._options.regions
        if regions is None:
            return None, [1.0]
        from genkit.verbs.style.doodle import soft_masks

        masks = soft_masks(regions.content, regions.count, height, width).to(self._features.device)
        return masks, [float(one) for one in masks.mean((0, 2, 3))]

    def _loss(self, images: Tensor, target: _Target) -> Tensor:
        features = self._features(images, self._layers)
        total = images.new_zeros(())
        if self._options.keep_content:
            for name, (wanted, variance) in target.content.items():
                total = total + CONTENT_WEIGHT / len(target.content) * (features[name] - wanted).square().mean() / variance
        weight = STYLE_WEIGHT * self._options.style_weight / len(target.grams)
        for name, parts in target.grams.items():
            for share, gram, (goal, norm) in zip(target.shares, grams(features[name], target.masks), parts, strict=True):
                total = total + weight * share * (gram - goal).square().sum() / norm
        across, down = images.diff(dim=3).square().mean(), images.diff(dim=2).square().mean()
        beyond = (images - images.clamp(0, 1)).square().mean()
        return total + SMOOTH_WEIGHT * (across + down) + RANGE_WEIGHT * beyond

    def _stage(self, images: Tensor, size: tuple[int, int], steps: int) -> Tensor:
        """Iterate at one size, and give the images with the least loss."""
        import torch

        target = self._target(*size)
        # L-BFGS begins with a step of length 1 in all, so that units in which a pixel's change counts spare it a long search
        values = (images * 255).contiguous().requires_grad_(True)
        best, least = images, float("inf")
        optimizer = self._optimizer(values, steps)

        def closure() -> Tensor:
            nonlocal best, least
            optimizer.zero_grad()
            loss = self._loss(values / 255, target)
            (loss * values.numel()).backward()
            loss = loss.detach()
            if float(loss) < least:
                best, least = values.detach().clone(), float(loss)
            return loss * values.numel()

        done = 0
        while done < steps:
            count = min(self._until_mark(), steps - done)
            self._advance(optimizer, closure, count, steps, done)
            if not bool(torch.isfinite(values).all()) or least == float("inf"):
                raise RunError("the optimisation gives values that are no numbers", "try --optimizer adam")
            done, self._done = done + count, self._done + count
            self._tell(least, size, best)
        return (best / 255).clamp_(0, 1)

    def _until_mark(self) -> int:
        """Iterations to the next checkpoint, or to the next picture that is saved."""
        marks = [EVERY] + ([self._options.save_steps] if self._options.save_steps else [])
        return min(mark - self._done % mark for mark in marks)

    def _optimizer(self, values: Tensor, steps: int) -> Any:
        import torch

        if self._options.optimizer == "adam":
            return torch.optim.Adam([values], lr=RATE * 255)
        return torch.optim.LBFGS(
            [values], history_size=HISTORY, line_search_fn="strong_wolfe", tolerance_grad=0, tolerance_change=0
        )

    def _advance(self, optimizer: Any, closure: Callable[[], Tensor], count: int, steps: int, done: int) -> None:
        group = optimizer.param_groups[0]
        if self._options.optimizer == "lbfgs":
            group["max_iter"], group["max_eval"] = count, 25 * count
            optimizer.step(closure)
            return
        for step in range(done, done + count):
            group["lr"] = RATE * 255 * (1 - step / steps)
            optimizer.step(closure)

    def _tell(self, loss: float, size: tuple[int, int], best: Tensor) -> None:
        steps, every = self._options.steps, self._options.save_steps
        save = every is not None and self._done % every == 0 and self._done < steps
        self._progress(Checkpoint(self._done, steps, loss, *size, save, lambda: _pixels(best / 255, self._pixels.dtype)))


def shares(steps: int, count: int) -> list[int]:
    """Part the steps over so many stages; each gets one at least."""
    parts = SHARES[-count:]
    steps_of = [max(1, round(steps * one / sum(parts))) for one in parts[:-1]]
    return [*steps_of, max(1, steps - sum(steps_of))]


def grams(features: Tensor, masks: Tensor | None) -> list[Tensor]:
    """The Gram matrix (C, C) of features (1, C, h, w), a mean over places; with masks (1, R, H, W) one for each region."""
    from torch.nn.functional import adaptive_avg_pool2d

    flat = features[0].flatten(1)  # (C, h*w)
    if masks is None:
        return [flat @ flat.T / flat.shape[1]]
    small = adaptive_avg_pool2d(masks, (features.shape[2], features.shape[3]))[0].flatten(1)  # (R, h*w)
    return [(flat * one) @ flat.T / one.sum().clamp_min(1e-6) for one in small]
