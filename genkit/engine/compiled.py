"""Compiled networks, kept in the cache: what the engine does to a graph before it runs takes longer than many a picture.

One is of a version of the engine, of a processor, and of the settings that it was compiled with. A file is whole or not there;
what is damaged, or what the engine refuses, is compiled and written anew, and a cache that cannot be written changes nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cards.places import cache_folder
from genkit.files import replacing

if TYPE_CHECKING:
    from genkit.engine.graph import Graph

LARGEST = 64 << 20  # bytes of constants: of what is larger the work outweighs the wait, and the file would be as large


@cache
def core() -> Any:
    """The engine itself, once in a process."""
    import openvino

    return openvino.Core()


def engine_folder() -> Path:
    """Where what is made here is kept: for this version of the engine."""
    from importlib.metadata import version

    return cache_folder() / "engine" / f"openvino-{version('openvino')}"


def compiled_folder() -> Path:
    return engine_folder() / "compiled"


def compiled(graph: Graph, settings: Mapping[str, Any]) -> Any:
    """A graph ready to run on the CPU.

    Raises:
        RuntimeError: the engine does not have one of its operations.
    """
    path = _kept(graph, settings)
    if path is not None and (blob := _read(path)) is not None:
        with suppress(RuntimeError):
            return core().import_model(blob, "CPU", settings)
    model = core().compile_model(core().read_model(graph.xml, graph.constants), "CPU", settings)
    if path is not None:
        with suppress(OSError, RuntimeError):
            _write(path, model.export_model().getvalue())
    return model


def _kept(graph: Graph, settings: Mapping[str, Any]) -> Path | None:
    if not graph.key or graph.size > LARGEST:
        return None
    processor = core().get_property("CPU", "FULL_DEVICE_NAME")
    words = repr([graph.key, processor, sorted(settings.items())])
    return compiled_folder() / hashlib.sha256(words.encode()).hexdigest()


def _read(path: Path) -> bytes | None:
    try:
        whole = path.read_bytes()
    except OSError:
        return None
    blob = whole[32:]
    return blob if hashlib.sha256(blob).digest() == whole[:32] else None


def _write(path: Path, blob: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
