"""Where copies of weights lie, and how a copy proves to be the right one.

A copy of up to 8 MB is hashed whenever it is used. A larger one is hashed once; size and modification time are then
remembered in a stamp beside the cache, so that gigabytes are not read twice at every start. `genkit models verify` always
reads everything.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from genkit.cards import Card, CardFile, Hash, cache_folder
from genkit.files import read_json, replace_text

HASHED_EVERY_TIME = 8 * 2**20
CHUNK = 2**20


class Digest:
    """A running hash of one of the card's algorithms, with sha256 always beside it."""

    def __init__(self, expected: Hash | None, size: int | None = None):
        self.expected = expected
        self._sha256 = hashlib.sha256()
        self._own = None
        if expected is not None and expected.algorithm == "md5":
            self._own = hashlib.md5(usedforsecurity=False)
        if expected is not None and expected.algorithm == "git-sha1":
            self._own = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)

    def update(self, data: bytes | memoryview) -> None:
        self._sha256.update(data)
        if self._own is not None:
            self._own.update(data)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def found(self) -> Hash:
        """What the bytes so far hash to, in the algorithm that is expected."""
        if self.expected is None or self.expected.algorithm == "sha256":
            return Hash("sha256", self.sha256)
        if self.expected.algorithm == "sha256-prefix":
            return Hash("sha256-prefix", self.sha256[: len(self.expected.value)])
        assert self._own is not None
        return Hash(self.expected.algorithm, self._own.hexdigest())

    @property
    def right(self) -> bool:
        return self.expected is None or self.found == self.expected


def digest_file(path: Path, expected: Hash | None, on_chunk: Callable[[int], None] | None = None) -> Digest:
    digest = Digest(expected, path.stat().st_size)
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            if on_chunk is not None:
                on_chunk(len(chunk))
    return digest


def folder_of(card: Card) -> Path:
    """The cache folder of one model; files of a hub repository are laid out in it as the repository is."""
    return cache_folder() / "models" / card.key


def place_of(card: Card, one: CardFile) -> Path:
    """Where a file lies, or will lie once it has been fetched."""
    if card.hub and one.path is not None and card.hub.files.get(one.path) is one:
        return folder_of(card) / one.path
    if not one.has_address:
        return card.beside(one)
    names = [_name_of(other) for other in card.files.values() if other.has_address]
    own = _name_of(one)
    return folder_of(card) / (own if names.count(own) == 1 else f"{one.role}-{own}")


def is_good(path: Path, one: CardFile, card: Card) -> bool:
    """Whether the copy at `path` has the size and the hash that the card gives."""
    try:
        found = path.stat()
    except OSError:
        return False
    if not path.is_file() or (one.size is not None and found.st_size != one.size):
        return False
    if one.hash is None:
        return True
    if found.st_size > HASHED_EVERY_TIME and _stamps(card).get(str(path)) == _stamp(found, one.hash):
        return True
    try:
        right = digest_file(path, one.hash).right
    except OSError:
        return False  # no permission to read it, or a disk that fails
    if not right:
        return False
    if found.st_size > HASHED_EVERY_TIME:
        remember(card, path, one.hash)
    return True


def remember(card: Card, path: Path, hash_: Hash) -> None:
    """Write a stamp: this very file, by size and time, has this hash."""
    stamps = _stamps(card) | {str(path): _stamp(path.stat(), hash_)}
    _write_stamps(card, stamps)


def forget(card: Card, path: Path | None = None) -> None:
    stamps = _stamps(card)
    if path is None:
        _stamp_file(card).unlink(missing_ok=True)
    elif stamps.pop(str(path), None) is not None:
        _write_stamps(card, stamps)


def files_under(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file()) if folder.is_dir() else iter(())


def _name_of(one: CardFile) -> str:
    """What the copy of a fetched file is called."""
    if one.name is not None or not one.urls:
        return one.name or PurePosixPath(one.members[0].name).name
    return unquote(PurePosixPath(urlsplit(one.urls[0]).path).name).replace("/", "_").replace("\\", "_")


def _stamp(found: os.stat_result, hash_: Hash) -> list[str | int]:
    return [found.st_size, found.st_mtime_ns, str(hash_)]


def _stamp_file(card: Card) -> Path:
    return cache_folder() / "stamps" / f"{card.key}.json"


def _stamps(card: Card) -> dict[str, list[str | int]]:
    try:
        stamps = read_json(_stamp_file(card))
    except (OSError, ValueError):
        return {}
    return stamps if isinstance(stamps, dict) else {}


def _write_stamps(card: Card, stamps: dict[str, list[str | int]]) -> None:
    with suppress(OSError):  # a cache that cannot be written to still serves; the file is then hashed again next time
        replace_text(_stamp_file(card), json.dumps(stamps, indent=1))
