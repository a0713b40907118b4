"""MI-GAN (Sargsyan and others 2023, "MI-GAN: A Simple Baseline for Image Inpainting on Mobile Devices", ICCV 2023) as its
authors' ONNX pipeline, run by ONNX Runtime, which is an extra.

`image` (1, 3, H, W) and `mask` (1, 1, H, W) uint8, 255 where the picture is known, in; `result` (1, 3, H, W) uint8 out. The
file cuts out the hole with its surroundings, sees that at 512 pixels, and blends what it made into the picture: over three
pixels inside the hole, into what is hidden there. It is therefore given a larger hole, so that this happens beyond the true
one, whose edge the task lays in itself. What it paints has 8 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import max_pool2d

from genkit.errors import RunError, UsageError
from genkit.models.inpaint.filling import Fill
from genkit.models.onnx_runtime import open_session, run

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 512
BLENDED = 3  # pixels that the hole is larger by; measured: nothing of what lies under the mask then shows
DTYPES = ("float32",)


def build(**params: Any) -> Any:
    """Not possible: the network is an ONNX file.

    Raises:
        UsageError: always.
    """
    raise UsageError("a MI-GAN is an ONNX file, and is not built here")


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the network is an ONNX file, not a state dict."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Fill:
    """Load `weights` (.onnx).

    Raises:
        UsageError: onnxruntime is not installed. WeightsError: a file that is not such a pipeline.
    """
    session = open_session(card, files, device, ("image", "mask"))
    return Fill(Pipeline(card, session), device=device, dtype=torch.float32, size=int(card.limits.get("size", SIZE)))


class Pipeline(nn.Module):
    """The session as a network: its weights lie where it was opened, and pictures go there one by one."""

    def __init__(self, card: Card, session: Any):
        super().__init__()
        self.card, self.session = card, session

    def forward(self, images: Tensor, masks: Tensor) -> Tensor:
        made = []
        for image, mask in zip(images.float().cpu().split(1), masks.float().cpu().split(1), strict=True):
            hole = max_pool2d(mask, 2 * BLENDED + 1, 1, BLENDED)
            if bool(hole.min() >= 0.5):  # nothing would be left to go by
                hole = mask
            given = {"image": _bytes(image), "mask": _bytes(1 - hole)}
            result = torch.from_numpy(run(self.card, self.session, given)[0])
            if result.shape != image.shape:
                raise RunError(f"{self.card.name} made no picture: its output has the shape {tuple(result.shape)}")
            made.append(result.float() / 255)
        return torch.cat(made).to(images.device)


def _bytes(values: Tensor) -> Any:
    return (values.clamp(0, 1) * 255).round().to(torch.uint8).contiguous().numpy()
