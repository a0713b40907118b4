"""Opening checkpoints: by content, tensors only, and damage said in one line that names the file."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from genkit.errors import WeightsError
from genkit.weights import read_state_dict

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
STATE = {"body.0.weight": torch.arange(108.0).reshape(4, 3, 3, 3), "body.0.bias": torch.zeros(4, dtype=torch.float16)}


def same(state: dict[str, torch.Tensor]) -> bool:
    return state.keys() == STATE.keys() and all(torch.equal(state[key], STATE[key]) for key in STATE)


@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".jpg", ""])
def test_the_content_counts_not_the_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    save_file(STATE, path)
    assert same(read_state_dict(path))
    torch.save(STATE, path)
    assert same(read_state_dict(path))
    torch.save(STATE, path, _use_new_zipfile_serialization=False)
    assert same(read_state_dict(path))


@pytest.mark.parametrize(
    "wrapped",
    [
        {"params_ema": STATE, "params": {"other": torch.zeros(1)}},
        {"params": STATE},
        {"state_dict": STATE, "epoch": 3, "optimizer": {"lr": 0.1}},
        {"model": {"state_dict": STATE}},
        {f"module.{key}": value for key, value in STATE.items()},
        {"body": {key.removeprefix("body."): value for key, value in STATE.items()}},
        {**STATE, "step": 7, "note": None},
    ],
    ids=["ema", "params", "lightning", "twice", "parallel", "nested", "with numbers"],
)
def test_wrappers_are_taken_off(tmp_path: Path, wrapped: dict[str, Any]) -> None:
    torch.save(wrapped, tmp_path / "a.pth")
    assert same(read_state_dict(tmp_path / "a.pth"))


class Bomb:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self) -> Any:
        return (Path.write_text, (self.marker, "ran"))


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_that_would_run_code_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    marker, path = tmp_path / "marker", tmp_path / "evil.pth"
    torch.save({"params": STATE, "x": Bomb(marker)}, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(WeightsError, match=r"evil\.pth: a pickle that holds more than tensors"):
        read_state_dict(path)
    path.write_bytes(pickle.dumps(Bomb(marker)))
    with pytest.raises(WeightsError, match=r"evil\.pth"):
        read_state_dict(path)
    assert not marker.exists()


def test_a_whole_module_is_refused(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    with pytest.raises(WeightsError, match="more than tensors") as caught:
        read_state_dict(tmp_path / "module.pth")
    assert caught.value.exit_code == 3 and "state dict" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cut short"),
        (b"<!DOCTYPE html><html>Not found</html>", "web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "git-lfs pointer"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "neither safetensors"),
        (b"PK\x03\x04" + bytes(100), "truncated or altered"),
        ((10**8).to_bytes(8, "little") + b'{"a":' + bytes(100), "truncated or altered"),
    ],
)
def test_other_files_are_named_for_what_they_are(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "a.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=reason) as caught:
        read_state_dict(path)
    assert str(path) in caught.value.message and "\n" not in caught.value.message


def test_missing_files_and_lists_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="cannot be read"):
        read_state_dict(tmp_path / "nothing.pth")
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(WeightsError, match="no tensors by name"):
        read_state_dict(tmp_path / "list.pth")


@pytest.mark.parametrize("kind", ["safetensors", "zip", "legacy"])
def test_cut_and_flipped_files_raise_nothing_but_a_weights_error(tmp_path: Path, kind: str) -> None:
    path, draw = tmp_path / "a.pth", random.Random(kind)
    if kind == "safetensors":
        save_file(STATE, path)
    else:
        torch.save(STATE, path, _use_new_zipfile_serialization=kind == "zip")
    whole = path.read_bytes()
    for _ in range(40):
        path.write_bytes(whole[: draw.randrange(len(whole))])
        with pytest.raises(WeightsError):
            read_state_dict(path)
    for _ in range(60):
        altered = bytearray(whole)
        altered[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        path.write_bytes(altered)
        try:  # a flip in the numbers themselves is for the hash to catch, not for the reader
            read_state_dict(path)
        except WeightsError as error:
            assert str(path) in error.message and "\n" not in error.message


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
@pytest.mark.parametrize(
    ("name", "tensors"),
    [("craft-x4.pth", None), ("dncnn_25.pth", 34), ("realesr-animevideov3.pth", 53), ("mnist-cwgan.pth", None)],
)
def test_published_checkpoints_are_read(name: str, tensors: int | None) -> None:
    state = read_state_dict(PUBLISHED / name)
    assert tensors is None or len(state) == tensors


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
def test_the_published_pickled_module_is_refused() -> None:
    with pytest.raises(WeightsError, match=r"vdsr-pickled-module\.pth: a pickle that holds more than tensors"):
        read_state_dict(PUBLISHED / "vdsr-pickled-module.pth")


class _Module:
    pass


def _torchscript(path: Path, root: object) -> Path:
    """A TorchScript archive with a tree of modules in it."""
    import io
    import pickle
    import sys
    import types
    import zipfile

    package = types.ModuleType("__torch__")
    package._Module = _Module  # type: ignore[attr-defined]
    module, sys.modules["__torch__"], _Module.__module__ = _Module.__module__, package, "__torch__"
    try:
        stream = io.BytesIO()
        pickle.Pickler(stream, 2).dump(root)
    finally:
        _Module.__module__ = module
        del sys.modules["__torch__"]
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", stream.getvalue())
        archive.writestr("m/constants.pkl", b"")
    return path


def test_a_torchscript_file_whose_modules_name_one_another_without_end_is_refused(tmp_path: Path) -> None:
    from genkit.weights.foreign.torchscript import read_torchscript

    module = _Module()
    for _ in range(40):  # each holds the one before it twice: 2 ** 40 paths
        holder = _Module()
        holder.a, holder.b = module, module  # type: ignore[attr-defined]
        module = holder
    with pytest.raises(WeightsError, match="too many modules"):
        read_torchscript(_torchscript(tmp_path / "m.pt", module))


def test_a_torchscript_tensor_cannot_be_larger_than_its_numbers(tmp_path: Path) -> None:
    import torch

    from genkit.weights.foreign.torchscript import Part, Storage, _rebuild, _Refused

    numbers = torch.zeros(4)
    assert _rebuild(numbers, Part(Storage("float32", "0", 4), 0, (2, 2), (2, 1))).shape == (2, 2)
    for size, stride, offset in (((1 << 40,), (0,), 0), ((2, 2), (2, 1), 1), ((2,), (-1,), 3)):
        with pytest.raises(_Refused):
            _rebuild(numbers, Part(Storage("float32", "0", 4), offset, size, stride))


def nested(depth: int) -> dict[str, Any]:
    table: dict[str, Any] = {"weight": torch.zeros(1)}
    for _ in range(depth):
        table = {"a": table}
    return table


def holding_itself() -> dict[str, Any]:
    table: dict[str, Any] = {"weight": torch.zeros(1)}
    table["self"] = table
    return table


@pytest.mark.parametrize(
    "state",
    [
        {".".join("a" * 10_000): torch.zeros(1)},
        {"a" * 5000: torch.zeros(1)},
        {"." * 200: torch.zeros(1)},
        nested(100),
        holding_itself(),
    ],
    ids=["dots", "letters", "nothing but dots", "tables", "itself"],
)
def test_names_that_no_network_has_are_refused(tmp_path: Path, state: dict[str, Any]) -> None:
    torch.save(state, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match=r"a\.pth: (holds a tensor whose name|its parts are nested)"):
        read_state_dict(tmp_path / "a.pth")
    if all(isinstance(value, torch.Tensor) for value in state.values()):
        save_file(state, tmp_path / "a.safetensors")
        with pytest.raises(WeightsError, match=r"a\.safetensors: holds a tensor whose name"):
            read_state_dict(tmp_path / "a.safetensors")


def test_a_pipe_is_no_checkpoint(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(WeightsError, match="no regular file"):
        read_state_dict(tmp_path / "pipe")


def test_what_a_killed_import_left_is_swept_by_the_next(own_folders: Path) -> None:
    import subprocess
    import sys

    from genkit.cards import user_folder
    from genkit.weights import adopt

    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    folder = user_folder() / "upscale"
    folder.mkdir(parents=True)
    (folder / f".genkit-{dead.pid}-0123456789ab.part").write_bytes(b"half")
    fields = {"name": "mine", "tasks": ["upscale"], "family": "compact", "summary": "For tests.", "licence": "MIT"}
    card = adopt(fields | {"params": {"scale": 2}}, {"weights": STATE})
    assert sorted(path.name for path in folder.iterdir()) == ["mine.safetensors", "mine.toml"]
    assert same(read_state_dict(card.beside(card.files["weights"])))


def test_an_import_that_fails_leaves_nothing(own_folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit.cards import user_folder
    from genkit.weights import adopt, adopting

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(adopting, "digest_file", full)
    fields = {"name": "mine", "tasks": ["upscale"], "family": "compact", "summary": "For tests.", "licence": "MIT"}
    with pytest.raises(WeightsError, match="No space left"):
        adopt(fields | {"params": {"scale": 2}}, {"weights": STATE})
    assert not list((user_folder() / "upscale").iterdir())
