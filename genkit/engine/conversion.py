"""From a network of torch to OpenVINO's graph, checked against torch before it is believed.

The network is traced (so nothing in it may be decided by its data, and nothing changed in place through a view), its batch and
sides are left open, and what the graph makes of pictures of two sizes is held against torch's.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.engine.compiled import compiled
from genkit.engine.graph import Graph
from genkit.engine.openvino_runner import PRECISE
from genkit.engine.runner import TOLERANCE

if TYPE_CHECKING:
    from genkit.engine.torch_runner import TorchRunner


class NotConvertedError(Exception):
    """The engine cannot run a network as torch does; says why."""


def convert(
    runner: TorchRunner,
    examples: Mapping[str, Sequence[Sequence[np.ndarray]]],
    numbers: Mapping[str, float],
    fixed: Mapping[str, Mapping[str, float]] = MappingProxyType({}),
    tolerance: float = TOLERANCE,
) -> dict[str, Graph]:
    """The functions of a network that examples are given for, each as a graph; `fixed` are options of a function that hold in
    every call. `tolerance` is the largest difference, in parts of the largest number that comes out or of 1.

    Raises:
        NotConvertedError: an operation that the engine does not have, or numbers that are not torch's.
    """
    return {
        stage: _converted(runner, stage, given, dict(numbers), dict(fixed.get(stage, {})), tolerance)
        for stage, given in examples.items()
    }


def _converted(
    runner: TorchRunner,
    stage: str,
    examples: Sequence[Sequence[np.ndarray]],
    numbers: dict[str, float],
    fixed: dict[str, float],
    tolerance: float,
) -> Graph:
    import openvino
    import torch

    wanted = [runner.run(stage, *given, **numbers, **fixed) for given in examples]  # first: `fixed` may change the weights
    function = partial(runner.stages[stage], **fixed)
    module = _function_module(runner.network, function, list(numbers))
    tensors = [torch.from_numpy(np.ascontiguousarray(each)) for each in examples[0]]
    tensors += [torch.tensor(float(value)) for value in numbers.values()]
    shapes = [(openvino.PartialShape(_open(*each)), openvino.Type(each[0].dtype)) for each in zip(*examples, strict=True)]
    shapes += [(openvino.PartialShape([]), openvino.Type.f32)] * len(numbers)
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            traced = torch.jit.trace(module.eval(), tuple(tensors), check_trace=False)
            model = _read(traced, shapes)
        except Exception as error:  # the converter fails in any way that its parts do
            raise NotConvertedError(f"{type(error).__name__}: {' '.join(str(error).split())[:200]}") from error
    xml, constants = _serialised(model)
    try:
        run = compiled(Graph(xml, lambda: constants, len(constants)), PRECISE)
    except RuntimeError as error:
        raise NotConvertedError(f"{stage}: {' '.join(str(error).split())[:200]}") from error
    largest = 0.0
    for given, right in zip(examples, wanted, strict=True):
        try:
            found = list(run([*given, *(np.float32(each) for each in numbers.values())]).values())
        except RuntimeError as error:
            raise NotConvertedError(f"{stage}: {' '.join(str(error).split())[:200]}") from error
        for one, other in zip(found, right, strict=True):
            if one.shape != other.shape:
                raise NotConvertedError(f"{stage}: {one.shape} instead of {other.shape}")
            largest = max(largest, float(np.abs(one - other).max()) / max(1.0, float(np.abs(other).max())))
    if not largest <= tolerance:  # not a number is no proof either
        raise NotConvertedError(f"{stage}: differs from torch by {largest:.2g}")
    return Graph(xml, lambda: constants, len(constants), numbers, fixed, largest)


def _read(traced: Any, shapes: list[Any]) -> Any:
    import openvino
    import torch

    try:
        return openvino.convert_model(traced, input=shapes)
    except Exception:  # see above
        # a scripted module has names of its own (code, graph), which hide layers that are called so; frozen it has no layers
        return openvino.convert_model(torch.jit.freeze(traced, optimize_numerics=False), input=shapes)


def _open(first: np.ndarray, *others: np.ndarray) -> list[int]:
    """A picture's batch and sides may be any, and what differs between the examples; numbers of a code (1, C, 1, 1) stay."""
    shape = [side if all(each.shape[place] == side for each in others) else -1 for place, side in enumerate(first.shape)]
    if len(shape) == 4 and first.shape[2] * first.shape[3] > 1:
        return [-1, shape[1], -1, -1]
    return [-1, *shape[1:]] if len(shape) in (2, 3) else shape


def _serialised(model: Any) -> tuple[bytes, bytes]:
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "graph.xml"
        openvino.save_model(model, path, compress_to_fp16=False)
        return path.read_bytes(), path.with_suffix(".bin").read_bytes()


def _function_module(network: Any, function: Any, names: Sequence[str]) -> Any:
    """A function of (network, *tensors, **numbers) as a module of tensors alone."""
    import torch

    class Function(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, *tensors: Any) -> Any:
            count = len(tensors) - len(names)
            result = function(self.network, *tensors[:count], **dict(zip(names, tensors[count:], strict=True)))
            return result if isinstance(result, torch.Tensor) else tuple(result)

    return Function()
