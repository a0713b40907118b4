"""One loaded pipeline as every adapter runs it: placement, options, seeds, the safety checker and steps that can be watched.

An adapter (`fill`, `edit`) brings pictures into the size and form that a pipeline takes, calls `Runner.run` and brings
the result back; it holds nothing of diffusers itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from genkit import runtime
from genkit.cards import Card
from genkit.errors import InputError
from genkit.models.diffusers.offload import place
from genkit.models.diffusers.pipelines import SAFETY, SMALLEST, TILED_ABOVE, Kind
from genkit.models.diffusers.settings import Settings, generators
from genkit.models.shapes.model import Progress


class Runner:
    """`size` is the side that the pipeline was trained at, `multiple` and `minimum` what its pictures' sides must be;
    `placement` says where the parts live (see `offload`)."""

    def __init__(self, pipeline: Any, kind: Kind, card: Card, *, device: torch.device, dtype: torch.dtype):
        self.pipeline, self.kind, self.name = pipeline, kind, card.name
        self.settings = Settings(card, kind)
        self.size = int(card.limits.get("size", 512))
        self.multiple = int(pipeline.vae_scale_factor) * kind.patch
        self.minimum = self.multiple * SMALLEST
        self._checker = getattr(pipeline, "safety_checker", None)
        if hasattr(pipeline.vae, "enable_slicing"):
            pipeline.vae.enable_slicing()  # one picture at a time: the same pixels, and the memory of one
        self.device, self.dtype = device, dtype
        self.tiled = False  # decode in tiles whatever the size
        self.wanted: str | None = None  # a placement, instead of what fits
        self.placement = place(pipeline, device, self.size)

    def become(self, pipeline: Any) -> None:
        """Go on with another pipeline of the same parts."""
        self.pipeline.remove_all_hooks()
        self.pipeline = pipeline
        self.replace()

    def replace(self, wanted: str | None = None) -> None:
        """Place the parts anew, as after some were exchanged; `wanted` says how, from now on."""
        self.wanted = wanted or self.wanted
        self.pipeline.remove_all_hooks()
        if hasattr(self.pipeline.vae, "enable_slicing"):
            self.pipeline.vae.enable_slicing()
        if self.wanted in ("model", "sequential") or self.placement != "whole":
            self.pipeline.to("cpu")
        self.placement = place(self.pipeline, self.device, self.size, self.wanted)

    def to(self, device: Any, dtype: Any) -> None:
        """Move all parts, as after a GPU ran out of memory."""
        self.device, self.dtype = runtime.as_torch(device, dtype)
        self.pipeline.remove_all_hooks()
        self.pipeline.to("cpu", self.dtype)
        self.placement = place(self.pipeline, self.device, self.size, self.wanted if self.device.type == "cuda" else None)

    def complete(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options of the card, with what was given.

        Raises:
            UsageError: options that the model does not have, that do not go together, or a text that is too long.
        """
        values = self.settings.complete(options)
        self.settings.check_texts(self.pipeline, values)
        return values

    def run(
        self,
        seeds: Sequence[int],
        values: Mapping[str, Any],
        size: tuple[int, int],
        progress: Progress | None = None,
        **inputs: Any,
    ) -> Tensor:
        """Call the pipeline for one picture of `size` (height, width) a seed; (N, 3, H, W) float32 on the device.

        `inputs` are those arguments of its call that are pictures.

        Raises:
            InputError: the safety checker withheld a picture.
        """
        height, width = size
        sized = {"height": height, "width": width} if self.kind.sized else {}

        def report(pipeline: Any, step: int, latents: Any) -> None:
            if progress is not None:
                progress(step + 1, pipeline.num_timesteps)

        arguments = {**sized, **inputs, **self.settings.arguments(values, len(seeds))}
        return self.call(seeds, arguments, height * width, bool(values.get(SAFETY, True)), report if progress else None)

    def call(
        self,
        seeds: Sequence[int],
        arguments: Mapping[str, Any],
        pixels: int,
        safety: bool = True,
        report: Callable[[Any, int, Any], None] | None = None,
    ) -> Tensor:
        """Call the pipeline as it is now; `report(pipeline, step, latents)` after each step, counted from 0.

        Raises:
            InputError: the safety checker withheld a picture.
        """
        self._tile(pixels)
        # the pipelines look at one checker for a call; without it they let everything pass
        if self._checker is not None:
            self.pipeline.safety_checker = self._checker if safety else None

        def after(pipeline: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
            if report is not None:
                report(pipeline, step, tensors["latents"])
            return tensors

        watched = {} if self.kind.bare else {"callback_on_step_end": after if report is not None else None}
        output = self.pipeline(generator=generators(seeds), output_type="pt", **watched, **arguments)
        if any(getattr(output, "nsfw_content_detected", None) or ()):
            raise InputError(
                f"the safety checker of {self.name} withheld the result",
                "another --seed or --prompt, or -O safety=no if it is wrong",
                code="withheld",
            )
        result: Tensor = output.images.to(self.device, torch.float32)
        return result

    def _tile(self, pixels: int) -> None:
        vae = self.pipeline.vae
        if hasattr(vae, "enable_tiling"):
            vae.enable_tiling() if self.tiled or pixels > TILED_ABOVE else vae.disable_tiling()


def within(images: Tensor, most: int | None, multiple: int) -> Tensor:
    """Pictures (N, C, H, W) of at most `most` pixels: larger ones at the largest sides that `multiple` divides."""
    height, width = images.shape[-2:]
    if most is None or height * width <= most:
        return images
    scale = (most / (height * width)) ** 0.5
    sides = [max(int(side * scale) // multiple, 1) * multiple for side in (height, width)]
    return resize(images, sides)


def resize(images: Tensor, sides: Sequence[int]) -> Tensor:
    """(N, C, H, W) in [0, 1] at `sides` (height, width); unchanged where they are that."""
    if list(images.shape[-2:]) == list(sides):
        return images
    return interpolate(images, list(sides), mode="bicubic", antialias=True).clamp(0, 1)
