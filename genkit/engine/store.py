"""Converted networks in files: what model they make, the graphs, and those constants that the weights' own file does not hold.

A file is a zip: `model.json`, and for each function `<name>.xml` and `<name>.bin`. Constants that are tensors of the checkpoint
(nearly all of them), or these rounded, are not written again: `model.json` says which tensor goes where. So the graphs of
shipped weights take some kilobytes. The identity, a hash of the weights and of what the card says of them, must be the one that
was converted.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from genkit.engine.graph import Graph

FORMAT = 1
SUFFIX = ".graphs"
SMALLEST = 256  # bytes: smaller constants are written, whatever the checkpoint holds
HALF = "|float16"  # behind the name of a tensor that the network has rounded to half precision


@dataclass(frozen=True)
class Converted:
    """`shape` is the class that the model is of, as module:name, `facts` the arguments that make it."""

    identity: str
    shape: str
    facts: Mapping[str, Any]
    graphs: Mapping[str, Graph]


def save(path: Path, converted: Converted, state: Mapping[str, np.ndarray]) -> None:
    """Write it whole or not at all; `state` are the tensors of the checkpoint, float32, that constants may be."""
    large = {name: each for name, each in state.items() if each.nbytes >= SMALLEST}
    blobs = {_rounded(each).tobytes(): f"{name}{HALF}" for name, each in large.items()}
    blobs |= {each.tobytes(): name for name, each in large.items()}
    stages: dict[str, Any] = {}
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=path.name, suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file, zipfile.ZipFile(file, "w") as archive:
            for stage, graph in converted.graphs.items():
                pieces, rest = _split(graph.constants, blobs)
                stages[stage] = {
                    "pieces": pieces,
                    "bytes": len(graph.constants),
                    "numbers": dict(graph.numbers),
                    "fixed": dict(graph.fixed),
                    "difference": graph.difference,
                }
                _add(archive, f"{stage}.xml", graph.xml)
                _add(archive, f"{stage}.bin", rest)
            facts = {"format": FORMAT, "identity": converted.identity, "shape": converted.shape, "facts": dict(converted.facts)}
            _add(archive, "model.json", json.dumps({**facts, "stages": stages}).encode())
        Path(name).chmod(0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def load(path: Path, identity: str, state: Any = dict) -> Converted | None:
    """Read it; None where it is of other weights, of another format or damaged. `state()` gives the checkpoint's tensors."""
    try:
        with zipfile.ZipFile(path) as archive:
            told = json.loads(archive.read("model.json"))
            if told.get("format") != FORMAT or told.get("identity") != identity:
                return None
            state = cache(state)
            graphs = {
                stage: _graph(identity, archive.read(f"{stage}.xml"), archive.read(f"{stage}.bin"), facts, state)
                for stage, facts in told["stages"].items()
            }
    except (OSError, KeyError, ValueError, zipfile.BadZipFile):
        return None
    return Converted(told["identity"], told["shape"], told["facts"], graphs)


def _graph(identity: str, xml: bytes, rest: bytes, facts: Mapping[str, Any], state: Callable[[], Any]) -> Graph:
    key = hashlib.sha256(identity.encode() + xml + rest).hexdigest()

    def read() -> bytes:
        return _joined(facts["pieces"], rest, facts["bytes"], state() if facts["pieces"] else {})

    return Graph(xml, read, facts["bytes"], facts["numbers"], facts.get("fixed", {}), facts["difference"], key)


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    # no date: the same network is the same file
    kind = zipfile.ZIP_DEFLATED if len(data) < 1 << 22 else zipfile.ZIP_STORED
    archive.writestr(zipfile.ZipInfo(name), data, kind)


def _rounded(tensor: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return tensor.astype(np.float16).astype(np.float32)


def _split(constants: bytes, blobs: Mapping[bytes, str]) -> tuple[list[tuple[int, str]], bytes]:
    """Where tensors of the checkpoint stand, as (offset, name), and the rest of the bytes one after another."""
    taken: list[tuple[int, int, str]] = []
    for blob, name in blobs.items():
        at = constants.find(blob)
        while at >= 0:
            taken.append((at, at + len(blob), name))
            at = constants.find(blob, at + len(blob))
    pieces, rest, reached = [], [], 0
    for start, stop, name in sorted(taken):
        if start >= reached:
            rest.append(constants[reached:start])
            pieces.append((start, name))
            reached = stop
    return pieces, b"".join([*rest, constants[reached:]])


def _joined(pieces: list[tuple[int, str]], rest: bytes, length: int, state: Mapping[str, np.ndarray]) -> bytes:
    if not pieces:
        return rest
    whole, reached = bytearray(length), 0
    left = memoryview(rest)
    for start, name in pieces:
        whole[reached:start], left = left[: start - reached], left[start - reached :]
        tensor = state[name.removesuffix(HALF)]
        blob = (_rounded(tensor) if name.endswith(HALF) else tensor).tobytes()
        whole[start : start + len(blob)] = blob
        reached = start + len(blob)
    whole[reached:] = left
    if len(whole) != length:
        raise ValueError("constants that do not fit")
    return bytes(whole)
