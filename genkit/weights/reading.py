"""Open a checkpoint by what it is, never by what it is called, and never by running what is in it."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import WeightsError
from genkit.files import DEEPEST
from genkit.weights.foreign.ncnn import read_ncnn, structure_of
from genkit.weights.foreign.torchscript import is_torchscript, read_torchscript

if TYPE_CHECKING:
    from torch import Tensor

# Keys under which training frameworks keep the weights to use, best first: averaged ones before raw ones.
WRAPPERS = (
    "params_ema",
    "params-ema",
    "g_ema",
    "state_dict_ema",
    "params",
    "state_dict",
    "model_state_dict",
    "model",
    "net",
    "generator",
)
PREFIXES = ("module.", "_orig_mod.")
LONGEST_NAME = 1000  # letters
MOST_ENTRIES = 300_000  # of a checkpoint's tables, each as often as it is met
# What torch's restricted reader says when it meets a class or a function, and the name of it.
CODE = re.compile(
    r"GLOBAL (\S+) was not an allowed global|whose module (\S+) is blocked"
    r"|unrecognized function (\S+)|(\S+) must be \S+ to load"
)
TEXT_BEGINNINGS = {
    b"version https://git-lfs": "it is a git-lfs pointer, not the file itself",
    b"<!doctype": "it is a web page, not a checkpoint",
    b"<html": "it is a web page, not a checkpoint",
}


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Read safetensors, a PyTorch file with nothing but tensors in it, the tensors of a TorchScript archive, or ncnn's weights
    with the .param of their name beside them; on the CPU, in the file's own dtypes, but ncnn's and what genkit keeps in eight
    bits (`eight_bits.py`) in float32.

    Weights are taken out of the usual wrappers (`params_ema` before `params`), nested parts are joined with dots, those
    of lists by their numbers.

    Raises:
        WeightsError: missing, truncated, altered, not a checkpoint, or a pickle that holds more than tensors.
    """
    path = Path(path)
    try:
        if not path.is_file() and path.exists():
            raise OSError(errno.EINVAL, "no regular file")  # a pipe would hang
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})", code="unreadable") from error
    if _is_safetensors(head, size):
        return _sound(_read_safetensors(path), path)
    for beginning, reason in TEXT_BEGINNINGS.items():
        if head.lower().startswith(beginning):
            raise WeightsError(f"{path}: {reason}", "fetch it again", code="not-a-checkpoint")
    if (structure := structure_of(path, head)) is not None:
        return _sound(read_ncnn(structure, path), path)
    if head[:2] == b"PK" and is_torchscript(path):
        return _unwrap(read_torchscript(path), path)
    if head[:2] == b"PK" or head[:1] == b"\x80":
        return _unwrap(_read_torch(path), path)
    raise WeightsError(
        f"{path}: neither safetensors nor a PyTorch checkpoint, or cut short", _ways_out(), code="not-a-checkpoint"
    )


def _is_safetensors(head: bytes, size: int) -> bool:
    """Eight bytes of header length, little endian, then JSON."""
    return len(head) > 8 and head[8:9] == b"{" and int.from_bytes(head[:8], "little") < 10**9


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    from genkit.weights.eight_bits import unpacked

    try:
        return unpacked(load_file(path))
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{path}: truncated or altered ({_first_line(error)})", _ways_out(), code="damaged") from error


def _read_torch(path: Path) -> Any:
    import warnings

    import torch

    try:
        # An open file rather than its path: torch goes by the name of some.
        with path.open("rb") as file, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # notes on old formats speak to whoever saved the file
            return torch.load(file, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception as error:  # a damaged pickle can raise nearly anything from inside the restricted reader
        text = str(error)
        if refused := CODE.search(text):
            what = next((one for one in refused.groups() if one), "code")
            raise WeightsError(
                f"{path}: a pickle that holds more than tensors ({what}); opening it could run code, so it is refused",
                "have its author save the state dict alone, best as safetensors",
                code="pickle",
            ) from error
        reason = type(error).__name__ if text.startswith("Weights only load failed") else _first_line(error)
        raise WeightsError(f"{path}: truncated or altered ({reason})", _ways_out(), code="damaged") from error


def _unwrap(loaded: Any, path: Path) -> dict[str, Tensor]:
    for _ in range(3):  # a wrapper in a wrapper happens, more does not
        if not isinstance(loaded, Mapping):
            break
        inner = next((loaded[key] for key in WRAPPERS if isinstance(loaded.get(key), Mapping)), None)
        if inner is None:
            break
        loaded = inner
    state: dict[str, Tensor] = {}
    if isinstance(loaded, Mapping):
        _collect(loaded, "", state, path)
    if not state:
        raise WeightsError(f"{path}: holds no tensors by name", _ways_out(), code="not-a-checkpoint")
    for prefix in PREFIXES:
        if all(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): value for key, value in state.items()}
    return _sound(state, path)


def _sound(state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Refuse names that no network has: those who walk their parts do it by recursion."""
    for key, value in state.items():
        if (
            value.is_meta
            or value.layout != _strided()
            or value.numel() * value.element_size() > value.untyped_storage().nbytes()
        ):
            raise WeightsError(
                f"{path}: the tensor {key[:80]} does not hold the numbers it should", _ways_out(), code="damaged"
            )
        if len(key) > LONGEST_NAME or key.count(".") >= DEEPEST:
            raise WeightsError(
                f"{path}: holds a tensor whose name has {key.count('.') + 1:,} parts", _ways_out(), code="damaged"
            )
    return state


def _strided() -> Any:
    import torch

    return torch.strided


def _collect(table: Mapping[Any, Any], prefix: str, state: dict[str, Tensor], path: Path, met: list[int] | None = None) -> None:
    import torch

    met = [0] if met is None else met
    met[0] += len(table)
    if met[0] > MOST_ENTRIES:  # tables that hold one another many times
        raise WeightsError(f"{path}: holds more than {MOST_ENTRIES:,} entries", _ways_out(), code="damaged")
    if prefix.count(".") > DEEPEST:  # or it holds itself
        raise WeightsError(f"{path}: its parts are nested deeper than {DEEPEST} levels", _ways_out(), code="damaged")
    for key, value in table.items():
        if isinstance(value, torch.Tensor):
            state[f"{prefix}{key}"] = value.detach()
        elif isinstance(value, Mapping):
            _collect(value, f"{prefix}{key}.", state, path, met)
        elif isinstance(value, (list, tuple)):
            _collect(dict(enumerate(value)), f"{prefix}{key}.", state, path, met)


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:160] if text else type(error).__name__


def _ways_out() -> str:
    return "fetch it again, or check the file with its publisher"
