"""What every test stands on: folders of its own, no network, fixed seeds, and a tiny model that the real command line runs."""

from __future__ import annotations

import io
import os
import random
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

if "PYTEST_XDIST_WORKER" in os.environ:  # a thread for each process: two that share a core wait for each other most of the time
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pytest
from golden_room import common_inputs, common_place, place  # noqa: F401 - fixtures
from loaded_pipelines import load_pipeline, pipeline_folder  # noqa: F401 - fixtures

ECHO = Path(__file__).with_name("echo.py")
LOOPBACK = ("127.", "::1", "localhost")


@pytest.fixture(autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No test sees or touches the user's own settings, models and cache."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("GENKIT_HOME", str(home))
    monkeypatch.setenv("GENKIT_CACHE", str(home / "cache"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("COLUMNS", "80")
    for name in (
        "GENKIT_OFFLINE",
        "HF_HUB_OFFLINE",
        "HF_ENDPOINT",
        "GENKIT_DEBUG",
        "NO_COLOR",
        "HF_HUB_CACHE",
        "XDG_CACHE_HOME",
    ):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture(autouse=True)
def one_cache_of_compiled_networks(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the engine compiles is kept for the tests of a process: they ask for the same networks again and again."""
    from genkit.engine import compiled

    folder = tmp_path_factory.getbasetemp() / "compiled"
    monkeypatch.setattr(compiled, "compiled_folder", lambda: folder)


@pytest.fixture(autouse=True)
def loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every connection that would leave this machine."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != getattr(socket, "AF_UNIX", None) and not str(address[0]).startswith(LOOPBACK):
            raise RuntimeError(f"a test reached for the network: {address}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def fixed_seeds() -> Iterator[None]:
    """Seed every generator, and put back what was before."""
    states = random.getstate(), np.random.get_state()
    torch = sys.modules.get("torch")
    torch_state = torch.get_rng_state() if torch else None
    random.seed(0)
    np.random.seed(0)  # libraries under test may draw from the global generator
    if torch:
        torch.manual_seed(0)
    yield
    random.setstate(states[0])
    np.random.set_state(states[1])
    if torch and torch_state is not None:
        torch.set_rng_state(torch_state)


@dataclass
class Outcome:
    """How one command line ended."""

    code: int
    stdout: bytes
    err: str

    @property
    def out(self) -> str:
        return self.stdout.decode()

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        import json

        return [json.loads(line) for line in self.lines]


Run = Callable[..., Outcome]


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def genkit(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line in this process; `terminals` names the streams that claim to be one."""
    from genkit.cli.app import main

    def run(*arguments: object, stdin: bytes = b"", terminals: str = "") -> Outcome:
        out, err = io.BytesIO(), io.BytesIO()
        with monkeypatch.context() as patch:
            for name, stream in (("stdin", io.BytesIO(stdin)), ("stdout", out), ("stderr", err)):
                kind = Terminal if name in terminals else io.TextIOWrapper
                patch.setattr(sys, name, kind(stream, encoding="utf-8", write_through=True))
            code = main([str(one) for one in arguments])
            sys.stdout.flush()
            sys.stderr.flush()
            return Outcome(code, out.getvalue(), err.getvalue().decode())

    return run


def environment(**extra: str) -> dict[str, str]:
    """The environment for a process of its own: this test's folders, one thread."""
    return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ECHO.parent.parent), **extra}


@pytest.fixture
def start_echo() -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Start the real command line in a process of its own, with a model that repeats pixels and needs no torch."""
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: object, seconds: float = 0.0, **options: Any) -> subprocess.Popen[bytes]:
        command = [sys.executable, str(ECHO), *map(str, arguments)]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | options
        process = subprocess.Popen(command, env=environment(ECHO_SECONDS=str(seconds)), **pipes)
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from safetensors.torch import save_file

    from genkit.models.upscale import compact

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("tiny") / "tiny.safetensors"
    save_file({name: value.contiguous() for name, value in compact.build(4, 1, 2).state_dict().items()}, path)
    return path


@pytest.fixture
def tiny(own_folders: Path, tiny_weights: Path) -> str:
    """The name of a model of scale 2 that takes no time, among the user's own cards."""
    import hashlib
    import shutil

    folder = own_folders / "cards" / "upscale"
    folder.mkdir(parents=True)
    shutil.copy(tiny_weights, folder)
    digest = hashlib.sha256(tiny_weights.read_bytes()).hexdigest()
    (folder / "tiny.toml").write_text(
        'name = "tiny"\ntasks = ["upscale"]\nfamily = "compact"\nsummary = "A tiny model for tests."\nlicence = "Apache-2.0"\n'
        "commercial = true\nverified = true\n\n[params]\nnum_feat = 4\nnum_conv = 1\nscale = 2\n\n"
        f'[files.weights]\npath = "tiny.safetensors"\nhash = "sha256:{digest}"\nsize = {tiny_weights.stat().st_size}\n'
    )
    return "tiny"


def save_picture(path: Path, width: int = 20, height: int = 16, mode: str = "RGB", seed: int = 0, **options: Any) -> Path:
    """Write a small picture with some structure in it."""
    from PIL import Image

    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (max(height // 4, 1), max(width // 4, 1), 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rough).resize((width, height), Image.Resampling.BICUBIC).convert(mode).save(path, **options)
    return path


@pytest.fixture
def picture() -> Callable[..., Path]:
    return save_picture
