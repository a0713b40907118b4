"""Where a pipeline's parts live while it runs: on the device, or waiting in main memory for their turn.

Three placements, from quick to frugal: `whole` (everything on the device), `model` (each part is moved there when its turn
comes: little time, and the largest part decides), `sequential` (layer by layer: fits nearly everywhere, many times as slow).
The first that fits the free memory is taken; on the CPU and on MPS, whose memory is shared, it is always `whole`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from genkit import runtime
from genkit.errors import RunError

if TYPE_CHECKING:
    import torch

GIB = 1 << 30
ROOM_1024 = 4 * GIB  # what a half-precision pass and the decoding of 1024 x 1024 take beside the weights, and something over
MOST_AT_ONCE = {"cpu": 4, "cuda": 16}
SMALL = 256 * 256  # pixels below which a CPU gains from drawing several pictures at once


def most_at_once(device: runtime.Device | torch.device, dtype: Any, pixels: int) -> int:
    """How many pictures of so many pixels fit into the free memory at once, at least 1."""
    if device.type != "cuda" and pixels > SMALL:
        return 1  # one picture keeps all cores busy
    each = max(GIB // 16, ROOM_1024 * pixels * (1 if runtime.is_half(dtype) else 2) // (1024 * 1024))
    free = runtime.free_memory(device) // 2
    return int(max(1, min(MOST_AT_ONCE.get(device.type, 4), free // each)))


def choose_placement(sizes: Collection[int], side: int, free: int) -> str:
    """`whole`, `model` or `sequential` for parts of these sizes and pictures of `side`, with `free` bytes on the device."""
    room = max(GIB, ROOM_1024 * side * side // (1024 * 1024))
    if sum(sizes) + room <= free:
        return "whole"
    return "model" if max(sizes, default=0) + room <= free else "sequential"


def refuse_what_does_not_fit(name: str, sizes: Collection[int], dtype: torch.dtype) -> None:
    """Say before loading that main memory, through which all weights go, is too small.

    Raises:
        RunError: it is; the way out is named.
    """
    need, free = sum(sizes), runtime.free_memory(runtime.CPU)
    if need > free:
        word = str(dtype).removeprefix("torch.")
        way_out = "a half format (--dtype bfloat16) or a smaller model" if dtype.itemsize > 2 else "a smaller model"
        raise RunError(
            f"{name}: its weights take {need / 1e9:.1f} GB in {word}, and {free / 1e9:.1f} GB of memory are free", way_out
        )


def place(pipeline: Any, device: torch.device, side: int, wanted: str | None = None) -> str:
    """Move a pipeline from the CPU to `device`, whole or by turns, and return the placement; `wanted` instead of what fits."""
    import torch

    placement = wanted or "whole"
    if device.type == "cuda" and wanted is None:
        sizes = [_size(part) for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
        placement = choose_placement(sizes, side, runtime.free_memory(device))
    if placement == "model":
        pipeline.enable_model_cpu_offload(device=device)
    elif placement == "sequential":
        pipeline.enable_sequential_cpu_offload(device=device)
    else:
        pipeline.to(device)
    return placement


def _size(part: torch.nn.Module) -> int:
    return sum(value.numel() * value.element_size() for value in (*part.parameters(), *part.buffers()))
