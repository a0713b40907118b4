"""The one training loop: optimise, average, measure, draw, save, resume.

A job (one class per task) brings modules, batches, a loss, a held-out metric and a sample sheet; everything else is here.
Runs on CPU and CUDA (bfloat16 autocast there), and on several GPUs under `accelerate launch`.

A run folder holds `state.pt` (everything to resume, replaced atomically), `log.jsonl`, and `sheet-<step>.png`.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from genkit.errors import RunError, UsageError
from genkit.media.atomic import temporary_beside
from genkit.train.config import LoopConfig, TrainConfig
from genkit.train.former import read_state
from genkit.train.job import Job, Modules
from genkit.train.muon import Muon

Report = Callable[[dict[str, Any]], None]
Optimizers = list[torch.optim.Optimizer]


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
        UsageError: there is a state in `folder` and `resume` is off.
        RunError: the loss is not a number.
    """
    from accelerate import Accelerator

    loop = config.loop
    folder.mkdir(parents=True, exist_ok=True)
    state_file = folder / "state.pt"
    refuse_begun(folder, resume, state_file)
    mixed = "bf16" if torch.cuda.is_available() and torch.cuda.is_bf16_supported() and not cpu else "no"
    accelerator = Accelerator(cpu=cpu, mixed_precision=mixed)
    torch.manual_seed(loop.seed)

    averages = {name: _averaged(job.modules[name], loop.ema, accelerator.device) for name in job.averaged}
    averaged: Modules = {name: average.module for name, average in averages.items()}
    raw = {name: module.to(memory_format=torch.channels_last) for name, module in job.modules.items()}
    both = _optimizers(loop, job, raw)
    step, minutes_before = 0, 0.0
    modules = {name: accelerator.prepare(module) for name, module in raw.items()}
    optimizers, discriminators = ([accelerator.prepare(optimizer) for optimizer in group] for group in both)
    if state_file.exists():
        step, minutes_before = _restore(state_file, raw, averaged, optimizers + discriminators)
    for average in averages.values():
        average.n_averaged.fill_(step + 1)  # the first weights count as an average of one
    batches = job.batches(loop.seed + step * 7919 + accelerator.process_index)
    started, metrics, best_speed = time.monotonic(), {}, 0.0

    def descend(loss: Tensor, whose: Optimizers) -> None:
        for optimizer in optimizers + discriminators:
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
            _save(state_file, step, minutes(), raw, averaged, optimizers + discriminators)

    window_started, window_steps = time.monotonic(), 0
    try:
        while step < loop.steps and (max_minutes is None or minutes() - minutes_before < max_minutes):
            share = learning_rate(step, loop) / loop.learning_rate if loop.learning_rate else 0.0
            for optimizer in optimizers + discriminators:
                for group in optimizer.param_groups:
                    group["lr"] = group["peak"] * share
            batch = {key: value.to(accelerator.device, non_blocking=True) for key, value in next(batches).items()}
            with accelerator.autocast():
                loss, figures = job.loss(modules, batch, finishing=step >= loop.steps - loop.finish_steps)
            if not math.isfinite(float(loss.detach())):
                raise RunError(f"the loss is {float(loss.detach())} at step {step}", "lower loop.learning_rate and resume")
            descend(loss, optimizers)
            if discriminators:
                with accelerator.autocast():
                    answer = job.discriminator_loss(modules, batch)
                if answer is not None:
                    descend(answer[0], discriminators)
                    figures |= answer[1]
            step, window_steps = step + 1, window_steps + 1
            for name, average in averages.items():
                average.update_parameters(raw[name])
            if step % loop.eval_every == 0 or step == loop.steps:
                metrics = job.evaluate(averaged)
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
                _draw(folder / f"sheet-{step:07d}.png", job.sheet(averaged))
            if step % loop.save_every == 0:
                save()
    finally:
        save()
    if step >= loop.steps or not metrics:
        metrics = job.evaluate(averaged)
    for name, module in averaged.items():
        job.modules[name].load_state_dict(module.state_dict())
    return {"step": step, "minutes": round(minutes(), 1), "metrics": metrics, "finished": step >= loop.steps}


def refuse_begun(run: Path, resume: bool, *states: Path) -> None:
    """Raises:
    UsageError: a run has one of its states already, and is not to go on.
    """
    if not resume and any(state.exists() for state in states):
        raise UsageError(f"{run}: holds a run already", "continue it with --resume, or give another --name or -o")


def _optimizers(loop: LoopConfig, job: Job, raw: Modules) -> tuple[Optimizers, Optimizers]:
    """AdamW for everything, or for what Muon does not take, and another for the discriminators; each group keeps its `peak`
    rate for the schedule."""
    matrices = job.matrices() if loop.muon_rate else []
    taken = {id(matrix) for matrix in matrices}

    def adam(names: set[str], peak: float) -> torch.optim.Optimizer:
        chosen = [p for name in sorted(names) for p in raw[name].parameters() if p.requires_grad and id(p) not in taken]
        return torch.optim.AdamW([{"params": chosen, "peak": peak}], lr=peak, betas=loop.betas, weight_decay=loop.weight_decay)

    optimizers: Optimizers = [adam(set(raw) - set(job.discriminators), loop.learning_rate)]
    if matrices:
        optimizers.append(Muon([{"params": matrices, "peak": loop.muon_rate}], lr=loop.muon_rate))
    rate = loop.discriminator_rate or loop.learning_rate
    return optimizers, [adam(set(job.discriminators), rate)] if job.discriminators else []


def _averaged(module: nn.Module, decay: float, device: torch.device) -> AveragedModel:
    """An exponential moving average of parameters and buffers, over fewer steps where there are few yet; whole numbers are
    copied."""

    def average(means: Any, values: Any, count: Tensor | int) -> None:
        if means[0].is_floating_point():
            torch._foreach_lerp_(means, values, 1 - min(decay, (1 + int(count)) / (10 + int(count))))
        else:
            torch._foreach_copy_(means, values)

    return AveragedModel(module, device, multi_avg_fn=average, use_buffers=True).eval().requires_grad_(False)


def _save(target: Path, step: int, minutes: float, raw: Modules, averaged: Modules, optimizers: Optimizers) -> None:
    state = {
        "step": step,
        "minutes": minutes,
        "modules": {name: module.state_dict() for name, module in raw.items()},
        "averages": {name: module.state_dict() for name, module in averaged.items()},
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
    }
    with temporary_beside(target) as partial:
        torch.save(state, partial)


def _restore(source: Path, raw: Modules, averaged: Modules, optimizers: Optimizers) -> tuple[int, float]:
    state = read_state(source)
    if state is None:
        raise UsageError(f"{source}: not the state of a training", "give another --name or -o")
    try:
        for name, module in raw.items():
            module.load_state_dict(state["modules"][name])
        for name, module in averaged.items():
            module.load_state_dict(state["averages"][name])
        for optimizer, saved in zip(optimizers, state["optimizers"], strict=True):
            peaks = [group["peak"] for group in optimizer.param_groups]
            optimizer.load_state_dict(saved)
            for group, peak in zip(optimizer.param_groups, peaks, strict=True):
                group["peak"] = peak  # the configuration may have changed it since
    except (KeyError, RuntimeError, ValueError) as error:
        raise UsageError(
            f"{source}: the state of another network than this configuration's ({' '.join(str(error).split())[:120]})",
            "resume with the --config and --set that the run was begun with",
        ) from error
    return int(state["step"]), float(state["minutes"])


def _draw(target: Path, sheet: np.ndarray) -> None:
    from PIL import Image

    Image.fromarray(sheet).save(target)
