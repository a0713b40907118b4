"""Hugging Face repositories: addresses, copies that huggingface_hub already keeps, and files that come by pattern.

huggingface_hub is imported only to fetch by pattern, and always told the endpoint and the cache folder, because it reads the
environment once, at import: so its rules for that folder are written out here. It does not hash what it fetched; we do, against
the name of each blob in its cache, which is the sha256 of a large file and the git hash of a small one.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import quote

from genkit.cards import Card, CardFile, Hash, Hub
from genkit.errors import WeightsError
from genkit.files import read_json, replace_text
from genkit.weights.download import Source, refuse_unsafe
from genkit.weights.store import digest_file, files_under, folder_of, forget, is_good

HOST = "https://huggingface.co"
COMMIT = re.compile(r"[0-9a-f]{40}")


def endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or HOST


def hub_cache() -> Path:
    """Where huggingface_hub keeps its files, by the rules it documents."""
    for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        if given := os.environ.get(name):
            return Path(given).expanduser()
    if given := os.environ.get("HF_HOME"):
        return Path(given).expanduser() / "hub"
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "huggingface" / "hub"


def repository_folder(hub: Hub) -> Path:
    return hub_cache() / f"models--{hub.repo.replace('/', '--')}"


def source_of(card: Card, one: CardFile) -> Source:
    """The address of one repository file at the pinned revision, with the user's token if the model is gated."""
    assert card.hub is not None and one.path is not None
    url = f"{endpoint()}/{card.hub.repo}/resolve/{quote(card.hub.revision, safe='')}/{quote(one.path)}"
    key = token() if card.gated else None
    return Source(one.path, url, one.hash, one.size, {"Authorization": f"Bearer {key}"} if key else None)


def kept_copy(card: Card, one: CardFile) -> Path | None:
    """A good copy of a repository file in huggingface_hub's cache, whatever revision brought it there."""
    assert card.hub is not None
    folder = repository_folder(card.hub)
    if one.path is None or not folder.is_dir():
        return None
    candidates = [snapshot_folder(card.hub) / one.path]
    if one.hash is not None and one.hash.algorithm in ("sha256", "git-sha1"):
        candidates.append(folder / "blobs" / one.hash.value)
    return next((path for path in candidates if is_good(path, one, card)), None)


def snapshot_folder(hub: Hub) -> Path:
    folder = repository_folder(hub)
    try:
        commit = (folder / "refs" / hub.revision).read_text(encoding="utf-8").strip()
    except OSError:
        commit = hub.revision
    return folder / "snapshots" / commit


# --- files by pattern ---------------------------------------------------------------------------------------------------


def kept_snapshot(card: Card) -> Path | None:
    """The snapshot that an earlier pull left complete, if all its files are still there; no network, no import."""
    try:
        record = read_json(_record(card))
        folder = Path(record["folder"])
        whole = all((folder / name).stat().st_size == size for name, size in record["files"].items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    right = card.hub is not None and record.get("revision") == card.hub.revision
    return folder if whole and right and record.get("patterns") == list(card.hub.patterns if card.hub else ()) else None


def fetch_snapshot(
    card: Card,
    offline: bool,
    notice: Callable[[str], None],
    progress: Callable[[str, int, int | None], None] | None = None,
    size: int | None = None,
) -> Path:
    """Let huggingface_hub bring what the patterns name, check the content, and remember that it is whole.

    `progress` is called with the repository's name, the bytes that came so far, and `size`, the bytes to come.

    Raises:
        WeightsError: not reachable, not there, or altered.
    """
    hub = card.hub
    assert hub is not None
    refuse_unsafe(endpoint(), card.name)
    import huggingface_hub
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        with _watched(repository_folder(hub) / "blobs", hub.repo, size, progress), quiet():
            folder = Path(
                huggingface_hub.snapshot_download(
                    hub.repo,
                    revision=hub.revision,
                    allow_patterns=list(hub.patterns),
                    cache_dir=hub_cache(),
                    endpoint=endpoint(),
                    local_files_only=offline,
                    library_name="genkit",
                )
            )
    except LocalEntryNotFoundError as error:
        where = "is not in the cache" if offline else f"cannot be fetched from {endpoint()}"
        raise WeightsError(f"{card.name}: {hub.repo} {where}", _way_out(card, offline), code="unreachable") from error
    except Exception as error:  # networks, proxies and hubs fail in ways that no list of the library's errors covers
        raise unreachable(card, error, offline) from error
    names = _wanted(folder, hub)
    if not names:
        raise WeightsError(f"{card.name}: {hub.repo} has no file like {', '.join(hub.patterns)}", code="unreachable")
    if lost := [one for one in hub.patterns if not any(sign in one for sign in "*?[") and one not in names]:
        raise WeightsError(f"{card.name}: {hub.repo} has no {', '.join(lost)}", code="unreachable")
    for name in names:
        _check_blob(card, folder / name)
    record = {
        "folder": str(folder),
        "revision": hub.revision,
        "patterns": list(hub.patterns),
        "files": {name: (folder / name).stat().st_size for name in names},
    }
    if not COMMIT.fullmatch(hub.revision):
        notice(f"{card.name}: {hub.repo} is at {folder.name}; pin that commit in the card to get the same files again")
    replace_text(_record(card), json.dumps(record, indent=1))
    return folder


def remove_snapshot(card: Card) -> int:
    """Delete the snapshot that a pull of ours brought into huggingface_hub's cache, and return the bytes freed."""
    folder = kept_snapshot(card)
    _record(card).unlink(missing_ok=True)
    if folder is None:
        return 0
    import huggingface_hub

    strategy = huggingface_hub.scan_cache_dir(hub_cache()).delete_revisions(folder.name)
    freed = strategy.expected_freed_size
    strategy.execute()
    return freed


def check_snapshot(card: Card, folder: Path) -> list[Path]:
    """Rehash every file of a snapshot and return those that are not what the hub named them."""
    altered = []
    assert card.hub is not None
    for name in _wanted(folder, card.hub):
        try:
            _check_blob(card, folder / name, fresh=True)
        except WeightsError:
            altered.append(folder / name)
    return altered


@contextmanager
def quiet() -> Iterator[None]:
    """Keep huggingface_hub's bars and its words about its own retries from the terminal: what goes wrong, we say, once."""
    from huggingface_hub.utils import disable_progress_bars, logging

    disable_progress_bars()
    before = logging.get_verbosity()
    logging.set_verbosity(logging.CRITICAL)
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def _watched(
    folder: Path, name: str, size: int | None, progress: Callable[[str, int, int | None], None] | None
) -> Iterator[None]:
    """Tell how a folder grows. huggingface_hub's own bars differ from version to version; files on the disk do not."""
    if progress is None or not size:
        yield
        return
    before, end = _bytes_in(folder), threading.Event()

    def watch() -> None:
        while not end.wait(0.2):
            progress(name, min(max(_bytes_in(folder) - before, 0), size), size)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        end.set()
        thread.join()
    progress(name, size, size)


def _bytes_in(folder: Path) -> int:
    total = 0
    with suppress(OSError):
        for entry in os.scandir(folder):
            with suppress(OSError):  # a part gets its final name, or is removed, while we look
                total += entry.stat().st_size
    return total


def matching(hub: Hub, names: Iterable[str]) -> list[str]:
    """Those paths of a repository that its patterns name, sorted."""
    from fnmatch import fnmatchcase

    patterns = [f"{pattern}*" if pattern.endswith("/") else pattern for pattern in hub.patterns]
    return sorted(name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns))


def _wanted(folder: Path, hub: Hub) -> list[str]:
    return matching(hub, (path.relative_to(folder).as_posix() for path in files_under(folder)))


def _check_blob(card: Card, path: Path, fresh: bool = False) -> None:
    blob = path.resolve()
    algorithm = {64: "sha256", 40: "git-sha1"}.get(len(blob.name))
    if algorithm is None or not re.fullmatch(r"[0-9a-f]+", blob.name):
        return  # a cache without blobs (a file system without links): there is no name to compare with
    expected = Hash(algorithm, blob.name)
    good = digest_file(blob, expected).right if fresh else is_good(blob, CardFile(path.name, hash=expected), card)
    if not good:
        forget(card, blob)
        if not fresh:
            path.unlink(missing_ok=True)
            blob.unlink(missing_ok=True)
        raise WeightsError(
            f"{path}: the content is not what {endpoint()} promised ({expected})", "run the same command again", code="altered"
        )


def _record(card: Card) -> Path:
    return folder_of(card) / "snapshot.json"


def unreachable(card: Card, error: Exception, offline: bool = False) -> WeightsError:
    # huggingface_hub raises its own HTTP client's errors, and which client that is depends on its version.
    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    assert card.hub is not None
    return WeightsError(f"{card.name}: {card.hub.repo}: {reason}", _way_out(card, offline), code="unreachable")


def _way_out(card: Card, offline: bool) -> str:
    if offline:
        return f"unset GENKIT_OFFLINE, or run genkit models pull {card.name} where there is a network"
    return "check the connection and HF_ENDPOINT, and run the same command again"


def token() -> str | None:
    """The user's token for the hub, if there is one."""
    from huggingface_hub import get_token

    return get_token()
