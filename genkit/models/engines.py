"""A loaded model on the quickest engine that gives what torch gives.

Graphs come with the shipped weights, or were made on an earlier run and kept in the cache, or are made now, which takes some
seconds once. A network that does not convert, or does not give torch's numbers, is torch's; that is remembered, too.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card

Report = Callable[[str], None]
log = logging.getLogger(__name__)

# Families whose models run on networks of plain convolutions or the like, by functions of arrays; of diffusers our own ones.
CONVERTIBLE = frozenset(
    (
        *("animegan2", "colorizer", "compact", "cutter", "cyclegan", "ddcolor", "inpainter", "johnson", "magenta", "microast"),
        *("dcgan", "pgan", "style_dcgan", "stylegan2"),
        *("pix2pix", "sketcher", "spandrel", "stargan", "stylizer", "u2net", "unet", "zhang"),
        *("diffusers", "fastspeech2"),
    )
)
# Bytes of weights times pixels from which on it pays: about ten seconds of torch on two cores, as long as a conversion takes.
WORTH = 10**12
MOST_BYTES = 300 << 20  # of weights: what is larger takes minutes to convert, and twice its memory


def load_on_engine(
    card: Card,
    files: Mapping[str, Path],
    engine: str,
    load: Callable[[], Any],
    report: Report = lambda message: None,
    pixels: int | None = None,
) -> Any:
    """The model of a card, on OpenVINO where that gives torch's numbers; `load` loads it in torch. What has no graph yet gets
    one where `pixels`, or any amount for None, are worth it.

    Raises:
        UsageError: `engine` is openvino, and the network does not run on it.
    """
    weight = sum(path.stat().st_size for _, path in _all(files))
    if weight > MOST_BYTES or not is_convertible(card, files):
        return _in_torch(card, engine, "a network of this kind or size is not converted", load)
    identity = identity_of(card, files)
    for path in (graphs_beside(card), kept(identity)):
        model = _from_file(path, identity, card, files, load)
        if model is not None:
            return model
    refused = kept(identity).with_suffix(".refused")
    if refused.is_file():
        return _in_torch(card, engine, refused.read_text(encoding="utf-8"), load)
    if engine == "auto" and pixels is not None and weight * pixels < WORTH:
        return _in_torch(card, engine, "too little work to make it ready for OpenVINO", load)
    report(f"{card.name}: made ready for the CPU, once ...")
    model = load()
    try:
        converted = convert_model(model, identity)
    except UsageError as error:
        why = error.message
        _keep(lambda: _write(refused, why))
        return _in_torch(card, engine, why, lambda: model)
    from genkit.engine import store

    _keep(lambda: store.save(kept(identity), converted, {}))
    return _made(converted, card, files, lambda: model)


def convert_model(model: Any, identity: str) -> Any:
    """A loaded model of torch as `engine.store.Converted`.

    Raises:
        UsageError: the engine does not run it as torch does; says why.
    """
    from genkit.engine.conversion import NotConvertedError, convert
    from genkit.engine.store import Converted

    examples = model.examples() if hasattr(model, "examples") else {}
    if not examples:
        raise UsageError("its shape is not of those that convert")
    try:
        graphs = convert(model.runner, examples, getattr(model, "numbers", {}), getattr(model, "fixed", {}), model.TOLERANCE)
    except NotConvertedError as error:
        raise UsageError(str(error)) from error
    kind = type(model)
    return Converted(identity, f"{kind.__module__}:{kind.__qualname__}", model.facts(), graphs)


def identity_of(card: Card, files: Mapping[str, Path]) -> str:
    """A hash of the weights and of what the card says of the network."""
    found = hashlib.sha256(json.dumps([card.family, card.params, card.limits], sort_keys=True, default=str).encode())
    for name, path in _all(files):
        with path.open("rb") as file:
            found.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def is_convertible(card: Card, files: Mapping[str, Path]) -> bool:
    """Whether a model's networks may be run by another engine, as far as its card and its settings tell."""
    if card.family == "diffusers":
        from genkit.models.txt2img.own_folder import is_own

        return card.task == "txt2img" and set(files) == {"root"} and is_own(files["root"])
    return card.family in CONVERTIBLE


def tensors_of(files: Mapping[str, Path]) -> dict[str, np.ndarray]:
    """All tensors of a model's safetensors, float32; of other files than `weights` with the file before the name."""
    from genkit.weights.arrays import read_arrays

    found: dict[str, np.ndarray] = {}
    for file, path in _all(files):
        if path.suffix == ".safetensors":
            arrays = read_arrays(path)
            found |= arrays if file == "weights" else {f"{file}:{name}": each for name, each in arrays.items()}
    return found


def _all(files: Mapping[str, Path]) -> Iterator[tuple[str, Path]]:
    """Every file by name, those of folders too."""
    for name in sorted(files):
        if files[name].is_dir():
            below = sorted(path for path in files[name].rglob("*") if path.is_file())
            yield from ((f"{name}/{path.relative_to(files[name]).as_posix()}", path) for path in below)
        else:
            yield name, files[name]


def graphs_beside(card: Card) -> Path:
    """The graphs that ship with a card's weights."""
    from genkit.engine.store import SUFFIX

    return card.toml.with_suffix(SUFFIX)


def kept(identity: str) -> Path:
    """Where a network's graphs that are made here are kept."""
    from genkit.engine.compiled import engine_folder
    from genkit.engine.store import SUFFIX

    return engine_folder() / f"{identity}{SUFFIX}"


def _from_file(path: Path, identity: str, card: Card, files: Mapping[str, Path], load: Callable[[], Any]) -> Any:
    if not path.is_file():
        return None
    from genkit.engine import store

    converted = store.load(path, identity, lambda: tensors_of(files))
    return None if converted is None else _made(converted, card, files, load)


def _made(converted: Any, card: Card, files: Mapping[str, Path], load: Callable[[], Any]) -> Any:
    from genkit.engine.openvino_runner import OpenVinoRunner

    module, name = converted.shape.split(":")
    kind, reference = getattr(importlib.import_module(module), name), cache(load)
    return kind.remade(OpenVinoRunner(converted.graphs, lambda: reference().runner), converted.facts, card, files, reference)


def _in_torch(card: Card, engine: str, why: str, load: Callable[[], Any]) -> Any:
    if engine == "openvino":
        raise UsageError(f"{card.name} does not run on OpenVINO: {why}", "--engine auto runs it in torch", code="engine")
    log.info("%s runs in torch: %s", card.name, why)
    return load()


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def _keep(write: Callable[[], None]) -> None:
    """What cannot be kept (a cache on a full or closed disk) is made again another time."""
    try:
        write()
    except OSError:
        return
