"""What the shapes that run one network have in common: a runner, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from genkit import runtime
from genkit.engine.runner import TOLERANCE, is_runner

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card
    from genkit.engine.runner import Runner


class Running:
    """`runner` runs the network's functions on arrays. FACTS are the arguments of the constructor that are data, each kept
    under its own name, so that with another runner the same model can be made of them. TOLERANCE is how far another engine's
    numbers may be from torch's, in parts of the largest or of 1."""

    FACTS: ClassVar[tuple[str, ...]] = ()
    TOLERANCE: ClassVar[float] = TOLERANCE
    runner: Runner
    network: Any

    def _put(
        self, network: Any, device: Any, dtype: Any, stages: Mapping[str, Callable[..., Any]], *, whole: bool = False
    ) -> None:
        """Take a runner as it is, or put a network of torch into one, with its functions by name."""
        if is_runner(network):
            self.runner = network
        else:
            from genkit.engine.torch_runner import TorchRunner

            self.runner = TorchRunner(network, stages, device, dtype, whole=whole)
        self.network = getattr(self.runner, "network", None)

    @property
    def device(self) -> runtime.Device:
        return runtime.Device(str(self.runner.device))

    @property
    def dtype(self) -> str:
        return runtime.dtype_name(self.runner.dtype)

    def to(self, device: Any, dtype: Any) -> Self:
        self.runner.to(device, dtype)
        return self

    def facts(self) -> dict[str, Any]:
        """The data that, with a runner, makes this model again."""
        return {name: getattr(self, name) for name in self.FACTS}

    @classmethod
    def remade(
        cls, runner: Runner, facts: Mapping[str, Any], card: Card, files: Mapping[str, Path], load: Callable[[], Self]
    ) -> Self:
        """The same model on another runner: of its facts, and where they are not all that it is, of its card and files. `load`
        loads it in torch."""
        shape: Any = cls  # whose constructor this class does not know
        made: Self = shape(runner, **facts)
        return made

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        """For each function that another engine may run: arrays to convert it by, and arrays of another size to test it by."""
        return {}


def of_modules(*names: str) -> dict[str, Callable[..., Any]]:
    """The functions of a network that is several by name (`nn.ModuleDict`): what each of them gives."""
    return {name: partial(_module, name) for name in names}


def _module(name: str, network: Any, *tensors: Any) -> Any:
    return network[name](*tensors)
