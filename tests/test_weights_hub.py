"""Hub repositories: with hashes through our own downloader, without through huggingface_hub, and copies that it keeps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

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
