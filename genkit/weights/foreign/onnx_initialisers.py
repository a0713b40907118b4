"""Take the tensors out of an ONNX file, and the order in which its layers use them; nothing of it is ever run.

An ONNX file is one protobuf message (github.com/onnx/onnx, onnx/onnx.proto): a model holds a graph, a graph holds initialisers
(the weights) and nodes in the order of execution. We read that little of the wire format ourselves (varints and fields with a
length; protobuf.dev, "Encoding"), into tensors and plain records. What a network does is its family's business, in code of our
own: a family walks the nodes that have weights and puts these in their places, one by one.

Refused: weights in other files (their paths would be the file's to choose), graphs inside nodes, strings as tensors, types of
numbers that torch has not, and any size that does not agree with the bytes that are there.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import WeightsError
from genkit.files import read_regular

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 2 << 30  # bytes: protobuf's own limit
MOST_NODES, MOST_TENSORS, MOST_DIMENSIONS = 100_000, 100_000, 8
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5  # wire types

# TensorProto.DataType: torch's name, and the field that holds the numbers where they are not raw bytes
DATA_TYPES = {
    1: ("float32", 4),
    2: ("uint8", 5),
    3: ("int8", 5),
    4: ("uint16", 5),
    5: ("int16", 5),
    6: ("int32", 5),
    7: ("int64", 7),
    9: ("bool", 5),
    10: ("float16", 5),
    11: ("float64", 10),
    16: ("bfloat16", 5),
}
BITS = {"float16", "bfloat16"}  # int32_data holds their bit patterns


class _Refused(Exception):
    pass


@dataclass(frozen=True)
class Node:
    """A layer: what it is (`Conv`), the names that it takes ("" where one is left out) and makes, and its settings: whole
    numbers, floats, strings, tuples of these, or tensors."""

    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    name: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Graph:
    """`nodes` in the order of execution, without those that only hold a constant; `initialisers` by name, constants among
    them, on the CPU in the file's own formats. `inputs` are those that a caller gives."""

    nodes: tuple[Node, ...]
    initialisers: dict[str, Tensor]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def weights_of(self, node: Node) -> tuple[Tensor, ...]:
        """The initialisers that a node takes, in its order."""
        return tuple(self.initialisers[name] for name in node.inputs if name in self.initialisers)


def is_onnx(head: bytes) -> bool:
    """Whether a file that begins so may be one: its first field is the version of the format, a small number, and its second
    the producer's name or another field with a length."""
    return len(head) > 3 and head[0] == 0x08 and 1 <= head[1] <= 64 and head[2] in (0x12, 0x1A, 0x22, 0x32, 0x3A, 0x42)


def read_onnx(path: Path) -> Graph:
    """Read the whole of an ONNX file, 2 GB at most.

    Raises:
        WeightsError: unreadable, damaged, or with something in it that is refused (see above).
    """
    path = Path(path)
    try:
        data = memoryview(read_regular(path, LARGEST))
    except (OSError, ValueError) as error:
        raise WeightsError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})", code="unreadable"
        ) from error
    try:
        graphs = [value for number, value in _fields(data) if number == 7]
        if len(graphs) != 1:
            raise _Refused("it has no graph" if not graphs else "it has several graphs")
        return _graph(_message(graphs[0]))
    except MemoryError:
        raise
    except (_Refused, ValueError, IndexError, struct.error, OverflowError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(
            f"{path}: an ONNX file whose tensors cannot be taken out ({reason})",
            "fetch it again, or export it anew with its weights inside",
            code="not-a-checkpoint",
        ) from error


def _varint(data: memoryview, place: int) -> tuple[int, int]:
    """A whole number of up to 64 bits, and the place after it."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & (1 << 64) - 1, place
    raise _Refused("a number has no end")


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """(number, value) of every field of a message: whole numbers, and bytes for all that has a length or a fixed size."""
    place, end = 0, len(data)
    while place < end:
        key, place = _varint(data, place)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, place = _varint(data, place)
            yield number, value
            continue
        if wire == LENGTH:
            length, place = _varint(data, place)
        elif wire in (FIXED32, FIXED64):
            length = 4 if wire == FIXED32 else 8
        else:
            raise _Refused(f"a field of an unknown kind, {wire}")
        if number == 0 or place + length > end:
            raise _Refused("cut short, or no message")
        yield number, data[place : place + length]
        place += length


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise _Refused("a number stands where a part should")
    return value


def _number(value: int | memoryview) -> int:
    if not isinstance(value, int):
        raise _Refused("a part stands where a number should")
    return value


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8")


def _whole_numbers(value: int | memoryview) -> list[int]:
    """One of a repeated field, or all of them packed."""
    if isinstance(value, int):
        return [_signed(value)]
    numbers, place = [], 0
    while place < len(value):
        one, place = _varint(value, place)
        numbers.append(_signed(one))
    return numbers


def _graph(data: memoryview) -> Graph:
    nodes: list[Node] = []
    initialisers: dict[str, Tensor] = {}
    inputs: list[str] = []
    outputs: list[str] = []
    for number, value in _fields(data):
        if number == 1:
            node = _node(_message(value))
            if node.op_type == "Constant":
                constant = _constant(node)
                if constant is not None:
                    _add(initialisers, node.outputs[0], constant)
            else:
                nodes.append(node)
        elif number == 5:
            _add(initialisers, *_tensor(_message(value)))
        elif number in (11, 12):
            (inputs if number == 11 else outputs).append(_name_of(_message(value)))
        elif number == 15:
            raise _Refused("it has sparse tensors")
        if len(nodes) > MOST_NODES:
            raise _Refused(f"it has more than {MOST_NODES:,} nodes")
    # files of older versions list the initialisers among the inputs
    return Graph(tuple(nodes), initialisers, tuple(name for name in inputs if name not in initialisers), tuple(outputs))


def _add(initialisers: dict[str, Tensor], name: str, tensor: Tensor) -> None:
    if not name or name in initialisers:
        raise _Refused(f"two tensors are called {name[:80]!r}" if name else "a tensor has no name")
    if len(initialisers) >= MOST_TENSORS:
        raise _Refused(f"it has more than {MOST_TENSORS:,} tensors")
    initialisers[name] = tensor


def _name_of(data: memoryview) -> str:
    return next((_text(value) for number, value in _fields(data) if number == 1), "")


def _node(data: memoryview) -> Node:
    inputs: list[str] = []
    outputs: list[str] = []
    names = {3: "", 4: ""}
    attributes: dict[str, Any] = {}
    for number, value in _fields(data):
        if number == 1:
            inputs.append(_text(value))
        elif number == 2:
            outputs.append(_text(value))
        elif number in names:
            names[number] = _text(value)
        elif number == 5:
            key, setting = _attribute(_message(value))
            attributes[key] = setting
    if not names[4] or not outputs:
        raise _Refused("a node without a kind or without a result")
    return Node(names[4], tuple(inputs), tuple(outputs), names[3], attributes)


def _attribute(data: memoryview) -> tuple[str, Any]:
    """(name, value). Which of its fields holds the value, `type` says; files that leave it out have one field only."""
    name, kind = "", 0
    single: dict[int, Any] = {}
    several: dict[int, list[Any]] = {7: [], 8: [], 9: []}
    for number, value in _fields(data):
        if number == 1:
            name = _text(value)
        elif number == 20:
            kind = _number(value)
        elif number == 2:
            single[1] = struct.unpack("<f", _message(value))[0]
        elif number == 3:
            single[2] = _signed(_number(value))
        elif number == 4:
            single[3] = _text(value)
        elif number == 5:
            single[4] = _tensor(_message(value))[1]
        elif number == 7:
            raw = _message(value)
            several[7] += struct.unpack(f"<{len(raw) // 4}f", raw)
        elif number == 8:
            several[8] += _whole_numbers(value)
        elif number == 9:
            several[9].append(_text(value))
        elif number in (6, 11):
            raise _Refused("a node holds a graph of its own")
    if kind in (6, 7, 8):  # FLOATS, INTS, STRINGS
        return name, tuple(several[kind + 1])
    if kind in single:
        return name, single[kind]
    if kind in (1, 2):  # zero need not be written
        return name, 0
    if kind == 3:
        return name, ""
    if kind:
        raise _Refused(f"the setting {name[:80]!r} is of a kind that is not read")
    held = [*single.values(), *(tuple(values) for values in several.values() if values)]
    return name, held[0] if held else 0


def _constant(node: Node) -> Tensor | None:
    import torch

    for key, dtype in (
        ("value_float", "float32"),
        ("value_floats", "float32"),
        ("value_int", "int64"),
        ("value_ints", "int64"),
    ):
        if key in node.attributes:
            return torch.tensor(node.attributes[key], dtype=getattr(torch, dtype))
    value = node.attributes.get("value")
    return value if isinstance(value, torch.Tensor) else None  # strings are no weights


def _tensor(data: memoryview) -> tuple[str, Tensor]:
    import torch

    name, kind = "", 0
    size: list[int] = []
    raw: memoryview | None = None
    parts: dict[int, list[int | memoryview]] = {}
    for number, value in _fields(data):
        if number == 1:
            size += _whole_numbers(value)
        elif number == 2:
            kind = _number(value)
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _message(value)
        elif number in (4, 5, 7, 10):
            parts.setdefault(number, []).append(value)
        elif number == 13 or (number == 14 and value):
            raise _Refused("its weights lie in another file")
        elif number == 3:
            raise _Refused("a tensor comes in segments")
    if kind not in DATA_TYPES:
        raise _Refused(f"the tensor {name[:80]!r} is of type {kind}, which is not read")
    if len(size) > MOST_DIMENSIONS or any(not 0 <= length < 1 << 40 for length in size):
        raise _Refused(f"the tensor {name[:80]!r} has sizes that no tensor has")
    dtype_name, place = DATA_TYPES[kind]
    dtype, count = getattr(torch, dtype_name), math.prod(size)
    if raw is not None:
        if len(raw) != count * dtype.itemsize:
            raise _Refused(f"the tensor {name[:80]!r} has another size than its numbers")
        flat = torch.frombuffer(bytearray(raw), dtype=dtype) if count else torch.empty(0, dtype=dtype)
        return name, flat.reshape(size)
    if place in (4, 10):  # packed, or one by one with the fixed size of each
        held = b"".join(bytes(_message(value)) for value in parts.get(place, []))
        if len(held) != count * dtype.itemsize:
            raise _Refused(f"the tensor {name[:80]!r} has another size than its numbers")
        flat = torch.frombuffer(bytearray(held), dtype=dtype) if count else torch.empty(0, dtype=dtype)
        return name, flat.reshape(size)
    numbers = [one for value in parts.get(place, []) for one in _whole_numbers(value)]
    if len(numbers) != count:
        raise _Refused(f"the tensor {name[:80]!r} has another size than its numbers")
    if dtype_name in BITS:
        return name, torch.tensor(numbers, dtype=torch.int32).to(torch.uint16).view(dtype).reshape(size)
    return name, torch.tensor(numbers, dtype=torch.int64).to(dtype).reshape(size)
