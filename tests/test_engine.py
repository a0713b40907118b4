"""OpenVINO beside torch: the shipped graphs give torch's numbers; what does not convert runs in torch."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from genkit.cards import all_cards, find
from genkit.engine import compiled, store
from genkit.engine.conversion import NotConvertedError, convert
from genkit.engine.openvino_runner import OpenVinoRunner
from genkit.engine.torch_runner import TorchRunner
from genkit.errors import UsageError
from genkit.models import load_model
from genkit.models.engines import CONVERTIBLE, convert_model, graphs_beside, identity_of, kept, tensors_of
from genkit.models.translate import cyclegan
from genkit.models.upscale import compact
from genkit.models.upscale.transform import Transform, example_picture
from genkit.weights import resolve

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
    made = store.load(graphs_beside(card), identity_of(card, files), lambda: tensors_of(files))
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
        ["gan", "--seed", "3"],
        ["tts", "Hello there."],
        ["txt2img", "a cat", "--seed", "1"],
        ["txt2img", "a cat", "--seed", "1", "--init", "a.png", "--size", "70x50"],
    ],
    ids=lambda words: f"{words[0]}{'-init' * ('--init' in words)}",
)
def test_shipped_models_run_without_torch(words: list[str], tmp_path: Path) -> None:
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 48, 3), dtype=np.uint8)).save(tmp_path / "a.png")
    out = "out.wav" if words[0] == "tts" else "out.png"
    command = [sys.executable, "-c", NO_TORCH, *words, "-q", "-o", out]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[0]", done.stdout + done.stderr
    assert (tmp_path / out).exists()


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


def test_what_was_compiled_is_kept_whole_or_not_at_all(tmp_path: Path, monkeypatch) -> None:
    card, files = find("genkit-x2"), files_of("genkit-x2")
    images = np.random.default_rng(0).random((1, 3, 20, 24), np.float32)

    def run() -> np.ndarray:
        return load_model(card, files, "cpu", "float32", engine="openvino").runner.run("run", images)[0]

    def imported(*given: Any) -> Any:
        calls.append(given)
        return of_the_engine(*given)

    calls: list[Any] = []
    of_the_engine = compiled.core().import_model
    monkeypatch.setattr(compiled, "core", lambda engine=compiled.core(): Imports(engine, imported))
    monkeypatch.setattr(compiled, "compiled_folder", lambda: tmp_path / "compiled")
    first = run()
    (kept_file,) = (tmp_path / "compiled").iterdir()
    whole = kept_file.read_bytes()
    assert not calls and (run() == first).all() and len(calls) == 1
    for damaged in (b"", whole[:-1], whole[:40] + b"?" + whole[41:]):
        kept_file.write_bytes(damaged)
        assert (run() == first).all() and kept_file.read_bytes()[32:] and len(calls) == 1
    kept_file.write_bytes(hashlib.sha256(b"of another engine").digest() + b"of another engine")
    assert (run() == first).all() and len(calls) == 2 and len(kept_file.read_bytes()) == len(whole), (
        "what is refused is made anew"
    )
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(compiled, "compiled_folder", lambda: tmp_path / "file")
    assert (run() == first).all(), "a cache that cannot be written"


class Imports:
    """The engine, with another function to import by."""

    def __init__(self, engine: Any, import_model: Any):
        self._engine, self.import_model = engine, import_model

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)


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


class Counting:
    """A runner of a network that gives back what it gets."""

    engine = "openvino"

    def __init__(self) -> None:
        self.workers, self.seen = 0, list[tuple[str, tuple[int, ...]]]()

    def share(self, count: int) -> None:
        self.workers = count

    def run(self, stage: str, *arrays: np.ndarray) -> list[np.ndarray]:
        self.seen.append((stage, arrays[0].shape))
        return [arrays[0]]


def test_workers_are_measured_once_and_the_clearly_quickest_taken(own_folders: Path, monkeypatch: pytest.MonkeyPatch):
    from genkit import runtime
    from genkit.engine import throughput
    from genkit.run.threads import Threads

    monkeypatch.setattr(runtime, "cores", lambda: 4)
    monkeypatch.setattr(runtime, "free_memory", lambda device: 1 << 36)
    place = runtime.Runtime(runtime.CPU, "float32")
    for name, costs, wanted in (("even", (1, 0.5, 0.27), 4), ("choking", (1, 0.5, 0.8), 2), ("near", (1, 0.5, 0.54), 4)):
        asked: list[int] = []

        def measured(runner: Any, examples: Any, workers: int, costs: Any = costs, asked: list[int] = asked) -> float:
            asked.append(workers)
            return costs[workers.bit_length() - 1]

        monkeypatch.setattr(throughput, "seconds_a_pass", measured)
        runner = Counting()
        model: Any = SimpleNamespace(pixel_bytes=3200, stochastic=False, runner=runner, examples=lambda: {"run": [[], []]})
        assert Threads().workers(place, {name: model}, 99, alone=False) == 4 and not asked
        for _ in range(2):
            assert Threads().workers(place, {name: model}, 100, alone=False) == runner.workers == wanted
            assert asked == [1, 2, 4]


def test_a_pass_is_measured_with_all_functions_and_what_fails_is_raised(monkeypatch: pytest.MonkeyPatch):
    from genkit.engine import throughput

    monkeypatch.setattr(throughput, "SECONDS", 0.0)
    first, second = np.zeros((1, 3, 8, 8), np.float32), np.zeros((1, 3, 16, 8), np.float32)
    runner: Any = Counting()
    examples = {"run": [[first], [second]], "fixed": [[first], [first]]}
    assert throughput.seconds_a_pass(runner, examples, 2) > 0 and runner.workers == 2
    assert set(runner.seen) == {("run", (1, 3, 16, 16)), ("fixed", first.shape)} and len(runner.seen) >= 8

    def fails(stage: str, *arrays: np.ndarray) -> list[np.ndarray]:
        raise RuntimeError("no such network")

    runner.run = fails
    with pytest.raises(RuntimeError, match="no such network"):
        throughput.seconds_a_pass(runner, examples, 2)


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


def on_the_engine_alone(model: Any) -> Any:
    """A model of torch on OpenVINO, which may not fall back."""

    def never() -> Any:
        raise AssertionError("asked of torch")

    made = convert_model(model, "identity")
    return type(model).remade(OpenVinoRunner(made.graphs, never), made.facts, find("genkit-x2"), {}, never)


def test_tiles_by_the_statistics_of_a_copy_run_on_the_engine() -> None:
    torch.manual_seed(0)
    model = cyclegan.transform(cyclegan.build(ngf=8, blocks=2), "cpu", "float32")
    quick = on_the_engine_alone(model)
    copy, tile = example_picture(64, 80), example_picture(48, 56)
    statistics, wanted = quick.measure(copy), model.measure(copy)
    assert len(statistics) == len(wanted) and all(
        np.allclose(*pair, atol=1e-4) for pair in zip(statistics, wanted, strict=True)
    )
    drawn = quick(tile, statistics=statistics)
    assert np.abs(drawn - model(tile, statistics=wanted)).max() < 1 / 255 < np.abs(drawn - quick(tile)).max()


def test_an_option_that_changes_the_weights_is_converted_as_it_is_where_a_call_does_not_say() -> None:
    def run(network: Any, images: Any, *, strength: float = 0.5) -> Any:
        network.weight.fill_(strength)
        return network(images)

    network = torch.nn.Conv2d(3, 3, 1, bias=False)
    model = Transform(network, scale=1, device="cpu", dtype="float32", run=run, defaults={"strength": 0.5})
    quick, images = on_the_engine_alone(model), example_picture(24, 32)
    model(images, strength=0.25)
    assert np.allclose(quick(images), model(images), atol=1e-5) and np.allclose(quick(images, strength=0.5), quick(images))
    with pytest.raises(AssertionError, match="asked of torch"):
        quick(images, strength=0.25)
    with pytest.raises(UsageError, match="no option 'colour'"):
        quick(images, colour=1)
