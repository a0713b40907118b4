"""Distill-MOS: how good people would call a recording of speech, from the sound alone (Stahl and Gamper 2025, "Distillation and
pruning for scalable self-supervised representation-based speech quality assessment", arXiv 2502.05356).

A spectrogram's real and imaginary parts, compressed, go through convolutions, then through a transformer over 384 places, whose
outputs are averaged by attention to one number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from genkit.models.checkpoints import open_checkpoint

if TYPE_CHECKING:
    from genkit.cards import Card

RATE_HZ = 16_000
WINDOW, HOP = 320, 160  # samples: 20 and 10 ms
SEGMENT = 122_880  # samples that the network hears at once: 7.68 s
FARTHEST = 16_000  # samples from one segment's beginning to the next
COMPRESSION = 0.3
CHANNELS = (2, 64, 64, 128, 256, 256, 256)
STRIDES = ((1, 1), (2, 1), (2, 1), (2, 1), (2, 1), (2, 2))  # in frequency, in time
PLACES, WIDTH, HEADS, LAYERS = 384, 200, 8, 7
DTYPES = ("float32",)


class DistillMos(nn.Module):
    """Mono sound (N, samples) at 16 kHz in [-1, 1] to the predicted mean opinion score (N,), 1 (bad) to 5 (excellent).

    Longer sound than 7.68 s is heard in segments that overlap, and their scores are averaged; shorter is padded with silence.
    """

    def __init__(self) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for into, out, stride in zip(CHANNELS, CHANNELS[1:], STRIDES, strict=False):
            steps += [nn.Conv2d(into, out, 3, stride, (0, 1)), nn.LeakyReLU(0.1)]
        self.cnn = nn.ModuleDict({"cnn": nn.Sequential(*steps)})
        self.transformer_pool_attn = Head(_heights()[-1] * CHANNELS[-1])

    def forward(self, sound: Tensor) -> Tensor:
        beyond = max(0, sound.shape[1] - SEGMENT)
        sound = pad(sound, (0, max(0, SEGMENT - sound.shape[1])))
        count = math.ceil(beyond / FARTHEST) + 1
        beginnings = [int(share * beyond) for share in torch.linspace(0, 1, count, dtype=torch.float64).tolist()]
        segments = torch.stack([sound[:, at : at + SEGMENT] for at in beginnings])  # (count, N, samples)
        segments = segments / (segments.abs().amax(2, keepdim=True) + 1e-8)
        quality = self.transformer_pool_attn(self._features(segments.flatten(0, 1)))
        return 1 + 4 * quality.view(count, -1).mean(0)

    def _features(self, sound: Tensor) -> Tensor:
        """(N, 384, channels x frequencies)."""
        edge = (WINDOW - HOP) // 2
        padded = pad(sound, (edge, edge), mode="reflect")
        window = torch.hann_window(WINDOW, device=sound.device)
        spectrum = torch.stft(padded, WINDOW, HOP, WINDOW, window, center=False, return_complex=True)
        size = spectrum.abs().clamp_min(1e-12)
        parts = torch.view_as_real(spectrum * size ** (COMPRESSION - 1)).permute(0, 3, 1, 2)
        return self.cnn["cnn"](parts).flatten(1, 2).transpose(1, 2)


class Head(nn.Module):
    """Features (N, 384, channels) to a quality from 0 to 1 (N,)."""

    def __init__(self, features: int):
        super().__init__()
        self.norm_input = nn.BatchNorm1d(features)
        self.transformer = Encoder(features)
        self.norm_trans = nn.BatchNorm1d(WIDTH)
        self.pool = AttentionPool()

    def forward(self, features: Tensor) -> Tensor:
        encoded = self.transformer(_normed(self.norm_input, features))
        return self.pool(_normed(self.norm_trans, encoded)).sigmoid()


class Encoder(nn.Module):
    def __init__(self, features: int):
        super().__init__()
        self.norm = nn.BatchNorm1d(features)
        self.linear_proj = nn.Linear(features, WIDTH)
        self.position_encoding = nn.Module()
        self.position_encoding.register_buffer("pe", torch.zeros(1, PLACES, WIDTH))
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 2 * WIDTH, 0.0, batch_first=True)
        self.transformer_encoder = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)

    def forward(self, features: Tensor) -> Tensor:
        places = self.linear_proj(_normed(self.norm, features))
        return self.transformer_encoder(places + self.position_encoding.pe)


class AttentionPool(nn.Module):
    """The mean of places, weighted by a small network (Mittag et al. 2021, NISQA, arXiv 2104.09494), as one number."""

    def __init__(self) -> None:
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, 1)
        self.linear3 = nn.Linear(WIDTH, 1)

    def forward(self, places: Tensor) -> Tensor:
        weights = self.linear2(self.linear1(places).relu()).softmax(1)
        return self.linear3((weights * places).sum(1))[:, 0]


def _normed(norm: nn.BatchNorm1d, places: Tensor) -> Tensor:
    return norm(places.transpose(1, 2)).transpose(1, 2)


def _heights() -> list[int]:
    """Frequencies that are left after each convolution."""
    heights = [WINDOW // 2 + 1]
    for stride, _ in STRIDES:
        heights.append((heights[-1] - 3) // stride + 1)
    return heights


def build() -> DistillMos:
    return DistillMos()


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    found = state.get("transformer_pool_attn.transformer.linear_proj.weight")
    first = state.get("cnn.cnn.0.weight")
    if found is None or first is None or tuple(first.shape) != (CHANNELS[1], CHANNELS[0], 3, 3):
        return None
    return {} if tuple(found.shape) == (WIDTH, _heights()[-1] * CHANNELS[-1]) else None


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> DistillMos:
    """Load the measure, frozen.

    Raises:
        WeightsError: unreadable, or not of this layout.
    """
    network = open_checkpoint(card, files["weights"], "Distill-MOS", recognise).into(DistillMos, meta=False)
    return network.to(device, dtype).eval().requires_grad_(False)
