"""DDColor: Kang et al. 2023, "DDColor: Towards Photo-Realistic Image Colorization via Dual Decoders" (arXiv 2212.11613).

A ConvNeXt encoder (Liu et al. 2022, arXiv 2201.03545; torchvision's), a U-Net decoder with pixel shuffles, and a decoder of
colour queries: a transformer whose queries look at three levels of the U-Net in turn and end as colour channels over its last
features. Reads the files published with piddnad/DDColor (Apache-2.0), large and tiny; the sizes are read from the tensors.
This implementation is our own; it keeps the published key names but for the encoder's, which `own_key` translates.

Inside: grey RGB [0, 1] with ImageNet's mean and deviation, (N, 3, H, W), H and W multiples of 32, to ab (N, 2, H, W) in Lab
units. The authors run squares of 512.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, conv2d, pad, pixel_shuffle, relu

from genkit.errors import WeightsError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.colorize.colorizing import Colorize
from genkit.nets.lab import lab_to_rgb

if TYPE_CHECKING:
    from genkit.cards import Card

SIZE = 512
STRIDE = 32
HEADS = 8
PIXEL_BYTES = 12288
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# A classifier that the code of before August 2023 built and never used: files from then hold it.
LEFTOVERS = ("encoder.arch.head_cls.weight", "encoder.arch.head_cls.bias")
BLOCK = {"dwconv": "block.0", "norm": "block.2", "pwconv1": "block.3", "pwconv2": "block.5"}
DTYPES = ("float32", "bfloat16")  # float16 overflows in these networks, as spandrel's notes on them say


class Encoder(nn.Module):
    """ConvNeXt without its classifier: features at 1/4, 1/8, 1/16 and 1/32 of the side, each normalised on its way out."""

    def __init__(self, dims: Sequence[int], depths: Sequence[int]):
        super().__init__()
        from torchvision.models.convnext import CNBlockConfig, ConvNeXt, LayerNorm2d

        following: list[int | None] = [*dims[1:], None]
        stages = [CNBlockConfig(*one) for one in zip(dims, following, depths, strict=True)]
        self.features = ConvNeXt(stages, num_classes=1).features
        self.norms = nn.ModuleList(LayerNorm2d(width, eps=1e-6) for width in dims)
        self.norm = nn.LayerNorm(dims[-1], eps=1e-6)  # of the classifier: in the files, of no use here

    def forward(self, images: Tensor) -> list[Tensor]:
        features, kept = images, []
        for level, norm in enumerate(self.norms):
            features = self.features[2 * level + 1](self.features[2 * level](features))
            kept.append(norm(features))
        return kept


class SpectralConv(nn.Module):
    """A convolution with its weight divided by its spectral norm (Miyato et al. 2018, arXiv 1802.05957), from kept vectors."""

    weight_u: Tensor
    weight_v: Tensor

    def __init__(self, before: int, after: int, side: int, bias: bool):
        super().__init__()
        self.weight_orig = nn.Parameter(torch.empty(after, before, side, side))
        self.bias = nn.Parameter(torch.zeros(after)) if bias else None
        self.register_buffer("weight_u", torch.empty(after))
        self.register_buffer("weight_v", torch.empty(before * side * side))

    def randomise(self) -> None:
        nn.init.kaiming_normal_(self.weight_orig)
        _, _, across = torch.linalg.svd(self.weight_orig.detach().flatten(1), full_matrices=False)
        self.weight_v.copy_(across[0])
        self.weight_u.copy_(nn.functional.normalize(self.weight_orig.detach().flatten(1) @ across[0], dim=0))

    def forward(self, features: Tensor) -> Tensor:
        matrix = self.weight_orig.float().flatten(1)
        norm = self.weight_u.float() @ (matrix @ self.weight_v.float())
        weight = (self.weight_orig.float() / norm).to(features.dtype)
        return conv2d(features, weight, self.bias, padding=weight.shape[-1] // 2)


class Shuffle(nn.Module):
    """Enlarge by a pixel shuffle, then a 2 x 2 mean that removes its checkerboard (Sugawara et al. 2018, arXiv 1806.02658)."""

    def __init__(self, before: int, after: int, scale: int, norm: bool):
        super().__init__()
        self.scale = scale
        wide = after * scale * scale
        self.conv = nn.Sequential(SpectralConv(before, wide, 1, bias=not norm), *([nn.BatchNorm2d(wide)] if norm else []))

    def forward(self, features: Tensor) -> Tensor:
        enlarged = pixel_shuffle(relu(self.conv(features)), self.scale)
        return avg_pool2d(pad(enlarged, (1, 0, 1, 0), "replicate"), 2, 1)


class Merge(nn.Module):
    """One level up the U-Net: enlarge, and take in the encoder's features of that level."""

    def __init__(self, before: int, beside: int, after: int):
        super().__init__()
        self.shuf = Shuffle(before, after, 2, norm=True)
        self.bn = nn.BatchNorm2d(beside)
        self.conv = nn.Sequential(SpectralConv(after + beside, after, 3, bias=False), nn.ReLU(), nn.BatchNorm2d(after))

    def forward(self, features: Tensor, beside: Tensor) -> Tensor:
        return self.conv(relu(torch.cat([self.shuf(features), self.bn(beside)], 1)))


class SelfAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.self_attn = nn.MultiheadAttention(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, places: Tensor) -> Tensor:
        placed = queries + places
        return self.norm(queries + self.self_attn(placed, placed, queries, need_weights=False)[0])


class CrossAttention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.multihead_attn = nn.MultiheadAttention(width, heads)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor, places: Tensor, memory: Tensor, memory_places: Tensor) -> Tensor:
        attended = self.multihead_attn(queries + places, memory + memory_places, memory, need_weights=False)[0]
        return self.norm(queries + attended)


class FeedForward(nn.Module):
    def __init__(self, width: int, hidden: int):
        super().__init__()
        self.linear1, self.linear2 = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, queries: Tensor) -> Tensor:
        return self.norm(queries + self.linear2(relu(self.linear1(queries))))


class Perceptron(nn.Module):
    def __init__(self, width: int, after: int):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(width, width), nn.Linear(width, width), nn.Linear(width, after)])

    def forward(self, queries: Tensor) -> Tensor:
        return self.layers[2](relu(self.layers[1](relu(self.layers[0](queries)))))


class ColorDecoder(nn.Module):
    """Queries (queries, N, width) that look at the levels in turn, one a layer; then a map over the last features for each."""

    def __init__(self, inputs: Sequence[int], after: int, width: int, queries: int, layers: int, hidden: int, heads: int):
        super().__init__()
        self.query_feat, self.query_embed = nn.Embedding(queries, width), nn.Embedding(queries, width)
        self.level_embed = nn.Embedding(len(inputs), width)
        self.input_proj = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in inputs)
        self.transformer_self_attention_layers = nn.ModuleList(SelfAttention(width, heads) for _ in range(layers))
        self.transformer_cross_attention_layers = nn.ModuleList(CrossAttention(width, heads) for _ in range(layers))
        self.transformer_ffn_layers = nn.ModuleList(FeedForward(width, hidden) for _ in range(layers))
        self.decoder_norm = nn.LayerNorm(width)
        self.color_embed = Perceptron(width, after)

    def forward(self, levels: Sequence[Tensor], features: Tensor) -> Tensor:
        memories, places = [], []
        for projection, level, features_of_level in zip(self.input_proj, self.level_embed.weight, levels, strict=True):
            projected = projection(features_of_level)  # (N, width, h, w)
            memories.append((projected.flatten(2) + level[:, None]).permute(2, 0, 1))  # (h*w, N, width)
            places.append(positions(projected).flatten(2).permute(2, 0, 1))
        count = features.shape[0]
        own_places = self.query_embed.weight[:, None].expand(-1, count, -1)
        queries = self.query_feat.weight[:, None].expand(-1, count, -1)
        layers = zip(
            self.transformer_cross_attention_layers,
            self.transformer_self_attention_layers,
            self.transformer_ffn_layers,
            strict=True,
        )
        for index, (cross, itself, forward) in enumerate(layers):
            level = index % len(levels)
            queries = cross(queries, own_places, memories[level], places[level])
            queries = forward(itself(queries, own_places))
        colours = self.color_embed(self.decoder_norm(queries).transpose(0, 1))  # (N, queries, after)
        return torch.einsum("nqc,nchw->nqhw", colours, features)


def positions(features: Tensor) -> Tensor:
    """Sines and cosines (1, C, H, W) of the place, rows first (Carion et al. 2020, arXiv 2005.12872, normalised to 2 pi)."""
    channels, height, width = features.shape[1:]
    half = channels // 2
    pace = 10000 ** (2 * (torch.arange(half, device=features.device) // 2) / half)
    parts = []
    for length, axis in ((height, 0), (width, 1)):
        place = torch.arange(1, length + 1, device=features.device) / (length + 1e-6) * 2 * math.pi
        waves = place[:, None] / pace  # (length, half)
        waves = torch.stack([waves[:, 0::2].sin(), waves[:, 1::2].cos()], 2).flatten(1).T  # (half, length)
        parts.append(waves[:, :, None].expand(-1, -1, width) if axis == 0 else waves[:, None].expand(-1, height, -1))
    return torch.cat(parts)[None].to(features.dtype)


class Decoder(nn.Module):
    def __init__(self, dims: Sequence[int], nf: int, **colours: int):
        super().__init__()
        self.layers = nn.ModuleList([Merge(dims[3], dims[2], nf), Merge(nf, dims[1], nf), Merge(nf, dims[0], nf // 2)])
        self.last_shuf = Shuffle(nf // 2, nf // 2, 4, norm=False)
        self.color_decoder = ColorDecoder((nf, nf, nf // 2), nf // 2, **colours)

    def forward(self, encoded: Sequence[Tensor]) -> Tensor:
        features, levels = encoded[3], []
        for merge, beside in zip(self.layers, (encoded[2], encoded[1], encoded[0]), strict=True):
            features = merge(features, beside)
            levels.append(features)
        return self.color_decoder(levels, self.last_shuf(features))  # (N, queries, H, W)


class DDColor(nn.Module):
    """`dims` and `depths` are the encoder's; `nf` the width of the U-Net; `width`, `queries`, `layers`, `hidden` and `heads`
    those of the colour decoder."""

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        dims: Sequence[int] = (192, 384, 768, 1536),
        depths: Sequence[int] = (3, 3, 27, 3),
        nf: int = 512,
        width: int = 256,
        queries: int = 100,
        layers: int = 9,
        hidden: int = 2048,
        heads: int = HEADS,
    ):
        super().__init__()
        self.encoder = Encoder(dims, depths)
        self.decoder = Decoder(dims, nf, width=width, queries=queries, layers=layers, hidden=hidden, heads=heads)
        self.refine_net = nn.Sequential(nn.Sequential(SpectralConv(queries + 3, 2, 1, bias=True)))
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(DEVIATION).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        images = (images - self.mean) / self.std
        return self.refine_net(torch.cat([self.decoder(self.encoder(images)), images], 1))


def build(**params: Any) -> DDColor:
    """Build the network with random weights; `params` are DDColor's."""
    network = DDColor(**params)
    for module in network.modules():
        if isinstance(module, SpectralConv):
            module.randomise()
    return network


def own_key(key: str) -> str:
    """The name of a published tensor in this implementation: torchvision calls the encoder's parts otherwise."""
    if match := re.fullmatch(r"encoder\.arch\.downsample_layers\.(\d)\.(\d)\.(\w+)", key):
        return f"encoder.features.{2 * int(match[1])}.{match[2]}.{match[3]}"
    if match := re.fullmatch(r"encoder\.arch\.stages\.(\d)\.(\d+)\.(\w+)\.(\w+)", key):
        return f"encoder.features.{2 * int(match[1]) + 1}.{match[2]}.{BLOCK.get(match[3], match[3])}.{match[4]}"
    if match := re.fullmatch(r"encoder\.arch\.stages\.(\d)\.(\d+)\.gamma", key):
        return f"encoder.features.{2 * int(match[1]) + 1}.{match[2]}.layer_scale"
    if match := re.fullmatch(r"encoder\.arch\.norm(\d)\.(\w+)", key):
        return f"encoder.norms.{match[1]}.{match[2]}"
    return re.sub(r"^encoder\.arch\.norm\.", "encoder.norm.", key)


def own_state(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """A published state dict as this implementation names and shapes it."""
    renamed = {own_key(key): value for key, value in state.items() if key not in LEFTOVERS}
    return {key: value.view(-1, 1, 1) if key.endswith(".layer_scale") else value for key, value in renamed.items()}


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from the keys and shapes of a published state dict, or return None if it is not of this layout."""
    stem = [state.get(f"encoder.arch.downsample_layers.{level}.{1 if level else 0}.weight") for level in range(4)]
    query, hidden, last, refine = (
        state.get(name)
        for name in (
            "decoder.color_decoder.query_feat.weight",
            "decoder.color_decoder.transformer_ffn_layers.0.linear1.weight",
            "decoder.layers.0.conv.0.weight_orig",
            "refine_net.0.0.weight_orig",
        )
    )
    if query is None or hidden is None or last is None or refine is None or any(one is None for one in stem):
        return None
    return {
        "dims": [int(one.shape[0]) for one in stem if one is not None],
        "depths": [_count(state, rf"encoder\.arch\.stages\.{level}\.(\d+)\.gamma") for level in range(4)],
        "nf": int(last.shape[0]),
        "width": int(query.shape[1]),
        "queries": int(query.shape[0]),
        "layers": _count(state, r"decoder\.color_decoder\.transformer_ffn_layers\.(\d+)\.linear1\.weight"),
        "hidden": int(hidden.shape[0]),
    }


def _count(state: Mapping[str, Any], pattern: str) -> int:
    return sum(re.fullmatch(pattern, key) is not None for key in state)


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Colorize:
    """Load a published file, or one of its layout.

    Raises:
        WeightsError: unreadable, not of this layout, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, _only_file(card, files), "DDColor", recognise)
    network = checkpoint.into(DDColor, own_state, heads=int(card.params.get("heads", HEADS)))
    return transform(network, device, dtype, size=int(card.params.get("size", SIZE)))


def _only_file(card: Card, files: Mapping[str, Path]) -> Path:
    """The checkpoint: by its role, or the one file of a repository that was fetched by pattern."""
    if "weights" in files:
        return files["weights"]
    checkpoints = sorted(path for path in files["root"].rglob("*") if path.suffix in (".pth", ".bin", ".safetensors"))
    if len(checkpoints) != 1:
        names = ", ".join(path.name for path in checkpoints) or "none"
        raise WeightsError(f"{files['root']}: one checkpoint of {card.name} was expected, and there are: {names}")
    return checkpoints[0]


def transform(network: DDColor, device: torch.device, dtype: torch.dtype, size: int = SIZE) -> Colorize:
    """The network as the colorize task calls it."""
    return Colorize(
        network,
        device=device,
        dtype=dtype,
        size=size,
        chroma=_chroma,
        multiple=STRIDE,
        square=True,
        pixel_bytes=PIXEL_BYTES,
    )


def _chroma(network: DDColor, lightness: Tensor) -> Tensor:
    grey = lab_to_rgb(torch.cat([lightness, torch.zeros_like(lightness), torch.zeros_like(lightness)], 1))
    return network(grey.clamp(0, 1).to(network.mean.dtype))
