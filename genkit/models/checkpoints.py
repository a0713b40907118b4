"""From a checkpoint to a network: recognised by its keys and shapes, held against its card, every tensor in its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from genkit.errors import WeightsError
from genkit.models.bounds import bounded_parts

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genkit.cards import Card

    N = TypeVar("N", bound=nn.Module)

COUNTER = ".num_batches_tracked"  # of batch normalisation: of no use here, and missing from files of PyTorch before 0.4.1
RUNNING = re.compile(r"(^|\.)(running_mean|running_var|num_batches_tracked)$")

State = Mapping[str, "Tensor"]


@dataclass(frozen=True)
class Checkpoint:
    """A file that its family recognised. `name` is what messages call the network; `recognised` are the parameters that the
    tensors tell, and `sizes` the same with those that the card alone can tell."""

    card: Card
    path: Path
    name: str
    state: State
    recognised: Mapping[str, Any]
    sizes: Mapping[str, Any]

    def need(self, parameter: str, example: str) -> None:
        """Refuse a checkpoint whose card must say what no tensor tells, and does not.

        Raises:
            WeightsError: `parameter` is not known.
        """
        if parameter not in self.sizes:
            raise WeightsError(
                f"the card {self.card.name} must say {parameter}, which no tensor tells", f"params: {parameter} = {example}"
            )

    def into(
        self, build: Callable[..., N], keys: Callable[[State], State] = lambda state: state, *, meta: bool = True, **more: Any
    ) -> N:
        """The network that `build(**sizes, **more)` makes, with every tensor of the file in its place and in the file's format.

        `keys` brings the file's names to the network's. `meta` builds it without memory for weights of its own, which a network
        with further numbers (buffers that no file holds) or with arithmetic in its making does not stand.

        Raises:
            WeightsError: a tensor is missing, unexpected or of another shape.
        """
        import torch

        try:
            with torch.device("meta" if meta else "cpu"), bounded_parts(len(self.state), self.path):
                network = build(**{**self.sizes, **more})
        except (RuntimeError, AssertionError) as error:  # sizes that no file of this network has
            raise _misfit(self.path, self.name, error) from error
        fit(network, keys(self.state), self.path, self.name)
        return network


def open_checkpoint(
    card: Card,
    path: Path,
    name: str,
    recognise: Callable[[State], Mapping[str, Any] | None],
    *,
    of_card: Sequence[str] = (),
    read: Callable[[Path], State] | None = None,
) -> Checkpoint:
    """Read a file and recognise it. `of_card` are parameters that no tensor tells: those of the card hold.

    Raises:
        WeightsError: unreadable, of another network, or not what the card says.
    """
    from genkit.weights import read_state_dict

    state = (read or read_state_dict)(path)
    recognised = recognise(state)
    if recognised is None:
        raise WeightsError(f"{path.name} is not a checkpoint of {name}")
    params = card.params
    certain = {key: value for key, value in recognised.items() if key not in of_card}
    wrong = [f"{key} {value}, not {params[key]}" for key, value in certain.items() if params.get(key, value) != value]
    if wrong:
        raise WeightsError(f"{path.name} is not what the card {card.name} says: {', '.join(wrong)}")
    sizes = {**recognised, **{key: params[key] for key in of_card if key in params}}
    return Checkpoint(card, path, name, state, recognised, sizes)


def fit(network: nn.Module, state: State, path: Path, name: str) -> None:
    """Assign `state`, read from `path`, to a network that messages call `name`: every tensor, and no other.

    Of batch normalisation, counters may be missing, and running statistics are left out that the network has no place for.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape.
    """
    import torch

    places = network.state_dict()
    counters = {key: torch.zeros((), dtype=torch.long) for key in places if key.endswith(COUNTER)}
    kept = {key: value for key, value in state.items() if key in places or not RUNNING.search(key)}
    try:
        network.load_state_dict(counters | kept, strict=True, assign=True)
    except RuntimeError as error:
        raise _misfit(path, name, error) from error


def _misfit(path: Path, name: str, error: Exception) -> WeightsError:
    return WeightsError(f"{path.name} does not fit {name}: {' '.join(str(error).split())[:400]}")
