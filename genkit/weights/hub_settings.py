"""The settings that a repository of a hub has beside its weights, a few kB, in our own cache."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from genkit.cards import Card
from genkit.weights.download import refuse_unsafe
from genkit.weights.hub import endpoint, quiet, unreachable
from genkit.weights.hub_api import refuse_off
from genkit.weights.store import folder_of


def fetch_settings(card: Card, names: Sequence[str], offline: bool) -> Path:
    """Bring those files of settings that a repository has, a few kB, into our own cache and return their folder: the hub's own
    cache would take what is begun for a model that is here.

    Raises:
        WeightsError: not reachable, or the first one is not there.
    """
    assert card.hub is not None
    refuse_unsafe(endpoint(), card.name)
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    def bring(name: str, here: bool) -> Path:
        place = huggingface_hub.hf_hub_download(
            repo,
            name,
            revision=revision,
            cache_dir=folder_of(card) / "settings",
            endpoint=endpoint(),
            local_files_only=here,
            library_name="genkit",
        )
        return Path(str(place)[: -len(name)])

    repo, revision = card.hub.repo, card.hub.revision
    folders: list[Path] = []
    for name in names:
        with quiet(), suppress(Exception):  # what is here already needs no network
            folders.append(bring(name, here=True))
            continue
        if not offline and not folders:
            refuse_off(card)
        try:
            with quiet():
                folders.append(bring(name, here=offline))
        except Exception as error:  # as for pulling
            if folders and isinstance(error, EntryNotFoundError):
                continue  # transformers have no U-Net
            raise unreachable(card, error, offline) from error
    return folders[0]
