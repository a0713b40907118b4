"""Device and number format, memory, gradients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from genkit import runtime
from genkit.errors import UsageError


def test_importing_the_room_leaves_torch_out() -> None:
    command = "import sys, genkit.runtime, genkit.verbs.upscale.task, genkit.models; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0


def test_auto_takes_the_cpu_in_float32_where_there_is_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_device_names", lambda: ["cpu"])
    chosen = runtime.choose("auto", "auto", ("float16", "bfloat16", "float32"))
    assert chosen == runtime.Runtime(runtime.CPU, "float32", fallback=False)


def test_auto_takes_the_gpu_in_the_preferred_format(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_device_names", lambda: ["cpu", "cuda:0"])
    chosen = runtime.choose("auto", "auto", ("float16", "float32"))
    assert (chosen.device.type, chosen.dtype, chosen.fallback) == ("cuda", "float16", True)
    assert not runtime.choose("cuda", "auto", ("float16",)).fallback


@pytest.mark.parametrize("device", ["cuda", "cuda:3", "mps", "tpu", "cpu:1", "cuda:x"])
def test_a_device_that_is_absent_is_an_error_that_lists_what_there_is(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_device_names", lambda: ["cpu"])
    with pytest.raises(UsageError) as caught:
        runtime.choose(device)
    assert device in caught.value.message
    assert "cpu" in str(caught.value.hint)


def test_formats_that_are_refused() -> None:
    for dtype, allowed in (("float16", ("float16", "float32")), ("bfloat16", ("float32",)), ("int8", ("float32",))):
        with pytest.raises(UsageError, match=dtype):
            runtime.choose("cpu", dtype, allowed)
    assert runtime.choose("cpu", "bfloat16", ("float32", "bfloat16")).dtype == "bfloat16"


def test_a_model_without_float32_takes_what_it_has() -> None:
    assert runtime.choose("cpu", "auto", ("float16", "bfloat16")).dtype == "bfloat16"


def test_out_of_memory_is_told_from_other_failures() -> None:
    cpu = "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to allocate"
    for error in (MemoryError(), torch.OutOfMemoryError("CUDA out of memory."), RuntimeError(cpu)):
        assert runtime.is_out_of_memory(error)
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert runtime.is_out_of_memory(caught.value)
    assert not runtime.is_out_of_memory(RuntimeError("size mismatch"))
    assert not runtime.is_out_of_memory(ValueError("out of memory"))


def test_free_memory_heeds_the_control_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("400000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\ninactive_file 50000\n")
    assert min(runtime._control_group_memory(tmp_path)) == 650000
    (tmp_path / "memory.max").write_text("max\n")
    assert min(runtime._control_group_memory(tmp_path)) > 1 << 60
    monkeypatch.setattr(runtime, "_control_group_memory", lambda: [12345])
    assert runtime.free_memory(torch.device("cpu")) == 12345


def test_devices_are_listed_with_their_memory() -> None:
    first = runtime.list_devices()[0]
    assert first["name"] == "cpu"
    assert 0 < first["free_bytes"] <= first["total_bytes"]


def test_no_gradients_are_kept_in_inference() -> None:
    with runtime.inference():
        assert not (torch.ones(1, requires_grad=True) * 2).requires_grad
