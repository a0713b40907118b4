"""Take the tensors out of a TorchScript archive, as a state dict, without loading the program that is in it.

Such a file is a zip (nothing in it compressed that we need): `NAME/data.pkl` describes the tree of modules, and `NAME/data/KEY`
holds the numbers of each storage. The pickle is read by an unpickler of our own that knows four kinds of names: classes of the
archive itself, all of which become one inert record; the function that puts a tensor together, here one that notes what it was
given; the types of storages; and the wrappers of plain lists. Any other name is refused, so nothing from the file can be
called. Tensors are made only after the pickle has been read. The code in the archive is never opened.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

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
MOST_MODULES = 1 << 16  # each as often as it is named: modules that name one module twice at every depth would never end
LARGEST_PICKLE = 64 << 20


class _Refused(Exception):
    pass


class Storage(NamedTuple):
    """Where numbers lie: the format's name, the key in the archive, how many."""

    dtype: str
    key: str
    numel: int


class Part(NamedTuple):
    """A tensor as the pickle describes it."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


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
            parts: dict[str, Part] = {}
            _collect(_Reader(archive.read(f"{prefix}data.pkl")).load(), "", parts, 0, iter(range(MOST_MODULES)))
            storages = {storage: _read(archive, prefix, storage) for storage in {part.storage for part in parts.values()}}
        return {name: _rebuild(storages[part.storage], part) for name, part in parts.items()}
    except MemoryError:
        raise
    except Exception as error:  # the parts of a damaged zip or pickle can raise nearly anything
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(
            f"{path}: a TorchScript program whose tensors cannot be taken out ({reason})",
            "fetch it again, or have its author save the state dict alone",
            code="not-a-checkpoint",
        ) from error


class _Reader(pickle.Unpickler):
    def __init__(self, data: bytes):
        super().__init__(io.BytesIO(data))

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return Record
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _describe
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch" and name in STORAGES:
            return STORAGES[name]
        if module == "torch.jit._pickle" and name in LISTS:
            return _first
        raise _Refused(f"it names {module}.{name}")

    def persistent_load(self, pid: Any) -> Storage:
        kind, dtype, key, _, count = pid
        if kind != "storage" or dtype not in STORAGES.values() or not isinstance(count, int):
            raise _Refused("a storage is described in no known way")
        return Storage(dtype, str(key), count)


def _describe(storage: Storage, offset: int, size: tuple[int, ...], stride: tuple[int, ...], *further: Any) -> Part:
    if not isinstance(storage, Storage) or not all(isinstance(one, int) for one in (offset, *size, *stride)):
        raise _Refused("a tensor is described in no known way")
    return Part(storage, offset, tuple(size), tuple(stride))


def _first(value: Any, *further: Any) -> Any:
    return value


def _collect(module: Any, prefix: str, parts: dict[str, Part], depth: int, left: Iterator[int]) -> None:
    if depth > DEEPEST:
        raise _Refused("its modules are nested too deeply")
    if next(left, None) is None:
        raise _Refused("it has too many modules")
    for name, value in vars(module).items() if isinstance(module, Record) else ():
        if isinstance(value, Part):
            parts[f"{prefix}{name}"] = value
        elif isinstance(value, Record):
            _collect(value, f"{prefix}{name}.", parts, depth + 1, left)


def _read(archive: zipfile.ZipFile, prefix: str, storage: Storage) -> Tensor:
    """The flat tensor of one storage."""
    import torch

    dtype = getattr(torch, storage.dtype)
    entry = archive.getinfo(f"{prefix}data/{storage.key}")
    if entry.compress_type != zipfile.ZIP_STORED or entry.file_size != storage.numel * dtype.itemsize:
        raise _Refused(f"storage {storage.key} has another size than is stated")
    data = bytearray(archive.read(entry))
    return torch.frombuffer(data, dtype=dtype) if data else torch.empty(0, dtype=dtype)


def _rebuild(storage: Tensor, part: Part) -> Tensor:
    if min((part.offset, *part.size, *part.stride), default=0) < 0:
        raise _Refused("a tensor has negative sizes")
    count = math.prod(part.size)
    last = part.offset + sum((length - 1) * step for length, step in zip(part.size, part.stride, strict=True))
    # strides of nothing would make a tensor of any size out of one number
    if count and (last >= storage.numel() or count > storage.numel()):
        raise _Refused("a tensor reaches beyond its storage")
    return storage.as_strided(part.size, part.stride, part.offset)
