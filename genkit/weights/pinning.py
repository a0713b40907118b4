"""Repositories that a command line names by a branch, or by nothing: which commit that is, decided once and then kept, so that
what is recorded of a run names the very files."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from genkit.cards import Card
from genkit.files import replace_text
from genkit.weights.store import folder_of


def pinned(card: Card, *, ask: bool = True, fresh: bool = False) -> Card:
    """The card with its commit in its name, where it was made on the spot for a repository without one; any other as it is.

    The commit of an earlier pull holds as long as its files are here, unless a `fresh` one is wanted; else the hub is asked,
    if it may be (`ask`, and not offline). Where nobody knows it, the card comes back as it is.

    Raises:
        WeightsError: the hub does not answer, or has no such repository.
    """
    from genkit.weights.hub import COMMIT, kept_snapshot, snapshot_folder

    hub = card.hub
    if hub is None or not card.name.startswith("hub:") or COMMIT.fullmatch(hub.revision):
        return card
    offline = is_offline()
    note = folder_of(card) / "commit"
    known = None
    with suppress(OSError, ValueError):
        known = note.read_text(encoding="ascii").strip()
    if known and COMMIT.fullmatch(known):
        earlier = _at(card, known)
        if kept_snapshot(earlier) is not None and not (fresh and not offline):
            return earlier
    if ask and not offline:
        from genkit.weights.hub_api import commit_at

        found = commit_at(card)
        replace_text(note, found + "\n")
        return _at(card, found)
    folder = snapshot_folder(hub)  # another program may have brought it
    return _at(card, folder.name) if COMMIT.fullmatch(folder.name) and folder.is_dir() else card


def settings_of(card: Card, names: Sequence[str]) -> Path:
    """A folder with those files of settings that a repository has, fetched alone.

    Raises:
        WeightsError: they cannot be had.
    """
    from genkit.weights.hub_settings import fetch_settings

    return fetch_settings(pinned(card), names, is_offline())


def is_offline() -> bool:
    wishes = (os.environ.get(name, "") for name in ("GENKIT_OFFLINE", "HF_HUB_OFFLINE"))
    return any(wish.strip().lower() in ("1", "on", "yes", "true") for wish in wishes)


def _at(card: Card, commit: str) -> Card:
    assert card.hub is not None
    name = f"hub:{card.hub.repo}@{commit}"
    return dataclasses.replace(card, name=name, hub=dataclasses.replace(card.hub, revision=commit))
