"""E-books (EPUB 2 and 3) to chapters, in the order in which they are read; standard library only.

A book is a stranger's zip: nothing is unpacked to disk, every file is read up to a limit (a small file can hold a huge one),
and the XML of the package may declare no entities. Chapters go through an HTML reader that follows nothing.
"""

from __future__ import annotations

import io
import posixpath
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote
from xml.parsers import expat

from genkit.errors import InputError
from genkit.files import is_pipe, read_input
from genkit.text.books.hypertext import page_of
from genkit.text.books.passage import Passage

LARGEST_FILE = 32 * 2**20  # bytes of one chapter, unpacked; the whole of War and Peace has 3 MB
LARGEST_BOOK = 128 * 2**20  # of all that is read
MOST_FILES = 20_000


def chapters(path: Path) -> Iterator[Passage]:
    """The chapters of a book; those without text are passed over.

    Raises: InputError that names the book, and the file in it that is wrong.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(read_input(path)) if is_pipe(path) else path) as archive:
            if len(archive.infolist()) > MOST_FILES:
                raise InputError(f"{path}: {len(archive.infolist())} files are too many for a book")
            number = size = 0
            for name in _spine(archive, path):
                data = _read(archive, name, path)
                size += len(data)
                if size > LARGEST_BOOK:
                    raise InputError(f"{path}: unpacks to more than {LARGEST_BOOK / 2**20:.0f} MB; no book is that long")
                text, title = page_of(data)
                if text:
                    number += 1
                    yield Passage(f"{number:04d}", text, title)
            if not number:
                raise InputError(f"{path}: no text in the book")
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(
            f"{path}: no readable e-book ({error})", "an .epub is a zip; fetch or convert the book again"
        ) from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}", "check the file and its permissions") from error


def _read(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    try:
        info = archive.getinfo(name)
    except KeyError:
        raise InputError(f"{path}: {name} is missing in the book") from None
    if info.flag_bits & 1:
        raise InputError(f"{path}: the book is encrypted", "take off its protection first")
    if info.file_size > LARGEST_FILE:
        raise InputError(f"{path}: {name} unpacks to {info.file_size / 2**20:.0f} MB; no chapter is that long")
    with archive.open(info) as opened:
        data = opened.read(LARGEST_FILE + 1)
    if len(data) > LARGEST_FILE:
        raise InputError(f"{path}: {name} unpacks to more than it says")
    return data


def _elements(data: bytes, path: Path, name: str, seen: Callable[[str, dict[str, str]], None]) -> None:
    """Call `seen` with each element's name (without its namespace) and attributes."""
    parser = expat.ParserCreate()

    def refuse(*_: object) -> None:
        raise InputError(f"{path}: {name} declares entities, which is refused")

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: seen(tag.rpartition(":")[2], attributes)
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise InputError(f"{path}: {name} is no XML ({error})") from error


def _spine(archive: zipfile.ZipFile, path: Path) -> list[str]:
    """The names of the chapters' files in order."""
    packages: list[str] = []

    def container(tag: str, attributes: dict[str, str]) -> None:
        if tag == "rootfile" and attributes.get("full-path"):
            packages.append(attributes["full-path"])

    _elements(_read(archive, "META-INF/container.xml", path), path, "META-INF/container.xml", container)
    if not packages:
        raise InputError(f"{path}: META-INF/container.xml names no package")
    protected: set[str] = set()
    if "META-INF/encryption.xml" in archive.namelist():
        name = "META-INF/encryption.xml"
        _elements(_read(archive, name, path), path, name, lambda tag, given: protected.add(unquote(given.get("URI", ""))))
    items: dict[str, tuple[str, str, str]] = {}
    order: list[str] = []

    def package(tag: str, attributes: dict[str, str]) -> None:
        if tag == "item" and attributes.get("id"):
            items[attributes["id"]] = tuple(attributes.get(one, "") for one in ("href", "media-type", "properties"))  # type: ignore[assignment]
        elif tag == "itemref" and attributes.get("linear", "yes") != "no":
            order.append(attributes.get("idref", ""))

    _elements(_read(archive, packages[0], path), path, packages[0], package)
    folder = posixpath.dirname(packages[0])
    names = []
    for one in order:
        href, kind, properties = items.get(one, ("", "", ""))
        if not href or "html" not in kind or "nav" in properties.split():
            continue
        name = posixpath.normpath(posixpath.join(folder, unquote(href.partition("#")[0])))
        if name in protected:
            raise InputError(f"{path}: the book is encrypted", "take off its protection first")
        names.append(name)
    return list(dict.fromkeys(names))  # no chapter comes twice, and a spine of thousands of the same costs nothing
