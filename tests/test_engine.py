"""OpenVINO beside torch: the shipped graphs give torch's numbers; what does not convert runs in torch."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.cards import all_cards, find
from genkit.engine import store
from genkit.engine.conversion import NotConvertedError, convert
from genkit.engine.torch_runner import TorchRunner
from genkit.errors import UsageError
from genkit.models import load_model
from genkit.models.engines import CONVERTIBLE, graphs_beside, identity_of, kept
from genkit.models.upscale import compact
from genkit.weights import resolve
from genkit.weights.arrays import read_arrays

SHIPPED = [card.name for card in all_cards() if card.origin == "shipped" and card.family in CONVERTIBLE]
NO_TORCH = """
import sys
from genkit.cli.app import run
sys.argv = ["genkit", *sys.argv[1:]]
try:
    run()
except SystemExit as end:
    code = end.code
print([code, *({"torch", "transformers", "diffusers", "spandrel", "librosa"} & set(sys.modules))])
"""


def files_of(name: str) -> dict[str, Path]:
    return resolve(find(name), announce=print)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_graph_of_a_shipped_network_is_of_its_weights_and_gives_torchs_numbers(name: str) -> None:
    card, files = find(name), files_of(name)
    state = read_arrays(files["weights"])
    made = store.load(graphs_beside(card), identity_of(card, files), state.copy)
    assert made is not None, f"python .ci/graphs.py {name}"
    ours = load_model(card, files, "cpu", "float32", engine="openvino")
    theirs = load_model(card, files, "cpu", "float32")
    assert ours.runner.engine == "openvino" and theirs.runner.engine == "torch"
    for stage, examples in theirs.examples().items():
        numbers = {**made.graphs[stage].numbers, **made.graphs[stage].fixed}
        for given in examples:
            for one, other in zip(
                ours.runner.run(stage, *given, **numbers), theirs.runner.run(stage, *given, **numbers), strict=True
            ):
                assert np.abs(one - other).max() <= max(1, np.abs(other).max()) / 255


@pytest.mark.parametrize(
    "words",
    [
        ["upscale", "a.png"],
        ["colorize", "a.png"],
        ["inpaint", "a.png", "--mask-box", "8,8,8,8"],
        ["style", "a.png", "--style", "a.png"],
        ["translate", "a.png", "--model", "genkit-photo2sketch"],
        ["cutout", "a.png"],
    ],
    ids=lambda words: words[0],
)
def test_a_picture_is_made_without_torch(words: list[str], tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    command = [sys.executable, "-c", NO_TORCH, *words, "-q", "-o", "out.png"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[0]", done.stdout + done.stderr
    assert (tmp_path / "out.png").exists()


def saved_network(folder: Path, name: str = "own.safetensors") -> Path:
    from safetensors.torch import save_file

    torch.manual_seed(0)
    network = compact.build(num_feat=8, num_conv=1, scale=2)
    save_file(network.state_dict(), folder / name)
    return folder / name


def test_a_network_of_ones_own_is_converted_once_and_kept(genkit, tmp_path: Path, monkeypatch) -> None:
    path = saved_network(tmp_path)
    genkit("models", "import", str(path), "--as", "own", "--task", "upscale")
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (30, 44, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    first = genkit("upscale", str(tmp_path / "a.png"), "--model", "own", "--engine", "openvino", "-o", str(tmp_path / "b.png"))
    assert "made ready for the CPU, once" in first.err
    card = find("own")
    assert kept(identity_of(card, resolve(card, announce=print))).is_file()
    second = genkit("upscale", str(tmp_path / "a.png"), "--model", "own", "-o", str(tmp_path / "c.png"))
    assert "made ready" not in second.err
    third = genkit("upscale", str(tmp_path / "a.png"), "--model", "own", "--engine", "torch", "-o", str(tmp_path / "d.png"))
    assert third.code == 0
    made = [np.asarray(Image.open(tmp_path / name)).astype(int) for name in ("b.png", "c.png", "d.png")]
    assert (made[0] == made[1]).all() and np.abs(made[0] - made[2]).max() <= 1


def test_little_work_is_not_worth_a_conversion(genkit, tmp_path: Path) -> None:
    genkit("models", "import", str(saved_network(tmp_path)), "--as", "own", "--task", "upscale")
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    done = genkit("upscale", str(tmp_path / "a.png"), "--model", "own", "-o", str(tmp_path / "b.png"))
    card = find("own")
    assert done.code == 0 and not kept(identity_of(card, resolve(card, announce=print))).exists()


def test_a_damaged_graph_is_made_anew_by_torch(tmp_path: Path) -> None:
    path = tmp_path / "a.graphs"
    card, files = find("genkit-x2"), files_of("genkit-x2")
    whole = graphs_beside(card).read_bytes()
    for broken in (b"", whole[:100], whole[:-30], b"PK" + b"\0" * 50):
        path.write_bytes(broken)
        assert store.load(path, identity_of(card, files)) is None
    path.write_bytes(whole)
    assert store.load(path, "another identity") is None


def test_what_is_decided_by_data_or_changed_in_place_is_refused() -> None:
    def wavering(network, images):
        return images * 2 if float(images[0, 0, 0, 0]) > 0.5 else images

    def through_a_view(network, images):
        result = images * 1
        result.unflatten(1, (3, -1)).add_(images.mean())
        return result

    light, dark = np.full((1, 3, 8, 8), 0.9, np.float32), np.full((1, 3, 8, 12), 0.1, np.float32)
    for function in (wavering, through_a_view):
        runner = TorchRunner(torch.nn.Identity(), {"run": function}, "cpu", "float32")
        try:
            graph = convert(runner, {"run": [[light], [dark]]}, {})
        except NotConvertedError:
            continue
        assert function is through_a_view and graph["run"].difference < 1e-4  # this version exports it rightly


def test_an_engine_that_cannot_be_is_refused(genkit, tmp_path: Path) -> None:
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(tmp_path / "a.png")
    wrong = genkit("upscale", str(tmp_path / "a.png"), "--engine", "tensorrt", "-o", str(tmp_path / "b.png"))
    assert wrong.code == 2 and "auto, torch, openvino" in wrong.err
    half = genkit(
        "upscale", str(tmp_path / "a.png"), "--engine", "openvino", "--dtype", "bfloat16", "-o", str(tmp_path / "b.png")
    )
    assert half.code == 2 and "float32" in half.err


def test_an_option_that_was_not_converted_is_run_in_torch() -> None:
    card, files = find("genkit-colorize"), files_of("genkit-colorize")
    ours = load_model(card, files, "cpu", "float32", engine="openvino")
    theirs = load_model(card, files, "cpu", "float32")
    light = theirs.examples()["chroma"][0][0]
    for temperature in (0.3, 0.9):
        assert np.abs(ours.chroma(light, temperature=temperature) - theirs.chroma(light, temperature=temperature)).max() < 0.05
    with pytest.raises(UsageError):
        load_model(card, files, "cpu", "float32", engine="openvino").chroma(light, light, light)


def test_workers_are_measured_once_and_the_clearly_quickest_taken(own_folders: Path, monkeypatch: pytest.MonkeyPatch):
    from genkit import runtime
    from genkit.engine import throughput
    from genkit.run.threads import Threads

    class Runner:
        engine = "openvino"

        def __init__(self, slower: float):
            self.workers, self.calls, self.slower = 0, 0, slower

        def share(self, count: int) -> None:
            self.workers = count

        def run(self, stage: str, *arrays: np.ndarray) -> list[np.ndarray]:
            self.calls += 1
            time.sleep(0.01 * self.slower ** (self.workers - 1))
            return [arrays[0]]

    monkeypatch.setattr(runtime, "cores", lambda: 2)
    monkeypatch.setattr(throughput, "SECONDS", 0.05)
    small, other = np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 3, 16, 8), np.float32)
    # two at once take as long as one, so that two workers are twice as quick; or eight times as long
    for name, slower, wanted in (("even", 1.0, 2), ("choking", 8.0, 1)):
        runner = Runner(slower)
        model: Any = SimpleNamespace(
            pixel_bytes=3200, stochastic=False, runner=runner, examples=lambda: {"run": [[small], [other]]}
        )
        place = runtime.Runtime(runtime.CPU, "float32")
        assert Threads().workers(place, {name: model}, 99, alone=False) == 2 and not runner.calls
        assert Threads().workers(place, {name: model}, 100, alone=False) == wanted and runner.workers == wanted
        calls = runner.calls
        assert calls and Threads().workers(place, {name: model}, 100, alone=False) == wanted and runner.calls == calls

    def fails(stage: str, *arrays: np.ndarray) -> list[np.ndarray]:
        raise RuntimeError("no such network")

    runner.run = fails  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="no such network"):
        throughput.seconds_a_pass(runner, model.examples(), 2)  # type: ignore[arg-type]


FIRST_TOGETHER = """
import sys, threading
sys.setswitchinterval(1e-6)
from genkit.cards import find
from genkit.models import load_model
from genkit.weights import resolve

card = find("genkit-photo2sketch", "translate")
model = load_model(card, resolve(card, announce=print), "cpu", "float32", engine="openvino")
model.runner.share(4)
arrays, together = model.examples()["run"][0], threading.Barrier(4)

def work():
    together.wait()
    model.runner.run("run", *arrays)

threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_the_first_calls_of_several_threads_do_not_wait_for_each_other_for_ever():
    subprocess.run([sys.executable, "-c", FIRST_TOGETHER], check=True, timeout=60)
