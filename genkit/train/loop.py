"""The one training loop: optimise, average, measure, draw, save, resume.

A job (one class per task) brings modules, batches, a loss, a held-out metric and a sample sheet; everything else is here.
Runs on CPU and CUDA (bfloat16 autocast there), and on several GPUs under `accelerate launch`.

A run folder holds `state.pt` (everything to resume, replaced atomically), `log.jsonl`, and `sheet-<step>.png`.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from genkit.errors import RunError, UsageError
from genkit.train.config import LoopConfig, TrainConfig
from genkit.train.muon import Muon


class Job(Protocol):
    """One task's side of training. `averaged` names the modules that are exported, `rivals` those that learn against the others
    from a loss of their own (a GAN's discriminator); `protocol` says how `evaluate` measures; `matrices` are the hidden weights
    that Muon may take."""

    modules: dict[str, nn.Module]
    averaged: tuple[str, ...]
    rivals: tuple[str, ...]
    protocol: str

    def adopt(self, state: dict[str, Tensor]) -> dict[str, Tensor]: ...

    def matrices(self) -> list[Tensor]: ...

    def batches(self, seed: int) -> Iterator[dict[str, Tensor]]: ...

    def loss(
        self, modules: dict[str, nn.Module], batch: dict[str, Tensor], *, finishing: bool
    ) -> tuple[Tensor, dict[str, float]]: ...

    def rival_loss(self, modules: dict[str, nn.Module], batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, float]] | None:
        """The rivals' loss on what `loss` has just made of this batch, or None while they do not learn yet."""

    def evaluate(self, modules: dict[str, nn.Module]) -> dict[str, float]: ...

    def sheet(self, modules: dict[str, nn.Module]) -> np.ndarray: ...

    def export(self, modules: dict[str, nn.Module]) -> tuple[dict[str, Tensor], dict[str, Any]]: ...

    def card_fields(self) -> dict[str, Any]: ...


Report = Callable[[dict[str, Any]], None]


def learning_rate(step: int, loop: LoopConfig) -> float:
    """The schedule that `LoopConfig` describes; each half cosine ends at 1 % of where it began."""
    main = loop.steps - loop.finish_steps
    if loop.finish_steps and step >= main:
        return _half_cosine(loop.finish_rate, (step - main) / loop.finish_steps)
    if step < loop.warmup:
        return loop.learning_rate * (step + 1) / loop.warmup
    start = main * (1 - loop.decay)
    if step <= start or loop.decay <= 0:
        return loop.learning_rate
    return _half_cosine(loop.learning_rate, (step - start) / max(1.0, main - start))


def _half_cosine(peak: float, through: float) -> float:
    return peak * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1.0, through))))


def train(
    config: TrainConfig,
    job: Job,
    folder: Path,
    *,
    max_minutes: float | None = None,
    resume: bool = False,
    cpu: bool = False,
    report: Report = lambda event: None,
) -> dict[str, Any]:
    """Train until `steps` or `max_minutes`, whichever is first, and return {"step", "minutes", "metrics", "finished"}.

    `job.modules` hold the averaged weights afterwards.

    Raises:
        UsageError: there is a state in `folder` and `resume` is off, or the other way round.
        RunError: the loss is not a number.
    """
    from accelerate import Accelerator

    loop = config.loop
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.pt"
    if state_file.exists() and not resume:
        raise UsageError(f"{folder}: holds a run already", "continue it with --resume, or give another --out")
    mixed = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() and not cpu else "no"
    accelerator = Accelerator(cpu=cpu, mixed_precision=mixed)
    torch.manual_seed(loop.seed)

    averages = {name: copy.deepcopy(job.modules[name]).to(accelerator.device).eval() for name in job.averaged}
    for average in averages.values():
        average.requires_grad_(False)
    raw = {name: module.to(memory_format=torch.channels_last) for name, module in job.modules.items()}
    optimizers, rivals = _optimizers(loop, job, raw)
    step, minutes_before = 0, 0.0
    modules = {name: accelerator.prepare(module) for name, module in raw.items()}
    optimizers, rivals = ([accelerator.prepare(one) for one in group] for group in (optimizers, rivals))
    if state_file.exists():
        step, minutes_before = _restore(state_file, raw, averages, optimizers + rivals)
    batches = job.batches(loop.seed + step * 7919 + accelerator.process_index)
    started, metrics, best_speed = time.monotonic(), {}, 0.0

    def descend(loss: Tensor, whose: list[torch.optim.Optimizer]) -> None:
        for optimizer in optimizers + rivals:
            optimizer.zero_grad(set_to_none=True)
        accelerator.backward(loss)
        if loop.clip:
            taken = [p for optimizer in whose for group in optimizer.param_groups for p in group["params"]]
            accelerator.clip_grad_norm_(taken, loop.clip)
        for optimizer in whose:
            optimizer.step()

    def minutes() -> float:
        return minutes_before + (time.monotonic() - started) / 60

    def save() -> None:
        if accelerator.is_main_process:
            _save(state_file, step, minutes(), raw, averages, optimizers + rivals)

    window_started, window_steps = time.monotonic(), 0
    try:
        while step < loop.steps and (max_minutes is None or minutes() - minutes_before < max_minutes):
            share = learning_rate(step, loop) / loop.learning_rate if loop.learning_rate else 0.0
            for optimizer in optimizers + rivals:
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * share
            batch = {key: value.to(accelerator.device, non_blocking=True) for key, value in next(batches).items()}
            with accelerator.autocast():
                loss, figures = job.loss(modules, batch, finishing=step >= loop.steps - loop.finish_steps)
            if not math.isfinite(float(loss.detach())):
                raise RunError(f"the loss is {float(loss.detach())} at step {step}", "lower loop.learning_rate and resume")
            descend(loss, optimizers)
            if rivals:
                with accelerator.autocast():
                    answer = job.rival_loss(modules, batch)
                if answer is not None:
                    descend(answer[0], rivals)
                    figures |= answer[1]
            step, window_steps = step + 1, window_steps + 1
            _average(averages, raw, min(loop.ema, (1 + step) / (10 + step)))
            if step % loop.eval_every == 0 or step == loop.steps:
                metrics = job.evaluate(averages)
            if step % loop.log_every == 0 or step == loop.steps:
                best_speed = window_steps / max(1e-9, time.monotonic() - window_started)
                window_started, window_steps = time.monotonic(), 0
                event = {"step": step, "of": loop.steps, "minutes": round(minutes(), 2), "steps_per_s": round(best_speed, 2)}
                event |= {"lr": learning_rate(step, loop), **figures, **metrics}
                if accelerator.is_main_process:
                    with (folder / "log.jsonl").open("a", encoding="utf-8") as log:
                        log.write(json.dumps(event) + "\n")
                    report(event)
            if accelerator.is_main_process and (step % loop.sheet_every == 0 or step == loop.steps):
                _draw(folder / f"sheet-{step:07d}.png", job.sheet(averages))
            if step % loop.save_every == 0:
                save()
    finally:
        save()
    if step >= loop.steps or not metrics:
        metrics = job.evaluate(averages)
    for name, average in averages.items():
        job.modules[name].load_state_dict(average.state_dict())
    return {"step": step, "minutes": round(minutes(), 1), "metrics": metrics, "finished": step >= loop.steps}


Optimizers = list[torch.optim.Optimizer]


def _optimizers(loop: LoopConfig, job: Job, raw: dict[str, nn.Module]) -> tuple[Optimizers, Optimizers]:
    """AdamW for everything, or for what Muon does not take, and another for the rivals; each group keeps its `peak` rate for
    the schedule."""
    matrices = job.matrices() if loop.muon_rate else []
    taken = {id(one) for one in matrices}

    def adam(names: set[str], peak: float) -> torch.optim.Optimizer:
        chosen = [p for name in sorted(names) for p in raw[name].parameters() if p.requires_grad and id(p) not in taken]
        return torch.optim.AdamW([{"params": chosen, "peak": peak}], lr=peak, betas=loop.betas, weight_decay=loop.weight_decay)

    found: Optimizers = [adam(set(raw) - set(job.rivals), loop.learning_rate)]
    if matrices:
        found.append(Muon([{"params": matrices, "peak": loop.muon_rate}], lr=loop.muon_rate))
    return found, [adam(set(job.rivals), loop.rival_rate or loop.learning_rate)] if job.rivals else []


@torch.no_grad()
def _average(averages: dict[str, nn.Module], raw: dict[str, nn.Module], decay: float) -> None:
    """Exponential moving average of parameters, and of what they were normalised by; other buffers are copied."""
    for name, average in averages.items():
        torch._foreach_lerp_(list(average.parameters()), list(raw[name].parameters()), 1 - decay)
        for (key, mine), theirs in zip(average.named_buffers(), raw[name].buffers(), strict=True):
            if key.endswith(("running_mean", "running_var")):
                mine.lerp_(theirs, 1 - decay)
            else:
                mine.copy_(theirs)


def _save(
    target: Path,
    step: int,
    minutes: float,
    raw: dict[str, nn.Module],
    averages: dict[str, nn.Module],
    optimizers: list[torch.optim.Optimizer],
) -> None:
    state = {
        "step": step,
        "minutes": minutes,
        "modules": {name: module.state_dict() for name, module in raw.items()},
        "averages": {name: module.state_dict() for name, module in averages.items()},
        "optimizers": [one.state_dict() for one in optimizers],
    }
    partial = target.with_suffix(".part")
    torch.save(state, partial)
    os.replace(partial, target)


def _restore(
    source: Path, raw: dict[str, nn.Module], averages: dict[str, nn.Module], optimizers: list[torch.optim.Optimizer]
) -> tuple[int, float]:
    state = torch.load(source, map_location="cpu", weights_only=True)
    for name, module in raw.items():
        module.load_state_dict(state["modules"][name])
    for name, module in averages.items():
        module.load_state_dict(state["averages"][name])
    for one, saved in zip(optimizers, state["optimizers"], strict=True):
        peaks = [group["peak"] for group in one.param_groups]
        one.load_state_dict(saved)
        for group, peak in zip(one.param_groups, peaks, strict=True):
            group["peak"] = peak  # the configuration may have changed it since
    return int(state["step"]), float(state["minutes"])


def _draw(target: Path, sheet: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(sheet).save(target)
