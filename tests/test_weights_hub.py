"""Hub repositories: with hashes through our own downloader, without through huggingface_hub, and copies that it keeps."""

from __future__ import annotations

import logging
import random
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub import COMMIT, FakeHub, git_sha1, serving, sha256

from genkit import cards, weights
from genkit.errors import WeightsError
from genkit.weights import download, store

REPO = "maker/thing"
BIG = random.Random(1).randbytes(500_000)
FILES = {
    "model_index.json": b'{"a": 1}',
    "unet/config.json": b'{"b": 2}',
    "unet/weights.safetensors": BIG,
    "notes.txt": b"not wanted",
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[FakeHub]:
    for name in ("GENKIT_CACHE", "GENKIT_OFFLINE", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0))
    with serving() as server:
        server.add_repo(REPO, dict(FILES))
        monkeypatch.setenv("HF_ENDPOINT", server.url + "/")
        yield server


def hub_card(
    revision: str = COMMIT, files: tuple[str, ...] = (), patterns: tuple[str, ...] = (), extra: str = ""
) -> cards.Card:
    path = cards.user_folder() / "upscale" / "thing.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = ['name = "thing"', 'tasks = ["upscale"]', 'family = "spandrel"', 'summary = "For tests."', 'licence = "MIT"', extra]
    lines += ["commercial = true", "[hub]", f'repo = "{REPO}"', f'revision = "{revision}"', f"patterns = {list(patterns)}"]
    for name in files:
        digest = f"git-sha1:{git_sha1(FILES[name])}" if name.endswith(".json") else f"sha256:{sha256(FILES[name])}"
        lines += [f'[hub.files."{name}"]', f'hash = "{digest}"', f"size = {len(FILES[name])}"]
        lines += ['role = "weights"'] if name.endswith("safetensors") else []
    path.write_text("\n".join(lines), encoding="utf-8")
    return cards.read_card(path)


def fetch(card: cards.Card, said: list[str] | None = None) -> dict[str, Path]:
    return weights.resolve(card, announce=(said if said is not None else []).append)


WITH_HASHES = ("model_index.json", "unet/config.json", "unet/weights.safetensors")


def test_files_with_hashes_come_from_the_endpoint_at_the_revision_laid_out_as_the_repository(hub: FakeHub) -> None:
    card = hub_card(files=WITH_HASHES)
    said: list[str] = []
    files = fetch(card, said)
    assert files["root"] == weights.folder_of(card) and files["weights"] == files["root"] / "unet/weights.safetensors"
    for name in WITH_HASHES:
        assert (files["root"] / name).read_bytes() == FILES[name]
    assert {path for _, path, _ in hub.requests} == {f"/{REPO}/resolve/{COMMIT}/{name}" for name in WITH_HASHES}
    assert len(said) == 1 and "500 KB" in said[0] and REPO in said[0]
    assert fetch(card) == files and len(hub.gets()) == 3
    assert {verdict.state for verdict in weights.verify(card)} == {"good"}


def test_a_repository_file_is_resumed_and_checked(hub: FakeHub) -> None:
    hub.cuts, hub.cut_after = 1, 200_000
    card = hub_card(files=("unet/weights.safetensors",))
    assert fetch(card)["weights"].read_bytes() == BIG
    assert hub.gets() == [None, "bytes=200000-"]
    weights.remove(card)
    hub.files[f"/{REPO}/resolve/{COMMIT}/unet/weights.safetensors"] = BIG[:-1] + b"?"
    with pytest.raises(WeightsError, match="other content"):
        fetch(hub_card(files=("unet/weights.safetensors",)))


def test_a_gated_repository_gets_the_users_token(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(f"/{REPO}/resolve/{COMMIT}/unet/weights.safetensors")
    card = hub_card(files=("unet/weights.safetensors",), extra="gated = true")
    with pytest.raises(WeightsError) as caught:
        fetch(card)
    assert caught.value.code == "licence"
    with pytest.raises(WeightsError, match="401") as caught:
        weights.resolve(card, announce=lambda text: None, accept_licence=True)
    assert "HF_TOKEN" in str(caught.value.hint)
    monkeypatch.setenv("HF_TOKEN", "hf_test")
    assert fetch(card)["weights"].read_bytes() == BIG


def keep(names: tuple[str, ...], contents: dict[str, bytes] | None = None) -> Path:
    """Lay files into huggingface_hub's cache the way it does."""
    from genkit.weights.hub import hub_cache

    folder = hub_cache() / "models--maker--thing"
    for name in names:
        content = (contents or FILES)[name]
        blob = folder / "blobs" / (git_sha1(FILES[name]) if name.endswith(".json") else sha256(FILES[name]))
        blob.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(content)
        link = folder / "snapshots" / COMMIT / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(blob)
    return folder / "snapshots" / COMMIT


def test_a_good_copy_in_the_hub_cache_is_used_in_place(hub: FakeHub) -> None:
    snapshot = keep(WITH_HASHES)
    card = hub_card(files=WITH_HASHES)
    assert weights.state(card) == "cached"
    files = fetch(card)
    assert files == {"root": snapshot, "weights": snapshot / "unet/weights.safetensors"}
    assert not hub.requests and not weights.folder_of(card).exists()
    assert {verdict.state for verdict in weights.verify(card)} == {"good"}


def test_what_the_hub_cache_lacks_or_holds_altered_is_fetched_beside_the_rest(hub: FakeHub) -> None:
    keep(("model_index.json", "unet/weights.safetensors"), {**FILES, "unet/weights.safetensors": BIG[:-1] + b"?"})
    files = fetch(hub_card(files=WITH_HASHES))
    assert files["root"] == weights.folder_of(cards.find("thing"))
    assert all((files["root"] / name).read_bytes() == FILES[name] for name in WITH_HASHES)
    assert len(hub.gets()) == 2
    assert fetch(hub_card(files=WITH_HASHES)) == files and len(hub.gets()) == 2


def test_a_kept_copy_of_another_revision_serves_by_its_hash(hub: FakeHub) -> None:
    keep(("unet/weights.safetensors",))
    other = "f" * 40
    files = fetch(hub_card(revision=other, files=("unet/weights.safetensors",)))
    assert files["weights"].read_bytes() == BIG and files["weights"] == files["root"] / "unet/weights.safetensors"
    assert not hub.requests


@pytest.mark.parametrize("revision", [COMMIT, "main"])
def test_a_repository_without_hashes_comes_through_huggingface_hub(
    hub: FakeHub, revision: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    extra = "" if revision == COMMIT else "verified = false"
    card = hub_card(revision=revision, patterns=("*.json", "unet/*"), extra=extra)
    assert weights.state(card) == "not downloaded"
    said: list[str] = []
    files = fetch(card, said)
    assert files["root"].is_relative_to(tmp_path / "hf" / "hub") and files["root"].name == COMMIT
    assert sorted(path.relative_to(files["root"]).as_posix() for path in store.files_under(files["root"])) == sorted(
        WITH_HASHES
    )
    assert (files["root"] / "unet/weights.safetensors").read_bytes() == BIG
    assert "500 KB" in said[0] and (revision == COMMIT or COMMIT in said[-1])
    assert weights.state(card) == "cached"
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    asked = len(hub.requests)
    assert fetch(card) == files and len(hub.requests) == asked
    assert [verdict.state for verdict in weights.verify(card)] == ["good"]
    (files["root"] / "unet/weights.safetensors").resolve().write_bytes(BIG[:-1] + b"?")
    assert [verdict.state for verdict in weights.verify(card)] == ["altered"]
    assert weights.remove(card) >= len(BIG) and not files["root"].exists()


@pytest.mark.parametrize("offline", [True, False])
def test_a_snapshot_that_another_program_brought_is_used(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:
    snapshot = keep(WITH_HASHES)
    if offline:
        monkeypatch.setenv("GENKIT_OFFLINE", "1")
    said: list[str] = []
    assert fetch(hub_card(patterns=("*.json", "unet/*")), said) == {"root": snapshot}
    assert not hub.gets() and not said
    assert bool(hub.requests) is not offline


def test_files_by_pattern_tell_how_far_they_are(hub: FakeHub) -> None:
    hub.slow_s = 0.5
    told: list[tuple[str, int, int | None]] = []
    weights.resolve(hub_card(patterns=("unet/*",)), announce=lambda text: None, progress=lambda *now: told.append(now))
    whole = len(BIG) + len(FILES["unet/config.json"])
    assert told[-1] == (REPO, whole, whole) and len(told) > 1 and all(0 <= done <= whole for _, done, _ in told)


def test_a_file_that_the_patterns_name_must_be_there(hub: FakeHub) -> None:
    with pytest.raises(WeightsError, match=r"maker/thing has no vae/weights\.safetensors"):
        fetch(hub_card(patterns=("unet/*", "vae/weights.safetensors")))


def test_altered_content_through_huggingface_hub_is_caught(hub: FakeHub) -> None:
    card = hub_card(patterns=("unet/*",))
    path = f"/{REPO}/resolve/{COMMIT}/unet/weights.safetensors"
    hub.etags[path] = sha256(BIG)
    hub.files[path] = BIG[:-1] + b"?"
    with pytest.raises(WeightsError, match="not what"):
        fetch(card)
    assert weights.state(card) == "not downloaded"
    hub.files[path] = BIG
    assert (fetch(card)["root"] / "unet/weights.safetensors").read_bytes() == BIG


def test_hashes_and_patterns_together_end_under_one_root(hub: FakeHub) -> None:
    card = hub_card(files=("unet/weights.safetensors",), patterns=("*.json",))
    files = fetch(card)
    assert all((files["root"] / name).read_bytes() == FILES[name] for name in WITH_HASHES)
    assert files["weights"] == files["root"] / "unet/weights.safetensors"


def test_offline_and_a_dead_hub_are_said(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    card = hub_card(patterns=("unet/*",))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(WeightsError, match="the network is off"):
        fetch(card)
    monkeypatch.delenv("HF_HUB_OFFLINE")
    hub.repos.clear()
    with pytest.raises(WeightsError, match="maker/thing"):
        fetch(card)
    monkeypatch.setenv("HF_ENDPOINT", "http://192.0.2.1")
    with pytest.raises(WeightsError, match="not a safe address"):
        fetch(card)


def nobody() -> str:
    """An address on loopback at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


def no_names(*_: object, **__: object) -> None:
    raise socket.gaierror(-2, "Name or service not known")


ASK: dict[str, Callable[[], object]] = {
    "files by pattern": lambda: fetch(hub_card(patterns=("unet/*",))),
    "files by hash": lambda: fetch(hub_card(files=("unet/weights.safetensors",))),
    "both": lambda: fetch(hub_card(files=("unet/weights.safetensors",), patterns=("*.json",))),
    "a branch": lambda: weights.pinned(cards.find("hub:maker/thing", "txt2img")),
    "settings": lambda: weights.settings_of(cards.find(f"hub:maker/thing@{COMMIT}", "txt2img"), ["model_index.json"]),
    "a pull": lambda: weights.resolve(cards.find(f"hub:maker/thing@{COMMIT}", "txt2img"), announce=lambda text: None),
}


@pytest.mark.parametrize("what", ASK)
@pytest.mark.parametrize("how", ["no names", "nobody"])
def test_no_network_is_said_at_once_and_once(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], what: str, how: str
) -> None:
    import huggingface_hub  # noqa: F401  (its import is not what is timed)

    if how == "nobody":
        monkeypatch.setenv("HF_ENDPOINT", nobody())
    else:
        monkeypatch.setenv("HF_ENDPOINT", "https://hub.example")
        monkeypatch.setattr(socket, "getaddrinfo", no_names)
    monkeypatch.setattr(download, "PAUSES_S", (5.0, 5.0))
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        ASK[what]()
    assert time.monotonic() - start < 4 and caught.value.code == "unreachable"
    assert "connection" in str(caught.value.hint) and capfd.readouterr() == ("", "")


def test_what_is_here_needs_no_network(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    model = cards.find(f"hub:maker/thing@{COMMIT}", "txt2img")
    folder = weights.settings_of(model, ["model_index.json", "unet/config.json"])
    assert (folder / "unet/config.json").read_bytes() == FILES["unet/config.json"]
    monkeypatch.setenv("HF_ENDPOINT", nobody())
    assert weights.settings_of(model, ["model_index.json", "unet/config.json"]) == folder


@pytest.mark.parametrize("page", [0, 1, 3])
def test_sizes_by_pattern_are_asked_for_over_all_pages_and_held_against_the_disk(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    hub.page = page
    card = hub_card(files=("unet/weights.safetensors",), patterns=("*.json",))
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: SimpleNamespace(free=64 * 2**20 + len(BIG) + 15))
    with pytest.raises(WeightsError, match=r"thing: needs 500 KB, and .* has 68 MB free") as caught:
        fetch(card)
    assert caught.value.code == "no-space" and not hub.gets(), "16 bytes of settings and the weights, one byte too many"
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: SimpleNamespace(free=64 * 2**20 + len(BIG) + 16))
    said: list[str] = []
    fetch(card, said)
    assert "500 KB" in said[0]


def test_what_came_before_needs_no_room_again(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    card = hub_card(files=("unet/weights.safetensors",))
    hub.cuts, hub.cut_after, hub.refuse_after_cut = 1, 400_000, True
    with pytest.raises(WeightsError, match="400 KB are kept"):
        fetch(card)
    hub.refusals = 0
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: SimpleNamespace(free=64 * 2**20 + 100_000))
    assert fetch(card)["weights"].read_bytes() == BIG


@pytest.mark.parametrize("answer", [b"[]", b"{}", b"[1]", b'[{"type": "file"}]', b"<html>", b"[" * 100_000, b'{"sha": "x"}'])
def test_a_hub_that_answers_otherwise_is_no_bug(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, answer: bytes) -> None:
    from genkit.weights import hub_api

    monkeypatch.setattr(hub_api, "_repository", lambda found: f"{hub.url}/{found.repo}")
    for path in (f"/{REPO}/tree/{COMMIT}", f"/{REPO}/revision/main"):
        hub.files[path] = answer
    assert hub_api.snapshot_size(hub_card(patterns=("*.json",))) in (None, 0)
    with pytest.raises(WeightsError, match="thing"):
        hub_api.commit_at(hub_card(revision="main", patterns=("*.json",), extra="verified = false"))


def test_a_repository_that_is_not_there_is_said_as_such(hub: FakeHub) -> None:
    with pytest.raises(WeightsError, match=r"has no such repository or revision, or wants to know you \(404\)") as caught:
        weights.pinned(cards.find("hub:maker/other", "txt2img"))
    assert "HF_TOKEN" in str(caught.value.hint)


def test_the_librarys_own_words_stay_from_the_terminal() -> None:
    from genkit.weights.hub import quiet

    logger = logging.getLogger("huggingface_hub.utils._http")
    before = logger.isEnabledFor(logging.WARNING)
    with quiet():
        assert not logger.isEnabledFor(logging.WARNING)
    assert logger.isEnabledFor(logging.WARNING) is before
