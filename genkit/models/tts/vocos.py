"""Vocos: mel features to sound by a network that works at the frame rate and predicts a short-time spectrum to be inverted
(Siuzdak 2023, arXiv 2306.00814): an embedding of 7 frames, ConvNeXt blocks (Liu et al. 2022, arXiv 2201.03545, in one
dimension), and a head that gives magnitudes (as logarithms) and phases (as angles).

Key names and shapes are those of the published checkpoints (`backbone.embed`, `backbone.convnext.0.dwconv`, `head.out`). The
features are genkit's own (`nets/mel.py`), and frames are centred, so that F frames give (F - 1) * hop samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from genkit.errors import WeightsError
from genkit.models.bounds import bounded_parts
from genkit.weights import read_state_dict

if TYPE_CHECKING:
    from genkit.cards import Card

LOUDEST = 100.0  # of a magnitude: the paper's guard against an exponential that runs away


class ConvNeXtBlock(nn.Module):
    """(N, width, F) to the same: a convolution for each channel, then two layers for each frame, scaled by `gamma`."""

    def __init__(self, width: int, hidden: int, first_scale: float, kernel: int):
        super().__init__()
        self.dwconv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.pwconv1 = nn.Linear(width, hidden)
        self.pwconv2 = nn.Linear(hidden, width)
        self.gamma = nn.Parameter(torch.full((width,), first_scale))

    def forward(self, x: Tensor) -> Tensor:
        rows = self.norm(self.dwconv(x).transpose(1, 2))  # (N, F, width)
        rows = self.gamma * self.pwconv2(gelu(self.pwconv1(rows)))
        return x + rows.transpose(1, 2)


class Backbone(nn.Module):
    """(N, bands, F) to (N, F, width)."""

    def __init__(self, bands: int, width: int, hidden: int, layers: int, kernel: int):
        super().__init__()
        self.embed = nn.Conv1d(bands, width, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.convnext = nn.ModuleList(ConvNeXtBlock(width, hidden, 1 / layers, kernel) for _ in range(layers))
        self.final_layer_norm = nn.LayerNorm(width, eps=1e-6)
        for module in self.modules():
            if isinstance(module, (nn.Conv1d, nn.Linear)):
                nn.init.trunc_normal_(module.weight, std=0.02)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, features: Tensor) -> Tensor:
        x = self.norm(self.embed(features).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            x = block(x)
        return self.final_layer_norm(x.transpose(1, 2))


class Head(nn.Module):
    """(N, F, width) to sound (N, (F - 1) * hop)."""

    window: Tensor

    def __init__(self, width: int, window: int, hop: int):
        super().__init__()
        self.length, self.hop = window, hop
        self.out = nn.Linear(width, window + 2)
        self.register_buffer("window", torch.hann_window(window), persistent=False)

    def spectrum(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Real and imaginary parts, (N, window / 2 + 1, F) each."""
        log_magnitude, angle = self.out(x).float().transpose(1, 2).chunk(2, dim=1)
        magnitude = log_magnitude.exp().clamp_max(LOUDEST)
        return magnitude * angle.cos(), magnitude * angle.sin()

    def forward(self, x: Tensor) -> Tensor:
        spectrum = torch.complex(*self.spectrum(x))
        return torch.istft(spectrum, self.length, self.hop, window=self.window.float(), center=True)


class Vocos(nn.Module):
    """Features (N, bands, F) to sound (N, (F - 1) * hop), float32."""

    def __init__(self, bands: int, width: int, hidden: int, layers: int, window: int, hop: int, kernel: int = 7):
        super().__init__()
        self.backbone = Backbone(bands, width, hidden, layers, kernel)
        self.head = Head(width, window, hop)

    def forward(self, features: Tensor) -> Tensor:
        return self.head(self.backbone(features.to(self.head.out.weight.dtype)))


class Spectrum(nn.Module):
    """Features (N, F, bands), as an acoustic model makes them, to a spectrum's real and imaginary parts (N, window / 2 + 1,
    F) each: the network without the inverse transform, which `nets/spectrum.py` has for arrays."""

    def __init__(self, whole: Vocos):
        super().__init__()
        self.whole = whole

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        return self.whole.head.spectrum(self.whole.backbone(features.transpose(1, 2)))


def build(
    bands: int = 80, width: int = 192, hidden: int = 576, layers: int = 3, window: int = 1024, hop: int = 256, kernel: int = 7
) -> Vocos:
    """Random weights in any size; `hop` is at most half of `window`."""
    return Vocos(bands, width, hidden, layers, window, hop, kernel)


def read(path: Path, params: Mapping[str, Any]) -> Vocos:
    """Read weights into a network of these sizes, frozen, on the CPU in float32.

    Raises:
        WeightsError: a missing, unexpected or misshapen tensor, or sizes of which nothing can be built.
    """
    state = read_state_dict(path)
    try:
        with bounded_parts(len(state), path):
            network = build(**params)
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(f"{path}: not such a vocoder ({reason})", "fetch it again", code="damaged") from error
    return network.eval().requires_grad_(False)


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Callable[[Tensor], Tensor]:
    """The network of a card whose params are its sizes: features (N, bands, F) to sound (N, T). It is a part of a voice, and
    says nothing by itself.

    Raises:
        WeightsError: as `read`.
    """
    return read(files["weights"], card.params).to(device, dtype)


def recognise(state: Mapping[str, Tensor]) -> dict[str, Any] | None:
    """The sizes, but for the hop, which no tensor tells: a quarter of the window."""
    embed, out = state.get("backbone.embed.weight"), state.get("head.out.weight")
    first = state.get("backbone.convnext.0.pwconv1.weight")
    if embed is None or out is None or first is None or embed.ndim != 3 or out.ndim != 2:
        return None
    layers = 1 + max(int(key.split(".")[2]) for key in state if key.startswith("backbone.convnext."))
    return {
        "bands": embed.shape[1],
        "width": embed.shape[0],
        "hidden": first.shape[0],
        "layers": layers,
        "window": out.shape[0] - 2,
        "hop": (out.shape[0] - 2) // 4,
        "kernel": embed.shape[2],
    }
