"""The real command line with a model that repeats pixels: a process that starts in a moment, to be interrupted and killed.

Only the network is replaced; the plan, the batch, reading, writing, recipes and events are genkit's own. ECHO_SECONDS is how
long a picture takes.
"""

from __future__ import annotations

import os
import sys
import time
from types import SimpleNamespace
from typing import Any

import genkit.models
import genkit.runtime
import genkit.verbs.upscale.task as task
from genkit.cli.app import run

SCALE = 4  # that of the shipped default, whose card is used


def echo(model: Any, pixels: Any, alpha: Any, options: Any, notify: Any) -> Any:
    time.sleep(float(os.environ.get("ECHO_SECONDS", "0")))
    enlarged = [None if one is None else one.repeat(SCALE, 0).repeat(SCALE, 1) for one in (pixels, alpha)]
    return enlarged[0], enlarged[1]


if __name__ == "__main__":
    genkit.runtime.choose = lambda *_: SimpleNamespace(
        device=SimpleNamespace(type="echo"), dtype="float32", fallback=False, engine="torch"
    )  # type: ignore[assignment]
    genkit.models.load_model = lambda *_, **__: SimpleNamespace(stochastic=False, pixel_bytes=0)  # type: ignore[assignment]
    genkit.runtime.free_memory = lambda *_: 1 << 30  # JPEGs and others may be of two models
    task.upscale = echo
    try:
        run()
    finally:
        assert "torch" not in sys.modules
