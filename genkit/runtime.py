"""Where the networks run: device, engine, number format, memory, and noise that does not depend on the device.

torch is imported where a function cannot do without it, so that a call that another engine answers never pays for it.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cards.reading import DTYPES
from genkit.errors import UsageError

if TYPE_CHECKING:
    import torch

ENGINES = ("auto", "torch", "openvino")


class Device(str):
    """The name of a device as torch takes it: cpu, mps, cuda, cuda:N."""

    __slots__ = ()

    @property
    def type(self) -> str:
        return self.partition(":")[0]


CPU = Device("cpu")


@dataclass(frozen=True)
class Runtime:
    """`fallback` says that the device was left to us, so work that does not fit on a GPU may go on on the CPU. `engine` is one
    of ENGINES: auto takes the quicker one for each model that has it."""

    device: Device
    dtype: str
    fallback: bool = False
    engine: str = "torch"


def choose(device: str = "auto", dtype: str = "auto", allowed: Sequence[str] = ("float32",), engine: str = "torch") -> Runtime:
    """Turn the user's words and a card's allowed number formats (preferred first) into a device, a dtype and an engine.

    Raises:
        UsageError: the device or the engine is not there, or the format is unknown, not allowed for the model, or of no use
            there.
    """
    chosen = _device(device)
    number_format = _dtype(dtype, chosen, allowed)
    return Runtime(chosen, number_format, device == "auto" and chosen.type != "cpu", _engine(engine, chosen, number_format))


def _engine(name: str, device: Device, dtype: str) -> str:
    if name not in ENGINES:
        raise UsageError(f"engine {name!r} is not one of {', '.join(ENGINES)}")
    if name == "openvino":
        if device.type != "cpu" or dtype != "float32":
            raise UsageError(f"the engine openvino runs on the CPU in float32, not on {device} in {dtype}", "--engine auto")
        if not has_openvino():
            raise UsageError("the engine openvino is not installed", "pip install openvino, or --engine auto", code="requires")
    if name == "auto" and not (device.type == "cpu" and dtype == "float32" and has_openvino()):
        return "torch"
    return name


def has_openvino() -> bool:
    """Whether the engine is installed; nothing is imported."""
    from importlib.util import find_spec

    return find_spec("openvino") is not None


def _device(name: str) -> Device:
    kind, _, index = name.partition(":")
    if name == "cpu" or (name == "auto" and not _may_have_gpu()):
        return CPU
    present = _device_names()
    if name == "auto":
        return Device("cuda" if "cuda:0" in present else "cpu")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdigit()) or (index and kind != "cuda"):
        raise UsageError(f"device {name!r} is not one of auto, cpu, cuda, cuda:N, mps", f"present here: {', '.join(present)}")
    wanted = f"cuda:{index or 0}" if kind == "cuda" else kind
    if wanted not in present:
        raise UsageError(f"device {name!r} is not on this machine", f"present here: {', '.join(present)}; or --device auto")
    return Device(name)


def _may_have_gpu() -> bool:
    """False where NVIDIA's driver is missing or sees no GPU: then torch need not be asked, which takes seconds to import."""
    if "torch" in sys.modules:
        return True  # what is imported can as well be asked
    with suppress(OSError, AttributeError):
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
        count = ctypes.c_int(0)
        return driver.cuInit(0) == 0 and driver.cuDeviceGetCount(ctypes.byref(count)) == 0 and count.value > 0
    return False


def _device_names() -> list[str]:
    import torch

    names = ["cpu"]
    if torch.cuda.is_available():
        names += [f"cuda:{index}" for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        names.append("mps")
    return names


def _dtype(name: str, device: Device, allowed: Sequence[str]) -> str:
    if name != "auto":
        if name not in DTYPES:
            raise UsageError(f"dtype {name!r} is not one of auto, {', '.join(DTYPES)}")
        if name not in allowed:
            raise UsageError(f"this model does not run in {name}", f"--dtype {' or '.join(allowed)}")
        if not _suits(name, device):
            raise UsageError(f"{name} does not suit the device {str(device)!r}", "--dtype float32")
        return name
    if device.type == "cpu" and "float32" in allowed:
        return "float32"  # the half formats are slower on most CPUs and never more exact
    suited = [candidate for candidate in allowed if _suits(candidate, device)]
    return suited[0] if suited else "float32"


def _suits(dtype: str, device: Device) -> bool:
    if dtype == "float16":
        return device.type != "cpu"
    if dtype == "bfloat16" and device.type == "cuda":
        import torch

        return torch.cuda.is_bf16_supported(including_emulation=False)
    return dtype == "float32" or device.type == "cpu"


def as_torch(device: Any, dtype: Any) -> tuple[torch.device, torch.dtype]:
    """A device and a number format, by name or torch's own, as torch's own."""
    import torch

    return torch.device(device), getattr(torch, dtype) if isinstance(dtype, str) else dtype


def dtype_name(dtype: Any) -> str:
    """The name of a number format, torch's own or a name already."""
    return str(dtype).removeprefix("torch.")


def is_half(dtype: Any) -> bool:
    """Whether a number format has 16 bits."""
    return dtype_name(dtype) in ("float16", "bfloat16")


def list_devices() -> list[dict[str, Any]]:
    """What there is to run on: `name`, `description`, `free_bytes`, `total_bytes` (None where the system does not say)."""
    import torch

    devices: list[dict[str, Any]] = []
    for name in _device_names():
        device = torch.device(name)
        total: int | None = _physical_memory()
        description = f"{os.cpu_count()} cores, torch uses {torch.get_num_threads()} threads"
        if device.type == "cuda":
            properties = torch.cuda.get_device_properties(device)
            total, description = properties.total_memory, properties.name
        elif device.type == "mps":
            description = "Apple GPU"
        devices.append({"name": name, "description": description, "free_bytes": free_memory(device), "total_bytes": total})
    return devices


def cores() -> int:
    """How many processors this process may use at once; OMP_NUM_THREADS bounds it, as it does for torch."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return min(allowed, int(asked)) if asked.isdecimal() and int(asked) else allowed


def bearable_bytes(device: Device | torch.device) -> int:
    """How large weights may be that a hint names for a device: what its free memory bears; on a CPU half of that, and no more
    than `CORE_BYTES` a core, since larger ones take hours there."""
    free = free_memory(device)
    return free if device.type != "cpu" else min(free // 2, (os.cpu_count() or 1) * CORE_BYTES)


def free_memory(device: Device | torch.device) -> int:
    """Bytes that new tensors can take on the device; on the CPU under the control group's limit too."""
    if device.type == "cuda":
        import torch

        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    if device.type == "mps":
        import torch

        return max(0, torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory())
    return min(_available_memory(), *_control_group_memory())


def _available_memory() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # not Linux
    return (_physical_memory() or 4 << 30) // 2


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None  # Windows


def _control_group_memory(root: Path = Path("/sys/fs/cgroup")) -> list[int]:
    """What each limit leaves: [] without a limit, one number for version 2 or 1 of the control groups.

    The page cache counts as used there although it gives way, so its inactive part is added back.
    """
    # inside a container the group is mounted at the root itself; outside, the path in /proc/self/cgroup leads below it
    folders = {root, root / "memory"}
    try:
        folders |= {root / line.split(":", 2)[2].lstrip("/") for line in Path("/proc/self/cgroup").read_text().splitlines()}
    except OSError:
        return [_NO_LIMIT]
    left = [_NO_LIMIT]
    for folder in folders:
        for limit_name, used_name in (("memory.max", "memory.current"), ("memory.limit_in_bytes", "memory.usage_in_bytes")):
            try:
                limit, used = (folder / limit_name).read_text().strip(), int((folder / used_name).read_text())
                statistics = dict(line.split(" ", 1) for line in (folder / "memory.stat").read_text().splitlines())
            except (OSError, ValueError):
                continue
            if limit.isdigit():
                left.append(max(0, int(limit) - used + int(statistics.get("inactive_file", 0))))
    return left


_NO_LIMIT = 1 << 62
CORE_BYTES = 2 << 30


def is_out_of_memory(error: BaseException) -> bool:
    """Whether the error says that memory ran out, on a GPU or on the CPU."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, which need not be imported
        return True
    # the CPU allocator, cuDNN's workspace and MPS report it as a plain RuntimeError
    words = ("not enough memory", "can't allocate memory", "out of memory", "CUDNN_STATUS_ALLOC_FAILED")
    return isinstance(error, RuntimeError) and any(word in str(error) for word in words)


def release(device: Device | torch.device) -> None:
    """Give memory that torch keeps for later back to the device."""
    if device.type == "cuda":
        import torch

        torch.cuda.empty_cache()
    elif device.type == "mps":
        import torch

        torch.mps.empty_cache()


def inference() -> AbstractContextManager[Any]:
    """No gradients and no version counters inside; nothing at all where torch was never imported."""
    if "torch" not in sys.modules:
        return nullcontext()
    import torch

    return torch.inference_mode()
