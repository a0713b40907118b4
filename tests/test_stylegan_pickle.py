"""StyleGAN pickles: what the published layout holds is read, and nothing that a pickle could carry is run."""

from __future__ import annotations

import contextlib
import os
import pickle
import sys
import types
from collections import OrderedDict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hostile_pickles import Call, crafted, in_bytes, live, text

from genkit import cards
from genkit.errors import WeightsError
from genkit.models.gan import stylegan2
from genkit.weights.foreign.stylegan_pickle import DEEPEST, is_plain_pickle, read_stylegan

SIZES = {"side": 8, "z_dim": 6, "c_dim": 3, "w_dim": 6, "depth": 2, "channels": 3, "channel_base": 64, "channel_max": 16}
SETTINGS = {"z_dim": 6, "c_dim": 3, "w_dim": 6, "img_resolution": 8, "img_channels": 3, "mapping_kwargs": {"num_layers": 2}}
SETTINGS |= {"synthesis_kwargs": {"channel_base": 64, "channel_max": 16}}
SOURCE = "import os\nos.system('touch {marker}')\n"


class Persistent:
    """An object that pickles as the authors' networks do: a function's name, and a table that holds source and attributes."""

    def __init__(self, name: str, state: dict[str, Any], source: str = ""):
        self.meta: dict[str, Any] = {"type": "class", "version": 6, "module_src": source, "class_name": name, "state": state}

    def __reduce__(self) -> tuple[Any, ...]:
        return sys.modules["torch_utils.persistence"]._reconstruct_persistent_obj, (self.meta,), None


@pytest.fixture
def authors() -> Iterator[Any]:
    """The authors' modules, for as long as pickles are written; afterwards they are as absent as on a user's machine."""
    made = {name: types.ModuleType(name) for name in ("torch_utils", "torch_utils.persistence", "dnnlib", "dnnlib.util")}

    def _reconstruct_persistent_obj(meta: dict[str, Any]) -> Any:
        exec(meta["module_src"])  # what theirs does with it
        return meta["class_name"]

    class EasyDict(dict):
        pass

    for one, name in ((_reconstruct_persistent_obj, "torch_utils.persistence"), (EasyDict, "dnnlib.util")):
        one.__module__, one.__qualname__ = name, one.__name__
        setattr(made[name], one.__name__, one)
    sys.modules.update(made)

    def remove() -> None:
        for name in made:
            sys.modules.pop(name, None)

    yield types.SimpleNamespace(EasyDict=EasyDict, remove=remove)
    remove()


def persistent(network: torch.nn.Module, name: str, settings: Any, source: str = "") -> Persistent:
    """A network of ours as the authors' pickle would hold it, with the kinds of attributes that theirs have."""
    state = {
        "training": False,
        "_parameters": OrderedDict(network._parameters),
        "_buffers": OrderedDict(network._buffers),
        "_non_persistent_buffers_set": set(),
        "_backward_hooks": OrderedDict(),
        "_modules": OrderedDict(
            (key, persistent(one, type(one).__name__, {}, source)) for key, one in network._modules.items()
        ),
        "weight_gain": np.float64(0.25) / np.sqrt(2),
        "count": np.int64(3),
        "resample": [1, 3, 3, 1],
        "taps": np.arange(4, dtype=np.float32),
        "_init_args": (),
        "_init_kwargs": settings,
    }
    return Persistent(name, state, source)


def snapshot(authors: Any, protocol: int = 4, source: str = "", **extra: Any) -> tuple[bytes, stylegan2.Generator]:
    """The bytes of a file of the authors' layout, and the generator that is in it."""
    network = stylegan2.build(**SIZES)
    network.mapping.w_avg.normal_()
    settings = authors.EasyDict(SETTINGS)
    settings["synthesis_kwargs"] = authors.EasyDict(SETTINGS["synthesis_kwargs"])
    other = stylegan2.build(**SIZES)
    data = {
        "training_set_kwargs": {"class_name": "training.dataset.ImageFolderDataset", "resolution": 8},
        "G": persistent(other, "Generator", settings, source),
        "D": persistent(other.mapping, "Discriminator", settings, source),
        "augment_pipe": None,
        "G_ema": persistent(network, "Generator", settings, source),
    }
    return pickle.dumps(data | extra, protocol), network


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_the_published_layout_is_read(authors: Any, protocol: int, tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = tmp_path / "net.pkl"
    raw, network = snapshot(authors, protocol, SOURCE.format(marker=marker))
    path.write_bytes(raw)
    authors.remove()
    found = read_stylegan(path)
    assert is_plain_pickle(path) and found.class_name == "Generator"
    assert found.settings["img_resolution"] == 8 and found.settings["synthesis_kwargs"] == {
        "channel_base": 64,
        "channel_max": 16,
    }
    wanted = network.state_dict()
    assert found.state.keys() == wanted.keys()
    assert all(torch.equal(found.state[key], wanted[key]) for key in wanted)
    assert stylegan2.recognise(found.state) == SIZES
    assert not marker.exists() and not {"torch_utils", "dnnlib"} & sys.modules.keys()


def test_import_makes_it_a_model(authors: Any, genkit: Any, tmp_path: Path) -> None:
    from genkit import models, weights

    marker = tmp_path / "ran"
    path = tmp_path / "network-snapshot.pkl"
    raw, network = snapshot(authors, source=SOURCE.format(marker=marker))
    path.write_bytes(raw)
    authors.remove()
    made = genkit(
        "models", "import", path, "--as", "mine", "--task", "gan", "--licence", "NVIDIA", "-O", "labels=['a','b','c']"
    )
    assert made.code == 0, made.err
    card = cards.find("mine", "gan")
    assert card.family == "stylegan2" and card.params == SIZES | {"labels": ["a", "b", "c"]}
    assert [option.name for option in card.options] == ["truncation", "label"] and card.options[0].default == 0.7
    files = weights.resolve(card, announce=lambda text: None)
    assert files["weights"].suffix == ".safetensors" and not marker.exists()
    model = models.load_model(card, files, torch.device("cpu"), torch.float32)
    own = stylegan2.sample(network, torch.device("cpu"), torch.float32, ("a", "b", "c"))
    assert (model([3, 4], label="b") == own([3, 4], label="b")).all()


def test_settings_that_the_tensors_belie_are_refused(authors: Any, genkit: Any, tmp_path: Path) -> None:
    raw, _ = snapshot(authors)
    (tmp_path / "net.pkl").write_bytes(raw.replace(b"img_resolution\x94K\x08", b"img_resolution\x94K\x10"))
    made = genkit("models", "import", tmp_path / "net.pkl", "--as", "mine", "--task", "gan")
    assert made.code == 3 and "its settings say side 16, its tensors 8" in made.err


# --- hostile ones ---------------------------------------------------------------------------------------------------------


def opened(raw: bytes, path: Path) -> WeightsError | None:
    """What the reader says of a pickle, and that it names the file."""
    path.write_bytes(raw)
    try:
        read_stylegan(path)
    except WeightsError as error:
        assert str(path) in error.message and "\n" not in error.message
        return error
    return None


def test_nothing_that_is_hostile_is_run(authors: Any, tmp_path: Path) -> None:
    marker, path = tmp_path / "ran", tmp_path / "hostile.pkl"
    executed: list[str] = []
    refused: list[str] = []
    tried = dangerous = 0
    for name, thing in live(marker).items():
        alone = pickle.dumps(thing)
        # In a whole file too: beside the networks, before and after them, and as a buffer inside one.
        inside = persistent(stylegan2.build(**SIZES), "Generator", {}, "")
        inside.meta["state"]["_buffers"]["noise"] = thing
        settings = [snapshot(authors, protocol, augment_pipe=thing)[0] for protocol in (2, 4)]
        nested = [snapshot(authors, G_ema=inside)[0], snapshot(authors, training_set_kwargs={"a": [thing]})[0]]
        for raw in (alone, *settings, *nested):
            tried += 1
            error = opened(raw, path)
            executed += [name] if marker.exists() else []
            refused += [name] if error is not None else []
            marker.unlink(missing_ok=True)
        with contextlib.suppress(Exception):  # what matters is whether it ran
            pickle.loads(alone)
        dangerous += marker.exists()
        marker.unlink(missing_ok=True)
    for name, raw in crafted(marker).items():
        tried += 1
        error = opened(raw, path)
        executed += [name] if marker.exists() else []
        refused += [name] if error is not None else []
        marker.unlink(missing_ok=True)
    assert (len(executed), tried) == (0, 5 * len(live(marker)) + len(crafted(marker))), executed
    assert len(refused) == tried and tried > 120
    assert dangerous >= 18, "the pickles would have run, opened the ordinary way"


@pytest.mark.parametrize(
    ("raw", "named"),
    [
        (pickle.dumps(Call(os.system, "true")), f"{os.system.__module__}.system"),
        (pickle.dumps(Call(eval, "1")), "builtins.eval"),
        (
            pickle.dumps(Call(torch.storage._load_from_bytes, in_bytes(Call(os.system, "true")))),
            "system inside a tensor's bytes",
        ),
        (b"\x80\x02ctorch.hub\nload\n)R.", "torch.hub.load"),
        (b"\x80\x02Pevil\n.", "the opcode PERSID (evil)"),
        (b"\x80\x02cdnnlib.tflib.network\nNetwork\n)\x81.", "dnnlib.tflib.network.Network"),
        (b"\x80\x02ccollections\nOrderedDict\n}b.", "attributes for collections.OrderedDict"),
        (b"\x80\x02cnumpy\ndtype\nX\x02\x00\x00\x00O8\x85R.", "an array of O8"),
    ],
)
def test_what_was_asked_for_is_named(raw: bytes, named: str, tmp_path: Path) -> None:
    error = opened(raw, tmp_path / "one.pkl")
    assert (
        error is not None
        and named in error.message
        and error.code == "pickle"
        and "nothing in the file was run" in str(error.hint)
    )


def _tensor(size: tuple[int, ...], stride: tuple[int, ...], offset: int = 0) -> Call:
    storage = Call(torch.storage._load_from_bytes, in_bytes(torch.arange(4.0)._typed_storage()))
    return Call(torch._utils._rebuild_tensor_v2, storage, offset, size, stride, False, OrderedDict())


@pytest.mark.parametrize(
    ("size", "stride", "offset"),
    [
        ((1 << 40,), (0,), 0),
        ((8,), (1,), 0),
        ((2,), (1,), 3),
        ((2, 2), (1,), 0),
        ((4,), (-1,), 3),
        ((1 << 62, 1 << 62), (0, 0), 0),
    ],
)
def test_a_tensor_does_not_reach_beyond_its_numbers(
    authors: Any, size: tuple[int, ...], stride: tuple[int, ...], offset: int, tmp_path: Path
) -> None:
    state = {"_buffers": {"a": _tensor(size, stride, offset)}}
    error = opened(pickle.dumps(Persistent("G", state)), tmp_path / "one.pkl")
    assert error is not None and error.code == "damaged"


def test_one_storage_is_not_many_times_a_tensor(authors: Any, tmp_path: Path) -> None:
    def numbers(count: int, views: int) -> bytes:
        storage = Call(torch.storage._load_from_bytes, in_bytes(torch.zeros(count)._typed_storage()))
        given: tuple[Any, ...] = (storage, 0, (count,), (1,), False, OrderedDict())
        table = {str(place): Call(torch._utils._rebuild_tensor_v2, *given) for place in range(views)}
        return pickle.dumps(Persistent("G", {"_buffers": table}))

    assert opened(numbers(5000, 1), tmp_path / "one.pkl") is None
    assert opened(numbers(5000, 5), tmp_path / "many.pkl") is not None


def test_networks_do_not_lie_in_one_another_for_ever(authors: Any, tmp_path: Path) -> None:
    inner: Any = Persistent("G", {"_buffers": {"a": torch.zeros(1)}})
    for _ in range(DEEPEST + 2):
        inner = Persistent("G", {"_modules": {"a": inner}})
    error = opened(pickle.dumps(inner), tmp_path / "deep.pkl")
    assert error is not None and "too deep" in error.message
    # a network that holds itself
    itself = b"\x80\x02}q\x00" + text("_modules") + b"}q\x01s0h\x00ctorch_utils.persistence\n_reconstruct_persistent_obj\n"
    itself += b"}(" + text("type") + text("class") + text("class_name") + text("G") + text("state") + b"h\x00u\x85Rq\x02"
    itself += b"h\x01" + text("a") + b"h\x02s0."
    assert opened(itself, tmp_path / "itself.pkl") is not None


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda raw: raw[: len(raw) // 2], "not a whole pickle"),
        (lambda raw: pickle.dumps({"G": 1}), "without a StyleGAN generator"),
        (lambda raw: pickle.dumps([1, 2]), "without a StyleGAN generator"),
        (lambda raw: b"", "not a whole pickle"),
    ],
)
def test_what_is_no_network_is_refused(authors: Any, make: Callable[[bytes], bytes], why: str, tmp_path: Path) -> None:
    error = opened(make(snapshot(authors)[0]), tmp_path / "one.pkl")
    assert error is not None and why in error.message


def test_a_file_too_large_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge.pkl").open("wb") as file:
        file.truncate((4 << 30) + 1)  # a hole: it takes no room
    with pytest.raises(WeightsError, match="too many"):
        read_stylegan(tmp_path / "huge.pkl")
