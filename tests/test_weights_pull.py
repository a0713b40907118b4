"""Fetching one model: resume, hashes, locks, refusals, all against a server on 127.0.0.1."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from hub import FakeHub, serving, sha256

from genkit import cards, weights
from genkit.errors import WeightsError
from genkit.weights import download

PUBLISHED = Path(os.environ.get("GENKIT_PUBLISHED", Path(__file__).parents[2] / "shared" / "weights-published"))
BODY = random.Random(0).randbytes(3_000_000)


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    with serving() as server:
        yield server


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("GENKIT_CACHE", "GENKIT_OFFLINE", "HF_HUB_OFFLINE", "HF_ENDPOINT", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GENKIT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setattr(download, "PAUSES_S", (0.0, 0.0, 0.01, 0.01))


def write_card(text: str, name: str = "thing-x4") -> cards.Card:
    folder = cards.user_folder() / "upscale"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.toml"
    head = f'name = "{name}"\ntasks = ["upscale"]\nfamily = "spandrel"\nsummary = "For tests."\n'
    if "licence =" not in text:
        head += 'licence = "MIT"\ncommercial = true\n'
    path.write_text(head + text, encoding="utf-8")
    return cards.read_card(path)


def card_for(url: str, body: bytes = BODY, *, extra: str = "", size: int | None = -1, digest: str | None = None) -> cards.Card:
    size_line = f"size = {len(body) if size == -1 else size}\n" if size is not None else ""
    return write_card(
        f'{extra}[files.weights]\nurl = "{url}"\nhash = "{digest or "sha256:" + sha256(body)}"\n{size_line}',
    )


def fetch(card: cards.Card, said: list[str] | None = None, **wishes: bool) -> dict[str, Path]:
    return weights.resolve(card, announce=(said if said is not None else []).append, **wishes)


def test_a_pull_announces_fetches_once_and_is_cached_afterwards(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    said: list[str] = []
    steps: list[int] = []
    assert weights.state(card) == "not downloaded"
    files = weights.resolve(card, announce=said.append, progress=lambda name, done, total: steps.append(done))
    assert files["weights"].read_bytes() == BODY and files["weights"].name == "thing.pth"
    assert len(said) == 1 and "3.0 MB" in said[0] and "MIT" in said[0] and "127.0.0.1" in said[0]
    assert steps[-1] == len(BODY)
    assert weights.state(card) == "cached"
    assert fetch(card) == files and len(hub.gets()) == 1


def test_a_cut_connection_is_resumed_where_it_stopped(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.cuts, hub.cut_after = 2, 1_000_000
    assert fetch(card)["weights"].read_bytes() == BODY
    assert hub.gets() == [None, "bytes=1000000-", "bytes=2000000-"]
    assert not list(weights.folder_of(card).glob("*.part"))


def test_a_broken_run_is_resumed_by_the_next(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.cuts, hub.cut_after = 1, 1_500_000
    hub.refuse_after_cut = True
    with pytest.raises(WeightsError, match=r"1\.5 MB are kept"):
        fetch(card)
    assert weights.state(card) == "partial"
    hub.refusals = 0
    assert fetch(card)["weights"].read_bytes() == BODY
    assert hub.gets()[-1] == "bytes=1500000-"


def test_a_dead_address_is_said_at_once(hub: FakeHub) -> None:
    with pytest.raises(WeightsError, match="404"):
        fetch(card_for(hub.url + "/nothing.pth"))
    assert len(hub.requests) == 1


def test_a_whole_partial_of_unknown_size_is_taken_as_it_is(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY), size=None)
    partial = download.partial_of(weights.folder_of(card) / "thing.pth", card.files["weights"].hash)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(BODY)
    assert fetch(card)["weights"].read_bytes() == BODY


def test_a_partial_with_other_bytes_is_thrown_away(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    partial = download.partial_of(weights.folder_of(card) / "thing.pth", card.files["weights"].hash)
    partial.parent.mkdir(parents=True)
    partial.write_bytes(b"x" * 2_000_000)
    assert fetch(card)["weights"].read_bytes() == BODY
    assert hub.gets() == ["bytes=2000000-", None]


def test_a_server_that_ignores_range_still_gives_the_file(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.cuts, hub.cut_after, hub.ignore_range = 1, 1_000_000, True
    assert fetch(card)["weights"].read_bytes() == BODY
    assert hub.gets() == [None, "bytes=1000000-"]


def test_a_server_that_does_not_tell_the_length(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.without_length = True
    hub.cuts, hub.cut_after = 1, 1_000_000
    assert fetch(card)["weights"].read_bytes() == BODY


def test_busy_servers_are_asked_again_and_dead_ones_given_up(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.refusals = 3
    assert fetch(card)["weights"].read_bytes() == BODY
    weights.remove(card)
    card = card_for(hub.url + "/thing.pth")
    hub.refusals = 1000
    with pytest.raises(WeightsError, match="cannot be fetched") as caught:
        fetch(card)
    assert caught.value.exit_code == 3 and "goes on where it stopped" in str(caught.value.hint)


def test_altered_bytes_of_the_same_length_are_caught(hub: FakeHub) -> None:
    altered = BODY[:-1] + bytes([BODY[-1] ^ 1])
    card = card_for(hub.add("/thing.pth", altered))
    with pytest.raises(WeightsError, match="other content") as caught:
        fetch(card)
    assert sha256(altered) in caught.value.message and sha256(BODY) in caught.value.message
    assert not list(weights.folder_of(card).iterdir())


def test_a_wrong_size_is_refused_before_the_body(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY), size=len(BODY) + 1)
    with pytest.raises(WeightsError, match=r"offers 3,000,000 bytes where the card says 3,000,001"):
        fetch(card)
    hub.without_length = True
    card = card_for(hub.url + "/thing.pth", size=1000)
    with pytest.raises(WeightsError, match="sends more"):
        fetch(card)


@pytest.mark.parametrize("address", ["http://192.0.2.1/thing.pth", "ftp://127.0.0.1/thing.pth", "http://example.org/thing.pth"])
def test_a_redirect_to_an_unsafe_address_is_refused(hub: FakeHub, address: str) -> None:
    hub.redirects["/thing.pth"] = address
    card = card_for(hub.url + "/thing.pth")
    with pytest.raises(WeightsError, match="not a safe address"):
        fetch(card)


def test_a_redirect_on_loopback_is_followed_without_the_token(hub: FakeHub) -> None:
    with serving() as other:
        other.add("/real.pth", BODY)
        hub.redirects["/thing.pth"] = other.url + "/real.pth"
        target = weights.folder_of(card_for(hub.url + "/thing.pth")) / "thing.pth"
        source = download.Source("thing.pth", hub.url + "/thing.pth", None, None, {"Authorization": "Bearer secret"})
        download.fetch(source, target)
        assert target.read_bytes() == BODY
        assert hub.headers[0]["Authorization"] == "Bearer secret"
        assert all("Authorization" not in headers for headers in other.headers)


def test_https_may_not_lead_to_loopback() -> None:
    with pytest.raises(WeightsError, match=r"redirected from example\.org"):
        download.refuse_unsafe("http://127.0.0.1:80/x", "x", "https://example.org/x")


@pytest.mark.parametrize("variable", ["GENKIT_OFFLINE", "HF_HUB_OFFLINE"])
def test_offline_and_absent_is_refused_with_name_size_and_way_out(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    monkeypatch.setenv(variable, "1")
    with pytest.raises(WeightsError) as caught:
        fetch(card)
    assert caught.value.exit_code == 3 and caught.value.code == "offline"
    assert "thing.pth (3.0 MB)" in caught.value.message and "genkit models pull thing-x4" in str(caught.value.hint)
    assert not hub.requests
    monkeypatch.delenv(variable)
    files = fetch(card)
    monkeypatch.setenv(variable, "1")
    assert fetch(card) == files


def test_no_room_is_said_before_the_body(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    monkeypatch.setattr(download.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    with pytest.raises(WeightsError, match=r"needs 3\.0 MB") as caught:
        fetch(card)
    assert "GENKIT_CACHE" in str(caught.value.hint)


def test_non_commercial_models_want_an_acceptance_that_is_remembered(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY), extra='licence = "CC-BY-NC-4.0"\ncommercial = false\n')
    with pytest.raises(WeightsError, match=r"CC-BY-NC-4\.0") as caught:
        fetch(card)
    assert caught.value.code == "licence" and "--accept-licence" in str(caught.value.hint) and not hub.requests
    fetch(card, accept_licence=True)
    weights.remove(card)
    card = card_for(hub.url + "/thing.pth", extra='licence = "CC-BY-NC-4.0"\ncommercial = false\n')
    assert fetch(card)["weights"].is_file()
    weights.remove(card)
    changed = card_for(hub.url + "/thing.pth", extra='licence = "CC-BY-NC-SA-4.0"\ncommercial = false\n')
    with pytest.raises(WeightsError, match="CC-BY-NC-SA"):
        fetch(changed)


def test_an_unverified_model_prints_what_it_got(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY), extra="verified = false\n", digest=f"sha256-prefix:{sha256(BODY)[:8]}")
    said: list[str] = []
    fetch(card, said)
    assert "not verified" in said[0] and f"sha256:{sha256(BODY)}" in said[-1]


@pytest.mark.parametrize("kind", ["md5", "sha256-prefix", "git-sha1"])
def test_every_kind_of_hash_is_compared(hub: FakeHub, kind: str) -> None:
    import hashlib

    from hub import git_sha1

    values = {"md5": hashlib.md5(BODY).hexdigest(), "sha256-prefix": sha256(BODY)[:10], "git-sha1": git_sha1(BODY)}
    url = hub.add("/thing.pth", BODY)
    for size in (-1, None):
        card = card_for(url, extra="verified = false\n", digest=f"{kind}:{values[kind]}", size=size)
        assert fetch(card)["weights"].read_bytes() == BODY
        weights.remove(card)
    wrong = values[kind][:-1] + ("0" if values[kind][-1] != "0" else "1")
    card = card_for(url, extra="verified = false\n", digest=f"{kind}:{wrong}")
    with pytest.raises(WeightsError, match="other content"):
        fetch(card)


def test_an_altered_cached_file_is_found_and_replaced(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    path = fetch(card)["weights"]
    path.write_bytes(BODY[:-1] + b"x")
    assert [verdict.state for verdict in weights.verify(card)] == ["altered"]
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    with pytest.raises(WeightsError, match="is altered"):
        fetch(card)
    monkeypatch.delenv("GENKIT_OFFLINE")
    said: list[str] = []
    assert fetch(card, said)["weights"].read_bytes() == BODY
    assert any("replaced" in line for line in said)


def test_a_large_file_is_hashed_once_and_by_verify_always(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    from genkit.weights import store

    card = card_for(hub.add("/thing.pth", BODY))
    path = fetch(card)["weights"]
    monkeypatch.setattr(store, "HASHED_EVERY_TIME", 1000)
    fetch(card)
    before = path.stat()
    path.write_bytes(BODY[:-1] + b"x")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert fetch(card)["weights"] == path, "the stamp is trusted"
    assert len(hub.gets()) == 1
    assert [verdict.state for verdict in weights.verify(card)] == ["altered"]
    assert fetch(card)["weights"].read_bytes() == BODY, "and forgotten once verify has looked"


def test_eight_processes_make_one_download(hub: FakeHub, tmp_path: Path) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    hub.slow_s = 0.7
    script = (
        "import sys, pathlib; from genkit import cards, weights\n"
        "files = weights.resolve(cards.find('thing-x4'), announce=lambda text: print(text, file=sys.stderr))\n"
        "print(files['weights'].stat().st_size)"
    )
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    running = [subprocess.Popen([sys.executable, "-c", script], **pipes) for _ in range(8)]
    outputs = [process.communicate(timeout=60) for process in running]
    assert [out.strip() for out, _ in outputs] == [str(len(BODY))] * 8, outputs
    assert len(hub.gets()) == 1
    assert sum("fetching" in err for _, err in outputs) >= 1
    assert fetch(card)["weights"].read_bytes() == BODY


def test_a_killed_process_leaves_what_the_next_one_goes_on_from(hub: FakeHub) -> None:
    card = card_for(hub.add("/thing.pth", BODY))
    partial = download.partial_of(weights.folder_of(card) / "thing.pth", card.files["weights"].hash)
    hub.stall_after = 2 * 2**20
    script = "from genkit import cards, weights; weights.resolve(cards.find('thing-x4'), announce=print)"
    running = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    try:
        assert hub.stalled.wait(60)
        for _ in range(600):
            if partial.exists() and partial.stat().st_size >= 2**20:
                break
            time.sleep(0.05)
    finally:
        running.kill()
        running.wait(30)
    assert weights.state(card) == "partial" and not (weights.folder_of(card) / "thing.pth").exists()
    kept = partial.stat().st_size
    assert fetch(card)["weights"].read_bytes() == BODY
    assert hub.gets() == [None, f"bytes={kept}-"]


def test_remove_frees_the_cache_and_spares_what_ships(hub: FakeHub) -> None:
    from genkit.errors import UsageError

    card = card_for(hub.add("/thing.pth", BODY))
    fetch(card)
    assert weights.remove(card) >= len(BODY)
    assert not weights.folder_of(card).exists() and not card.toml.exists()
    shipped = cards.Card("ours", ("upscale",), "compact", Path("ours.toml"), "shipped")
    with pytest.raises(UsageError, match="ships with genkit"):
        weights.remove(shipped)


def test_a_card_from_elsewhere_is_used_and_not_removed(tmp_path: Path) -> None:
    from genkit.errors import UsageError

    (tmp_path / "run-x4.safetensors").write_bytes(BODY)
    path = tmp_path / "run-x4.toml"
    path.write_text(
        'name = "run-x4"\ntasks = ["upscale"]\nfamily = "compact"\nsummary = "A run."\nlicence = "MIT"\n'
        f'[files.weights]\npath = "run-x4.safetensors"\nhash = "sha256:{sha256(BODY)}"\n'
    )
    card = cards.find(str(path), "upscale")
    assert fetch(card)["weights"] == tmp_path / "run-x4.safetensors"
    with pytest.raises(UsageError, match="not among your own models"):
        weights.remove(card)
    (tmp_path / "run-x4.safetensors").write_bytes(BODY[:-1] + b"x")
    with pytest.raises(WeightsError, match=r"run-x4\.safetensors is missing or altered"):
        fetch(card)


@pytest.mark.published
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="the published checkpoints are not here")
@pytest.mark.parametrize(("name", "file"), [("craft-x4", "craft-x4.pth"), ("dncnn-25", "dncnn_25.pth")])
def test_published_files_are_what_their_cards_say(name: str, file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENKIT_OFFLINE", "1")
    card = cards.find(name)
    target = weights.folder_of(card) / card.files["weights"].urls[0].rpartition("/")[2]
    target.parent.mkdir(parents=True)
    target.write_bytes((PUBLISHED / file).read_bytes())
    assert fetch(card) == {"weights": target}
    assert [verdict.state for verdict in weights.verify(card)] == ["good"]


def test_choose_is_pure() -> None:
    file = cards.CardFile("weights", urls=("https://example.org/a.pth",), hash=cards.Hash("sha256", "0" * 64), size=10)
    where = ("upscale",), "spandrel", Path("a.toml")
    card = cards.Card("a", *where, "catalogue", files={"weights": file}, commercial=True)
    assert weights.choose(card, (), offline=False) == weights.Choice("pull", (file,), 10)
    assert weights.choose(card, ("weights",), offline=True).kind == "cached"
    assert weights.choose(card, (), offline=True).reason == "offline"
    restricted = cards.Card("a", *where, "catalogue", files={"weights": file}, commercial=False)
    assert weights.choose(restricted, (), offline=False).reason == "licence"
    assert weights.choose(restricted, (), offline=False, accepted=True).kind == "pull"
    own = cards.Card("a", *where, "shipped", files={"weights": cards.CardFile("weights", "a.safetensors")})
    assert weights.choose(own, ("weights",), offline=True).kind == "shipped"
    assert weights.choose(own, (), offline=False).reason == "damaged"
