"""Small ONNX files, written by hand: the wire format of protobuf, the fields of onnx.proto that a network needs."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TYPES = {"float32": 1, "uint8": 2, "int8": 3, "int32": 6, "int64": 7, "bool": 9, "float16": 10, "float64": 11}


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def number(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def part(field: int, value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return varint(field << 3 | 2) + varint(len(raw)) + raw


def tensor(name: str, array: np.ndarray) -> bytes:
    """A TensorProto with raw bytes."""
    dims = b"".join(number(1, length) for length in array.shape)
    return dims + number(2, TYPES[array.dtype.name]) + part(8, name) + part(9, array.tobytes())


def attribute(name: str, value: Any) -> bytes:
    if isinstance(value, float):
        return part(1, name) + varint(2 << 3 | 5) + struct.pack("<f", value) + number(20, 1)
    if isinstance(value, int):
        return part(1, name) + number(3, value) + number(20, 2)
    if isinstance(value, str):
        return part(1, name) + part(4, value) + number(20, 3)
    if isinstance(value, np.ndarray):
        return part(1, name) + part(5, tensor("", value)) + number(20, 4)
    return part(1, name) + b"".join(number(8, each) for each in value) + number(20, 7)


def node(op_type: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> bytes:
    names = b"".join(part(1, name) for name in inputs) + b"".join(part(2, name) for name in outputs)
    return names + part(4, op_type) + b"".join(part(5, attribute(key, value)) for key, value in attributes.items())


def value(name: str, dtype: str, *sizes: int | str) -> bytes:
    """A ValueInfoProto with a type, which whoever runs a file wants of its inputs."""
    dims = [part(1, number(1, one) if isinstance(one, int) else part(2, one)) for one in sizes]
    return part(1, name) + part(2, part(1, number(1, TYPES[dtype]) + part(2, b"".join(dims))))


def graph(
    nodes: Sequence[bytes],
    tensors: Sequence[bytes],
    inputs: Sequence[str | bytes] = ("x",),
    outputs: Sequence[str | bytes] = ("y",),
) -> bytes:
    """`inputs` and `outputs` by name, or as `value` writes them."""
    fields = [part(1, each) for each in nodes] + [part(5, each) for each in tensors]
    fields += [part(11, part(1, one) if isinstance(one, str) else one) for one in inputs]
    fields += [part(12, part(1, one) if isinstance(one, str) else one) for one in outputs]
    return b"".join([*fields, part(2, "g")])


def model(graph_bytes: bytes) -> bytes:
    return number(1, 8) + part(2, "test") + part(7, graph_bytes) + part(8, number(2, 17))


def convolutions(weights: Mapping[str, np.ndarray]) -> bytes:
    """A file whose nodes are convolutions in order, each taking `NAME.weight` and `NAME.bias` of `weights`."""
    names = list(dict.fromkeys(key.rpartition(".")[0] for key in weights))
    nodes, before = [], "x"
    for place, name in enumerate(names):
        inputs = [before, *(key for key in (f"{name}.weight", f"{name}.bias") if key in weights)]
        before = f"t{place}"
        nodes.append(node("Conv", inputs, [before]))
    return model(graph(nodes, [tensor(key, value) for key, value in weights.items()]))
