"""A run of several trainings, one after another: each has a configuration and a folder of its own below the run's."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from genkit.errors import UsageError
from genkit.train.config import TrainConfig, parse_config, shortened
from genkit.train.former import stage_folder
from genkit.train.loop import Report, refuse_begun, train
from genkit.train.run import Request, start_from


@dataclass
class Stages:
    """The stages of one run in their order, by name, each with what it is for.

    `go` trains the next of them within what is left of the request's `max_minutes`; `minutes` and `metrics` are of all that
    went before.
    """

    request: Request
    config: TrainConfig
    purposes: Mapping[str, str]
    report: Report
    minutes: dict[str, float] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    spent: float = 0.0

    def __post_init__(self) -> None:
        """Raises:
        UsageError: a stage has no tables in the configuration; the run's folder is in use.
        """
        origin, run, steps = str(self.request.config), self.request.out, self.request.steps
        self.configs = {name: stage_of(self.config, name, origin) for name in self.purposes}
        if steps is not None:
            self.configs = {name: shortened(config, steps) for name, config in self.configs.items()}
        self.folders = {name: stage_folder(run, name) for name in self.purposes}
        refuse_begun(run, self.request.resume, *(folder / "state.pt" for folder in self.folders.values()))

    def say(self, text: str) -> None:
        print(text, file=sys.stderr)

    def go(self, stage: str, job: Any, prefix: str = "") -> dict[str, Any]:
        """Train a stage, or what is left of it; its figures go into `metrics` under `prefix`. A stage that is over is measured
        again and no more."""
        config, folder, earlier = self.configs[stage], self.folders[stage], minutes_of(self.folders[stage])
        names = list(self.purposes)
        self.say(f"stage {names.index(stage) + 1} of {len(names)}, {stage}: {self.purposes[stage]}, {config.loop.steps} steps")
        if config.start and not (folder / "state.pt").exists():
            start_from(config.start, job)
        most = self.request.max_minutes
        outcome = train(
            config,
            job,
            folder,
            max_minutes=None if most is None else max(0.0, most - self.spent),
            resume=True,
            cpu=self.request.cpu,
            report=lambda event: self.report({"stage": stage, **event}),
        )
        self.minutes[stage] = outcome["minutes"]
        self.spent += outcome["minutes"] - earlier
        self.metrics |= {f"{prefix}{key}": value for key, value in outcome["metrics"].items()}
        following = names[names.index(stage) + 1 :]
        return {**outcome, "stage": stage, "stages_left": following, "card": None}


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
