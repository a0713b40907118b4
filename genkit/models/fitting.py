"""Put a checkpoint's tensors into a network: every one, and no other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor, nn


def fit(network: nn.Module, state: Mapping[str, Tensor], path: Path, name: str) -> None:
    """Assign `state`, read from `path`, to a network that messages call `name`.

    Raises:
        WeightsError: a tensor is missing, unexpected or of another shape.
    """
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise WeightsError(f"{path.name} does not fit {name}: {' '.join(str(error).split())[:400]}") from error
