"""Read the networks of StyleGAN `.pkl` files without running what is in them.

Such a file is a pickle that carries the source of its classes, and opening it the ordinary way runs that source. Here no
unpickler runs at all: the opcodes are read one by one, by rules of our own, into numbers, texts, lists, dictionaries and
tensors. A name in the pickle is only a name. A short table says what a few of them mean, and each meaning is a function of
this file; any other name, and any opcode that could do more, is refused with the name of what was asked for.

What is left of a network is its class's name, the settings it was made with and its tensors (`StyleGanNetwork`). Tensors lie in
the pickle as further pickles, which `torch.load(weights_only=True)` reads.
"""

from __future__ import annotations

import io
import math
import pickletools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from genkit.errors import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

LARGEST = 4 << 30  # bytes; the published ones are below 400 million
MOST_OPCODES = 5_000_000
DEEPEST = 64
TORCH_MAGIC = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19."  # behind the first two bytes of a file of torch.save before 1.6
GENERATORS = ("G_ema", "Gs", "G")  # best first: averaged ones before raw ones
MARK = object()
KEYS = (str, int, float, bytes, type(None))  # what may be a key: none that runs deep when it is compared
NUMBERS = {"f2": "e", "f4": "f", "f8": "d", "i1": "b", "i2": "h", "i4": "i", "i8": "q"}
NUMBERS |= {"u1": "B", "u2": "H", "u4": "I", "u8": "Q", "b1": "?"}
PUSHED = re.compile(r"(BIN)?INT[12]?|LONG[14]?|(BIN)?FLOAT|(SHORT_)?(BIN)?(STRING|UNICODE|BYTES)8?|BYTEARRAY8")  # plain values
GLOBAL = re.compile(r"(?:GLOBAL|function) (\S+)")  # what torch's restricted reader says when it meets one
CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}
PARAMS = {"img_resolution": "side", "img_channels": "channels", "z_dim": "z_dim", "c_dim": "c_dim", "w_dim": "w_dim"}
WAY_OUT = "only PyTorch networks of the StyleGAN2-ADA kind are read; nothing in the file was run"


@dataclass(frozen=True)
class Name:
    """A class or function that a pickle names, by what it means here."""

    meaning: str
    text: str


@dataclass
class Network:
    """A network of the pickle: its class's name and its attributes, none of them a callable."""

    class_name: str
    state: dict[Any, Any]


@dataclass
class Dtype:
    """A number format of numpy: its letter and bytes, and its byte order."""

    kind: str
    order: str = "<"


@dataclass(frozen=True)
class Numbers:
    """A tensor's storage, and the type of its numbers."""

    storage: Any
    dtype: Any


@dataclass(frozen=True)
class StyleGanNetwork:
    """`state`: the tensors by name; `settings`: the plain ones among those that the network was made with."""

    class_name: str
    state: dict[str, Tensor]
    settings: dict[str, Any]

    @property
    def params(self) -> dict[str, Any]:
        """What the settings say of the network, by the names of a card's parameters."""
        return {name: self.settings[theirs] for theirs, name in PARAMS.items() if theirs in self.settings}


# Every name that may stand in the pickle, and the rule below that says what it means.
MEANINGS = {
    "torch_utils.persistence._reconstruct_persistent_obj": "network",
    "torch._utils._rebuild_tensor_v2": "tensor",
    "torch._utils._rebuild_parameter": "parameter",
    "torch.storage._load_from_bytes": "storage",
    "collections.OrderedDict": "dict",
    "dnnlib.util.EasyDict": "dict",
    "dnnlib.EasyDict": "dict",
    "builtins.set": "set",
    "__builtin__.set": "set",
    "_codecs.encode": "bytes",
    "numpy.dtype": "dtype",
    "numpy.core.multiarray.scalar": "number",
    "numpy._core.multiarray.scalar": "number",
    "numpy.ndarray": "array class",
    "numpy.core.multiarray._reconstruct": "array",
    "numpy._core.multiarray._reconstruct": "array",
    "numpy.core.numeric._frombuffer": "array",
    "numpy._core.numeric._frombuffer": "array",
}


def is_plain_pickle(path: Path) -> bool:
    """Whether a file is a pickle of its own, and not one that torch.save wrote."""
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError:
        return False
    return len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5 and not head[2:].startswith(TORCH_MAGIC)


def read_stylegan(path: Path) -> StyleGanNetwork:
    """Read the averaged generator of a StyleGAN file, on the CPU.

    Raises:
        WeightsError: unreadable, damaged, too large, no such file, or one that names more than tensors and plain values.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise WeightsError(f"{path}: {size} bytes are too many for a network of this kind", WAY_OUT, code="pickle")
        with path.open("rb") as file:
            found = _Reader(path, size).read(file)
    except (WeightsError, MemoryError):
        raise
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror})", code="unreadable") from error
    except Exception as error:  # a pickle that is not well made can go wrong in nearly any way
        text = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(f"{path}: not a whole pickle ({text})", "fetch it again", code="damaged") from error
    network = found
    if isinstance(found, dict):
        network = next((found[key] for key in GENERATORS if isinstance(found.get(key), Network)), None)
    if not isinstance(network, Network):
        raise WeightsError(f"{path}: a pickle without a StyleGAN generator", WAY_OUT, code="not-a-checkpoint")
    state = dict(_tensors(network, "", path))
    if not state:
        raise WeightsError(f"{path}: its generator holds no tensors", WAY_OUT, code="not-a-checkpoint")
    settings = network.state.get("_init_kwargs")
    return StyleGanNetwork(network.class_name, state, _plain(settings) if isinstance(settings, dict) else {})


def _tensors(network: Network, prefix: str, path: Path) -> Iterator[tuple[str, Tensor]]:
    from torch import Tensor

    if prefix.count(".") > DEEPEST:
        raise WeightsError(f"{path}: its networks lie too deep in one another", WAY_OUT, code="pickle")
    parts = {kind: network.state.get(kind) or {} for kind in ("_parameters", "_buffers", "_modules")}
    passing = network.state.get("_non_persistent_buffers_set") or ()
    for kind, table in parts.items():
        if not isinstance(table, dict):
            raise WeightsError(f"{path}: {network.class_name}.{kind} is no table", "fetch it again", code="damaged")
        for name, one in table.items():
            if isinstance(one, Network) and kind == "_modules":
                yield from _tensors(one, f"{prefix}{name}.", path)
            elif isinstance(one, Tensor) and name not in passing:
                yield f"{prefix}{name}", one


def _plain(value: Any, depth: int = 0) -> Any:
    """Settings as numbers, texts, lists and tables; what is none of these, or lies deep, is left out."""
    if isinstance(value, dict):
        return {str(key): _plain(one, depth + 1) for key, one in value.items()} if depth < 4 else {}
    if isinstance(value, (list, tuple)):
        return [_plain(one, depth + 1) for one in value] if depth < 4 and len(value) < 100 else []
    return value if isinstance(value, (str, int, float)) else None


class _Reader:
    """Reads one pickle: a stack, a memo, and a rule for each opcode that is allowed."""

    def __init__(self, path: Path, size: int):
        self.path, self.left = path, 2 * size  # bytes that tensors may take together
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def read(self, file: io.BufferedReader) -> Any:
        for count, (opcode, argument, _) in enumerate(pickletools.genops(file)):
            if count > MOST_OPCODES:
                self.refuse("so many opcodes", "more than such a network has")
            if opcode.name == "STOP":
                return self.stack.pop()
            self.step(opcode.name, argument)
        raise ValueError("it ends without saying so")

    def refuse(self, what: str, why: str) -> NoReturn:
        raise WeightsError(f"{self.path}: the pickle asks for {what}: {why}; it is refused", WAY_OUT, code="pickle")

    def step(self, name: str, argument: Any) -> None:
        stack, memo = self.stack, self.memo
        if PUSHED.fullmatch(name):
            stack.append(argument)
        elif name in CONSTANTS:
            stack.append(CONSTANTS[name])
        elif name in ("EMPTY_LIST", "EMPTY_DICT", "EMPTY_SET"):
            stack.append({"EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": set}[name]())
        elif name == "MARK":
            stack.append(MARK)
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            memo[len(memo)] = stack[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            stack.append(memo[argument])
        elif name in ("TUPLE1", "TUPLE2", "TUPLE3"):
            count = int(name[-1])
            stack[-count:] = [tuple(stack[-count:])]
        elif name in ("TUPLE", "LIST", "DICT", "FROZENSET"):
            stack.append(self.gathered(name, self.marked()))
        elif name in ("APPEND", "APPENDS", "ADDITEMS"):
            items = [stack.pop()] if name == "APPEND" else self.marked()
            self.extend(stack[-1], items)
        elif name in ("SETITEM", "SETITEMS"):
            items = [stack.pop(), stack.pop()][::-1] if name == "SETITEM" else self.marked()
            self.fill(stack[-1], items)
        elif name == "GLOBAL":
            stack.append(self.named(*argument.split(" ", 1)))
        elif name == "STACK_GLOBAL":
            attribute, module = stack.pop(), stack.pop()
            stack.append(self.named(module, attribute))
        elif name in ("REDUCE", "NEWOBJ"):
            given, what = stack.pop(), stack.pop()
            if not isinstance(what, Name) or not isinstance(given, tuple) or (name == "NEWOBJ" and what.meaning != "dict"):
                self.refuse(
                    f"a call of {what.text if isinstance(what, Name) else type(what).__name__}", "it is no such function"
                )
            stack.append(self.meant(what, given))
        elif name == "BUILD":
            state = stack.pop()
            stack[-1] = self.completed(stack[-1], state)
        elif name == "POP":
            stack.pop()
        elif name == "POP_MARK":
            self.marked()
        elif name == "DUP":
            stack.append(stack[-1])
        elif name not in ("PROTO", "FRAME"):
            self.refuse(f"the opcode {name}{f' ({argument})' if argument is not None else ''}", "no such network needs it")

    def marked(self) -> list[Any]:
        """Take what lies above the last mark, and the mark."""
        place = len(self.stack) - 1
        while self.stack[place] is not MARK:
            place -= 1
            if place < 0:
                raise ValueError("a mark is missing")
        items = self.stack[place + 1 :]
        del self.stack[place:]
        return items

    def gathered(self, name: str, items: list[Any]) -> Any:
        if name == "DICT":
            table: dict[Any, Any] = {}
            self.fill(table, items)
            return table
        if name == "FROZENSET":
            found: set[Any] = set()
            self.extend(found, items)
            return found
        return tuple(items) if name == "TUPLE" else items

    def extend(self, target: Any, items: list[Any]) -> None:
        if type(target) is list:
            target.extend(items)
        elif type(target) is set and all(isinstance(one, KEYS) for one in items):
            target.update(items)
        else:
            self.refuse(f"items for a {type(target).__name__}", "only lists and sets of plain values have them")

    def fill(self, target: Any, items: list[Any]) -> None:
        keys = items[::2]
        if type(target) is not dict or len(items) % 2 or not all(isinstance(one, KEYS) for one in keys):
            self.refuse(f"entries for a {type(target).__name__}", "only tables of plain keys have them")
        target.update(zip(keys, items[1::2], strict=True))

    def named(self, module: Any, attribute: Any) -> Name:
        text = f"{module}.{attribute}"
        if not isinstance(module, str) or not isinstance(attribute, str) or text not in MEANINGS:
            self.refuse(text[:120], "it is neither a tensor nor a plain value, and calling it could run anything")
        return Name(MEANINGS[text], text)

    # --- what the names mean ------------------------------------------------------------------------------------------

    def meant(self, what: Name, given: tuple[Any, ...]) -> Any:
        """The value that a call stands for; none of these calls anything of the pickle's."""
        if what.meaning == "network":
            return self.network(*given)
        if what.meaning == "storage":
            return self.storage(*given)
        if what.meaning == "tensor":
            return self.tensor(*given[:4])
        if what.meaning == "parameter":
            return self.checked(given[0])
        if what.meaning == "dict":
            table: dict[Any, Any] = {}
            for pair in given[0] if given else ():
                self.fill(table, list(pair))
            return table
        if what.meaning == "set":
            found: set[Any] = set()
            self.extend(found, list(given[0]) if given else [])
            return found
        if what.meaning == "bytes" and isinstance(given[0], str):
            return given[0].encode("latin-1")
        if what.meaning == "dtype" and isinstance(given[0], str):
            if given[0].lstrip("<>=|") not in NUMBERS:
                self.refuse(f"an array of {given[0]}", "its items could be anything")
            return Dtype(given[0].lstrip("<>=|"))
        if what.meaning == "number":
            kind, raw = given
            return struct.unpack(("<" if kind.order == "|" else kind.order) + NUMBERS[kind.kind], raw)[0]
        if what.meaning == "array":
            return None  # empty: what it holds comes with BUILD, and no tensor of a network is one
        return self.refuse(f"a call of {what.text}", "it is no function of such a network")

    def completed(self, target: Any, state: Any) -> Any:
        """What BUILD makes of a value: only number formats and arrays have something to be told."""
        if isinstance(target, Dtype) and isinstance(state, tuple) and len(state) > 2 and state[1] in ("<", ">", "|", "="):
            return Dtype(target.kind, state[1])
        if target is None and isinstance(state, tuple) and len(state) == 5 and isinstance(state[4], (bytes, str)):
            return None
        kind = target.text if isinstance(target, Name) else type(target).__name__
        return self.refuse(f"attributes for {kind}", "that could change what it does")

    def network(self, meta: Any) -> Network:
        wanted = isinstance(meta, dict) and meta.get("type") == "class"
        if not wanted or not isinstance(meta.get("class_name"), str) or not isinstance(meta.get("state"), dict):
            self.refuse("an object that is not described as a network's", "nothing is known of it")
        return Network(meta["class_name"], meta["state"])  # its source, module_src, stays text and is dropped

    def storage(self, raw: Any) -> Numbers:
        """Numbers of one type, from the pickle in the pickle."""
        import warnings

        import torch

        if not isinstance(raw, bytes):
            self.refuse("a storage that is not bytes", "nothing is known of it")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # storages that know their type are deprecated, but these files hold them
                found = torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True)
                if isinstance(found, torch.storage.TypedStorage):
                    return Numbers(found.untyped(), found.dtype)
        except Exception as error:  # damaged or hostile bytes raise nearly anything inside torch's restricted reader
            refused = GLOBAL.search(str(error))
            what = refused[1] if refused else "what is no tensor"
            self.refuse(f"{what} inside a tensor's bytes", "the restricted reader does not take it")
        return self.refuse(f"a {type(found).__name__} where a tensor's numbers should be", "nothing is known of it")

    def tensor(self, numbers: Any, offset: Any, size: Any, stride: Any) -> Tensor:
        import torch

        shape = (offset, *size, *stride)
        plain = isinstance(numbers, Numbers) and all(type(one) is int and one >= 0 for one in shape)
        if not plain or len(size) != len(stride):
            raise ValueError("a tensor of no possible shape")
        count = math.prod(size)
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if count else 0
        held = numbers.storage.nbytes() // numbers.dtype.itemsize
        self.left -= count * numbers.dtype.itemsize
        if last >= max(held, 1) or count > max(held, 1) or self.left < 0:
            raise ValueError("a tensor larger than its numbers")
        return torch.empty(0, dtype=numbers.dtype).set_(numbers.storage, offset, tuple(size), tuple(stride))

    def checked(self, data: Any) -> Tensor:
        from torch import Tensor

        if not isinstance(data, Tensor):
            raise ValueError("a parameter that is no tensor")
        return data
