"""Training networks that draw pictures: a few steps on tiny pictures, what is changed in them, and how a failure is told."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from genkit.data.labels import Preparation, class_of, opaque, prepare, read_labelled
from genkit.errors import RunError, UsageError
from genkit.nets import vgg
from genkit.train.config import parse_config, read_config
from genkit.train.gan.augment import CHANGES, augment, translation
from genkit.train.gan.collapse import CollapseMonitor, difference
from genkit.train.gan.job import GanJob
from genkit.train.gan.networks import DcganDiscriminator, discriminate
from genkit.train.loop import train
from genkit.train.run import Request, run

LOOP = {
    "steps": 3,
    "warmup": 0,
    "decay": 0.0,
    "clip": 0.0,
    "betas": [0.0, 0.99],
    "log_every": 1,
    "eval_every": 3,
    "save_every": 3,
    "sheet_every": 3,
}
STYLE = {"z_dim": 8, "w_dim": 8, "depth": 1, "channel_base": 64, "channel_max": 8}
STYLED = {"z_dim": 8, "w_dim": 8, "widths": [8, 8]}
DCGAN = {"latent": 8, "widths": [8, 8], "kernels": [4, 4, 4]}
NETWORKS: dict[str, dict[str, Any]] = {"stylegan2": STYLE, "style_dcgan": STYLED, "dcgan": DCGAN}
SHIPPED = Path(__file__).parent.parent / "weights" / "gan"


@pytest.fixture
def shapes(tmp_path: Path) -> Path:
    """Two classes of six pictures each."""
    rng = np.random.default_rng(0)
    folder = tmp_path / "shapes"
    for kind, colour in (("red", (200, 20, 30)), ("blue", (30, 60, 190))):
        (folder / kind).mkdir(parents=True)
        for number in range(6):
            pixels = rng.integers(180, 220, (20, 16, 3)).astype(np.uint8)
            pixels[4 + number : 14, 4:12] = colour
            Image.fromarray(pixels).save(folder / kind / f"{number}.png")
    return folder


def config(family: str = "stylegan2", network: dict[str, Any] = STYLE, loop: dict[str, Any] | None = None, **data: Any) -> Any:
    told = {"side": 16, "batch": 4, "classes": "folders", "r1_every": 2, **data}
    tables = {"network": network, "data": told, "loop": {**LOOP, **(loop or {})}}
    return parse_config({"name": "tiny", "task": "gan", "family": family, **tables}, "test")


@pytest.mark.parametrize("family", NETWORKS)
def test_a_step_moves_both_networks(family: str, shapes: Path, tmp_path: Path) -> None:
    network, styled = NETWORKS[family], family != "dcgan"
    told: dict[str, Any] = {"discriminator": {"widths": [8, 12], "aux_classifier": True}} if family == "style_dcgan" else {}
    job = GanJob(config(family, network, classes="folders" if styled else "none", path_length=2.0, **told), [shapes], None)
    before = {name: [one.clone() for one in job.modules[name].parameters()] for name in ("generator", "discriminator")}
    outcome = train(config(family, network), job, tmp_path / "run", cpu=True)
    for name, weights in before.items():
        after = list(job.modules[name].parameters())
        # noise strengths, biases of the constant start at nothing: all but a few weights must have moved
        assert sum(not torch.equal(a, b) for a, b in zip(weights, after, strict=True)) > 0.8 * len(after)
    assert outcome["finished"] and outcome["metrics"]["spread"] >= 0
    events = [json.loads(line) for line in (tmp_path / "run" / "log.jsonl").read_text().splitlines()]
    assert ("aux_classifier" in events[-1]) == (family == "style_dcgan")
    assert int(job.monitor.steps) == 3
    assert (tmp_path / "run" / "sheet-0000003.png").exists()
    if styled:
        assert float(job.modules["generator"].mapping.w_avg.abs().sum()) > 0


def test_a_resumed_run_goes_on_where_it_was(shapes: Path, tmp_path: Path) -> None:
    def run(steps: int, resume: bool) -> GanJob:
        torch.manual_seed(steps)  # other first weights each time: they must come from the file
        told = config(loop={"steps": steps, "decay": 0.0}, adapt=0.6, adapt_images=100)
        job = GanJob(told, [shapes], None)
        train(told, job, tmp_path / "run", resume=resume, cpu=True)
        return job

    first = run(3, False)
    state = torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    again = run(3, True)
    assert int(again.monitor.steps) == 3
    assert torch.equal(again.monitor.probability, first.monitor.probability)
    for name in ("discriminator", "training_state"):
        kept = again.modules[name].state_dict()
        assert all(torch.equal(kept[key], one) for key, one in state["modules"][name].items())
    for key, one in state["averages"]["generator"].items():
        assert torch.equal(again.modules["generator"].state_dict()[key], one)
    further = run(5, True)
    assert int(further.monitor.steps) == 5


def test_the_command_ends_with_a_model_that_draws(shapes: Path, tmp_path: Path, genkit: Callable[..., Any]) -> None:
    path = tmp_path / "tiny.train.toml"
    lines = ['name = "tiny"', 'task = "gan"', 'family = "stylegan2"']
    for name, table in (("network", STYLE), ("data", {"batch": 4, "r1_every": 2}), ("loop", LOOP)):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines))
    told = ("--config", path, "--out", tmp_path / "run", "--device", "cpu", "--size", "16", "--classes", "folders")
    outcome = genkit("train", "gan", "--data", shapes, *told)
    assert outcome.code == 0, outcome.err

    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    card = find(str(tmp_path / "run" / "tiny.toml"), "gan")
    assert card.params["labels"] == ["blue", "red"] and "data.side=16" in card.trained_by
    assert {option.name for option in card.options} == {"truncation", "label"}
    model = load_model(card, resolve(card, announce=lambda text: None), torch.device("cpu"), torch.float32)
    made = model([0, 1, 2], label="red")
    assert made.shape == (3, 3, 16, 16) and 0 <= float(made.min()) <= float(made.max()) <= 1
    refused = genkit("train", "gan", "--data", shapes, *told[:-3], "48")
    assert refused.code == 2 and "--size 48" in refused.err


@pytest.fixture
def features(tmp_path: Path) -> str:
    """A file of VGG-19's first layers, with random weights."""
    torch.manual_seed(0)
    save_file(vgg.Features().state_dict(), tmp_path / "vgg.safetensors")
    return str(tmp_path / "vgg.safetensors")


def test_a_generator_that_draws_one_thing_ends_the_run(shapes: Path, tmp_path: Path) -> None:
    told = config(loop={"eval_every": 1, "learning_rate": 0.0}, grace=1)
    job = GanJob(told, [shapes], None)
    for block in job.modules["generator"].synthesis.blocks:
        block.torgb.weight.data.zero_()
    assert job.evaluate(job.modules) == {"spread": 0.0}  # before `grace` nothing is said
    with pytest.raises(RunError, match="collapsed"):
        train(told, job, tmp_path / "run", cpu=True)
    assert (tmp_path / "run" / "state.pt").exists()


def test_variety_is_measured_within_classes() -> None:
    images = torch.rand(8, 3, 16, 16)
    labels = torch.arange(8) % 2
    assert difference(images, labels) > 0.3
    same = images[:2].repeat(4, 1, 1, 1)
    assert difference(same, labels) == 0
    assert difference(images[:1], labels[:1]) == 0


def test_a_discriminator_that_has_won_ends_the_run() -> None:
    monitor = CollapseMonitor(1.0)
    logits = torch.full((4, 1), 9.0)
    with pytest.raises(RunError, match="won"):
        for _ in range(600):
            monitor.follow(logits, 1e-4, target=0.0, images=1, patience=5)
    assert float(monitor.won) == 5
    monitor = CollapseMonitor(1.0)
    for _ in range(600):
        monitor.follow(logits, 1.0, target=0.0, images=1, patience=5)


def test_augmentation_grows_with_confidence_and_shrinks_again() -> None:
    monitor = CollapseMonitor(0.0)
    for _ in range(50):
        monitor.follow(torch.ones(8, 1), 1.0, target=0.6, images=800, patience=0)
    assert float(monitor.probability) == pytest.approx(0.5, abs=0.05)
    for _ in range(400):
        monitor.follow(-torch.ones(8, 1), 1.0, target=0.6, images=800, patience=0)
    assert float(monitor.probability) == 0


@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("name", list(CHANGES))
def test_changes_keep_shape_and_gradients(name: str, channels: int) -> None:
    images = (torch.rand(6, channels, 16, 16) * 2 - 1).requires_grad_(True)
    changed = CHANGES[name](images, torch.Generator().manual_seed(0))
    assert changed.shape == images.shape and not torch.equal(changed, images)
    changed.sum().backward()
    assert images.grad is not None and float(images.grad.abs().sum()) > 0
    if name == "colour" and channels == 4:
        assert torch.equal(changed[:, 3], images[:, 3])


def test_pixels_move_whole_and_leave_nothing_behind() -> None:
    images = torch.full((32, 4, 16, 16), -1.0)
    images[:, :, 8, 8] = 1.0
    moved = translation(images, torch.Generator().manual_seed(1))
    places = moved[:, 3].flatten(1).argmax(1)
    assert set(moved.unique().tolist()) == {-1.0, 1.0}
    assert bool((moved.eq(1).sum((1, 2, 3)) == 4).all())
    assert int((places // 16).min()) == 6 and int((places // 16).max()) == 10 and len(places.unique()) > 5


def test_a_probability_of_nothing_changes_nothing() -> None:
    images = torch.rand(4, 3, 16, 16)
    assert augment(images, list(CHANGES), 0.0, torch.Generator()) is images
    few = augment(images.repeat(16, 1, 1, 1), ["cutout"], 0.5, torch.Generator().manual_seed(0))
    untouched = int((few == images.repeat(16, 1, 1, 1)).flatten(1).all(1).sum())
    assert 15 < untouched < 50


def test_pictures_become_squares() -> None:
    tall = np.zeros((40, 30, 3), np.uint8)
    tall[:3], tall[-3:] = 255, 255  # what a square cut from the middle would lose
    assert prepare(tall, Preparation(16, squeeze=1.0)).max() == 0
    assert prepare(tall, Preparation(16, squeeze=1.4))[0].min() > 128
    assert prepare(tall[:7, :7], Preparation(16)) is None


def test_pixel_art_is_never_mixed() -> None:
    rng = np.random.default_rng(0)
    art = np.concatenate([rng.integers(0, 256, (16, 16, 3)), rng.choice([0, 255], (16, 16, 1))], 2).astype(np.uint8)
    how = Preparation(16, pixel_art=True, alpha=True)
    made = prepare(art, how)
    assert np.array_equal(made[..., 3], art[..., 3])
    assert not made[made[..., 3] == 0].any() and np.array_equal(made[made[..., 3] > 0], art[art[..., 3] > 0])
    assert np.array_equal(prepare(art.repeat(3, 0).repeat(3, 1), how), made)
    assert np.array_equal(prepare(art[:8, :12], how)[4:12, 2:14], made[:8, :12])
    assert prepare(np.zeros((24, 24, 4), np.uint8), how) is None
    assert prepare(art, Preparation(16, pixel_art=True, alpha=True, covered=0.9)) is None
    assert opaque(made).shape == (16, 16, 3) and (opaque(made)[made[..., 3] == 0] == 128).all()


def test_classes_by_folder_and_by_pattern(shapes: Path) -> None:
    kinds = {"warm": ["red/*"], "first": ["*/0.png"]}
    assert [class_of(name, kinds) for name in ("red/0.png", "blue/0.png", "blue/1.png")] == ["warm", "first", None]
    found = read_labelled(shapes, kinds, Preparation(16))
    assert found.classes == ("warm", "first") and np.bincount(found.labels).tolist() == [6, 1]
    with pytest.raises(UsageError, match="folders"):
        class_of("a.png", "tops")


def test_what_cannot_be_trained_is_refused(shapes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for told, message in (
        ({"data": {"augments": []}}, "augments"),
        ({"data": {"augment": ["blur"]}}, "blur"),
        ({"family": "pgan"}, "pgan"),
        ({"network": {**STYLE, "colour": 1}}, "colour"),
        ({"family": "dcgan", "network": {**DCGAN, "kernels": [4, 4]}, "data": {"classes": "none"}}, "one more kernel"),
        (
            {"family": "dcgan", "network": {**DCGAN, "kernels": [4] * 4, "widths": [8] * 3}, "data": {"classes": "none"}},
            "side of 32",
        ),
    ):
        with pytest.raises(UsageError, match=message):
            GanJob(config(told.get("family", "stylegan2"), told.get("network", STYLE), **told.get("data", {})), [shapes], None)
    with pytest.raises(UsageError, match="of the class red"):
        GanJob(config(leave_out=["blue/*"]), [shapes], None)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="one device"):
        GanJob(config(), [shapes], None)


def test_held_out_pictures_are_not_learnt_from(shapes: Path, tmp_path: Path) -> None:
    listed = tmp_path / "held.txt"
    listed.write_text("red/0.png\nblue/3.png\n")
    names = GanJob(config(), [shapes], listed).pictures.names
    assert len(names) == 10 and "red/0.png" not in names
    assert not any(name.startswith("red/0") for name in GanJob(config(leave_out=["*/0.png"]), [shapes], None).pictures.names)


def test_rare_classes_are_drawn_more_often(shapes: Path) -> None:
    job = GanJob(config(classes={"many": ["red/*", "blue/[1-5].png"], "few": ["blue/0.png"]}, balance=1.0), [shapes], None)
    labels = job._labels(400, np.random.default_rng(0))
    assert 160 < int(labels.sum()) < 240


def test_the_discriminator_of_dcgan_takes_classes() -> None:
    plain = DcganDiscriminator(16, 3, (8, 8), classes=3)
    images, labels = torch.rand(2, 3, 16, 16), torch.tensor([0, 2])
    assert plain(images, labels).shape == (2, 1) and not torch.equal(plain(images, labels), plain(images))
    logits, loss = discriminate(plain, images, labels)
    assert torch.equal(logits, plain(images, labels)) and loss == 0 and not loss.requires_grad
    classifying = DcganDiscriminator(16, 3, (8, 8), classes=3, aux_classifier=True)
    logits, class_logits = classifying(images, labels)
    assert logits.shape == (2, 1) and class_logits.shape == (2, 3)
    wanted = -class_logits.log_softmax(1)[[0, 1], labels].mean()
    assert torch.allclose(discriminate(classifying, images, labels)[1], wanted, atol=1e-5)
    assert discriminate(classifying, images, None)[1] == 0
    with pytest.raises(ValueError, match="halvings"):
        DcganDiscriminator(8, 3, (8, 8, 8, 8))


def test_classes_are_classified_from_a_step_on(shapes: Path, tmp_path: Path) -> None:
    data = {"discriminator": {"aux_classifier": True}, "aux_classifier_from": 2, "mixing": 0.0}
    job = GanJob(config("style_dcgan", {"z_dim": 8, "w_dim": 4, "widths": [8, 8]}, **data), [shapes], None)
    head = job.networks.discriminator.aux_classifier.weight
    before = head.detach().clone()
    for step in range(4):
        batch = next(job.batches(step))
        _, figures = job.loss(job.modules, batch, finishing=False)
        assert ("aux_classifier" in figures) == (step >= 2)
        loss, _ = job.discriminator_loss(job.modules, batch)
        head.grad = None
        loss.backward()
        assert (head.grad is not None) == (step >= 2)
    assert torch.equal(head, before), "nothing was stepped"


@pytest.mark.parametrize("whole", [False, True])
def test_classes_are_learnt_from_a_dcgan_on(whole: bool, shapes: Path, tmp_path: Path) -> None:
    plain = config("dcgan", DCGAN, classes="none")
    older = GanJob(plain, [shapes], None)
    train(plain, older, tmp_path / "older", cpu=True)
    start, _ = older.export(older.modules)
    save_file({key: one.contiguous() for key, one in start.items()}, tmp_path / "older.safetensors")

    network = {"z_dim": 8, "w_dim": 4, "widths": [8, 8]}
    path, lines = tmp_path / "tiny.train.toml", ['name = "tiny"', 'task = "gan"', 'family = "style_dcgan"']
    data = {"side": 16, "batch": 4, "classes": "folders"}
    for name, table in (("network", network), ("data", data), ("loop", {**LOOP, "ema": 0.0})):
        lines += [f"[{name}]", *(f"{key} = {json.dumps(value)}" for key, value in table.items())]
    path.write_text("\n".join(lines))

    def after(steps: int) -> dict[str, torch.Tensor]:
        told = (f"loop.steps={steps}", f"start={tmp_path / ('older/state.pt' if whole else 'older.safetensors')}")
        request = Request("gan", path, (shapes,), None, tmp_path / f"run-{steps}", told, cpu=True)
        run(request, GanJob, print)
        state = torch.load(tmp_path / f"run-{steps}" / "state.pt", weights_only=True)
        assert int(state["modules"]["training_state"]["steps"]) == steps
        found: dict[str, torch.Tensor] = state["modules"]["generator"]
        return found

    begun = after(0)
    state = torch.load(tmp_path / "run-0" / "state.pt", weights_only=True)["modules"]["discriminator"]
    learnt = older.modules["discriminator"].state_dict()
    same = [torch.equal(state[name], learnt[name]) for name in ("layers.0.weight", "layers.2.weight", "logits.weight")]
    assert all(same) if whole else not any(same), "a run's state has the discriminator too"
    assert torch.equal(begun["main.1.convolution.weight"], start["main.3.weight"])
    assert torch.equal(begun["main.0.linear.weight"][:, 8:], torch.zeros(8 * 16, 4)), "classes say nothing at the start"
    assert after(2)["main.0.linear.weight"][:, 8:].abs().sum() > 0


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*.train.toml")), ids=lambda path: path.name)
def test_shipped_configurations_can_be_built(path: Path, tmp_path: Path, features: str) -> None:
    told = read_config(path, ["data.features=" + features])
    classes = told.data.get("classes", "none")
    names = [f"{name}/0.png" for name in ("dress", "hat")]
    if isinstance(classes, dict):
        names = [patterns[0].replace("*", "0.png").replace("[!t]", "a") for patterns in classes.values()]
    rng = np.random.default_rng(0)
    for number in range(2):
        for name in names:
            target = tmp_path / name.replace("0.png", f"{number}.png")
            target.parent.mkdir(parents=True, exist_ok=True)
            side = int(told.data["side"])
            Image.fromarray(rng.integers(0, 256, (side, side, 3), np.uint8)).save(target)
    job = GanJob(told, [tmp_path], None)
    tensors, params = job.export(job.modules)
    assert sum(one.numel() for one in tensors.values()) < 8e6
    assert params.get("side", 64) == told.data["side"]
