"""The weights of an ONNX file in numbers of eight bits (QDQ form), as the floats that they stand for.

Such a file keeps a weight as whole numbers, and a DequantizeLinear node in front of its layer makes floats of them: (numbers -
zero point) * scale, with a scale for each slice along an axis or one for all. What that node makes is called like the weight
was before, with an ending of the exporter's.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.weights.foreign.onnx_initialisers import Graph

ENDING = "_dequant"


def dequantised(graph: Graph, path: Path) -> dict[str, Tensor]:
    """The quantised weights by what they were called, float32.

    Raises:
        WeightsError: scales that do not fit their weights.
    """
    state: dict[str, Tensor] = {}
    held = graph.initialisers
    for node in graph.nodes:
        if node.op_type != "DequantizeLinear" or node.inputs[0] not in held:
            continue
        parts = [held.get(name) for name in node.inputs]
        name = node.outputs[0].removesuffix(ENDING)
        numbers, scale = parts[0], parts[1] if len(parts) > 1 else None
        zero = parts[2] if len(parts) > 2 else None
        axis = node.attributes.get("axis", 1)
        if numbers is None or scale is None or (len(parts) > 2 and zero is None) or name in state:
            raise _refused(path, name)
        shape = _shape(numbers, scale, axis)
        if shape is None or (zero is not None and zero.shape != scale.shape):
            raise _refused(path, name)
        whole = numbers.double() - (0 if zero is None else zero.double().reshape(shape))  # biases have 32 bits
        state[name] = (whole * scale.double().reshape(shape)).float()
    return state


def _shape(numbers: Tensor, scale: Tensor, axis: object) -> list[int] | None:
    """The shape that lets a scale meet its numbers; None where they do not go together."""
    if scale.ndim == 0:
        return [1] * numbers.ndim
    if not isinstance(axis, int) or not -numbers.ndim <= axis < numbers.ndim or tuple(scale.shape) != (numbers.shape[axis],):
        return None
    shape = [1] * numbers.ndim
    shape[axis] = scale.shape[0]
    return shape


def _refused(path: Path, name: str) -> WeightsError:
    return WeightsError(f"{path}: the scales of {name[:80]!r} do not fit its numbers", "fetch it again", code="damaged")
