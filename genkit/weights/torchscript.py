"""Take the tensors out of a TorchScript archive, as a state dict, without loading the program that is in it.

Such a file is a zip (nothing in it compressed that we need): `NAME/data.pkl` describes the tree of modules, and `NAME/data/KEY`
holds the numbers of each storage. The pickle is read by an unpickler of our own that knows four kinds of names: classes of the
archive itself, all of which become one inert record; the function that puts a tensor together, here ours; the types of
storages; and the wrappers of plain lists. Any other name is refused, so nothing from the file can be called. The code in the
archive is never opened.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

STORAGES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
LISTS = {"build_intlist", "build_doublelist", "build_boollist", "build_tensorlist", "restore_type_tag"}
DEEPEST = 64  # modules in modules
LARGEST_PICKLE = 64 << 20


class _Refused(Exception):
    pass


class Record:
    """A module of the archive: its attributes, and nothing that could be called."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            vars(self).update({str(key): value for key, value in state.items()})


def is_torchscript(path: Path) -> bool:
    """Whether a file is a zip with the program of a TorchScript archive in it."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (OSError, zipfile.BadZipFile, NotImplementedError, ValueError):
        return False
    return any(name.endswith("/constants.pkl") for name in names) and any(name.endswith("/data.pkl") for name in names)


def read_torchscript(path: Path) -> dict[str, Tensor]:
    """The tensors of the modules, by dotted name as `state_dict` has them, on the CPU.

    Raises:
        WeightsError: damaged, or with a name in it that is of no kind we know.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            prefix = next(name.removesuffix("data.pkl") for name in archive.namelist() if name.endswith("/data.pkl"))
            if archive.getinfo(f"{prefix}data.pkl").file_size > LARGEST_PICKLE:
                raise _Refused("its description is too large")
            if f"{prefix}byteorder" in archive.namelist() and archive.read(f"{prefix}byteorder") != b"little":
                raise _Refused("its numbers are big-endian")
            root = _Reader(archive, prefix).load()
        state: dict[str, Tensor] = {}
        _collect(root, "", state, 0)
        return state
    except MemoryError:
        raise
    # the parts of a damaged zip or pickle can raise nearly anything
    except Exception as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(
            f"{path}: a TorchScript program whose tensors cannot be taken out ({reason})",
            "fetch it again, or have its author save the state dict alone",
            code="not-a-checkpoint",
        ) from error


class _Reader(pickle.Unpickler):
    def __init__(self, archive: zipfile.ZipFile, prefix: str):
        super().__init__(io.BytesIO(archive.read(f"{prefix}data.pkl")))
        self._archive, self._prefix = archive, prefix
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        import torch

        if module == "__torch__" or module.startswith("__torch__."):
            return Record
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuild
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in STORAGES:
            return getattr(torch, STORAGES[name])
        if module == "torch.jit._pickle" and name in LISTS:
            return _first
        raise _Refused(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Tensor:
        """The flat tensor of one storage."""
        import torch

        kind, dtype, key, _, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(count, int):
            raise _Refused("a storage is described in no known way")
        name = str(key)
        if name not in self._storages:
            entry = self._archive.getinfo(f"{self._prefix}data/{name}")
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != count * dtype.itemsize:
                raise _Refused(f"storage {name} has another size than is stated")
            data = bytearray(self._archive.read(entry))
            self._storages[name] = torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)
        return self._storages[name]


def _rebuild(storage: Tensor, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *further: Any) -> Tensor:
    if min((offset, *size, *stride), default=0) < 0:
        raise _Refused("a tensor has negative sizes")
    last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
    if math.prod(size) and last >= storage.numel():
        raise _Refused("a tensor reaches beyond its storage")
    return storage.as_strided(size, stride, offset)


def _first(value: Any, *further: Any) -> Any:
    return value


def _collect(module: Any, prefix: str, state: dict[str, Tensor], depth: int) -> None:
    import torch

    if depth > DEEPEST:
        raise _Refused("its modules are nested too deeply")
    for name, value in vars(module).items() if isinstance(module, Record) else ():
        if isinstance(value, torch.Tensor):
            state[f"{prefix}{name}"] = value
        elif isinstance(value, Record):
            _collect(value, f"{prefix}{name}.", state, depth + 1)
