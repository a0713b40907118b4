"""An inpainting pipeline as `genkit inpaint` calls it: pictures and masks in, filled pictures out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate

from genkit.cards import Card
from genkit.errors import InputError
from genkit.models.diffusers.pipelines import DENOISE, SAFETY, Kind
from genkit.models.diffusers.placing import place
from genkit.models.diffusers.settings import Settings, generators
from genkit.models.transform import reflect

TILED_ABOVE = 1536 * 1536  # pixels; an autoencoder decodes more in overlapping tiles, for whole it takes many gigabytes
SMALLEST = 8  # latent pixels on a side: fewer do not survive the halvings inside the networks


class Painter:
    """`(images (N, 3, H, W), masks (N, 1, H, W), *, seeds, **options) -> (N, 3, H, W)`, float32 [0, 1], masks 1 = repaint.

    One seed is one picture, whatever the batch. At its default (or above), `denoise` looks at nothing of what is under the
    mask; below, what is there is the start that the picture keeps more of. `progress(done, of)` is called after every step
    if it is set. `size` is the side the pipeline was trained at; `reach`, the largest hole it fills at that size, is all of
    it. `placement` says where the parts live (see `placing`). Values that are no numbers are left for the caller to see.
    """

    stochastic = True

    def __init__(self, pipeline: Any, kind: Kind, card: Card, *, device: torch.device, dtype: torch.dtype):
        self.pipeline, self.kind, self.name = pipeline, kind, card.name
        self.settings = Settings(card, kind)
        self.options = tuple(self.settings.defaults)
        self.size = self.reach = int(card.limits.get("size", 512))
        self.multiple = int(pipeline.vae_scale_factor) * kind.patch
        self.minimum = self.multiple * SMALLEST
        self.progress: Callable[[int, int], None] | None = None
        self.fallback = False
        self._checker = getattr(pipeline, "safety_checker", None)
        if hasattr(pipeline.vae, "enable_slicing"):
            pipeline.vae.enable_slicing()  # one picture at a time: the same pixels, and the memory of one
        self.device, self.dtype = device, dtype
        self.placement = place(pipeline, device, self.size)

    def to(self, device: torch.device, dtype: torch.dtype) -> Painter:
        """Move all parts, as after a GPU ran out of memory."""
        self.pipeline.remove_all_hooks()
        self.pipeline.to("cpu", dtype)
        self.device, self.dtype = device, dtype
        self.placement = place(self.pipeline, device, self.size)
        return self

    def __call__(self, images: Tensor, masks: Tensor, *, seeds: Sequence[int] | None = None, **options: Any) -> Tensor:
        """Fill; without `seeds` each picture gets the seed 0.

        Raises:
            UsageError: options that the model does not have or that do not go together.
            InputError: the safety checker withheld a picture.
        """
        values = self.settings.complete(options)
        self.settings.check_texts(self.pipeline, values)
        height, width = images.shape[-2:]
        # prepared on the CPU, where the noise comes from: nearly the same picture on every device
        images, masks = images.cpu().float().clamp(0, 1), (masks.cpu() >= 0.5).float()
        if values.get(DENOISE) is None or values[DENOISE] >= self.settings.defaults[DENOISE]:
            images = hide(images, masks)
        bottom, right = (-(-max(side, self.minimum) // self.multiple) * self.multiple - side for side in (height, width))
        images, masks = reflect(images, bottom, right), reflect(masks, bottom, right)
        result = self._run(images, masks, generators(seeds if seeds is not None else [0] * len(images)), values)
        return result[..., :height, :width]

    def _run(self, images: Tensor, masks: Tensor, noise: list[torch.Generator], values: dict[str, Any]) -> Tensor:
        count, _, height, width = images.shape
        shown, seen = self._within(images), self._within(masks)
        self._tile(height * width)
        # the pipelines look at one checker for a call; without it they let everything pass
        checker = self._checker if values.get(SAFETY, True) else None
        if self._checker is not None:
            self.pipeline.safety_checker = checker
        sides = {} if self.kind.most_pixels else {"height": shown.shape[-2], "width": shown.shape[-1]}
        made = self.pipeline(
            image=shown,
            mask_image=(seen > 0.5).float(),
            generator=noise,
            output_type="pt",
            callback_on_step_end=self._tell if self.progress is not None else None,
            **sides,
            **self.settings.arguments(values, count),
        )
        if any(getattr(made, "nsfw_content_detected", None) or ()):
            raise InputError(
                f"the safety checker of {self.name} withheld the result",
                "another --seed or --prompt, or -O safety=no if it is wrong",
                code="withheld",
            )
        result = made.images.to(self.device, torch.float32)
        if result.shape[-2:] != (height, width):
            result = interpolate(result, (height, width), mode="bicubic", antialias=True).clamp(0, 1)
        return result

    def _within(self, images: Tensor) -> Tensor:
        """Pictures at a size that the pipeline leaves alone."""
        height, width = images.shape[-2:]
        most = self.kind.most_pixels
        if most is None or height * width <= most:
            return images
        scale = (most / (height * width)) ** 0.5
        sides = [max(int(side * scale) // self.multiple, 1) * self.multiple for side in (height, width)]
        return interpolate(images, sides, mode="bicubic", antialias=True).clamp(0, 1)

    def _tile(self, pixels: int) -> None:
        vae = self.pipeline.vae
        if hasattr(vae, "enable_tiling"):
            vae.enable_tiling() if pixels > TILED_ABOVE else vae.disable_tiling()

    def _tell(self, pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        if self.progress is not None:
            self.progress(step + 1, pipeline.num_timesteps)
        return tensors


def hide(images: Tensor, masks: Tensor) -> Tensor:
    """Replace what is under the masks by smooth colour from around: averages over ever larger neighbourhoods, the nearest
    that know anything. Where nothing is known the picture becomes grey."""
    known = 1 - masks
    if min(images.shape[-2:]) == 1 or not masks.any():
        colours, weights = images * known, known
        filled = colours.sum((-2, -1), keepdim=True) / weights.sum((-2, -1), keepdim=True).clamp(min=1e-6)
        return images * known + filled * masks
    small_known = avg_pool2d(known, 2, ceil_mode=True)
    small = avg_pool2d(images * known, 2, ceil_mode=True) / small_known.clamp(min=1e-6)
    holes = (small_known <= 0).float()
    if holes.all():
        return images * known + 0.5 * masks
    if holes.any():
        small = hide(small, holes)
    return images * known + interpolate(small, images.shape[-2:], mode="bilinear", align_corners=False) * masks
