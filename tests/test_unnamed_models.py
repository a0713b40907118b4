"""Models without a card: a repository of a hub on 127.0.0.1, a folder, one checkpoint file; and cards that own a folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hub import COMMIT, FakeHub, serving, sha256

from genkit import cards, models, weights
from genkit.errors import UsageError, WeightsError
from genkit.models.diffusers.uncarded import SD2, TELLING, settled
from genkit.weights import download, store

SD = "StableDiffusionPipeline"
CLASSES = (SD, "StableDiffusionXLPipeline", "FluxPipeline", "ZImagePipeline", "Flux2KleinPipeline", "QwenImagePipeline")
Folders = Callable[[str], Path]
CPU = torch.device("cpu")


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    for name in ("GENKIT_CACHE", "GENKIT_OFFLINE", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0))
    with serving() as server:
        monkeypatch.setenv("HF_ENDPOINT", server.url)
        yield server


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in store.files_under(folder)}


def draw(card: cards.Card, files: dict[str, Path]) -> torch.Tensor:
    model = models.load_model(card, files, CPU, torch.float32)
    return torch.from_numpy(model(["a cat"], [1], steps=2, width=64, height=64))


@pytest.mark.parametrize("name", CLASSES)
def test_a_repository_is_pulled_checked_and_used_again_offline(
    hub: FakeHub, pipeline_folder: Folders, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = contents(pipeline_folder(name))
    extra = {
        "README.md": b"no",
        "unet/diffusion_pytorch_model.bin": b"pickle",
        "code.py": b"no",
        "vae/model.fp16.safetensors": b"n",
    }
    hub.add_repo("maker/thing", {**whole, **extra})
    card = cards.find(f"hub:maker/thing@{COMMIT}", "txt2img")
    assert not card.verified and card.origin == "user" and weights.state(card) == "not downloaded"
    said: list[str] = []
    files = weights.resolve(card, announce=said.append)
    assert "not verified" in said[0] and "maker/thing" in said[0]
    assert set(contents(files["root"])) <= set(whole)
    first = draw(card, files)
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    asked = len(hub.requests)
    again = weights.resolve(cards.find(card.name, "txt2img"), announce=said.append)
    assert again == files and len(hub.requests) == asked and {one.state for one in weights.verify(card)} == {"good"}
    assert torch.equal(draw(card, again), first)
    assert torch.equal(first, draw(cards.find(str(pipeline_folder(name)), "txt2img"), {"root": pipeline_folder(name)}))


@pytest.fixture
def txt2img(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, genkit: Callable[..., Any]) -> Callable[..., Any]:
    monkeypatch.chdir(tmp_path)
    return lambda *words: genkit("txt2img", "a cat", "--seed", 1, "--steps", 2, *words)


def test_a_repository_without_a_revision_is_recorded_with_its_commit(
    hub: FakeHub,
    pipeline_folder: Folders,
    txt2img: Callable[..., Any],
    genkit: Callable[..., Any],
    picture: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hub.add_repo("maker/thing", contents(pipeline_folder(SD)))
    picture(Path("wide.png"), 400, 100)
    planned = txt2img("--model", "hub:maker/thing", "--init", "wide.png", "--dry-run", "-o", "wide.out.png")
    assert planned.code == 0 and "128 x 32" in planned.out, "a size near the model's own of 64, which its settings tell"
    assert f"hub:maker/thing@{COMMIT} is not downloaded" in planned.err and "genkit models pull hub:maker" in planned.err
    assert not any("safetensors" in path for _, path, _ in hub.requests)
    done = txt2img("--model", "hub:maker/thing", "-o", "one.png")
    assert done.code == 0, done.err
    assert f"--model hub:maker/thing@{COMMIT}" in genkit("show", "one.png").out
    asked = len(hub.requests)
    assert "1 skipped" in txt2img("--model", "hub:maker/thing", "-o", "one.png", "--resume").err
    assert len(hub.requests) == asked, "what was pulled stays what the name means"
    moved = "f" * 40
    hub.files = {path.replace(COMMIT, moved): content for path, content in hub.files.items()}
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    replayed = genkit("replay", "one.png", "-o", "two.png")
    assert replayed.code == 0 and Path("one.png").read_bytes()[:8] == Path("two.png").read_bytes()[:8], replayed.err
    assert genkit("models", "path", "hub:maker/thing").lines[0].endswith(COMMIT)
    removed = genkit("models", "rm", "hub:maker/thing")
    assert removed.code == 0 and "freed" in removed.err and genkit("models", "path", "hub:maker/thing").code == 3


def test_a_folder_tells_its_size_and_what_it_takes_before_it_is_loaded(
    pipeline_folder: Folders,
    txt2img: Callable[..., Any],
    genkit: Callable[..., Any],
    picture: Callable[..., Path],
    tmp_path: Path,
) -> None:
    import shutil

    large = tmp_path / "large"
    shutil.copytree(pipeline_folder(SD), large)
    config = json.loads((large / "unet/config.json").read_text())
    (large / "unet/config.json").write_text(json.dumps(config | {"sample_size": 128}))
    picture(Path("photo.png"), 1100, 1000)
    planned = txt2img("--model", large, "--init", "photo.png", "--dry-run")
    assert "1104 x 992" in planned.out and "not downloaded" not in planned.err, planned.out
    (large / "unet/config.json").write_text(json.dumps(config | {"time_cond_proj_dim": 8}))
    for folder, words in ((pipeline_folder("FluxPipeline"), []), (large, []), (pipeline_folder(SD), ["--guidance", "1"])):
        refused = txt2img("--model", folder, "--negative", "dog", "-n", 3, *words)
        assert refused.code == 2 and "negative" in refused.err and len(refused.err.splitlines()) <= 2, refused.err
    refused = genkit("models", "rm", large)
    assert refused.code == 2 and "of your own" in refused.err and (large / "model_index.json").is_file()
    file = cards.user_folder() / "txt2img/mine.safetensors"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"weights")
    assert genkit("models", "rm", file).code == 2 and file.read_bytes() == b"weights"


def test_a_broken_pull_goes_on_and_other_content_is_refused(hub: FakeHub, pipeline_folder: Folders) -> None:
    whole = dict(sorted(contents(pipeline_folder(SD)).items(), key=lambda one: -len(one[1])))
    hub.add_repo("maker/thing", dict(whole))
    path = cards.user_folder() / "txt2img" / "thing.toml"
    fields = {
        "name": "thing", "tasks": ["txt2img"], "family": "diffusers", "summary": "For tests.", "licence": "MIT",
        "commercial": True, "params": {"pipeline": SD}, "limits": {"size": 64},
        "options": {"steps": {"type": "int", "default": 2}},
        "hub": {
            "repo": "maker/thing", "revision": COMMIT,
            "files": {name: {"hash": f"sha256:{sha256(content)}", "size": len(content)} for name, content in whole.items()},
        },
    }  # fmt: skip
    path.parent.mkdir(parents=True)
    path.write_text(cards.card_text(fields), encoding="utf-8")
    card = cards.find("thing", "txt2img")
    hub.cuts, hub.cut_after, hub.refuse_after_cut = 1, 300, True
    with pytest.raises(WeightsError) as caught:
        weights.resolve(card, announce=lambda text: None)
    assert caught.value.code == "unreachable" and weights.state(card) == "partial"
    hub.refusals, hub.refuse_after_cut = 0, False
    files = weights.resolve(card, announce=lambda text: None)
    assert any(asked and asked.startswith("bytes=") for asked in hub.gets()), "it went on where it stopped"
    assert draw(card, files).shape == (1, 3, 64, 64)
    weights.remove(card)
    path.write_text(cards.card_text(fields), encoding="utf-8")
    target = f"/maker/thing/resolve/{COMMIT}/unet/diffusion_pytorch_model.safetensors"
    hub.files[target] = hub.files[target][:-1] + b"?"
    with pytest.raises(WeightsError, match="other content"):
        weights.resolve(cards.find("thing"), announce=lambda text: None)


def test_a_folder_is_a_model_and_says_what_it_is(pipeline_folder: Folders, tmp_path: Path) -> None:
    folder = pipeline_folder("FluxPipeline")
    card = cards.find(str(folder), "txt2img")
    files = weights.resolve(card, announce=lambda text: pytest.fail(text))
    assert files == {"root": folder.resolve()}
    model = models.load_model(card, files, CPU, torch.float32)
    assert model.architecture == "flux1" and "negative" not in model.options and "steps" in model.options
    assert models.load_model(
        cards.find(str(pipeline_folder(SD))), {"root": pipeline_folder(SD)}, CPU, torch.float32
    ).native_size == (64, 64)
    (tmp_path / "empty").mkdir()
    (tmp_path / "old.ckpt").write_bytes(b"x")
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd/model_index.json").write_text(json.dumps({"_class_name": "AudioLDMPipeline"}))
    for name, message in (
        (str(tmp_path / "empty"), "no model_index.json"),
        (str(tmp_path / "none"), "no such folder"),
        (str(tmp_path / "old.ckpt"), "a diffusers folder or a .safetensors file"),
        ("hub:thing", "expected hub:OWNER/NAME"),
    ):
        with pytest.raises(UsageError, match=message):
            cards.find(name, "txt2img")
    with pytest.raises(UsageError, match="takes models by name"):
        cards.find("hub:a/b", "upscale")
    with pytest.raises(WeightsError, match="AudioLDMPipeline"):
        odd = cards.find(str(tmp_path / "odd"))
        models.load_model(odd, {"root": tmp_path / "odd"}, CPU, torch.float32)


def test_a_folder_here_is_not_taken_for_a_card_nor_its_recipe_for_a_cards(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from genkit import config

    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    for name in ("sd15", "mine"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model_index.json").write_text("{}")
    assert cards.find("sd15", "txt2img").folder is None
    for spelled in ("./sd15", str(tmp_path / "sd15")):
        found = cards.find(spelled, "txt2img")
        assert found.name == "./sd15" and found.folder is not None and found.folder.path == str(tmp_path / "sd15")
    assert cards.find("mine", "txt2img").name == "./mine"
    with pytest.raises(UsageError, match="takes models by name"):
        cards.find("mine", "upscale")
    monkeypatch.setattr(config, "get", lambda key: str(tmp_path / "mine") if key == "txt2img.model" else None)
    chosen = cards.default_model("txt2img")
    assert cards.find(chosen, "txt2img").folder == cards.find("./mine", "txt2img").folder


def test_code_that_a_folder_brings_is_not_run(pipeline_folder: Folders, tmp_path: Path) -> None:
    import shutil

    folder = tmp_path / "evil"
    shutil.copytree(pipeline_folder(SD), folder)
    index = json.loads((folder / "model_index.json").read_text())
    index["unet"] = ["evil", "Net"]
    (folder / "model_index.json").write_text(json.dumps(index))
    (folder / "unet/evil.py").write_text("raise SystemExit('run')")
    with pytest.raises(WeightsError, match=r"of the class evil\.Net"):
        models.load_model(cards.find(str(folder)), {"root": folder}, CPU, torch.float32)


def test_one_file_needs_settings_that_are_here(
    pipeline_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from safetensors.torch import save_file

    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    file = tmp_path / "thing.safetensors"
    save_file({"cond_stage_model.transformer.text_model.final_layer_norm.weight": torch.zeros(4)}, file)
    card = cards.find(str(file), "txt2img")
    files = weights.resolve(card, announce=lambda text: None)
    assert files == {"weights": file.resolve()}
    with pytest.raises(WeightsError, match="laid out as sd15") as caught:
        models.load_model(card, files, CPU, torch.float32)
    assert "genkit models pull sd15" in str(caught.value.hint)
    (tmp_path / "thing").symlink_to(pipeline_folder(SD))
    with pytest.raises(WeightsError, match="does not fit the settings"):
        models.load_model(card, files, CPU, torch.float32)
    save_file({"x": torch.zeros(4)}, tmp_path / "other.safetensors")
    with pytest.raises(WeightsError, match="no checkpoint whose layout is known"):
        models.load_model(
            cards.find(str(tmp_path / "other.safetensors")), {"weights": tmp_path / "other.safetensors"}, CPU, torch.float32
        )


def test_one_file_with_settings_beside_it_draws_as_its_folder_does(pipeline_folder: Folders, tmp_path: Path) -> None:
    from tiny_pipelines import one_file

    folder = pipeline_folder(SD)
    file = one_file(folder, tmp_path / "thing.safetensors")
    (tmp_path / "thing").symlink_to(folder)
    card = cards.find(str(file), "txt2img")
    made = draw(card, weights.resolve(card, announce=lambda text: None))
    assert torch.allclose(made, draw(cards.find(str(folder)), {"root": folder}), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "tensors", "told", "steps", "size", "prediction", "said"),
    [
        ("v2-1_768-ema-pruned", {}, {}, 25, 768, "v_prediction", "by its name"),
        ("v2-1_512-ema-pruned", {}, {}, 25, 512, "epsilon", "by its name"),
        ("own", {}, {"modelspec.architecture": "stable-diffusion-v2-768-v"}, 25, 768, "v_prediction", None),
        ("own", {}, {"modelspec.prediction_type": "epsilon"}, 25, 512, "epsilon", None),
        ("own", {"v_pred": [0.0]}, {}, 25, 768, "v_prediction", None),
        ("own", {TELLING: [1.0, -1.0]}, {}, 25, 768, "v_prediction", "a guess"),
        ("own", {TELLING: [0.01, -0.01]}, {}, 25, 512, "epsilon", "a guess"),
        ("own", {}, {}, 25, 512, "epsilon", "a guess"),
        ("sd_turbo", {}, {}, 1, 512, None, "taken for sd-turbo"),
    ],
)
def test_a_file_of_version_2_is_taken_for_what_it_is(
    name: str,
    tensors: dict[str, list[float]],
    told: dict[str, str],
    steps: int,
    size: int,
    prediction: str | None,
    said: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from safetensors.torch import save_file

    file, folder = tmp_path / f"{name}.safetensors", tmp_path / "of-sd-turbo"
    for part, settings in (
        ("model_index.json", {"_class_name": SD}),
        ("unet/config.json", {"sample_size": 64}),
        ("vae/config.json", {"block_out_channels": [1, 1, 1, 1]}),
    ):
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (folder / part).write_text(json.dumps(settings))
    state = {SD2: torch.zeros(2)} | {key: torch.tensor(value, dtype=torch.bfloat16) for key, value in tensors.items()}
    save_file(state, file, metadata=told)
    real = weights.local_files
    monkeypatch.setattr(weights, "local_files", lambda card: {"root": folder} if card.name == "sd-turbo" else real(card))
    card, notes = settled(cards.find(str(file), "txt2img"))
    defaults = {one.name: one.default for one in card.options}
    assert (defaults["steps"], card.limits["size"], card.params.get("prediction")) == (steps, size, prediction)
    assert defaults["guidance"] == (0.0 if steps == 1 else 7.5)
    assert (said is None and not notes) or (said is not None and said in notes[0])


def test_one_file_that_says_v_is_sampled_so(pipeline_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from safetensors.torch import load_file, save_file
    from tiny_pipelines import one_file

    folder = pipeline_folder(SD)
    plain = one_file(folder, tmp_path / "plain.safetensors")
    save_file({**load_file(plain), "v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}, tmp_path / "v.safetensors")
    real = weights.local_files
    monkeypatch.setattr(weights, "local_files", lambda card: {"root": folder} if card.name == "sd15" else real(card))
    for file, prediction in ((plain, "epsilon"), (tmp_path / "v.safetensors", "v_prediction")):
        card = cards.find(str(file), "txt2img")
        model = models.load_model(card, {"weights": file}, CPU, torch.float32)
        assert model.pipeline.scheduler.config.prediction_type == prediction
        assert np.isfinite(model(["a cat"], [1], steps=2, width=64, height=64)).all()
        model.use_scheduler("dpmpp-2m")
        assert model.pipeline.scheduler.config.prediction_type == prediction


# --- a card beside its folder -------------------------------------------------------------------------------------------


def test_a_card_may_own_a_folder(pipeline_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    place = cards.user_folder() / "txt2img"
    shutil.copytree(pipeline_folder(SD), place / "own")
    whole = contents(place / "own")
    fields = {
        "name": "own", "tasks": ["txt2img"], "family": "diffusers", "summary": "For tests.", "licence": "MIT",
        "commercial": True, "params": {"pipeline": SD}, "limits": {"size": 64},
        "options": {"steps": {"type": "int", "default": 2}},
        "folder": {
            "path": "own",
            "files": {name: {"hash": f"sha256:{sha256(content)}", "size": len(content)} for name, content in whole.items()},
        },
    }  # fmt: skip
    (place / "own.toml").write_text(cards.card_text(fields), encoding="utf-8")
    card = cards.find("own", "txt2img")
    assert card.shipped and card.size == sum(map(len, whole.values())) and weights.state(card) == "cached"
    files = weights.resolve(card, announce=lambda text: pytest.fail(text))
    assert files == {"root": place / "own"} and {one.state for one in weights.verify(card)} == {"good"}
    assert draw(card, files).shape == (1, 3, 64, 64)
    target = place / "own/unet/config.json"
    target.write_bytes(target.read_bytes() + b" ")
    with pytest.raises(WeightsError, match="missing or altered"):
        weights.resolve(card, announce=lambda text: None)
    assert [one.path for one in weights.verify(card) if one.state == "altered"] == [target]
    weights.remove(card)
    assert not (place / "own.toml").exists() and not list(store.files_under(place / "own"))
