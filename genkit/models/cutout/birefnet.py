"""BiRefNet (Zheng and others 2024, "Bilateral Reference for High-Resolution Dichotomous Image Segmentation", arXiv 2401.03407)
as its authors' ONNX files, run by ONNX Runtime, which is an extra: no library loads its checkpoints without code from the hub.

One input (1, 3, S, S) of a picture squeezed to a square and normalised as ImageNet is, S as the file says; its last output
(1, 1, S, S) are logits, whose sigmoid is the mask, as its authors take it (rembg, which publishes the files, stretches it).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import RunError, UsageError, WeightsError
from genkit.models.cutout.masking import Mask
from genkit.models.onnx_runtime import open_session, run

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 1024  # of files that leave it open
DTYPES = ("float32",)


def build(**params: Any) -> Any:
    """Not possible: the network is an ONNX file.

    Raises:
        UsageError: always.
    """
    raise UsageError("a BiRefNet is an ONNX file, and is not built here")


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """None: the network is an ONNX file, not a state dict."""
    return None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Mask:
    """Load `weights` (.onnx).

    Raises:
        UsageError: onnxruntime is not installed. WeightsError: a file that is not such a network.
    """
    session = open_session(card, files, device, ())
    inputs = session.get_inputs()
    shape = list(inputs[0].shape) if len(inputs) == 1 else []
    fixed = [side for side in shape[2:] if isinstance(side, int)]
    if len(shape) != 4 or (isinstance(shape[1], int) and shape[1] != 3) or len(set(fixed)) > 1:
        taken = ", ".join(f"{one.name} {list(one.shape)}" for one in inputs)
        raise WeightsError(f"{files['weights']}: no BiRefNet: it takes {taken}, and not one square picture", code="damaged")
    size = fixed[0] if fixed else int(card.params.get("size", SIZE))
    return Mask(Probability(card, session, inputs[0].name), device=device, dtype=torch.float32, size=size)


class Probability(nn.Module):
    """The session as a network: its weights lie where it was opened, and pictures go there one by one."""

    def __init__(self, card: Card, session: Any, name: str):
        super().__init__()
        self.card, self.session, self.name = card, session, name

    def forward(self, images: Tensor) -> Tensor:
        masks = []
        for image in images.float().cpu().contiguous().split(1):
            logits = torch.from_numpy(run(self.card, self.session, {self.name: image.numpy()})[-1])
            if logits.shape != (1, 1, *image.shape[2:]):
                raise RunError(f"{self.card.name} made no mask: its output has the shape {tuple(logits.shape)}")
            masks.append(logits.float().sigmoid())
        return torch.cat(masks).to(images.device)
