"""Trainings that the former version began go on: its states and the spellings of its configurations are read."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
from conftest import Run
from former_training import STEPS, TASKS, TRAINED, words

from genkit.errors import UsageError
from genkit.train.config import read_config
from genkit.train.discriminators import PictureDiscriminator
from genkit.train.former import OPTIONS, current_path, current_table, read_state, stage_folder
from genkit.train.run import tensors_of_run

SHIPPED = Path(__file__).parent.parent / "weights"
NAMES = {"misnamed": "aux_classifier", "opinion": "adversarial"}  # of figures


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Discriminators of pictures of width 2, as those in the fixtures."""
    monkeypatch.setattr(PictureDiscriminator.__init__, "__defaults__", (3, 2, 0, (4, 3)))


def figures(log: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    clock = ("minutes", "steps_per_s")
    return [{NAMES.get(key, key): value for key, value in line.items() if key not in clock} for line in lines]


@pytest.mark.parametrize("name", TASKS)
def test_a_run_of_the_former_version_goes_on_as_it_would_have(name: str, narrow: None, tmp_path: Path, genkit: Run) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(TRAINED / name / "state.pt", run)
    line = ("train", TASKS[name], "--config", TRAINED / name / "tiny.train.toml", "--out", run, "--device", "cpu")
    done = genkit(*line, *words(name, tmp_path), "--resume", "--set", f"loop.steps={STEPS}")
    assert done.code == 0, done.err
    expected = figures(TRAINED / name / "log.jsonl")[-2:]
    went_on = figures(run / "log.jsonl")
    assert [line["step"] for line in went_on] == [3, 4]
    for mine, theirs in zip(went_on, expected, strict=True):
        assert mine == pytest.approx(theirs, rel=1e-3, abs=1e-4)
    again = torch.load(run / "state.pt", weights_only=True)
    assert again["step"] == STEPS
    assert "discriminator" in again["modules"]
    assert not {"rival", "ledger"} & set(again["modules"])


def test_a_training_starts_from_a_state_of_the_former_version() -> None:
    tensors = tensors_of_run(TRAINED / "gan" / "state.pt")
    assert {"logits.weight", "aux_classifier.weight"} <= set(tensors)
    assert "steps" not in tensors, "a new run begins at 0"
    assert tensors_of_run(TRAINED / "gan" / "tiny.train.toml") == {}


def test_former_options_are_read_in_files_and_in_overrides(tmp_path: Path) -> None:
    former = read_config(TRAINED / "gan" / "tiny.train.toml", ["data.rival.naming=false", "loop.rival_rate=1e-3"])
    assert former.loop.discriminator_rate == 1e-3
    assert former.data["discriminator"] == {"aux_classifier": False, "widths": [4, 4]}
    assert former.data["aux_classifier_from"] == 1
    table = read_config(TRAINED / "gan" / "tiny.train.toml", ["data.rival={naming=true}"])
    assert table.data["discriminator"] == {"aux_classifier": True}
    both = tmp_path / "both.train.toml"
    text = (TRAINED / "gan" / "tiny.train.toml").read_text(encoding="utf-8")
    both.write_text(text.replace("rival_rate = 2e-3", "rival_rate = 2e-3\ndiscriminator_rate = 1e-3"), encoding="utf-8")
    with pytest.raises(UsageError, match="rival_rate and discriminator_rate are the same option"):
        read_config(both)


def test_former_options_are_read_in_stages(tmp_path: Path) -> None:
    path = tmp_path / "icons.train.toml"
    path.write_text(
        'name = "x"\ntask = "txt2img"\nfamily = "diffusers"\n[data.made]\npairs = 2\nworn_by = ["face"]\n'
        "[stages.words.data]\nfurther = 0.2\n[stages.denoiser.network.words]\nwidth = 16\n",
        encoding="utf-8",
    )
    config = read_config(path, ["stages.words.loop.steps=3"])
    assert config.data["augmentation"] == {"pairs": 2, "hat_wearers": ["face"]}
    assert config.stages["prior"] == {"data": {"augmented": 0.2}, "loop": {"steps": 3}}
    assert config.stages["denoiser"]["network"]["text_encoder"] == {"width": 16}


def test_the_state_of_a_former_stage_is_found_and_read(tmp_path: Path) -> None:
    assert stage_folder(tmp_path, "prior") == tmp_path / "prior"
    modules: dict[str, dict[str, Any]] = {"words": {"latents.weight": torch.ones(2)}}
    state = {"step": 1, "minutes": 0.0, "modules": modules, "averages": modules, "optimizers": []}
    (tmp_path / "words").mkdir()
    torch.save(state, tmp_path / "words" / "state.pt")
    assert stage_folder(tmp_path, "prior") == tmp_path / "words"
    prior = read_state(tmp_path / "words" / "state.pt")
    assert prior is not None and set(prior["modules"]) == set(prior["averages"]) == {"prior"}
    denoiser = {"words": {"embed.weight": torch.ones(2)}, "denoiser": {"domain.weight": torch.ones(2)}}
    torch.save({**state, "modules": denoiser, "averages": denoiser}, tmp_path / "state.pt")
    read = read_state(tmp_path / "state.pt")
    assert read is not None and set(read["averages"]) == {"text_encoder", "denoiser"}
    assert set(read["modules"]["denoiser"]) == {"domain.weight"}, "only discriminators' tensors have other names"


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.train.toml")), ids=lambda path: path.name)
def test_what_ships_is_in_the_spelling_of_today(path: Path) -> None:
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    assert current_table(table, path.name) == table


def test_every_option_has_one_spelling() -> None:
    for (table, key), new in OPTIONS.items():
        assert current_path([table, key])[-1] == new
        assert (table, new) not in OPTIONS
