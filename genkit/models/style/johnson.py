"""Feed-forward networks of one style (Johnson, Alahi and Fei-Fei 2016, arXiv 1603.08155), in two layouts.

Both halve the side twice, run residual blocks, and come back up, with instance normalisation (Ulyanov et al. 2016, arXiv
1607.08022) after the convolutions. `torch`: the `TransformerNet` of pytorch/examples at any width and number of blocks:
mirrored edges, enlargement by repetition before a convolution, no normalisation at the end; files of its first versions also
hold running statistics, which it never used. `tensorflow`: that of lengstrom/fast-style-transfer: padding with zeros as
TensorFlow's SAME has it, transposed convolutions without bias, a normalisation at the end too, and tanh * 150 + 127.5. Its
variables have no names but numbers (`Variable`, `Variable_1`, ...): kernel, shift and scale of one layer after another.

Key names and shapes are the publishers'; this implementation is our own. Pictures are 0 to 255 inside.
Tensors: images (N, 3, H, W) in [0, 1], H and W multiples of 4.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn.functional import instance_norm, interpolate, pad, relu

from genkit.errors import WeightsError
from genkit.models.checkpoints import State, open_checkpoint
from genkit.models.style.stylizing import Stylize

if TYPE_CHECKING:
    from genkit.cards import Card

Statistics = tuple[Tensor, Tensor]  # mean and standard deviation, each (N, C, 1, 1)
STRIDE = 4
PIXEL_BYTES = 1024
WIDTHS, BLOCKS = (32, 64, 128), 5
EPSILON = {"torch": 1e-5, "tensorflow": 1e-3}
VARIABLE = re.compile(r"Variable(?:_(\d+))?")
DTYPES = ("float32", "bfloat16")  # features of pictures from 0 to 255 leave what float16 can hold


class Conv(nn.Module):
    """A convolution of one of the two layouts; `rise` doubles the side on the way."""

    def __init__(self, before: int, after: int, size: int, *, stride: int = 1, rise: bool = False, zeros: bool = False):
        super().__init__()
        self.stride, self.rise, self.zeros = stride, rise, zeros
        if zeros and rise:
            self.conv2d: nn.Conv2d | nn.ConvTranspose2d = nn.ConvTranspose2d(before, after, size, 2, bias=False)
        else:
            self.conv2d = nn.Conv2d(before, after, size, stride, bias=not zeros)

    def forward(self, features: Tensor) -> Tensor:
        side = self.conv2d.kernel_size[0]
        if not self.zeros:
            if self.rise:
                features = interpolate(features, scale_factor=2, mode="nearest")
            return self.conv2d(pad(features, (side // 2,) * 4, "reflect"))
        if self.rise:
            height, width = features.shape[-2:]
            return self.conv2d(features)[..., : 2 * height, : 2 * width]
        before = (side - self.stride) // 2  # of an even side, SAME leaves the odd one of the padding to the end
        after = side - self.stride - before
        return self.conv2d(pad(features, (before, after, before, after)))


class Norm(nn.Module):
    """Instance normalisation, with the statistics of the whole picture where `features` are a part of it."""

    def __init__(self, width: int, epsilon: float):
        super().__init__()
        self.epsilon = epsilon
        self.weight, self.bias = nn.Parameter(torch.ones(width)), nn.Parameter(torch.zeros(width))

    def forward(self, features: Tensor, known: Statistics | None) -> Tensor:
        if known is None:
            return instance_norm(features, weight=self.weight, bias=self.bias, eps=self.epsilon)
        scale = self.weight[:, None, None] / known[1]
        return features * scale + (self.bias[:, None, None] - known[0] * scale)


class Residual(nn.Module):
    """The layers of one block; `Johnson` runs them."""

    def __init__(self, width: int, layout: str):
        super().__init__()
        zeros, epsilon = layout == "tensorflow", EPSILON[layout]
        self.conv1, self.in1 = Conv(width, width, 3, zeros=zeros), Norm(width, epsilon)
        self.conv2, self.in2 = Conv(width, width, 3, zeros=zeros), Norm(width, epsilon)


class Johnson(nn.Module):
    """`widths` are the channels at full, half and a quarter of the side."""

    def __init__(self, layout: str = "torch", widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS):
        super().__init__()
        self.layout, self.blocks = layout, blocks
        zeros, epsilon = layout == "tensorflow", EPSILON[layout]
        full, half, quarter = widths
        self.conv1, self.in1 = Conv(3, full, 9, zeros=zeros), Norm(full, epsilon)
        self.conv2, self.in2 = Conv(full, half, 3, stride=2, zeros=zeros), Norm(half, epsilon)
        self.conv3, self.in3 = Conv(half, quarter, 3, stride=2, zeros=zeros), Norm(quarter, epsilon)
        for number in range(1, blocks + 1):
            self.add_module(f"res{number}", Residual(quarter, layout))
        self.deconv1, self.in4 = Conv(quarter, half, 3, rise=True, zeros=zeros), Norm(half, epsilon)
        self.deconv2, self.in5 = Conv(half, full, 3, rise=True, zeros=zeros), Norm(full, epsilon)
        self.deconv3 = Conv(full, 3, 9, zeros=zeros)
        if zeros:
            self.in6 = Norm(3, epsilon)

    def steps(self) -> list[tuple[Conv, Norm | None, str]]:
        """The layers in order: a convolution, what normalises it, and its place: plain, enters or leaves a block, last."""
        steps: list[tuple[Conv, Norm | None, str]] = [
            *((self.conv1, self.in1, "plain"), (self.conv2, self.in2, "plain"), (self.conv3, self.in3, "plain"))
        ]
        for number in range(1, self.blocks + 1):
            block = self.get_submodule(f"res{number}")
            steps += [(block.conv1, block.in1, "enters"), (block.conv2, block.in2, "leaves")]  # type: ignore[list-item]
        steps += [(self.deconv1, self.in4, "plain"), (self.deconv2, self.in5, "plain")]
        return [*steps, (self.deconv3, self.in6 if self.layout == "tensorflow" else None, "last")]

    def forward(self, images: Tensor, known: Sequence[Statistics] | None = None, stop: int | None = None) -> Tensor:
        """The result (N, 3, H, W), or, with `stop`, the features that the normalisation of that number gets.

        Where the images are tiles, `known` are the statistics, over the whole picture, of what the normalisations get.
        """
        features = entered = images * 255
        for index, (conv, norm, place) in enumerate(self.steps()):
            entered = features if place == "enters" else entered
            features = conv(features)
            if index == stop:
                return features
            features = features if norm is None else norm(features, known[index] if known is not None else None)
            if place == "leaves":
                features = features + entered
            elif place != "last":
                features = relu(features)
        return (features.tanh() * 150 + 127.5 if self.layout == "tensorflow" else features) / 255


def build(layout: str = "torch", widths: Sequence[int] = WIDTHS, blocks: int = BLOCKS) -> Johnson:
    """Build a network with random weights."""
    return Johnson(layout, widths, blocks)


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Tell the layout and the sizes from a state dict, or return None if it is of neither."""
    layout = "torch" if "deconv3.conv2d.weight" in state else "tensorflow"
    table = state if layout == "torch" else _named(state)
    stems = [table.get(f"conv{number}.conv2d.weight") for number in (1, 2, 3)] if table is not None else [None]
    if table is None or any(stem is None or stem.ndim != 4 for stem in stems):
        return None
    blocks = len({key.split(".")[0] for key in table if re.match(r"res\d+\.", key)})
    widths = [int(stem.shape[0]) for stem in stems if stem is not None]
    return {"layout": layout, "widths": widths, "blocks": blocks, "own_style": True} if blocks else None


def _named(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """TensorFlow's numbered variables as a state dict of `Johnson`, kernels turned to torch's order; None if they are not."""
    numbers = {int(match[1] or 0): value for key, value in state.items() if (match := VARIABLE.fullmatch(key))}
    layers, rest = divmod(len(numbers), 3)
    blocks = (layers - 6) // 2
    if len(numbers) != len(state) or rest or blocks < 1 or layers % 2 or sorted(numbers) != list(range(len(numbers))):
        return None
    table: dict[str, Any] = {}
    for index, (conv, norm) in enumerate(_names(blocks)):
        kernel, shift, scale = (numbers[3 * index + place] for place in range(3))
        if kernel.ndim != 4 or shift.ndim != 1 or shift.shape != scale.shape:
            return None
        # (h, w, in, out), and (h, w, out, in) of a transposed one, which torch wants the other way about too
        table[f"{conv}.conv2d.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
        table |= {f"{norm}.bias": shift, f"{norm}.weight": scale}
    return table


def _names(blocks: int) -> list[tuple[str, str]]:
    """Convolution and normalisation of every layer, in TensorFlow's order."""
    names = [(f"conv{number}", f"in{number}") for number in (1, 2, 3)]
    names += [(f"res{block}.conv{number}", f"res{block}.in{number}") for block in range(1, blocks + 1) for number in (1, 2)]
    return [*names, ("deconv1", "in4"), ("deconv2", "in5"), ("deconv3", "in6")]


def _read_variables(card: Card, files: Mapping[str, Path]) -> dict[str, Tensor]:
    """Variables that lie in a file each (roles `variable`, `variable_1`, ...): float32, little endian, and nothing else.

    Raises:
        WeightsError: one is missing, or not of the size that the card's parameters give.
    """
    with torch.device("meta"):
        expected = build(**{key: card.params[key] for key in ("layout", "widths", "blocks")}).state_dict()
    shapes: list[tuple[int, ...]] = []
    for conv, norm in _names(int(card.params["blocks"])):
        after, before, height, width = expected[f"{conv}.conv2d.weight"].shape
        shapes += [(height, width, before, after), *[tuple(expected[f"{norm}.weight"].shape)] * 2]
    state: dict[str, Tensor] = {}
    for number, shape in enumerate(shapes):
        name = f"Variable_{number}" if number else "Variable"
        path = files.get(name.lower())
        if path is None:
            raise WeightsError(f"{card.name} lacks the file of {name}")
        data = path.read_bytes()
        if len(data) != 4 * math.prod(shape):
            raise WeightsError(f"{path.name} is not {name} of {card.name}: {len(data)} bytes, not {4 * math.prod(shape)}")
        state[name] = torch.frombuffer(bytearray(data), dtype=torch.float32).reshape(shape)
    return state


def load(card: Card, files: Mapping[str, Path], device: torch.device, dtype: torch.dtype) -> Stylize:
    """Load a checkpoint of either layout.

    Raises:
        WeightsError: unreadable, of neither layout, or not what the card says.
    """
    path = files["weights"] if "weights" in files else files["variable"]
    read = None if "weights" in files else lambda path: _read_variables(card, files)
    checkpoint = open_checkpoint(card, path, "a feed-forward network of one style", recognise, read=read)

    def keys(state: State) -> State:
        return state if checkpoint.recognised["layout"] == "torch" else _named(state) or {}

    return transform(checkpoint.into(lambda own_style, **sizes: build(**sizes), keys), device, dtype)


def transform(network: Johnson, device: torch.device, dtype: torch.dtype) -> Stylize:
    """The network as the style task calls it: without a style to choose."""
    norms = [index for index, (_, norm, _) in enumerate(network.steps()) if norm is not None]
    return Stylize(
        network,
        device=device,
        dtype=dtype,
        style=None,
        rounds=[partial(_entering, stop=index) for index in norms],
        render=lambda network, images, code, known: network(images, known),
        whole=lambda network, images, code: network(images),
        multiple=STRIDE,
        # both ends, the steps down and up, and two places of a quarter of the side for every convolution of the blocks
        receptive=16 + 2 * STRIDE * (network.blocks + 1),
        pixel_bytes=PIXEL_BYTES,
        epsilon=EPSILON[network.layout],
        unbiased=False,
    )


def _entering(network: Any, images: Tensor, code: Sequence[Tensor], known: Sequence[Statistics], *, stop: int) -> list[Tensor]:
    return [network(images, known, stop)]
