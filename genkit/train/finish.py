"""The end of a training run: averaged weights in half precision or eight bits, and a filled card beside them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.cards import card_text
from genkit.train.config import TrainConfig
from genkit.weights.eight_bits import packed


def write_model(
    folder: Path,
    config: TrainConfig,
    tensors: Mapping[str, Tensor],
    params: Mapping[str, Any],
    *,
    command: Sequence[str],
    metrics: Mapping[str, Any],
    extra: Mapping[str, Any] | None = None,
) -> Path:
    """Write `<name>.safetensors` (float16, or `config.bits`) and `<name>.toml` into `folder` and return the card's path.

    `command` is recorded as `trained_by`; `extra` holds further card fields of the task, such as `limits`. Its `role` names the
    tensors among the card's files ("weights" by default), its `files` are further weights by role, which are copied beside.
    """
    from safetensors.torch import save_file

    weights = folder / f"{config.name}.safetensors"
    tensors = packed(tensors) if config.bits == 8 else tensors

    def stored(dtype: torch.dtype) -> dict[str, Tensor]:
        kept = {name: tensor if tensor.dtype == torch.int8 else tensor.to(dtype) for name, tensor in tensors.items()}
        return {name: tensor.detach().contiguous().cpu() for name, tensor in kept.items()}

    halves = stored(torch.float16)
    if not all(bool(torch.isfinite(tensor).all()) for tensor in halves.values()):
        halves = stored(torch.float32)
    save_file(halves, weights)
    weights.chmod(0o644)  # safetensors makes it private to the user, which an installed package must not be
    fields = dict(extra or {})
    files = {fields.pop("role", "weights"): {"path": weights.name, **checksum(weights)}}
    for role, source in fields.pop("files", {}).items():
        copy = folder / f"{config.name}-{role}.safetensors"
        copy.write_bytes(source.read_bytes())
        files[role] = {"path": copy.name, **checksum(copy)}
    fields = {"params": dict(params), "metrics": dict(metrics), **fields, "files": files}
    return write_card(folder, config, command, fields)


def write_card(folder: Path, config: TrainConfig, command: Sequence[str], fields: Mapping[str, Any]) -> Path:
    """Write `<name>.toml` into `folder`, `fields` over what a configuration says by itself, and return its path."""
    card: dict[str, Any] = {
        "name": config.name,
        "tasks": [config.task],
        "family": config.family,
        "summary": config.summary or f"Trained with genkit: {config.task}.",
        "licence": config.licence,
        "commercial": config.commercial,
        "source": "trained with genkit",
        "trained_by": " ".join(command),
        "data": config.data_note,
        "dtypes": ["float32", "bfloat16", "float16"],
        **fields,
    }
    target = folder / f"{config.name}.toml"
    target.write_text(card_text(card), encoding="utf-8")
    return target


def checksum(path: Path) -> dict[str, Any]:
    raw = path.read_bytes()
    return {"hash": f"sha256:{hashlib.sha256(raw).hexdigest()}", "size": len(raw)}
