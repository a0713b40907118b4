"""Style by optimisation: the feature networks, the stages, and the real command line on a shallow network."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from genkit.verbs.style import optimize as task

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
WEIGHTS = PUBLISHED / "vgg19_relu3_1.safetensors"
Run = Callable[..., Any]
Picture = Callable[..., Path]


@pytest.fixture(scope="module")
def shallow_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first layers of VGG-19 with random weights: its widths are fixed, its depth is not."""
    import torch
    from safetensors.torch import save_file

    from genkit.models.style import vgg19

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("shallow") / "shallow.safetensors"
    save_file(vgg19.build("relu2_1").state_dict(), path)
    return path


@pytest.fixture
def shallow(shallow_file: Path, genkit: Run) -> str:
    done = genkit("models", "import", shallow_file, "--as", "shallow", "--task", "style")
    assert done.code == 0, done.err
    return "shallow"


@pytest.fixture
def files(picture: Picture, tmp_path: Path) -> tuple[Path, Path]:
    return picture(tmp_path / "photo.png", 24, 20), picture(tmp_path / "style.png", 30, 30, seed=5)


def test_layers_are_named_as_in_the_papers() -> None:
    from genkit.models.style.vgg19 import PLACES

    known = {"relu1_1": 1, "relu2_1": 6, "relu3_1": 11, "relu4_1": 20, "conv4_2": 21, "relu5_1": 29}
    assert {name: PLACES[name] for name in known} == known


def test_features_are_those_of_torchvision(shallow_file: Path) -> None:
    """Average pooling and edges apart: with a picture of one colour and the inner place, both give the same."""
    import torch
    from safetensors.torch import load_file
    from torchvision.models import vgg19 as published

    from genkit.models.style import vgg19

    network = vgg19.build("relu2_1", pool="max")
    network.load_state_dict(load_file(shallow_file))
    features = vgg19.perceptual(network, torch.device("cpu"), torch.float32)
    with torch.device("meta"):
        layers = published(weights=None, init_weights=False).features[:7]
    layers.load_state_dict(
        {key.removeprefix("features."): value for key, value in load_file(shallow_file).items()}, assign=True
    )
    images = torch.rand(1, 3, 32, 32)
    mean, deviation = torch.tensor(vgg19.IMAGENET_MEAN).view(1, 3, 1, 1), torch.tensor(vgg19.IMAGENET_STD).view(1, 3, 1, 1)
    wanted = layers((images - mean) / deviation)
    found = features(images, ["relu1_1", "relu2_1"])
    assert list(found) == ["relu1_1", "relu2_1"] and found["relu1_1"].shape == (1, 64, 32, 32)
    assert torch.allclose(found["relu2_1"][..., 4:-4, 4:-4], wanted[..., 4:-4, 4:-4], atol=1e-4)
    assert not torch.allclose(features(images.flip(1), ["relu2_1"])["relu2_1"], found["relu2_1"])


def test_a_layer_that_is_not_there_is_refused(shallow_file: Path) -> None:
    import torch

    from genkit.errors import UsageError
    from genkit.models.style import vgg19

    features = vgg19.perceptual(vgg19.build("relu1_2"), torch.device("cpu"), torch.float32)
    with pytest.raises(UsageError, match="relu2_1"):
        features(torch.rand(1, 3, 8, 8), ["relu2_1"])


def test_the_encoder_that_ships_has_the_same_interface() -> None:
    import torch

    from genkit.models.style import stylizer
    from genkit.models.style.perceptual import encoder_of

    model = stylizer.transform(stylizer.build((4, 6, 8)), torch.device("cpu"), torch.float32)
    features = encoder_of(model)
    assert features is not None and encoder_of(features) is features and encoder_of(object()) is None
    found = features(torch.rand(1, 3, 32, 24), features.layers)
    assert [tuple(found[name].shape[1:]) for name in ("stem", "half", "block2")] == [(4, 32, 24), (6, 16, 12), (8, 8, 6)]
    images = torch.rand(1, 3, 32, 24)
    assert torch.allclose(features(images, ["block1", "block2"])["block2"], model.network.content(images)[1], atol=1e-5)


@pytest.mark.parametrize(
    ("size", "limit", "wanted"),
    [
        ((384, 256), 1024, [(384, 256)]),
        ((4000, 3000), 1024, [(256, 192), (512, 384), (1024, 768)]),
        ((800, 600), 1024, [(400, 300), (800, 600)]),
        ((5, 4000), 512, [(16, 512)]),
    ],
)
def test_large_pictures_go_from_coarse_to_fine(size: tuple[int, int], limit: int, wanted: list[tuple[int, int]]) -> None:
    assert task.stages(*size, limit, 16) == wanted
    assert sum(task.shares(100, len(wanted))) == 100


def test_fewer_steps_than_stages_take_no_more_than_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from genkit.models.style import stylizer
    from genkit.models.style.perceptual import encoder_of

    monkeypatch.setattr(task, "ONE_STAGE", 32)
    monkeypatch.setattr(task, "SHORTEST", 16)
    features = encoder_of(stylizer.transform(stylizer.build((2, 3, 4)), torch.device("cpu"), torch.float32))
    pixels = np.random.default_rng(0).integers(0, 256, (64, 40, 3), np.uint8)
    assert len(task.stages(40, 64, 1024, 16)) == 3
    for steps in (1, 2, 4):
        seen: list[Any] = []
        task.optimize(features, pixels, [pixels[::2]], [1], task.OptimizeOptions(steps=steps), seen.append)
        assert [one.step for one in seen][-1] == steps and all(one.steps == steps for one in seen)
        assert (seen[-1].width, seen[-1].height) == (40, 64)


def test_a_seed_is_for_what_begins_with_noise(shallow: str, files: tuple[Path, Path], genkit: Run) -> None:
    photo, style = files
    done = genkit("style", photo, "--style", style, "--model", shallow, "--method", "optimize", "--seed", 3)
    assert done.code == 2 and "--seed" in done.err and "--start noise" in done.err


@pytest.mark.parametrize(("alone", "wanted"), [(True, 1), (False, 4)])
def test_optimisations_go_one_after_another(alone: bool, wanted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit import runtime
    from genkit.run.threads import Threads

    monkeypatch.setattr(runtime, "cores", lambda: 8)
    monkeypatch.setattr(runtime, "free_memory", lambda device: 1 << 36)
    shared: list[int] = []
    model: Any = SimpleNamespace(pixel_bytes=3200, stochastic=False, runner=SimpleNamespace(share=shared.append))
    threads = Threads()
    assert threads.workers(runtime.Runtime(runtime.CPU, "float32"), {"one": model}, 99, alone=alone) == wanted
    threads.give_back()
    assert shared == ([] if alone else [4, 1])


def test_regions_have_gram_matrices_of_their_own() -> None:
    import torch

    features = torch.zeros(1, 2, 4, 4)
    features[:, 0, :, :2], features[:, 1, :, 2:] = 1, 3
    masks = torch.zeros(1, 2, 4, 4)
    masks[:, 0, :, :2], masks[:, 1, :, 2:] = 1, 1
    first, second = task.grams(features, masks)
    assert first.tolist() == [[1, 0], [0, 0]] and second.tolist() == [[0, 0], [0, 9]]
    assert task.grams(features, None)[0].tolist() == [[0.5, 0], [0, 4.5]]


def run_json(genkit: Run, *arguments: object) -> list[dict[str, Any]]:
    done = genkit("style", *arguments, "--method", "optimize", "--json")
    assert done.code == 0, (done.out, done.err)
    return done.events


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_loss_falls_at_every_checkpoint_and_the_picture_is_the_same_twice(
    optimizer: str, shallow: str, files: tuple[Path, Path], genkit: Run, tmp_path: Path
) -> None:
    photo, style = files
    options = (
        photo,
        "--style",
        style,
        "--model",
        shallow,
        "--steps",
        40,
        "--optimizer",
        optimizer,
        "--start",
        "noise",
        "--seed",
        3,
    )
    steps = [one for one in run_json(genkit, *options, "-o", tmp_path / "a.png") if one["event"] == "step"]
    assert [one["step"] for one in steps] == [10, 20, 30, 40] and steps[0]["width"] == 24
    losses = [one["loss"] for one in steps]
    assert all(later < earlier for earlier, later in pairwise(losses)), losses
    run_json(genkit, *options, "-o", tmp_path / "b.png")
    with Image.open(tmp_path / "a.png") as first, Image.open(tmp_path / "b.png") as second, Image.open(photo) as before:
        assert first.size == before.size and (np.asarray(first) == np.asarray(second)).all()
        assert (np.asarray(first) != np.asarray(before)).any()
        recipe = json.loads(first.text["genkit"])  # type: ignore[attr-defined]
    assert recipe["model"] == "shallow" and recipe["seed"] == 3
    assert recipe["options"] == {"method": "optimize", "steps": 40, "optimizer": optimizer, "start": "noise"}


def test_pictures_on_the_way_lie_beside_the_output(shallow: str, files: tuple[Path, Path], genkit: Run, tmp_path: Path) -> None:
    photo, style = files
    options = ("--style", style, "--model", shallow, "--steps", 6, "--save-steps", 2)
    events = run_json(genkit, photo, *options)
    saved = [Path(one["output"]).name for one in events if one["event"] == "saved"]
    assert saved == ["photo_styled_step0002.png", "photo_styled_step0004.png"]
    assert all((tmp_path / name).is_file() for name in saved)
    (tmp_path / "photo_styled.png").unlink()
    done = genkit("style", photo, *options, "--method", "optimize")
    assert done.code == 2 and "photo_styled_step0002.png" in done.err and "already there" in done.err
    mine = tmp_path / "photo_styled_step0002.png"
    mine.write_bytes(b"mine")
    done = genkit("style", photo, *options, "--method", "optimize", "--resume")
    assert done.code == 1 and f"{mine}: is there already, and was not made by genkit" in done.err
    for more in ("--resume", "--overwrite"):  # a picture on the way that is a style
        kept = style.read_bytes()
        (tmp_path / "photo_styled_step0004.png").unlink(missing_ok=True)
        (tmp_path / "photo_styled_step0004.png").symlink_to(style)
        done = genkit("style", photo, *options, "--method", "optimize", more)
        assert done.code == 2 and f"would replace --style {style}" in done.err and style.read_bytes() == kept
    (tmp_path / "photo_styled_step0004.png").unlink()
    assert mine.read_bytes() == b"mine"
    assert genkit("style", photo, *options, "--method", "optimize", "--overwrite").code == 0
    done = genkit("style", tmp_path, *options, "--method", "optimize", "--overwrite", "--dry-run")
    assert "step0002" not in done.out


def test_a_large_picture_is_enlarged_along_its_edges(shallow: str, picture: Picture, genkit: Run, tmp_path: Path) -> None:
    photo = picture(tmp_path / "large.png", 90, 61, "RGBA")
    style = picture(tmp_path / "style.png", 30, 30, "L", seed=5)
    done = genkit(
        *("style", photo, "--style", style, "--model", shallow, "--method", "optimize", "--steps", 3),
        *("--optimize-size", 32, "--style-size", 64, "--start", style),
    )
    assert done.code == 0 and "optimised at 32x22, and enlarged" in done.err
    with Image.open(tmp_path / "large_styled.png") as image, Image.open(photo) as before:
        assert image.size == (90, 61) and image.mode == "RGBA"
        assert (np.asarray(image)[..., 3] == np.asarray(before)[..., 3]).all()
        recipe = json.loads(image.text["genkit"])  # type: ignore[attr-defined]
    assert recipe["files"]["start"]["name"] == "style.png" and "start" not in recipe["options"]
    shown = genkit("show", tmp_path / "large_styled.png")
    assert "--method optimize" in shown.out and "--start style.png" in shown.out and "--optimize-size 32" in shown.out


def test_the_encoder_of_the_network_that_ships_serves_where_nothing_better_is(
    files: tuple[Path, Path], genkit: Run, tmp_path: Path
) -> None:
    import torch
    from safetensors.torch import save_file

    from genkit.models.style import stylizer

    torch.manual_seed(0)
    save_file(stylizer.build((4, 6, 8)).state_dict(), tmp_path / "tiny.safetensors")
    assert genkit("models", "import", tmp_path / "tiny.safetensors", "--as", "tiny-style", "--task", "style").code == 0
    photo, style = files
    done = genkit(*("style", photo, "--style", style, "--model", "tiny-style", "--method", "optimize", "--steps", 5))
    assert done.code == 0, done.err
    assert "features: the encoder of tiny-style" in done.err and "genkit models pull vgg19" in done.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--steps", 3), "--steps is of --method optimize"),
        (("--method", "slow"), "--method slow: expected fast or optimize"),
        (("--method", "optimize", "--start", "nowhere.png"), "--start nowhere.png: no such file"),
        (("--method", "optimize", "--optimizer", "sgd"), "--optimizer sgd: expected one of lbfgs, adam"),
        (("--method", "optimize", "--steps", 0), "--steps 0"),
        (("--method", "optimize", "--style-weight", -1), "--style-weight -1"),
        (("--method", "optimize", "--tile", 128), "--tile"),
        ((), "shallow has features to compare pictures by, and paints none"),
        (("--method", "optimize", "--model", "microast"), "microast has no features for it"),
    ],
)
def test_what_cannot_be_is_refused(
    arguments: tuple[object, ...], words: str, shallow: str, files: tuple[Path, Path], genkit: Run
) -> None:
    model = () if "--model" in arguments else ("--model", shallow)
    done = genkit("style", files[0], "--style", files[1], *model, *arguments)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err


def test_a_file_of_another_network_is_not_taken_for_vgg19() -> None:
    import torch

    from genkit.models.style import vgg19

    state = {f"features.{place}.weight": torch.empty(1, 1, 3, 3) for place in (0, 2, 5, 7, 10, 12, 14, 17)}  # VGG-16
    state["features.0.weight"] = torch.empty(64, 3, 3, 3)
    assert vgg19.recognise(state) is None and vgg19.recognise({}) is None


def test_a_starting_picture_that_is_no_picture_is_told(
    shallow: str, files: tuple[Path, Path], genkit: Run, tmp_path: Path
) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    options = ("--model", shallow, "--method", "optimize", "--steps", 2, "--start", tmp_path / "notes.png")
    done = genkit("style", files[0], "--style", files[1], *options)
    assert done.code != 0 and "--start" in done.err and "Traceback" not in done.err
    assert not (tmp_path / "photo_styled.png").exists()


@pytest.mark.published
@pytest.mark.skipif(not WEIGHTS.is_file(), reason="the published checkpoint is not here")
def test_the_published_layers_paint(files: tuple[Path, Path], genkit: Run) -> None:
    assert genkit("models", "import", WEIGHTS, "--as", "caffe", "--task", "style", "-O", "input=caffe").code == 0
    steps = [
        one["loss"]
        for one in run_json(genkit, files[0], "--style", files[1], "--model", "caffe", "--steps", 20)
        if one["event"] == "step"
    ]
    assert steps[1] < steps[0]
