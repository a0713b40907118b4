"""The U-Net that takes noise off latents and looks at words on the way (Rombach and others 2022, arXiv 2112.10752), to draw:
what `latent_diffusion.denoiser_of` trains, in the key names of diffusers' `UNet2DConditionModel`.

Latents (N, C, h, w), times (N,) and the words' states (N, L, D) to velocities (N, C, h, w).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, interpolate, scaled_dot_product_attention, silu

SLOWEST = 10_000  # times at which the slowest of the waves that stand for them comes round


class Unet(nn.Module):
    def __init__(self, settings: Mapping[str, Any]):
        super().__init__()
        channels, layers = list(settings["block_out_channels"]), settings["layers_per_block"]
        words, heads, groups = settings["cross_attention_dim"], settings["attention_head_dim"], settings["norm_num_groups"]
        looks = ["Cross" in kind for kind in settings["down_block_types"]]
        first, width, last = channels[0], 4 * channels[0], len(channels) - 1
        shared: dict[str, Any] = {"times": width, "groups": groups, "words": words, "heads": heads}
        self.conv_in = nn.Conv2d(settings["in_channels"], first, 3, padding=1)
        self.time_embedding = TimeEmbedding(first, width)
        self.pooled = settings.get("addition_embed_type") == "text"
        if self.pooled:
            self.add_embedding = WordsEmbedding(words, width, settings["addition_embed_type_num_heads"])
        self.down_blocks: Sequence[Block] = nn.ModuleList(  # type: ignore[assignment]
            Block(
                [channels[max(place - 1, 0)], *[each] * (layers - 1)], each, layers * looks[place], down=place < last, **shared
            )
            for place, each in enumerate(channels)
        )
        self.mid_block = Block([channels[-1]] * (1 + looks[-1]), channels[-1], looks[-1], **shared)
        kept = [first]  # channels of what goes past the middle
        for place, each in enumerate(channels):
            kept += [each] * (layers + (place < last))
        ups: list[Block] = []
        before = channels[-1]
        for place in range(last, -1, -1):
            wide = [before + kept.pop(), *[channels[place] + kept.pop() for _ in range(layers)]]
            ups.append(Block(wide, channels[place], len(wide) * looks[place], up=place > 0, **shared))
            before = channels[place]
        self.up_blocks: Sequence[Block] = nn.ModuleList(ups)  # type: ignore[assignment]
        self.conv_norm_out = nn.GroupNorm(groups, first, 1e-5)
        self.conv_out = nn.Conv2d(first, settings["out_channels"], 3, padding=1)

    def forward(self, latents: Tensor, times: Tensor, words: Tensor) -> Tensor:
        time = self.time_embedding(times, latents.dtype)
        if self.pooled:
            time = time + self.add_embedding(words)
        x = self.conv_in(latents)
        kept = [x]
        for block in self.down_blocks:
            for place in range(len(block.resnets)):
                x = block.layer(place, x, time, words)
                kept.append(x)
            if hasattr(block, "downsamplers"):
                x = block.downsamplers[0](x)
                kept.append(x)
        for place in range(len(self.mid_block.resnets)):
            x = self.mid_block.middle(place, x, time, words)
        for block in self.up_blocks:
            for place in range(len(block.resnets)):
                x = block.layer(place, torch.cat([x, kept.pop()], 1), time, words)
            if hasattr(block, "upsamplers"):
                x = block.upsamplers[0](x, kept[-1])
        return self.conv_out(silu(self.conv_norm_out(x)))


class Block(nn.Module):
    """The layers of one size: each a residual block and, where it looks at words, a transformer; `looks` of these in all."""

    def __init__(
        self, wide: Sequence[int], width: int, looks: int, *, times: int, groups: int, words: int, heads: int,
        down: bool = False, up: bool = False,
    ):  # fmt: skip
        super().__init__()
        self.resnets = nn.ModuleList(Residual(each, width, groups, 1e-5, times) for each in wide)
        if looks:
            self.attentions = nn.ModuleList(Transformer(width, words, heads, groups) for _ in range(looks))
        if down:
            self.downsamplers = nn.ModuleList([Downsampler(width)])
        if up:
            self.upsamplers = nn.ModuleList([Upsampler(width)])

    def layer(self, place: int, x: Tensor, time: Tensor, words: Tensor) -> Tensor:
        x = self.resnets[place](x, time)
        return self.attentions[place](x, words) if hasattr(self, "attentions") else x

    def middle(self, place: int, x: Tensor, time: Tensor, words: Tensor) -> Tensor:
        x = self.attentions[place - 1](x, words) if place else x
        return self.resnets[place](x, time)


class Residual(nn.Module):
    """(N, wide, h, w) to (N, width, h, w), told of the time where `times` is the width of what stands for it."""

    def __init__(self, wide: int, width: int, groups: int, eps: float, times: int = 0):
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(groups, wide, eps), nn.Conv2d(wide, width, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(groups, width, eps), nn.Conv2d(width, width, 3, padding=1)
        if times:
            self.time_emb_proj = nn.Linear(times, width)
        if wide != width:
            self.conv_shortcut = nn.Conv2d(wide, width, 1)

    def forward(self, x: Tensor, time: Tensor | None = None) -> Tensor:
        inner = self.conv1(silu(self.norm1(x)))
        if time is not None:
            inner = inner + self.time_emb_proj(silu(time))[:, :, None, None]
        inner = self.conv2(silu(self.norm2(inner)))
        return inner + (self.conv_shortcut(x) if hasattr(self, "conv_shortcut") else x)


class Downsampler(nn.Module):
    """Half the sides."""

    def __init__(self, width: int, padding: int = 1):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, stride=2, padding=padding)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class Upsampler(nn.Module):
    """Twice the sides, or those of what it is to meet."""

    def __init__(self, width: int):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor, like: Tensor | None = None) -> Tensor:
        larger = interpolate(x, scale_factor=2.0) if like is None else interpolate(x, like.shape[-2:])
        return self.conv(larger)


class Transformer(nn.Module):
    """(N, C, h, w) that look at each other, and at words (N, L, D)."""

    def __init__(self, width: int, words: int, heads: int, groups: int):
        super().__init__()
        self.norm = nn.GroupNorm(groups, width, 1e-6)
        self.proj_in, self.proj_out = nn.Conv2d(width, width, 1), nn.Conv2d(width, width, 1)
        self.transformer_blocks = nn.ModuleList([TransformerBlock(width, words, heads)])

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        rows = self.proj_in(self.norm(x)).flatten(2).transpose(1, 2)  # (N, h * w, C)
        rows = self.transformer_blocks[0](rows, words)
        return x + self.proj_out(rows.transpose(1, 2).reshape(x.shape))


class TransformerBlock(nn.Module):
    def __init__(self, width: int, words: int, heads: int):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(width) for _ in range(3))
        self.attn1, self.attn2 = Attention(width, width, heads), Attention(width, words, heads)
        self.ff = Feed(width)

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        seen = self.norm1(x)
        x = x + self.attn1(seen, seen)
        x = x + self.attn2(self.norm2(x), words)
        return x + self.ff(self.norm3(x))


class Feed(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        # in the middle, a dropout where it is trained
        self.net = nn.Sequential(Gate(width, 4 * width), nn.Identity(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


class Gate(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.proj = nn.Linear(width, 2 * hidden)

    def forward(self, x: Tensor) -> Tensor:
        value, gate = self.proj(x).chunk(2, -1)
        return value * gelu(gate)


class Attention(nn.Module):
    """(N, T, width) that look at (N, L, words)."""

    def __init__(self, width: int, words: int, heads: int):
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(width, width, bias=False)
        self.to_k, self.to_v = nn.Linear(words, width, bias=False), nn.Linear(words, width, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(width, width)])

    def forward(self, x: Tensor, words: Tensor) -> Tensor:
        query, key, value = (
            rows.unflatten(-1, (self.heads, -1)).transpose(1, 2) for rows in (self.to_q(x), self.to_k(words), self.to_v(words))
        )
        return self.to_out[0](scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2))


class TimeEmbedding(nn.Module):
    """Times (N,) to (N, width), by way of waves of many lengths."""

    def __init__(self, waves: int, width: int):
        super().__init__()
        self.waves = waves
        self.linear_1, self.linear_2 = nn.Linear(waves, width), nn.Linear(width, width)

    def forward(self, times: Tensor, dtype: torch.dtype) -> Tensor:
        places = torch.arange(self.waves // 2, dtype=torch.float32, device=times.device)
        rates = torch.exp(-math.log(SLOWEST) * places / (self.waves // 2))
        angles = times[:, None].float() * rates
        waves = torch.cat([angles.cos(), angles.sin()], -1).to(dtype)
        return self.linear_2(silu(self.linear_1(waves)))


class WordsEmbedding(nn.Module):
    """All words (N, L, D) to one (N, width): their mean looks at each."""

    def __init__(self, words: int, width: int, heads: int):
        super().__init__()
        self.norm1, self.pool = nn.LayerNorm(words), Pool(words, heads)
        self.proj, self.norm2 = nn.Linear(words, width), nn.LayerNorm(width)

    def forward(self, words: Tensor) -> Tensor:
        return self.norm2(self.proj(self.pool(self.norm1(words))))


class Pool(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.zeros(1, width))
        self.q_proj, self.k_proj, self.v_proj = (nn.Linear(width, width) for _ in range(3))

    def forward(self, words: Tensor) -> Tensor:
        mean = words.mean(1, keepdim=True) + self.positional_embedding
        rows = torch.cat([mean, words], 1)
        query, key, value = (
            each.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for each in (self.q_proj(mean), self.k_proj(rows), self.v_proj(rows))
        )
        return scaled_dot_product_attention(query, key, value).flatten(1)  # one row: heads and their channels in order
