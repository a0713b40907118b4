"""The tensors of safetensors as float32 arrays, without torch: what the shipped weights are kept in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

SCALE = "|scale"  # see eight_bits.py


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """All tensors of a file, those in eight bits multiplied out."""
    import numpy as np
    from safetensors.numpy import load_file

    stored = load_file(path)
    arrays = {name: np.asarray(each, np.float32) for name, each in stored.items() if not name.endswith(SCALE)}
    for name, scale in stored.items():
        if name.endswith(SCALE):
            own = name.removesuffix(SCALE)
            arrays[own] = arrays[own] * scale.astype(np.float32).reshape(-1, *[1] * (arrays[own].ndim - 1))
    return arrays
