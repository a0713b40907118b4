"""A model of the shape that `genkit txt2img` draws with, in numpy's time: colours of the prompt, noise of the seed."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import torch

from genkit.errors import InputError
from genkit.models.shapes import DrawModel

SIDE = 16


class FakeDraw(DrawModel):
    """Each picture is one colour that its prompt decides, with noise that its seed does; `calls` keeps what it was asked."""

    name, channels, window, chunks, weighting, starts = "fake", 3, 20, False, True, True
    native_size, multiple, minimum = (SIDE, SIDE), 8, 8
    device, dtype, fallback = torch.device("cpu"), torch.float32, False

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []
        self.configured: list[dict[str, Any]] = []
        self.samplers: list[str | None] = []
        self.progress = self.watch = None
        self.failures: list[Exception] = []
        self.withheld: set[int] = set()  # seeds whose pictures the safety checker keeps back
        self.settings = ["decoding in tiles"]

    def configure(self, **settings: Any) -> None:
        self.configured.append(settings)

    def use_scheduler(self, name: str | None) -> None:
        self.samplers.append(name)

    def cheaper(self) -> str | None:
        return self.settings.pop() if self.settings else None

    def schedulers(self) -> tuple[str, ...]:
        return ("euler", "ddim")

    def count_tokens(self, text: str) -> int:
        return len(text.split()) + 2

    def batch_limit(self, width: int, height: int) -> int:
        return 3

    def __call__(self, prompts: Any, seeds: Any, *, width: int, height: int, **options: Any) -> np.ndarray:
        self.calls.append({"prompts": prompts, "seeds": seeds, "size": (width, height), **options})
        if self.failures:
            raise self.failures.pop(0)
        if self.withheld & set(seeds):
            raise InputError("the safety checker withheld the result", code="withheld")
        steps = options.get("steps") or 4
        made = np.stack([self._one(*pair, width, height, options) for pair in zip(prompts, seeds, strict=True)])
        for step in range(steps):
            if self.watch:
                self.watch(step + 1, made)
            if self.progress:
                self.progress(step + 1, steps)
        return made

    def _one(self, prompt: Any, seed: int, width: int, height: int, options: dict[str, Any]) -> np.ndarray:
        shown = {name: value for name, value in options.items() if not isinstance(value, (np.ndarray, list))}
        colour = zlib.crc32(repr((prompt, sorted(shown.items()))).encode())
        base = torch.tensor([colour >> shift & 127 for shift in (0, 7, 14)]).view(3, 1, 1) / 255
        noise = torch.rand((3, height, width), generator=torch.Generator().manual_seed(seed))
        made = (base + noise / 2).numpy()
        return made if "init" not in options else (made + options["init"][0, :3]) / 2
