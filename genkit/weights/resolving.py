"""From a card to local files: look, choose, say what it will cost, fetch, check, keep."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from genkit.cards import Card, CardFile, cache_folder, user_folder
from genkit.errors import UsageError, WeightsError
from genkit.files import replacing, size_text
from genkit.weights.acceptance import accept, is_accepted
from genkit.weights.choice import SNAPSHOT, Choice, choose, key_of
from genkit.weights.pinning import is_offline, pinned
from genkit.weights.store import digest_file, files_under, folder_of, forget, is_good, place_of, remember

Announce = Callable[[str], None]
Progress = Callable[[str, int, int | None], None]
State = Literal["shipped", "cached", "partial", "not downloaded"]


@dataclass(frozen=True)
class Verdict:
    """What `verify` found for one file; `sha256` is what its bytes hash to, or empty where it is missing."""

    path: Path
    state: Literal["good", "altered", "missing", "unpinned"]
    expected: str = ""
    sha256: str = ""


def resolve(
    card: Card, *, announce: Announce, progress: Progress | None = None, accept_licence: bool = False
) -> dict[str, Path]:
    """Return the local file of every role (for a hub repository also `root`, its folder), fetching what is missing.

    `announce` gets one line for the user before anything is fetched: what, how large, from where, under which licence.

    Raises:
        WeightsError: offline and absent, a licence that is not accepted, unreachable, or altered; exit code 3.
    """
    card, offline = pinned(card), is_offline()
    choice, found = _look(card, offline, accept_licence)
    if choice.kind == "pull":
        if accept_licence:
            accept(card)
        with _lock(card, announce):
            choice, found = _look(card, offline, accept_licence)  # another process may have fetched it meanwhile
            if choice.kind == "pull":
                from genkit.weights.fetching import fetch_all

                found |= fetch_all(card, choice, announce, progress)
    if choice.kind == "refuse":
        raise _refusal(card, choice)
    return _roles(card, found)


def local_files(card: Card) -> dict[str, Path] | None:
    """The local file of every role, or None if one is missing or altered; never fetches."""
    card = pinned(card, ask=False)
    choice, found = _look(card, True, False)
    return _roles(card, found) if choice.kind in ("shipped", "cached") else None


def state(card: Card) -> State:
    """What lies here, by names and sizes alone: nothing is hashed."""
    card = pinned(card, ask=False)
    wanted = _wanted(card)
    there = [_exists(card, one) for one in wanted]
    if card.hub and card.hub.patterns:
        from genkit.weights.hub import kept_snapshot

        there.append(kept_snapshot(card) is not None)
    if all(there):
        return "shipped" if card.origin == "shipped" else "cached"
    begun = any(there) or any(path.suffix == ".part" for path in files_under(folder_of(card)))
    return "partial" if begun else "not downloaded"


def verify(card: Card) -> list[Verdict]:
    """Read every local file of a model again and compare; what was remembered of an altered one is forgotten."""
    verdicts, card = [], pinned(card, ask=False)
    for one in _wanted(card):
        path = place_of(card, one)
        if not path.is_file() and card.hub is not None:
            path = _kept_anywhere(card, one) or path
        if not path.is_file():
            verdicts.append(Verdict(path, "missing", str(one.hash or "")))
            continue
        digest = digest_file(path, one.hash)
        right = digest.right and (one.size is None or path.stat().st_size == one.size)
        if not right:
            forget(card, path)
        elif one.hash is not None:
            remember(card, path, one.hash)
        outcome: Literal["good", "altered", "unpinned"] = "unpinned" if one.hash is None else ("good" if right else "altered")
        verdicts.append(Verdict(path, "altered" if not right else outcome, str(one.hash or ""), digest.sha256))
    if card.hub and card.hub.patterns:
        from genkit.weights.hub import check_snapshot, kept_snapshot, snapshot_folder

        folder = kept_snapshot(card)
        if folder is None:
            verdicts.append(Verdict(snapshot_folder(card.hub), "missing"))
        else:
            altered = check_snapshot(card, folder)
            verdicts += [Verdict(path, "altered") for path in altered] or [Verdict(folder, "good")]
    return verdicts


def remove(card: Card) -> int:
    """Delete the local copy of a model (of a user's own also its card) and return the bytes freed. A folder or file that was
    named by its place is the user's, and no copy of it is kept: nothing of it is touched.

    Raises:
        UsageError: it ships with genkit, it or its card lies somewhere else.
    """
    if card.name.startswith("./"):
        raise UsageError(
            f"{card.source} is a {'folder' if card.folder else 'file'} of your own, of which genkit keeps no copy; nothing was "
            "removed",
            "models rm is for what was fetched or imported; delete your own files yourself",
            code="own-files",
        )
    if card.origin == "shipped":
        raise UsageError(f"{card.name} ships with genkit and cannot be removed")
    if card.origin == "user" and not card.toml.resolve().is_relative_to(user_folder().resolve()):
        raise UsageError(f"{card.toml} is not among your own models ({user_folder()})", "delete the files themselves")
    if (at := pinned(card, ask=False)).name != card.name:
        freed = remove(at)
        shutil.rmtree(folder_of(card), ignore_errors=True)  # where the commit is noted
        return freed
    with _lock(card, lambda text: None):
        freed = 0
        if card.hub and card.hub.patterns:
            from genkit.weights.hub import remove_snapshot

            freed += remove_snapshot(card)
        freed += sum(path.stat().st_size for path in files_under(folder_of(card)))
        shutil.rmtree(folder_of(card), ignore_errors=True)
        forget(card)
        if card.origin == "user" and not card.name.startswith("hub:"):
            card.toml.unlink(missing_ok=True)
            for one in (*card.files.values(), *(card.folder.files.values() if card.folder else ())):
                path = card.beside(one)
                inside = path.parent.resolve().is_relative_to(card.toml.parent.resolve())  # a card may name a file elsewhere
                if one.path is not None and inside and path.is_file():
                    freed += path.stat().st_size
                    path.unlink()
    return freed


# --- looking ------------------------------------------------------------------------------------------------------------


def _wanted(card: Card) -> list[CardFile]:
    return list(card.every_file)


def _look(card: Card, offline: bool, accept_licence: bool) -> tuple[Choice, dict[str, Path]]:
    """Find good local copies by key, and choose."""
    found: dict[str, Path] = {}
    for one in _wanted(card):
        path = place_of(card, one)
        if is_good(path, one, card):
            found[key_of(card, one)] = path
    if card.hub is not None:
        found |= _look_in_hub_cache(card, found, offline)
    accepted = accept_licence or is_accepted(card)
    return choose(card, found.keys(), offline, accepted), found


def _look_in_hub_cache(card: Card, found: dict[str, Path], offline: bool) -> dict[str, Path]:
    from genkit.weights.hub import fetch_snapshot, kept_copy, kept_snapshot, snapshot_folder

    assert card.hub is not None
    kept: dict[str, Path] = {}
    for path, one in card.hub.files.items():
        if path not in found and (copy := kept_copy(card, one)) is not None:
            kept[path] = copy
    if card.hub.patterns and (folder := kept_snapshot(card)) is not None:
        kept[SNAPSHOT] = folder
    elif card.hub.patterns and offline and snapshot_folder(card.hub).is_dir():
        # Another program brought it. Online, the hub is asked whether it is whole; here that program is trusted.
        with suppress(WeightsError):
            kept[SNAPSHOT] = fetch_snapshot(card, True, lambda text: None)
    return kept


def _kept_anywhere(card: Card, one: CardFile) -> Path | None:
    from genkit.weights.hub import kept_copy

    return kept_copy(card, one)


def _exists(card: Card, one: CardFile) -> bool:
    places = [place_of(card, one)]
    if card.hub is not None and one.path in card.hub.files:
        from genkit.weights.hub import repository_folder, snapshot_folder

        places.append(snapshot_folder(card.hub) / str(one.path))
        if one.hash is not None:
            places.append(repository_folder(card.hub) / "blobs" / one.hash.value)
    for path in places:
        try:
            if one.size is None or path.stat().st_size == one.size:
                path.stat()
                return True
        except OSError:
            continue
    return False


# --- refusals and places ---------------------------------------------------------------------------------------------


def _refusal(card: Card, choice: Choice) -> WeightsError:
    names = ", ".join(
        place_of(card, one).name if one.role != SNAPSHOT else str(card.hub and card.hub.repo) for one in choice.missing
    )
    if len(choice.missing) > 3:
        names = f"{len(choice.missing)} files"
    if choice.reason == "damaged":
        paths = ", ".join(str(place_of(card, one)) for one in choice.missing if not one.has_address)
        way_out = "install genkit again" if card.origin == "shipped" else f"genkit models rm {card.name}, and import it again"
        return WeightsError(f"{card.name}: {paths} is missing or altered", way_out, code="damaged")
    if choice.reason == "offline":
        altered = [place_of(card, one) for one in choice.missing if one.role != SNAPSHOT and place_of(card, one).is_file()]
        why = f"; {altered[0]} is altered" if altered else ""
        return WeightsError(
            f"{card.name}: {names} ({size_text(choice.size)}) is not here, and the network is off{why}",
            f"run genkit models pull {card.name} with GENKIT_OFFLINE and HF_HUB_OFFLINE unset",
            code="offline",
        )
    kind = "gated" if card.gated else "not for commercial use"
    return WeightsError(
        f"{card.name} is {kind}: licence {card.licence} ({size_text(choice.size)}; {card.source or 'no page'})",
        f"read it, then run genkit models pull {card.name} --accept-licence",
        code="licence",
    )


def _roles(card: Card, found: dict[str, Path]) -> dict[str, Path]:
    """Turn found copies into the roles a family asks for; a repository's files end up under one root."""
    roles = {role: found[role] for role in card.files}
    if card.folder is not None:
        return {**roles, "root": card.toml.parent / card.folder.path}
    if card.hub is None:
        return roles
    own = {path: found[path] for path in card.hub.files}
    root = _root(card, own, found.get(SNAPSHOT))
    roles |= {one.role: root / path for path, one in card.hub.files.items() if one.role != path}
    return {**roles, "root": root}


def _root(card: Card, own: dict[str, Path], snapshot: Path | None) -> Path:
    """The folder that holds every file at its place in the repository; files from elsewhere are linked or copied into ours."""
    folders = {Path(str(place)[: -len(path) - 1]) for path, place in own.items() if str(place).endswith(f"{os.sep}{path}")}
    scattered = any(not str(place).endswith(f"{os.sep}{path}") for path, place in own.items())
    if snapshot is not None:
        folders.add(snapshot)
    if len(folders) == 1 and not scattered:
        return folders.pop()
    root = folder_of(card)
    with _lock(card, lambda text: None):
        for path, place in own.items():
            _bring(place, root / path)
            if (one := card.hub.files[path] if card.hub else None) and one.hash:
                remember(card, root / path, one.hash)
        if snapshot is not None:
            for place in files_under(snapshot):
                _bring(place, root / place.relative_to(snapshot))
    return root


def _bring(place: Path, target: Path) -> None:
    if place == target or (target.exists() and target.stat().st_size == place.stat().st_size):
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary:
        try:
            os.link(place.resolve(), temporary)
        except OSError:
            shutil.copyfile(place, temporary)


@contextmanager
def _lock(card: Card, announce: Announce) -> Iterator[None]:
    """Hold the model's lock: one process fetches, the others wait and then find its copy."""
    from filelock import FileLock, Timeout

    folder = cache_folder() / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(
            f"{folder}: cannot be made ({error.strerror})", "set GENKIT_CACHE to a folder you can write to"
        ) from error
    lock = FileLock(folder / f"{card.key}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        announce(f"{card.name}: another process is fetching it; waiting")
        lock.acquire(poll_interval=0.1)
    try:
        yield
    finally:
        lock.release()
