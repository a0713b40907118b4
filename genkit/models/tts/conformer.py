"""FastSpeech 2's network with conformer blocks (Ren and others 2021, arXiv 2006.04558; Gulati and others 2020, arXiv
2005.08100; ESPnet's, arXiv 2010.13956), for speaking: no dropout, one text at a time.

Key names and shapes are those of ESPnet's published checkpoints, as transformers' `FastSpeech2ConformerModel` reads them. It is
two networks, for between them symbols become frames, which is no arithmetic (`repeated`):

- `Symbols`: ids (1, L) int64 and what is added to pitches (1,) to rows (1, L, D) and logarithms of durations (1, L);
- `Frames`: rows (1, F, D) to mel features (1, F, bands).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import glu, silu

from genkit.errors import UsageError


@dataclass(frozen=True)
class Side:
    """Sizes of a stack of conformer blocks."""

    layers: int = 4
    num_attention_heads: int = 2
    linear_units: int = 1536
    kernel_size: int = 7
    normalize_before: bool = False
    concat_after: bool = False


@dataclass(frozen=True)
class Sizes:
    """Those settings of a checkpoint that shape the network, with the published defaults; the others are of training.
    `rounded` is the format that positions pass through: transformers makes them in that of the file."""

    hidden_size: int = 384
    vocab_size: int = 78
    num_mel_bins: int = 80
    positionwise_conv_kernel_size: int = 3
    use_macaron_style_in_conformer: bool = True
    convolution_bias: bool = True
    duration_predictor_layers: int = 2
    duration_predictor_channels: int = 256
    duration_predictor_kernel_size: int = 3
    pitch_predictor_layers: int = 5
    pitch_predictor_channels: int = 256
    pitch_predictor_kernel_size: int = 5
    pitch_embed_kernel_size: int = 1
    energy_predictor_layers: int = 2
    energy_predictor_channels: int = 256
    energy_predictor_kernel_size: int = 3
    energy_embed_kernel_size: int = 1
    speech_decoder_postnet_layers: int = 5
    speech_decoder_postnet_units: int = 256
    speech_decoder_postnet_kernel: int = 5
    num_speakers: int | None = None
    encoder: Side = Side()
    decoder: Side = Side(kernel_size=31)
    rounded: torch.dtype | None = None

    @classmethod
    def of(cls, settings: Mapping[str, Any], rounded: torch.dtype | None = None) -> Sizes:
        """From settings in the published spelling, `encoder_layers` and so on.

        Raises:
            UsageError: a network that this is not.
        """
        for name, only in (("reduction_factor", 1), ("use_cnn_in_conformer", True), ("speaking_speed", 1.0)):
            if settings.get(name, only) != only:
                raise UsageError(f"{name} = {settings[name]}: a FastSpeech2 is read with {only}")
        if settings.get("speaker_embed_dim") or (settings.get("num_languages") or 0) > 1:
            raise UsageError("a FastSpeech2 of several languages, or of speakers' vectors, is not read")
        sides = {
            side: {each.name: settings[key] for each in fields(Side) if (key := f"{side}_{each.name}") in settings}
            for side in ("encoder", "decoder")
        }
        own = {each.name: settings[each.name] for each in fields(cls) if each.name in settings and each.name not in sides}
        encoder, decoder = replace(cls.encoder, **sides["encoder"]), replace(cls.decoder, **sides["decoder"])
        return cls(**own | {"encoder": encoder, "decoder": decoder, "rounded": rounded})


class Attention(nn.Module):
    """Self-attention with relative positions (Dai and others 2019, arXiv 1901.02860, section 3.3); (N, T, D) to the same."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, self.root = heads, math.sqrt(width // heads)
        self.linear_q, self.linear_k, self.linear_v, self.linear_out = (nn.Linear(width, width) for _ in range(4))
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, distances: Tensor) -> Tensor:
        query, key, value = (self._split(layer(x)) for layer in (self.linear_q, self.linear_k, self.linear_v))
        far = self._split(self.linear_pos(distances))  # (1, heads, 2T - 1, D / heads)
        by_content = (query + self.pos_bias_u[:, None]) @ key.transpose(2, 3)  # (N, heads, T, T)
        by_distance = nearest_last((query + self.pos_bias_v[:, None]) @ far.transpose(2, 3))
        weights = torch.softmax((by_content + by_distance) / self.root, -1)
        return self.linear_out((weights @ value).transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)  # (N, heads, T, D / heads)


def nearest_last(scores: Tensor) -> Tensor:
    """Scores by distance (N, heads, T, 2T - 1), from T - 1 to 1 - T, to those by place (N, heads, T, T): row i begins i places
    further to the left, which a row's being one place longer than what it is read as brings about."""
    count, heads, length, _ = scores.shape
    longer = torch.cat([torch.zeros_like(scores[..., :1]), scores], -1).reshape(count, heads, 2 * length, length)
    return longer[:, :, 1:].reshape(count, heads, length, 2 * length - 1)[..., :length]


class Feed(nn.Module):
    """Two convolutions over time in place of a block's linear layers; (N, T, D) to the same."""

    def __init__(self, width: int, hidden: int, kernel: int):
        super().__init__()
        self.conv1 = nn.Conv1d(width, hidden, kernel, padding=kernel // 2)
        self.conv2 = nn.Conv1d(hidden, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv2(self.conv1(x.transpose(1, 2)).relu()).transpose(1, 2)


class Convolution(nn.Module):
    """(N, T, D) to the same: a gate, and a convolution of each channel alone."""

    def __init__(self, width: int, kernel: int, bias: bool):
        super().__init__()
        self.pointwise_conv1 = nn.Conv1d(width, 2 * width, 1, bias=bias)
        self.depthwise_conv = nn.Conv1d(width, width, kernel, padding=kernel // 2, groups=width, bias=bias)
        self.norm = nn.BatchNorm1d(width)
        self.pointwise_conv2 = nn.Conv1d(width, width, 1, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        gated = glu(self.pointwise_conv1(x.transpose(1, 2)), 1)
        return self.pointwise_conv2(silu(self.norm(self.depthwise_conv(gated)))).transpose(1, 2)


class Block(nn.Module):
    """(N, T, D) to the same."""

    def __init__(self, sizes: Sizes, side: Side):
        super().__init__()
        width, kernel = sizes.hidden_size, sizes.positionwise_conv_kernel_size
        self.before, self.concat, self.macaron = side.normalize_before, side.concat_after, sizes.use_macaron_style_in_conformer
        self.self_attn = Attention(width, side.num_attention_heads)
        self.feed_forward = Feed(width, side.linear_units, kernel)
        if self.macaron:
            self.feed_forward_macaron = Feed(width, side.linear_units, kernel)
            self.ff_macaron_layer_norm = nn.LayerNorm(width)
        self.conv_module = Convolution(width, side.kernel_size, sizes.convolution_bias)
        self.conv_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.ff_layer_norm, self.self_attn_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        if self.concat:
            self.concat_linear = nn.Linear(2 * width, width)

    def forward(self, x: Tensor, distances: Tensor) -> Tensor:
        scale = 0.5 if self.macaron else 1.0
        if self.macaron:
            fed = scale * self.feed_forward_macaron(self._at(self.ff_macaron_layer_norm, x))
            x = self._after(self.ff_macaron_layer_norm, x + fed)
        seen = self._at(self.self_attn_layer_norm, x)
        heard = self.self_attn(seen, distances)
        x = x + (self.concat_linear(torch.cat([seen, heard], -1)) if self.concat else heard)
        x = self._after(self.self_attn_layer_norm, x)
        x = self._after(self.conv_layer_norm, x + self.conv_module(self._at(self.conv_layer_norm, x)))
        x = self._after(self.ff_layer_norm, x + scale * self.feed_forward(self._at(self.ff_layer_norm, x)))
        return self.final_layer_norm(x)

    def _at(self, norm: nn.Module, x: Tensor) -> Tensor:
        return norm(x) if self.before else x

    def _after(self, norm: nn.Module, x: Tensor) -> Tensor:
        return x if self.before else norm(x)


class Stack(nn.Module):
    """Conformer blocks, (1, T, D) to the same; with a `vocabulary`, of ids (1, T)."""

    def __init__(self, sizes: Sizes, side: Side, vocabulary: int = 0):
        super().__init__()
        self.width, self.rounded = sizes.hidden_size, sizes.rounded
        if vocabulary:
            self.embed = nn.Embedding(vocabulary, self.width, padding_idx=0)
        self.conformer_layers = nn.ModuleList(Block(sizes, side) for _ in range(side.layers))

    def forward(self, x: Tensor) -> Tensor:
        distances = self._distances(x)
        x = x * math.sqrt(self.width)
        for block in self.conformer_layers:
            x = block(x, distances)
        return x

    def _distances(self, x: Tensor) -> Tensor:
        """Sines and cosines (1, 2T - 1, D) of how far left of a place another is, from T - 1 to 1 - T."""
        length = x.shape[1]
        places = torch.arange(1 - length, length, device=x.device).neg().float()[:, None]
        rates = torch.exp(torch.arange(0, self.width, 2, device=x.device).float() * -(math.log(10000.0) / self.width))
        angles = places * rates
        return torch.stack([angles.sin(), angles.cos()], -1).flatten(1)[None].to(self.rounded or x.dtype).to(x.dtype)


class PredictorLayer(nn.Module):
    def __init__(self, wide: int, width: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv1d(wide, width, kernel, padding=kernel // 2)
        self.layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer_norm(self.conv(x).relu().transpose(1, 2)).transpose(1, 2)


class Predictor(nn.Module):
    """(N, L, D) to a number for each symbol (N, L, 1)."""

    def __init__(self, wide: int, layers: int, width: int, kernel: int):
        super().__init__()
        self.conv_layers = nn.ModuleList(PredictorLayer(width if place else wide, width, kernel) for place in range(layers))
        self.linear = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = x.transpose(1, 2)
        for layer in self.conv_layers:
            x = layer(x)
        return self.linear(x.transpose(1, 2))


class Embedding(nn.Module):
    """A number for each symbol (N, L, 1) to (N, L, D)."""

    def __init__(self, width: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv1d(1, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x.transpose(1, 2)).transpose(1, 2)


class PostnetLayer(nn.Module):
    def __init__(self, wide: int, width: int, kernel: int):
        super().__init__()
        self.conv = nn.Conv1d(wide, width, kernel, padding=kernel // 2, bias=False)
        self.batch_norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return self.batch_norm(self.conv(x))


class Postnet(nn.Module):
    """(N, F, D) to mel features (N, F, bands)."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        bands, layers = sizes.num_mel_bins, sizes.speech_decoder_postnet_layers
        self.feat_out = nn.Linear(sizes.hidden_size, bands)
        widths = [bands, *[sizes.speech_decoder_postnet_units] * (layers - 1), bands]
        self.layers = nn.ModuleList(
            PostnetLayer(widths[place], widths[place + 1], sizes.speech_decoder_postnet_kernel) for place in range(layers)
        )

    def forward(self, x: Tensor) -> Tensor:
        coarse = self.feat_out(x)
        fine = coarse.transpose(1, 2)
        for place, layer in enumerate(self.layers, 1):
            fine = layer(fine) if place == len(self.layers) else layer(fine).tanh()
        return coarse + fine.transpose(1, 2)


class Conformer(nn.Module):
    """The whole network, in whose names checkpoints are; `symbols()` and `frames()` are what runs."""

    def __init__(self, sizes: Sizes):
        super().__init__()
        width, self.sizes = sizes.hidden_size, sizes
        if (sizes.num_speakers or 0) > 1:
            self.speaker_id_embedding = nn.Embedding(sizes.num_speakers or 0, width)
        self.encoder = Stack(sizes, sizes.encoder, sizes.vocab_size)
        self.duration_predictor, self.pitch_predictor, self.energy_predictor = (
            Predictor(width, *(getattr(sizes, f"{what}_predictor_{size}") for size in ("layers", "channels", "kernel_size")))
            for what in ("duration", "pitch", "energy")
        )
        self.pitch_embed = Embedding(width, sizes.pitch_embed_kernel_size)
        self.energy_embed = Embedding(width, sizes.energy_embed_kernel_size)
        self.decoder = Stack(sizes, sizes.decoder)
        self.speech_decoder_postnet = Postnet(sizes)

    def symbols(self) -> Symbols:
        return Symbols(self)

    def frames(self) -> nn.Module:
        """Rows (1, F, D) to mel features (1, F, bands)."""
        return nn.Sequential(self.decoder, self.speech_decoder_postnet)


class Symbols(nn.Module):
    """ids (1, L) int64 and what is added to pitches (1,), float, to rows (1, L, D) and logarithms of durations plus one (1, L);
    where there are several speakers, with the number of one (1,) int64."""

    def __init__(self, whole: Conformer):
        super().__init__()
        self.whole = whole

    def forward(self, ids: Tensor, raised: Tensor, speaker: Tensor | None = None) -> tuple[Tensor, Tensor]:
        whole = self.whole
        x = whole.encoder(whole.encoder.embed(ids))
        if speaker is not None:
            x = x + whole.speaker_id_embedding(speaker)[:, None]
        pitch = whole.pitch_predictor(x) + raised
        rows = x + whole.energy_embed(whole.energy_predictor(x)) + whole.pitch_embed(pitch)
        return rows, whole.duration_predictor(x)[..., 0]
