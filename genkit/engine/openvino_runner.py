"""A converted network on OpenVINO: arrays in and out on the CPU, in float32, without torch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.engine.compiled import compiled
from genkit.runtime import CPU, cores

if TYPE_CHECKING:
    from genkit.engine.graph import Graph
    from genkit.engine.runner import Runner

# exact numbers: some processors would else compute in bfloat16
PRECISE = {"INFERENCE_PRECISION_HINT": "f32", "PERFORMANCE_HINT": "LATENCY"}

# What the engine's binding sets up when a function of it is first called, it sets up without Python's lock, which another
# thread may hold that waits for the same: both would wait for ever. So whatever is first is done by one thread at a time.
ALONE = threading.RLock()


class OpenVinoRunner:
    """`graphs` are a network's functions by name. What was not converted (another function, an option that is no number) is run
    by the same network in torch, which `reference` loads when it is first needed."""

    engine = "openvino"
    network = None

    def __init__(self, graphs: Mapping[str, Graph], reference: Callable[[], Runner]):
        self.device, self.dtype = CPU, "float32"
        self._graphs, self._load = dict(graphs), reference
        self._compiled: dict[str, Any] = {}
        self._own = threading.local()  # requests: one must not be used by two threads at once
        self._lock = threading.Lock()
        self._reference: Runner | None = None
        self._streams = 1
        self._begun: set[str] = set()  # functions that have been run once

    @property
    def reference(self) -> Runner:
        """The network in torch."""
        with self._lock:
            if self._reference is None:
                self._reference = self._load()
            return self._reference

    @property
    def bytes(self) -> int:
        return sum(graph.size for graph in self._graphs.values())

    def to(self, device: Any, dtype: Any) -> None:
        """Nothing else is to be had here: a model that moves is one of torch."""

    def share(self, count: int) -> None:
        """Be called by so many threads at once: each has a stream with its part of the cores."""
        if count != self._streams:
            self._streams = count
            self._compiled.clear()
            self._own = threading.local()

    def run(self, stage: str, *arrays: np.ndarray, **options: Any) -> list[np.ndarray]:
        graph = self._graphs.get(stage)
        if graph is None or any(
            name not in graph.numbers and graph.fixed.get(name) != value for name, value in options.items()
        ):
            return self.reference.run(stage, *arrays, **options)
        numbers = [np.float32(options.get(name, usual)).reshape(()) for name, usual in graph.numbers.items()]
        entering = [*map(_entering, arrays), *numbers]
        if stage in self._begun:
            return self._infer(stage, entering)
        with ALONE:
            found = self._infer(stage, entering)
            self._begun.add(stage)
            return found

    def _infer(self, stage: str, arrays: list[Any]) -> list[np.ndarray]:
        found = self._request(stage).infer(arrays, share_inputs=True)
        return [np.array(each) for each in found.values()]

    def _request(self, stage: str) -> Any:
        requests = self._own.__dict__.setdefault("requests", {})
        if stage not in requests:
            requests[stage] = self._model(stage).create_infer_request()
        return requests[stage]

    def _model(self, stage: str) -> Any:
        with self._lock:
            if stage not in self._compiled:
                streams = {"NUM_STREAMS": self._streams, "INFERENCE_NUM_THREADS": cores()}
                self._compiled[stage] = compiled(self._graphs[stage], {**PRECISE, **streams})
            return self._compiled[stage]


def _entering(array: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(array, None if array.dtype == np.int64 else np.float32)
