"""Find the latent of a picture: the w whose picture looks like it.

After Karras et al. 2020 (arXiv 1912.04958, appendix D): Adam with a ramped rate and, at first, noise on w that fades; with a w
for each layer as in Abdal et al. 2019 (arXiv 1904.03189, "W+"), unless `space` is `w`. What differs: it begins at whichever of
the mean and the first seeds is nearest to the picture; the loss is a distance of features and one of pixels, each divided by
what it was at the start, so that one weight serves any feature network; and w is held to where latents lie, without which the
result would be like the picture but could not be edited. The network's constant noise is used and left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import RunError

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.models.shapes import SampleModel

RATE = 0.1  # of Adam, in standard deviations of w
RAMP_UP, RAMP_DOWN = 0.05, 0.25  # shares of the steps
NOISE, NOISE_UNTIL = 0.05, 0.75  # in standard deviations of w; a share of the steps
PIXELS = 1.0  # weight of the pixels' distance, beside the features'
HOLD = 0.01  # weight of w's squared distance from the mean, in its variance
STARTS = 15  # seeds that are tried beside the mean
MEAN_SAMPLES = 512
AT_ONCE = 4  # candidates drawn together
LEAST = 1e-6  # distances at the start count as at least this
FEATURE_SIDE = 64  # pictures below are enlarged before features are taken: a network that pools sees nothing in less

Features = Callable[["Tensor"], "Sequence[Tensor]"]
Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Projection:
    """w (L, D) float32; the losses at the start and at the end, relative to the mean latent's."""

    w: np.ndarray
    start: float
    loss: float


def squared(pixels: np.ndarray, alpha: np.ndarray | None, side: int) -> tuple[np.ndarray, np.ndarray | None]:
    """The middle square of a picture (H, W, 1 or 3) and of its alpha (H, W), at (side, side); grey becomes RGB."""
    from genkit.pixels.resample import resize
    from genkit.pixels.transparency import bleed

    if alpha is not None:
        pixels = bleed(pixels, alpha)
    height, width = pixels.shape[:2]
    short = min(height, width)
    top, left = (height - short) // 2, (width - short) // 2
    part = slice(top, top + short), slice(left, left + short)
    three = np.ascontiguousarray(pixels[part] if pixels.shape[2] == 3 else np.repeat(pixels[part], 3, 2))
    small = None if alpha is None else resize(np.ascontiguousarray(alpha[part])[..., None], side, side)[..., 0]
    return resize(three, side, side), small


def project(
    model: SampleModel,
    features: Features,
    pixels: np.ndarray,
    alpha: np.ndarray | None = None,
    *,
    steps: int = 300,
    space: str = "w+",
    label: str | int | None = None,
    seed: int = 0,
    progress: Progress = lambda step, steps, loss: None,
) -> Projection:
    """The w of a picture (side, side, 3) uint8 or uint16, with alpha (side, side) or None, as `squared` gives them.

    `features` takes RGB (N, 3, H, W) in [0, 1] to features of several layers, differentiably. `space` is `w+` (a latent for
    each layer) or `w` (one for all). Without `label` the class comes with the start. The same seed gives the same w on one
    machine.

    Raises:
        UsageError: a class that the model has not got. RunError: out of memory, or numbers that run away.
    """
    import torch

    from genkit import runtime

    peak = float(np.iinfo(pixels.dtype).max)
    target = torch.from_numpy(pixels.astype(np.float32) / peak).permute(2, 0, 1)[None]
    if alpha is not None:
        target = torch.cat([target, torch.from_numpy(alpha.astype(np.float32) / peak)[None, None]], 1)
    try:
        with torch.inference_mode(False), torch.enable_grad():
            return _Search(model, features, target, label, space, seed).run(steps, progress)
    except (RuntimeError, MemoryError) as error:
        if not runtime.is_out_of_memory(error):
            raise
        raise RunError(f"out of memory on {model.device}, at {model.side} pixels a side", "--device cpu") from error


class _Search:
    """One picture, the candidates for its start, and the way from there."""

    def __init__(self, model: SampleModel, features: Features, target: Tensor, label: Any, space: str, seed: int):
        import torch

        self.model, self._features, self._space = model, features, space
        self._noise = torch.Generator("cpu").manual_seed(seed)
        with torch.no_grad():
            self._target = self._laid(target.to(model.device))
            self._target_features = [one.detach() for one in self._seen(self._target[:, :3])]
            self._candidates(label)

    def _candidates(self, label: Any) -> None:
        """Find where latents lie, and which of a few is nearest."""
        import torch

        model = self.model
        seeds = range(MEAN_SAMPLES)
        w = model.mapping(model.latents(seeds), model.labels_for(seeds, label), 1.0)
        self._mean = w.mean(0, keepdim=True)
        self._deviation = float((w - self._mean).square().mean().sqrt().clamp_min(1e-6))
        tried = torch.cat([self._mean, w[:STARTS]])
        parts = [self._distances(tried[at : at + AT_ONCE]) for at in range(0, len(tried), AT_ONCE)]
        near, exact = (torch.cat(one) for one in zip(*parts, strict=True))
        self._scale = float(near[0].clamp_min(LEAST)), float(exact[0].clamp_min(LEAST))
        sums = near / self._scale[0] + PIXELS * exact / self._scale[1]
        self._start = tried[int(sums.argmin())][None].clone()

    def _laid(self, images: Tensor) -> Tensor:
        """On white, with the alpha (opaque where there is none) behind the colours if the model draws one."""
        import torch

        alpha = images[:, 3:4] if images.shape[1] == 4 else torch.ones_like(images[:, :1])
        colours = images[:, :3] * alpha + (1 - alpha)
        return torch.cat([colours, alpha], 1) if self.model.channels == 4 else colours

    def _seen(self, images: Tensor) -> Sequence[Tensor]:
        from torch.nn.functional import interpolate

        times = math.ceil(FEATURE_SIDE / images.shape[-1])
        if times > 1:
            images = interpolate(images, scale_factor=times, mode="bilinear", align_corners=False)
        return self._features(images)

    def _distances(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """Of features and of pixels, (N,) each."""
        import torch
        from torch.nn.functional import normalize

        images = self._laid(self.model.synthesis(w, clamped=False))
        near = [
            (normalize(mine, dim=1) - normalize(theirs, dim=1)).square().mean((1, 2, 3))
            for mine, theirs in zip(self._seen(images[:, :3]), self._target_features, strict=True)
        ]
        return torch.stack(near).sum(0), (images - self._target).square().mean((1, 2, 3))

    def run(self, steps: int, progress: Progress) -> Projection:
        import torch

        layers = self._start.shape[1]
        w = (self._start if self._space == "w+" else self._start.mean(1, keepdim=True)).detach().clone().requires_grad_()
        optimizer = torch.optim.Adam([w], lr=RATE * self._deviation)
        best, nearest, first = math.inf, w.detach().clone(), math.inf
        for step in range(steps + 1):
            share = step / steps
            rate = min(1.0, (1 - share) / RAMP_DOWN)
            rate = (0.5 - 0.5 * math.cos(rate * math.pi)) * min(1.0, (step + 1) / (1 + steps * RAMP_UP))
            optimizer.param_groups[0]["lr"] = RATE * self._deviation * rate
            strength = NOISE * self._deviation * max(0.0, 1 - share / NOISE_UNTIL) ** 2 if step else 0.0
            shaken = w + strength * torch.randn(w.shape, generator=self._noise).to(w.device)
            near, exact = self._distances(shaken.expand(-1, layers, -1))
            loss = near[0] / self._scale[0] + PIXELS * exact[0] / self._scale[1]
            whole = float(loss.detach())
            if not math.isfinite(whole):
                raise RunError("the search left all bounds", "fewer --steps, or --dtype float32")
            first = whole if step == 0 else first
            if whole < best:
                best, nearest = whole, shaken.detach().clone()
            if step:
                progress(step, steps, best)
            if step < steps:
                optimizer.zero_grad(set_to_none=True)
                (loss + HOLD * (w - self._mean).square().mean() / self._deviation**2).backward()
                optimizer.step()
        return Projection(nearest.expand(-1, layers, -1)[0].float().cpu().numpy(), first, best)
