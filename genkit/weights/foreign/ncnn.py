"""Read the weights of an ncnn model (`NAME.param` beside `NAME.bin`) as the state dict of the network that it was made from.

`NAME.param` is text: the number 7767517, the numbers of layers and blobs, then a layer a line: kind, name, how many inputs and
outputs, their names, and `KEY=VALUE`. `NAME.bin` holds, in the order of the layers, of a convolution a word (0x01306B47:
weights in half precision, padded to four bytes; 0: in full), its weights and its bias in full, of a PReLU its slopes in full
(ncnn's `ModelBinFromDataReader` and `tools/modelwriter.h`). Names of tensors are not kept, so only networks are read whose
layers stand in a known order: RRDBNet (ESRGAN) and the compact network (SRVGGNet). No other kind of layer is let pass.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from genkit.errors import WeightsError
from genkit.files import read_regular

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MAGIC = b"7767517"
HALF, FULL = 0x01306B47, 0
WITHOUT_WEIGHTS = {"Input", "Split", "Concat", "Eltwise", "BinaryOp", "Interp", "PixelShuffle"}
LARGEST = 2 << 30  # bytes
BLOCK = [f"rdb{part}.conv{number}" for part in (1, 2, 3) for number in range(1, 6)]  # of an RRDBNet
AFTER_BLOCKS = ["conv_body", "conv_up1", "conv_up2", "conv_hr", "conv_last"]


class Layer(NamedTuple):
    kind: str
    name: str
    params: dict[int, str]


def structure_of(path: Path, head: bytes) -> Path | None:
    """The .param file beside ncnn's weights, or None where `path`, which begins with `head`, are none."""
    if len(head) < 4 or struct.unpack_from("<I", head)[0] not in (HALF, FULL):
        return None
    beside = path.with_suffix(".param")
    try:
        with beside.open("rb") as file:
            return beside if file.read(len(MAGIC)) == MAGIC else None
    except OSError:
        return None


def read_ncnn(structure: Path, path: Path) -> dict[str, Tensor]:
    """The state dict in float32 of the network whose layers `structure` lists and whose weights `path` holds.

    Raises:
        WeightsError: unreadable, cut short, with bytes or layers too many, or of no network that is known here.
    """
    try:
        text, data = read_regular(structure).decode("utf-8"), read_regular(path, LARGEST)
        layers = _layers(text)
        tensors = _tensors(layers, data)
        return _compact(layers, tensors) if any(layer.kind == "PReLU" for layer in layers) else _rrdbnet(layers, tensors)
    except (OSError, ValueError, KeyError, struct.error) as error:
        raise WeightsError(
            f"{path}: no ncnn model that can be read ({error})",
            "RRDBNet (ESRGAN) and compact (SRVGGNet) models are read; fetch it again, with the .param beside it",
            code="damaged",
        ) from error


def _layers(text: str) -> list[Layer]:
    lines = text.splitlines()
    count = int(lines[1].split()[0]) if len(lines) > 1 else -1
    if lines[0].strip() != MAGIC.decode() or len(lines) - 2 != count:
        raise ValueError(f"{len(lines) - 2} layers where the .param says {count}")
    layers: list[Layer] = []
    for line in lines[2:]:
        kind, name, inputs, outputs, *rest = line.split()
        pairs = (one.partition("=") for one in rest[int(inputs) + int(outputs) :])
        layers.append(Layer(kind, name, {int(key): value for key, _, value in pairs}))
        if kind not in WITHOUT_WEIGHTS and kind not in ("Convolution", "PReLU"):
            raise ValueError(f"layer {name} is a {kind}")
    return layers


def _tensors(layers: list[Layer], data: bytes) -> list[tuple[np.ndarray, ...]]:
    """Weight and bias of each convolution, the slopes of each PReLU, in order."""
    import numpy as np

    at, found = 0, list[tuple[np.ndarray, ...]]()

    def take(count: int, dtype: type, padded: int) -> np.ndarray:
        nonlocal at
        if count < 0 or at + padded > len(data):
            raise ValueError("it is cut short")
        numbers = np.frombuffer(data, dtype, count, at).astype(np.float32)
        at += padded
        return numbers

    for layer in layers:
        if layer.kind == "Convolution":
            channels, kernel, size = (int(layer.params[key]) for key in (0, 1, 6))
            if layer.params.get(5) != "1" or kernel < 1 or channels < 1 or size % (channels * kernel * kernel):
                raise ValueError(f"layer {layer.name} is no convolution with a bias")
            (flag,) = struct.unpack_from("<I", data, at)
            at += 4
            if flag not in (HALF, FULL):
                raise ValueError(f"layer {layer.name} has weights of another format, {flag:#010x}")
            weight = take(size, np.float16, (2 * size + 3) // 4 * 4) if flag == HALF else take(size, np.float32, 4 * size)
            found.append((weight.reshape(channels, -1, kernel, kernel), take(channels, np.float32, 4 * channels)))
        elif layer.kind == "PReLU":
            slopes = int(layer.params[0])
            found.append((take(slopes, np.float32, 4 * slopes),))
    if at != len(data):
        raise ValueError(f"{len(data) - at} bytes belong to no layer")
    return found


def _rrdbnet(layers: list[Layer], tensors: list[tuple[np.ndarray, ...]]) -> dict[str, Tensor]:
    """Residual in residual dense blocks (Wang et al. 2018, ESRGAN, arXiv 1809.00219): x4, by two doublings."""
    blocks, left = divmod(len(tensors) - 1 - len(AFTER_BLOCKS), len(BLOCK))
    doublings = [layer for layer in layers if layer.kind == "Interp"]
    if blocks < 1 or left or len(doublings) != 2 or any(float(layer.params[1]) != 2 for layer in doublings):
        raise ValueError(f"{len(tensors)} convolutions and {len(doublings)} doublings are no RRDBNet")
    names = ["conv_first", *(f"body.{block}.{name}" for block in range(blocks) for name in BLOCK), *AFTER_BLOCKS]
    features, growth = tensors[0][0].shape[0], tensors[1][0].shape[0]
    for name, (weight, _) in zip(names, tensors, strict=True):
        number = int(name[-1]) if ".rdb" in name else 0
        inputs = features + (number - 1) * growth if number else (3 if name == "conv_first" else features)
        outputs = growth if 1 <= number < 5 else (3 if name == "conv_last" else features)
        if weight.shape != (outputs, inputs, 3, 3):
            raise ValueError(f"{name} has the shape {weight.shape}, not {(outputs, inputs, 3, 3)}")
    return _named(dict(zip(names, tensors, strict=True)))


def _compact(layers: list[Layer], tensors: list[tuple[np.ndarray, ...]]) -> dict[str, Tensor]:
    """Convolutions with a PReLU between any two, then a pixel shuffle, added to the enlarged input (Real-ESRGAN)."""
    kinds = [layer.kind for layer in layers if layer.kind in ("Convolution", "PReLU", "PixelShuffle")]
    hidden = len(tensors) // 2
    if kinds != [*["Convolution", "PReLU"] * hidden, "Convolution", "PixelShuffle"]:
        raise ValueError("its layers are not those of a compact network")
    scale = next(int(layer.params[0]) for layer in layers if layer.kind == "PixelShuffle")
    channels = 3
    for weight, *_ in tensors[:-1]:
        if weight.shape[1 if weight.ndim == 4 else 0] != channels:
            raise ValueError(f"{weight.shape} follows {channels} channels")
        channels = weight.shape[0]
    if tensors[-1][0].shape[:2] != (3 * scale * scale, channels):
        raise ValueError(f"its last layer makes no picture {scale} times as large")
    return _named({f"body.{number}": one for number, one in enumerate(tensors)})


def _named(tensors: dict[str, tuple[np.ndarray, ...]]) -> dict[str, Tensor]:
    import torch

    return {
        f"{name}.{role}": torch.from_numpy(one)
        for name, pair in tensors.items()
        for role, one in zip(("weight", "bias"), pair, strict=False)
    }
