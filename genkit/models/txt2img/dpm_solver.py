"""DPM-Solver++ of order 2 (Lu and others 2022, arXiv 2211.01095, algorithm 2), for a network that says velocities (Salimans and
Ho 2022, arXiv 2202.00512), on the cosine schedule, starting from noise alone: what `latent_diffusion.scheduler_of` sets, step
by step what diffusers' `DPMSolverMultistepScheduler` does, in numpy.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from genkit.models.settings import settles

TIMES = 1000  # that it was trained at
FIXED = {
    "algorithm_type": "dpmsolver++",
    "beta_schedule": "squaredcos_cap_v2",
    "final_sigmas_type": "zero",
    "lower_order_final": True,
    "num_train_timesteps": TIMES,
    "prediction_type": "v_prediction",
    "solver_order": 2,
    "solver_type": "midpoint",
    "timestep_spacing": "trailing",
}
# of other schedules and of clipping, neither of which is on
UNUSED = (
    *("beta_start", "beta_end", "dynamic_thresholding_ratio", "flow_shift", "lambda_min_clipped", "sample_max_value"),
    *("steps_offset", "time_shift_type"),
)


def is_own(settings: Mapping[str, Any]) -> bool:
    """Whether a folder's settings are those that this samples with."""
    return settles(settings, UNUSED, FIXED) and str(settings.get("lambda_min_clipped", "-Infinity")) in ("-Infinity", "-inf")


class DpmSolver:
    """Samples in `steps` steps, of which those from `begin` on are taken; `times` are when the network is asked."""

    def __init__(self, steps: int, begin: int = 0):
        total = TIMES
        self.times = np.arange(total, 0, -total / steps).round().astype(np.int64) - 1
        kept = _kept(total)
        levels = np.interp(self.times, np.arange(total), ((1 - kept) / kept) ** 0.5)
        self._levels = np.append(levels, 0).astype(np.float32)
        self._place, self._begin = begin, begin
        self._before: np.ndarray | None = None

    def noisy(self, clean: np.ndarray, noise: np.ndarray) -> np.ndarray:
        """Latents with as much noise on them as there is at the first step that is taken."""
        signal, other = self._shares(self._begin)
        return signal * clean + other * noise

    def step(self, latents: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Latents (N, C, h, w) after the next step, of what the network said of them."""
        place, self._place = self._place, self._place + 1
        (signal, noise), (signal_after, noise_after) = self._shares(place), self._shares(place + 1)
        clean = signal * latents - noise * velocity
        before, self._before = self._before, clean
        if noise_after == 0:
            return signal_after * clean
        rise = _distance(signal_after, noise_after) - _distance(signal, noise)
        weight = signal_after * np.expm1(-rise)
        result = noise_after / noise * latents - weight * clean
        if before is None:
            return result
        ratio = (_distance(signal, noise) - _distance(*self._shares(place - 1))) / rise
        return result - np.float32(0.5) * weight * (clean - before) / ratio

    def _shares(self, place: int) -> tuple[np.float32, np.float32]:
        """Of the picture and of noise, before a step."""
        level = self._levels[place]
        signal = np.float32(1) / np.sqrt(level * level + np.float32(1))
        return signal, level * signal


def _distance(signal: np.float32, noise: np.float32) -> np.float32:
    return np.log(signal) - np.log(noise)


def _kept(total: int) -> np.ndarray:
    """Shares (total,) of the variance that are still the picture's (Nichol and Dhariwal 2021, arXiv 2102.09672)."""

    def left(time: float) -> float:
        return math.cos((time + 0.008) / 1.008 * math.pi / 2) ** 2

    betas = [min(1 - left((place + 1) / total) / left(place / total), 0.999) for place in range(total)]
    return np.cumprod(1 - np.array(betas, np.float32), dtype=np.float64).astype(np.float32)
