"""What a task brings to the one training loop, with the defaults of most tasks."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

import numpy as np
from torch import Tensor, nn

from genkit.errors import GenkitError, UsageError
from genkit.train.feed import Batch, feed

Modules = dict[str, nn.Module]
Figures = dict[str, float]


class Job(Protocol):
    """One task's side of training.

    `averaged` names the modules whose averages are measured and exported, `discriminators` those that learn against the others
    from a loss of their own; `protocol` says how `evaluate` measures; `dtypes` are what the model runs in, if not all; `judge`
    is the title of the features by which results are judged in the loss, if any are.
    """

    modules: Modules
    averaged: tuple[str, ...]
    discriminators: tuple[str, ...] = ()
    protocol: str
    dtypes: tuple[str, ...] = ()
    judge: str = ""

    def adapt(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """What a first checkpoint gives to these modules."""
        return state

    def matrices(self) -> list[Tensor]:
        """The hidden weights that Muon may take."""
        return []

    def batches(self, seed: int) -> Iterator[Batch]:
        return feed(self.batch, seed)

    def batch(self, rng: np.random.Generator) -> Batch: ...

    def loss(self, modules: Modules, batch: Batch, *, finishing: bool) -> tuple[Tensor, Figures]:
        """The loss of all but the discriminators, and figures to report."""

    def discriminator_loss(self, modules: Modules, batch: Batch) -> tuple[Tensor, Figures] | None:
        """That of the discriminators on what `loss` has just made of this batch, or None while they do not learn."""
        return None

    def evaluate(self, modules: Modules) -> Figures: ...

    def sheet(self, modules: Modules) -> np.ndarray: ...

    def export(self, modules: Modules) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The tensors of the finished model, and its card's parameters."""
        return {}, {}

    def card_fields(self) -> dict[str, Any]:
        """Further fields of the card."""
        return {"dtypes": list(self.dtypes)} if self.dtypes else {}


def built(build: Callable[..., Any], sizes: Mapping[str, Any]) -> Any:
    """A network of these sizes.

    Raises:
        UsageError: it cannot be built.
    """
    try:
        return build(**sizes)
    except Exception as error:  # libraries check sizes with errors of their own
        if isinstance(error, (GenkitError, MemoryError)):
            raise
        raise UsageError(f"the network of this configuration cannot be built: {' '.join(str(error).split())}") from error


def figures_of(losses: Mapping[str, Tensor]) -> Figures:
    return {name: float(loss.detach()) for name, loss in losses.items()}


def hidden_convolutions(network: nn.Module) -> list[Tensor]:
    """The weights of the convolutions but for the first and the last, which meet pixels, for which Muon is not made."""
    return [module.weight for module in network.modules() if isinstance(module, nn.Conv2d)][1:-1]
