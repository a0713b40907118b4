"""Read single members out of a wheel, zip or tar archive, by their exact names; nothing else of it is unpacked, and no name in
it becomes a path.

An archive may be made to unpack to far more than it is (a bomb): a member is read no further than the size it should have,
and a tar, which has to be unpacked to be searched, no further than `MOST_TIMES` its own size and `MOST_MORE`.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

from genkit.errors import WeightsError
from genkit.files import size_text

MOST_TIMES = 40  # what is worth packing shrinks to a tenth, at best
MOST_MORE = 64 << 20  # bytes
PIECE = 1 << 20
SYMBOLIC_LINK = 0o12  # the kind of a file, in the highest bits of a zip's Unix mode


def read_members(archive: Path, sizes: Mapping[str, int], *, whole: bool = True) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Each wanted member once, in the archive's order, with its bytes in pieces, to be read before the next; `sizes` are the
    bytes that each must have by name, or may have at most, where it is a part and not the `whole` of a file.

    Raises:
        WeightsError: damaged, a member missing, no file, of another size, or a bomb.
    """
    with _readable(archive):
        for name, found, file in (_of_zip if archive.name.endswith((".whl", ".zip")) else _of_tar)(archive, sizes):
            if found > sizes[name] or (whole and found != sizes[name]):
                raise WeightsError(
                    f"{archive.name}: {name} has {found:,} bytes where the card says {sizes[name]:,}",
                    "nothing of it was kept",
                    code="altered",
                )
            yield name, _pieces(archive, name, file, found)


@contextmanager
def _readable(archive: Path) -> Iterator[None]:
    """Name the archive in what its readers raise of it."""
    try:
        yield
    except (zipfile.BadZipFile, tarfile.TarError, OSError, EOFError, zlib.error, NotImplementedError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        raise WeightsError(f"{archive.name}: cannot be unpacked ({reason})", code="damaged") from error


def _of_zip(archive: Path, wanted: Collection[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    with zipfile.ZipFile(archive) as opened:
        entries = {entry.filename: entry for entry in opened.infolist()}
        _refuse_missing(archive, [name for name in wanted if name not in entries])
        for name in wanted:
            if entries[name].is_dir() or entries[name].external_attr >> 28 == SYMBOLIC_LINK:
                raise _no_file(archive, name)
            with opened.open(entries[name]) as file:
                yield name, entries[name].file_size, file


def _of_tar(archive: Path, wanted: Collection[str]) -> Iterator[tuple[str, int, IO[bytes]]]:
    left = dict.fromkeys(wanted)
    most = MOST_TIMES * archive.stat().st_size + MOST_MORE
    with gzip.GzipFile(archive) as unpacked, tarfile.open(fileobj=_bounded(archive, unpacked, most), mode="r|") as opened:
        for entry in opened:
            if entry.name not in left:
                continue
            file = opened.extractfile(entry) if entry.isreg() else None
            if file is None:
                raise _no_file(archive, entry.name)
            del left[entry.name]
            yield entry.name, entry.size, file
            if not left:
                return
    _refuse_missing(archive, left)


class _Bounded(io.RawIOBase):
    """What is unpacked of an archive, up to a bound."""

    def __init__(self, archive: Path, file: gzip.GzipFile, most: int):
        self.archive, self.file, self.most, self.left = archive, file, most, most

    def read(self, size: int = -1) -> bytes:
        data = self.file.read(size)
        self.left -= len(data)
        if self.left < 0:
            raise WeightsError(
                f"{self.archive.name}: unpacks to more than {size_text(self.most)}, which no honest archive of its size does",
                "do not use it",
                code="damaged",
            )
        return data


def _bounded(archive: Path, file: gzip.GzipFile, most: int) -> IO[bytes]:
    return cast("IO[bytes]", _Bounded(archive, file, most))  # tarfile reads a stream, and calls nothing but `read`


def _pieces(archive: Path, name: str, file: IO[bytes], size: int) -> Iterator[bytes]:
    left = size
    while left:
        with _readable(archive):
            piece = file.read(min(PIECE, left))
        if not piece:
            break
        left -= len(piece)
        yield piece
    if left:
        raise WeightsError(f"{archive.name}: {name} ends {left:,} bytes early", code="damaged")


def _refuse_missing(archive: Path, missing: Collection[str]) -> None:
    if missing:
        raise WeightsError(f"{archive.name}: has no {', '.join(missing)}", "the card names another package", code="altered")


def _no_file(archive: Path, name: str) -> WeightsError:
    return WeightsError(f"{archive.name}: {name} is a folder or a link, and no file", code="altered")
