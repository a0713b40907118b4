"""A loaded model on the quickest engine that gives what torch gives.

Graphs come with the shipped weights, or were made on an earlier run and kept in the cache, or are made now, which takes some
seconds once. A network that does not convert, or does not give torch's numbers, is torch's; that is remembered, too.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card

Report = Callable[[str], None]
log = logging.getLogger(__name__)

# Families whose models run on one network of plain convolutions or the like, by functions of arrays.
CONVERTIBLE = frozenset(
    (
        *("animegan2", "colorizer", "compact", "cutter", "cyclegan", "ddcolor", "inpainter", "johnson", "magenta", "microast"),
        *("dcgan", "pgan", "style_dcgan", "stylegan2"),
        *("pix2pix", "sketcher", "spandrel", "stargan", "stylizer", "u2net", "unet", "zhang"),
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
    if card.family not in CONVERTIBLE or sum(path.stat().st_size for path in files.values() if path.is_file()) > MOST_BYTES:
        return _in_torch(card, engine, "a network of this kind or size is not converted", load)
    identity = identity_of(card, files)
    weights = files.get("weights")
    for path in (graphs_beside(card), kept(identity)):
        model = _from_file(path, identity, weights, load)
        if model is not None:
            return model
    refused = kept(identity).with_suffix(".refused")
    if refused.is_file():
        return _in_torch(card, engine, refused.read_text(encoding="utf-8"), load)
    weight = sum(path.stat().st_size for path in files.values())
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
    return _made(converted, lambda: model.runner)


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
        graphs = convert(model.runner, examples, getattr(model, "numbers", {}), getattr(model, "fixed", {}))
    except NotConvertedError as error:
        raise UsageError(str(error)) from error
    kind = type(model)
    return Converted(identity, f"{kind.__module__}:{kind.__qualname__}", model.facts(), graphs)


def identity_of(card: Card, files: Mapping[str, Path]) -> str:
    """A hash of the weights and of what the card says of the network."""
    found = hashlib.sha256(json.dumps([card.family, card.params, card.limits], sort_keys=True, default=str).encode())
    for name in sorted(files):
        with files[name].open("rb") as file:
            found.update(name.encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()


def graphs_beside(card: Card) -> Path:
    """The graphs that ship with a card's weights."""
    from genkit.engine.store import SUFFIX

    return card.toml.with_suffix(SUFFIX)


def kept(identity: str) -> Path:
    """Where graphs that are made here are kept: for this version of the engine."""
    from importlib.metadata import version

    from genkit.cards.places import cache_folder
    from genkit.engine.store import SUFFIX

    return cache_folder() / "engine" / f"openvino-{version('openvino')}" / f"{identity}{SUFFIX}"


def _from_file(path: Path, identity: str, weights: Path | None, load: Callable[[], Any]) -> Any:
    if not path.is_file():
        return None
    from genkit.engine import store
    from genkit.weights.arrays import read_arrays

    def state() -> Mapping[str, np.ndarray]:
        assert weights is not None
        return read_arrays(weights)

    converted = store.load(path, identity, state)
    return None if converted is None else _made(converted, lambda: load().runner)


def _made(converted: Any, reference: Callable[[], Any]) -> Any:
    from genkit.engine.openvino_runner import OpenVinoRunner

    module, name = converted.shape.split(":")
    return getattr(importlib.import_module(module), name)(OpenVinoRunner(converted.graphs, reference), **converted.facts)


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
