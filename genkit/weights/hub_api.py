"""What a hub says of a repository: its commit, and how large its files are; asked once, with the standard library.

huggingface_hub would ask again and again where there is no network, half a minute long and with a line on the terminal for each
time, so it is called only after the hub has answered here.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlsplit

from genkit.cards import Card, Hub
from genkit.errors import WeightsError
from genkit.files import parse_json
from genkit.weights.download import Source, is_off, open_source
from genkit.weights.hub import COMMIT, endpoint, matching, snapshot_folder, token

ANSWER_S = 10.0
LARGEST_ANSWER = 64 << 20  # bytes
_NEXT = re.compile(r'<([^>]+)>\s*;\s*rel="next"')


def snapshot_size(card: Card) -> int | None:
    """How much of the files by pattern is not here yet, in bytes; None where the hub answers otherwise than hubs do, of which
    the fetching itself will tell.

    Raises:
        WeightsError: there is no network, or the hub is not on it.
    """
    hub = _hub(card)
    try:
        entries = [entry for page in _pages(card, f"/tree/{quote(hub.revision, safe='')}?recursive=true") for entry in page]
        sizes = {str(entry["path"]): int(entry["size"]) for entry in entries if entry.get("type") == "file"}
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError, AttributeError) as error:
        if is_off(error) or isinstance(error, TimeoutError):
            raise _unreachable(card, error) from error
        return None
    folder = snapshot_folder(hub)
    return sum(sizes[name] for name in matching(hub, sizes) if not (folder / name).is_file())


def commit_at(card: Card) -> str:
    """Which commit a branch or tag is at.

    Raises:
        WeightsError: the hub does not answer, or there is no such repository or revision.
    """
    hub = _hub(card)
    try:
        answer, _ = _ask(card, f"{_repository(hub)}/revision/{quote(hub.revision, safe='')}")
        commit = answer["sha"]
        if not COMMIT.fullmatch(commit):
            raise ValueError("its answer names no commit")
    except urllib.error.HTTPError as error:
        why = (
            "has no such repository or revision, or wants to know you" if error.code in (401, 403, 404) else "does not serve it"
        )
        raise WeightsError(
            f"{card.name}: {urlsplit(endpoint()).netloc} {why} ({error.code})",
            "check the name; for a repository that is private or gated, set HF_TOKEN",
            code="unreachable",
        ) from None
    except (OSError, http.client.HTTPException, ValueError, TypeError, KeyError) as error:
        raise _unreachable(card, error) from error
    return str(commit)


def refuse_off(card: Card) -> None:
    """Say at once that there is no network; any answer will do.

    Raises:
        WeightsError: nobody answers.
    """
    try:
        _ask(card, _repository(_hub(card)))
    except (OSError, http.client.HTTPException, ValueError) as error:
        if is_off(error) or isinstance(error, TimeoutError):
            raise _unreachable(card, error) from error


def _hub(card: Card) -> Hub:
    assert card.hub is not None
    return card.hub


def _repository(hub: Hub) -> str:
    return f"{endpoint()}/api/models/{hub.repo}"


def _pages(card: Card, path: str) -> Iterator[Any]:
    url: str | None = _repository(_hub(card)) + path
    while url:
        page, link = _ask(card, url)
        yield page
        following = _NEXT.search(link)
        url = following[1] if following and following[1].startswith(f"{endpoint()}/") else None


def _ask(card: Card, url: str) -> tuple[Any, str]:
    """The JSON at an address, and the answer's Link header."""
    key = token()
    source = Source(card.name, url, headers={"Authorization": f"Bearer {key}"} if key else None)
    with open_source(source, timeout=ANSWER_S) as response:
        return parse_json(response.read(LARGEST_ANSWER)), response.headers.get("Link") or ""


def _unreachable(card: Card, error: Exception) -> WeightsError:
    reason = getattr(error, "reason", None) or error
    return WeightsError(
        f"{card.name}: {urlsplit(endpoint()).netloc} cannot be reached ({reason})",
        "check the connection and HF_ENDPOINT, and run the same command again",
        code="unreachable",
    )
