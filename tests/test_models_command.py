"""`genkit models` through the real command line."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import FakeHub, serving, sha256

from genkit import cards
from genkit.cli.app import main
from genkit.files import home

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))


@pytest.fixture(autouse=True)
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GENKIT_CACHE", "GENKIT_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))


class Say:
    """Run a command line; what it printed, and its exit code."""

    def __init__(self, capsys: pytest.CaptureFixture[str]):
        self.capsys = capsys

    def __call__(self, *words: str | Path, code: int = 0) -> tuple[str, str]:
        self.capsys.readouterr()
        found = main(["models", *map(str, words)])
        out, err = self.capsys.readouterr()
        assert found == code, (found, out, err)
        return out, err

    def events(self, *words: str | Path, code: int = 0) -> list[dict[str, Any]]:
        events = [json.loads(line) for line in self(*words, "--json", code=code)[0].splitlines()]
        assert all(event["schema"] == "genkit/1" for event in events) and events[-1]["event"] == "done"
        assert events[-1]["exit"] == code
        return events[:-1]


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Say:
    return Say(capsys)


def compact(folder: Path, name: str = "trained.pth") -> Path:
    import torch

    from genkit.models.upscale.compact import build

    torch.save({"params": build(num_feat=4, num_conv=1, scale=2).state_dict()}, folder / name)
    return folder / name


@pytest.fixture
def served(tmp_path: Path) -> Iterator[FakeHub]:
    """A server, and a card `thing-x2` among the user's own for a checkpoint that lies there."""
    body = compact(tmp_path).read_bytes()
    with serving() as hub:
        url = hub.add("/thing.pth", body)
        path = cards.user_folder() / "upscale" / "thing-x2.toml"
        path.parent.mkdir(parents=True)
        path.write_text(
            f'name = "thing-x2"\ntasks = ["upscale"]\nfamily = "compact"\nsummary = "For tests."\nlicence = "CC-BY-NC-4.0"\n'
            f'commercial = false\n[files.weights]\nurl = "{url}"\nhash = "sha256:{sha256(body)}"\nsize = {len(body)}\n'
        )
        yield hub


def test_list_shows_what_is_here_and_what_is_not(say: Say) -> None:
    out, err = say("list", "--task", "upscale")
    lines = out.splitlines()
    assert lines[0].split()[:4] == ["name", "task", "size", "state"] and not err
    craft = next(line for line in lines if line.startswith("craft-x4 "))
    assert "3.4 MB" in craft and "not downloaded" in craft and "MIT" in craft
    assert "CC-BY-NC-SA-4.0" in next(line for line in lines if line.startswith("ultrasharp-v2 "))
    found = {event["name"]: event for event in say.events("list")}
    assert len(found) == len(cards.all_cards()) == len(say("list")[0].splitlines()) - 1
    assert found["craft-x4"]["bytes"] == 3426465 and found["omnisr-x2"]["verified"] is False
    assert "there are no models for video" in say("list", "--task", "video", code=2)[1]


def test_info_says_everything(say: Say) -> None:
    out, _ = say("info", "RealESR_general-x4v3")
    assert "-O denoise=0.5 (float from 0.0 to 1.0)" in out and "wdn: https://github.com" in out and "arxiv.org" in out
    (facts,) = say.events("info", "craft-x4")
    assert facts["params"] == {"scale": 4} and facts["files"][0]["hash"].startswith("sha256:a3d57001")
    out, err = say("info", "craft-x5", code=2)
    assert not out and "unknown model" in err and "craft-x4" in err
    measured = next(card for card in cards.all_cards() if any(isinstance(one, float) for one in (card.metrics or {}).values()))
    name, value = next((name, one) for name, one in (measured.metrics or {}).items() if isinstance(one, float))
    assert f"{name} {float(f'{value:.4g}')}" in say("info", measured.name)[0]
    assert say.events("info", measured.name)[0]["metrics"][name] == value


def test_pull_path_verify_and_rm(say: Say, served: FakeHub) -> None:
    assert "is not here" in say("path", "thing-x2", code=3)[1]
    out, err = say("pull", "thing-x2", code=3)
    assert not out and "CC-BY-NC-4.0" in err and "--accept-licence" in err and not served.requests
    out, err = say("pull", "thing-x2", "--accept-licence")
    path = Path(out.strip())
    assert path.is_file() and "not for commercial use" in err and "fetching" in err
    assert say("pull", "thing-x2", "-q") == (out, "")
    assert say("path", "thing-x2")[0] == out and path.is_relative_to(Path(say("path")[0].strip()))
    assert "good" in say("verify", "thing-x2")[0]
    path.write_bytes(path.read_bytes()[:-1] + b"?")
    out, err = say("verify", code=3)
    assert "altered   thing-x2" in out and "genkit models pull thing-x2" in err
    assert [event["state"] for event in say.events("verify", "thing-x2", code=3)] == ["altered"]
    (pulled,) = say.events("pull", "thing-x2")
    assert pulled["files"] == {"weights": str(path)} and len(served.gets()) == 2
    assert "freed" in say("rm", "thing-x2")[1] and not path.exists()
    assert "unknown model" in say("info", "thing-x2", code=2)[1]


def test_what_ships_is_not_removed(say: Say) -> None:
    shipped = next(card for card in cards.all_cards() if card.origin == "shipped")
    assert "ships with genkit" in say("rm", shipped.name, code=2)[1]
    assert say("path", shipped.name)[0].strip() == str(shipped.beside(shipped.files["weights"]))


def test_import_finds_the_family_and_writes_a_card(say: Say, tmp_path: Path) -> None:
    from genkit import weights

    file = compact(tmp_path, "any.bin")
    out, err = say("import", file, "--as", "mine-x2", "--task", "upscale", "--licence", "MIT", "-O", "note=0.5")
    card = cards.find("mine-x2", "upscale")
    assert Path(out.strip()) == card.toml and "family compact" in err
    assert card.params == {"num_feat": 4, "num_conv": 1, "scale": 2, "note": 0.5}
    assert card.origin == "user" and card.licence == "MIT" and card.commercial is None
    path = weights.resolve(card, announce=lambda text: None)["weights"]
    assert path.suffix == ".safetensors" and weights.read_state_dict(path).keys() == weights.read_state_dict(file).keys()
    assert sorted(one.name for one in card.toml.parent.iterdir()) == ["mine-x2.safetensors", "mine-x2.toml"]
    taken = say("import", file, "--as", "mine_x2".replace("_", "-"), "--task", "upscale", code=2)[1]
    assert "is taken by" in taken and "genkit models rm mine-x2" in taken
    assert "is taken by" in say("import", file, "--as", "RealESRGAN_x4plus", "--task", "upscale", code=2)[1]
    say("rm", "mine-x2")
    assert not list(card.toml.parent.iterdir())


def test_import_takes_further_files(say: Say, tmp_path: Path) -> None:
    first, second = compact(tmp_path, "a.pth"), compact(tmp_path, "b.pth")
    say("import", first, "--as", "pair-x2", "--task", "upscale", "--file", f"wdn={second}", "--family", "compact")
    card = cards.find("pair-x2")
    assert sorted(card.files) == ["wdn", "weights"] and card.files["wdn"].path == "pair-x2.wdn.safetensors"


@pytest.mark.parametrize(
    ("words", "code", "reason"),
    [
        (("--as", "Mine X2", "--task", "upscale"), 3, "name must be"),
        (("--as", "mine", "--task", "upscale", "--file", "wdn"), 2, "ROLE=FILE"),
        (("--as", "mine", "--task", "upscale", "-O", "scale"), 2, "PARAM=VALUE"),
        (("--as", "mine", "--task", "upscale", "--family", "nothing"), 2, "no model family"),
        (("--as", "mine"), 2, "--task"),
    ],
)
def test_import_refuses_what_cannot_be_right(say: Say, tmp_path: Path, words: tuple[str, ...], code: int, reason: str) -> None:
    out, err = say("import", compact(tmp_path), *words, code=code)
    assert not out and reason in err and "Traceback" not in err
    assert not list(home().rglob("*.toml"))


def test_import_refuses_what_is_no_known_network(say: Say, tmp_path: Path) -> None:
    import torch

    torch.save({"a": torch.zeros(3)}, tmp_path / "odd.pth")
    assert "no network that genkit knows" in say("import", tmp_path / "odd.pth", "--as", "odd", "--task", "upscale", code=3)[1]
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    _, err = say("import", tmp_path / "module.pth", "--as", "odd", "--task", "upscale", code=3)
    assert "module.pth: a pickle that holds more than tensors" in err


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
@pytest.mark.parametrize(
    ("file", "family", "params"),
    [
        ("realesr-animevideov3.pth", "compact", {"num_feat": 64, "num_conv": 16, "scale": 4}),
        ("craft-x4.pth", "spandrel", {"architecture": "CRAFT", "scale": 4}),
        ("dncnn_25.pth", "spandrel", {"architecture": "DnCNN", "scale": 1}),
    ],
)
def test_published_checkpoints_are_imported(say: Say, file: str, family: str, params: dict[str, Any]) -> None:
    say("import", PUBLISHED / file, "--as", "theirs", "--task", "upscale")
    card = cards.find("theirs")
    assert card.family == family and card.params == params
    assert say("verify", "theirs")[0].startswith("good")


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
def test_the_published_pickled_module_is_refused(say: Say) -> None:
    _, err = say("import", PUBLISHED / "vdsr-pickled-module.pth", "--as", "vdsr", "--task", "upscale", code=3)
    assert "vdsr-pickled-module.pth" in err and "vdsr.Net" in err


def test_a_network_is_not_taken_for_a_verb_that_it_cannot_serve(say: Say, tmp_path: Path) -> None:
    _, err = say("import", compact(tmp_path), "--as", "mine", "--task", "inpaint", code=2)
    assert "--task inpaint: this is a compact network, which is for upscale" in err
    assert not list(cards.user_folder().glob("*/mine*"))


def test_a_bad_card_is_named_and_the_others_are_listed(genkit, own_folders: Path) -> None:
    folder = cards.user_folder() / "upscale"
    folder.mkdir(parents=True)
    (folder / "mine.toml").write_text("name = = 1")
    (folder / "loud.toml").write_text('name = "loud"\nsummary = "\\u001b]0;title\\u0007"')
    for arguments in (["models", "list"], ["models", "list", "--task", "upscale", "--json"]):
        outcome = genkit(*arguments)
        assert outcome.code == 0
        assert "genkit-x4" in outcome.out
        assert f"left out: {folder / 'mine.toml'}: not a model card" in outcome.err.replace("\n", "")
        assert f"left out: {folder / 'loud.toml'}: " in outcome.err.replace("\n", "")
        assert "\x1b" not in outcome.out + outcome.err


def test_the_list_is_narrowed(say: Say) -> None:
    def names(*words: str) -> set[str]:
        return {event["name"] for event in say.events("list", *words)}

    everything = {card.name: card for card in cards.all_cards()}
    small = {name for name, card in everything.items() if card.size is not None and card.size < 100 * 10**6}
    assert names("--small") == small and 0 < len(small) < len(everything)
    assert names("--commercial") == {name for name, card in everything.items() if card.commercial is True}
    assert "mms-tts-deu" not in names("--commercial") and "sdxl" not in names("--small")
    assert "realesrgan-x4plus" in names("--search", "REAL photos", "--task", "upscale")
    assert names("--search", "RealESRGAN_x4plus_anime") == {"realesrgan-x4-anime"}
    assert names("--search", "no such words") == set()
    lines = say("list", "--search", "realesrgan-x4plus")[0].splitlines()
    assert "run" in lines[0].split() and any("2026-11-30" in line for line in lines[1:])
    facts = {event["name"]: event["ran"] for event in say.events("list")}
    assert facts["realesrgan-x4plus-ncnn"] == "2026-11-30" and facts["realesrgan-x4plus"] is None


def test_what_is_dated_names_what_took_its_place(say: Say) -> None:
    facts = {event["name"]: event["superseded_by"] for event in say.events("list")}
    assert facts["ssd-1b"] == "zimage-turbo" and facts["zimage-turbo"] is None
    lines = {line.split()[0]: line for line in say("list", "--task", "txt2img")[0].splitlines()}
    assert "(dated, see zimage-turbo) SSD-1B" in lines["ssd-1b"] and "dated" not in lines["zimage-turbo"]
    assert "  superseded by zimage-turbo\n" in say("info", "ssd-1b")[0]
    assert "superseded" not in say("info", "zimage-turbo")[0]


def test_info_names_a_sample_picture(say: Say) -> None:
    (facts,) = say.events("info", "genkit-style")
    assert Path(facts["sample"]).is_file()
    for card in cards.all_cards():
        if card.sample:
            assert (Path(__file__).parents[1] / "docs" / "pictures" / card.sample).is_file(), card.name
    assert say.events("info", "craft-x4")[0]["sample"] is None
    assert say.events("info", "realesrgan-x4plus")[0]["instead"] == "realesrgan-x4plus-ncnn"


def test_all_small_models_are_pulled_and_one_that_fails_stops_no_other(
    served: FakeHub, say: Say, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    thing = cards.find("thing-x2")
    free = dataclasses.replace(thing, origin="catalogue", commercial=True, licence="MIT")
    gone = dataclasses.replace(
        free, name="gone-x2", files={"weights": dataclasses.replace(free.files["weights"], urls=(f"{served.url}/gone.pth",))}
    )
    large = dataclasses.replace(free, name="large-x2", limits={"disk_mb": 200}, files={"weights": cards.CardFile("weights")})
    for found, code, done in (([gone, free, thing, large], 1, 1), ([gone], 3, 0), ([free], 0, 1)):
        monkeypatch.setattr(cards, "all_cards", lambda found=found: found)
        out, err = say("pull", "--all-small", code=code)
        assert out.count("thing.pth") == done and ("not to be had: gone-x2" in err) is (gone in found)
        assert "large-x2" not in err
    assert say("pull", code=2)[1].startswith("error: nothing is named to fetch")
