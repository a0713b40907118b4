"""A run of several trainings, each with a configuration and a folder of its own below the run's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from genkit.errors import UsageError
from genkit.train.config import TrainConfig, parse_config


def stage_of(config: TrainConfig, name: str, origin: str) -> TrainConfig:
    """A stage's own configuration out of the tables [stages.NAME.network], [stages.NAME.data] and [stages.NAME.loop].

    Raises:
        UsageError: there are none.
    """
    raw = config.stages.get(name)
    if not isinstance(raw, Mapping):
        raise UsageError(f"{origin}: there is no table [stages.{name}]", f"stages: {', '.join(config.stages) or 'none'}")
    common = {"name": f"{config.name}-{name}", "task": config.task, "family": config.family}
    return parse_config({**raw, **common}, f"{origin} [stages.{name}]")


def minutes_of(folder: Path) -> float:
    """How long a stage has been trained before."""
    if not (folder / "state.pt").exists():
        return 0.0
    return float(torch.load(folder / "state.pt", map_location="cpu", weights_only=True)["minutes"])
