"""U2-Net, its small form U2-Netp, and IS-Net: U-shaped networks whose blocks are U-shaped themselves.

Qin et al. 2020, "U2-Net: Going Deeper with Nested U-Structure for Salient Object Detection" (arXiv 2005.09007): residual
U-blocks RSU-7, 6, 5, 4 and RSU-4F (dilated, without pooling), eleven of them in a U, a map from each level, and one fused of
the six. IS-Net (Qin et al. 2022, "Highly Accurate Dichotomous Image Segmentation", arXiv 2203.03041) has the same blocks behind
a convolution of stride 2, and its finest map is the result.

Published files: PyTorch state dicts with batch normalisation (folded here into the convolutions), and ONNX exports in which it
is folded already; of these the initialisers are taken in the order of the convolutions (weights/foreign/onnx_initialisers.py).

Tensors: images (N, 3, H, W) normalised, to masks (N, 1, H, W) in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, max_pool2d, relu

from genkit.errors import WeightsError
from genkit.models.checkpoints import open_checkpoint
from genkit.models.cutout.masking import IMAGENET_MEAN, IMAGENET_STD, Mask
from genkit.nets.norms import fold_norm

if TYPE_CHECKING:
    from genkit.cards import Card

BLOCKS = ("stage1", "stage2", "stage3", "stage4", "stage5", "stage6", "stage5d", "stage4d", "stage3d", "stage2d", "stage1d")
HEIGHTS = (7, 6, 5, 4, 4, 4, 4, 4, 5, 6, 7)
FLAT = {"stage5", "stage6", "stage5d"}
SIDES = ("side1", "side2", "side3", "side4", "side5", "side6")
STEM, FUSED = "conv_in", "outconv"
SMALL = {"middles": (16,) * 11, "outs": (64,) * 11}  # U2-Netp
SIZES = {False: 320, True: 1024}  # by whether it is an IS-Net


class ConvRelu(nn.Module):
    """Published as REBNCONV: a 3 x 3 convolution, its batch normalisation (folded into it), ReLU."""

    def __init__(self, before: int, width: int, dilation: int = 1):
        super().__init__()
        self.conv_s1 = nn.Conv2d(before, width, 3, 1, dilation, dilation)

    def forward(self, features: Tensor) -> Tensor:
        return relu(self.conv_s1(features))


class ResidualUBlock(nn.Module):
    """RSU of `height` levels (section 3.1, figure 2e), or with `flat` its form without pooling, RSU-4F."""

    def __init__(self, height: int, before: int, middle: int, out: int, *, flat: bool = False):
        super().__init__()
        self.height, self.flat = height, flat
        down = [1 << level for level in range(height)] if flat else [1] * (height - 1) + [2]
        self.rebnconvin = ConvRelu(before, out)
        for level in range(1, height + 1):
            self.add_module(f"rebnconv{level}", ConvRelu(out if level == 1 else middle, middle, down[level - 1]))
        for level in range(height - 1, 0, -1):
            dilation = down[level - 1] if flat else 1
            self.add_module(f"rebnconv{level}d", ConvRelu(2 * middle, middle if level > 1 else out, dilation))

    def forward(self, features: Tensor) -> Tensor:
        entered = self.rebnconvin(features)
        kept, current = [], entered
        for level in range(1, self.height):
            current = self.get_submodule(f"rebnconv{level}")(current)
            kept.append(current)
            if not self.flat and level < self.height - 1:
                current = max_pool2d(current, 2, 2, ceil_mode=True)
        current = self.get_submodule(f"rebnconv{self.height}")(current)
        for level in range(self.height - 1, 0, -1):
            beside = kept[level - 1]
            current = self.get_submodule(f"rebnconv{level}d")(torch.cat([enlarged(current, beside), beside], 1))
        return current + entered


class U2Net(nn.Module):
    """`middles` and `outs` are the widths of the eleven blocks, from the finest down and up again; `stem` is that of IS-Net's
    first convolution, 0 for a U2-Net."""

    def __init__(self, middles: Sequence[int] = SMALL["middles"], outs: Sequence[int] = SMALL["outs"], stem: int = 0):
        super().__init__()
        if stem:
            self.conv_in = nn.Conv2d(3, stem, 3, 2, 1)
        below = stem or 3
        for place, (name, height, middle, out) in enumerate(zip(BLOCKS, HEIGHTS, middles, outs, strict=True)):
            if place > 5:  # the way up takes what lies beside it, too
                below += outs[10 - place]
            self.add_module(name, ResidualUBlock(height, below, middle, out, flat=name in FLAT))
            below = out
        for name, width in zip(SIDES, (*reversed(outs[6:]), outs[5]), strict=True):
            self.add_module(name, nn.Conv2d(width, 1, 3, 1, 1))
        if not stem:
            self.outconv = nn.Conv2d(len(SIDES), 1, 1)
        self.stem = stem

    def forward(self, images: Tensor) -> Tensor:
        current = self.conv_in(images) if self.stem else images
        kept: list[Tensor] = []
        for name in BLOCKS[:6]:
            current = self.get_submodule(name)(current if not kept else max_pool2d(current, 2, 2, ceil_mode=True))
            kept.append(current)
        levels = [current]
        for name, beside in zip(BLOCKS[6:], reversed(kept[:5]), strict=True):
            current = self.get_submodule(name)(torch.cat([enlarged(current, beside), beside], 1))
            levels.append(current)
        if self.stem:
            return enlarged(self.get_submodule(SIDES[0])(current), images).sigmoid()
        maps = [self.get_submodule(name)(level) for name, level in zip(SIDES, reversed(levels), strict=True)]
        fused: Tensor = self.get_submodule(FUSED)(torch.cat([enlarged(each, maps[0]) for each in maps], 1))
        return fused.sigmoid()


def enlarged(features: Tensor, like: Tensor) -> Tensor:
    if features.shape[-2:] == like.shape[-2:]:
        return features
    return interpolate(features, like.shape[-2:], mode="bilinear", align_corners=False)


def build(
    middles: Sequence[int] = SMALL["middles"], outs: Sequence[int] = SMALL["outs"], stem: int = 0, size: int = 0
) -> U2Net:
    """Build the network with random weights: U2-Netp where nothing is said."""
    return U2Net(middles, outs, stem)


def read(path: Path) -> Mapping[str, Tensor]:
    """A published file as a state dict of `U2Net`.

    Raises:
        WeightsError: unreadable, or an ONNX file of another network.
    """
    from genkit.weights import read_state_dict
    from genkit.weights.foreign.onnx_initialisers import is_onnx, read_onnx

    with path.open("rb") as file:
        head = file.read(8)
    if not is_onnx(head):
        return folded(read_state_dict(path))
    graph = read_onnx(path)
    held = [graph.weights_of(node) for node in graph.nodes if node.op_type == "Conv"]
    fused = bool(held) and held[-1][0].shape[-1:] == (1,)
    names = conv_names(stem=not fused)
    if len(held) != len(names) or any(len(tensors) != 2 for tensors in held):
        raise WeightsError(f"{path.name}: has {len(held)} convolutions, and a U2-Net or IS-Net {len(names)} with their biases")
    state: dict[str, Tensor] = {}
    for name, (weight, bias) in zip(names, held, strict=True):
        state |= {f"{name}.weight": weight.float(), f"{name}.bias": bias.float()}
    return state


def conv_names(*, stem: bool) -> list[str]:
    """The convolutions in the order in which they run."""
    with torch.device("meta"):
        network = U2Net(stem=SMALL["outs"][0] if stem else 0)
    return [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]


def folded(state: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """A state dict with its batch normalisation folded into the convolutions, if it has any."""
    found = dict(state)
    for key in state:
        if key.endswith(".bn_s1.weight"):
            block = key.removesuffix(".bn_s1.weight")
            norm = {
                part: found.pop(f"{block}.bn_s1.{part}", None) for part in ("weight", "bias", "running_mean", "running_var")
            }
            found.pop(f"{block}.bn_s1.num_batches_tracked", None)
            conv = f"{block}.conv_s1"
            if f"{conv}.weight" in found and all(each is not None for each in norm.values()):
                weight, bias = fold_norm(found[f"{conv}.weight"], found.get(f"{conv}.bias"), *norm.values())  # type: ignore[arg-type]
                found[f"{conv}.weight"], found[f"{conv}.bias"] = weight, bias
    return found


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the widths from a state dict, published or folded, or return None if it is not of this layout."""
    first: list[Any] = [state.get(f"{name}.rebnconvin.conv_s1.weight") for name in BLOCKS]
    inner: list[Any] = [state.get(f"{name}.rebnconv1.conv_s1.weight") for name in BLOCKS]
    if any(one is None or one.ndim != 4 for one in [*first, *inner]) or f"{SIDES[0]}.weight" not in state:
        return None
    stem = state.get(f"{STEM}.weight")
    sizes = {"middles": [int(one.shape[0]) for one in inner], "outs": [int(one.shape[0]) for one in first]}
    return sizes | ({"stem": int(stem.shape[0])} if stem is not None else {})


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Mask:
    """Load a published file, ONNX or PyTorch, or one of genkit's own.

    Raises:
        WeightsError: unreadable, not of this network, or not of the sizes that the card gives.
    """
    checkpoint = open_checkpoint(card, files["weights"], "U2-Net", recognise, read=read)
    stem = int(checkpoint.sizes.get("stem", 0))
    size = int(card.params.get("size", SIZES[bool(stem)]))
    return transform(checkpoint.into(U2Net), device, dtype, size=size)


def transform(network: U2Net, device: torch.device, dtype: torch.dtype, *, size: int = 0) -> Mask:
    """The network as the cutout task calls it."""
    mean, std = ((0.5,) * 3, (1.0,) * 3) if network.stem else (IMAGENET_MEAN, IMAGENET_STD)
    size = size or SIZES[bool(network.stem)]
    return Mask(network, device=device, dtype=dtype, size=size, mean=mean, std=std, brightest=True, stretched=True)
