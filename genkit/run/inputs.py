"""Turn what was named on the command line into a list of input files: files, folders, globs, lists, standard input.

Every problem is found before anything is opened for work. In folders, junk (hidden files, Thumbs.db and the like) is passed
over silently and other files that are no pictures with one note; what is named itself is always taken, whatever its suffix.
"""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from genkit.errors import UsageError
from genkit.files import LARGEST_TEXT, read_input
from genkit.media.film.names import is_program, numbered

JUNK = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "ehthumbs_vista.db", "icon\r", "__macosx", "@eadir"})
SHOWN = 3  # names in one message; the rest is counted

Notice = Callable[[str], None]


@dataclass(frozen=True)
class Found:
    """One input. `path` is None for standard input; `relative` is its place under the folder that was named (a bare name
    otherwise), which is what a mirrored tree keeps."""

    path: Path | None
    relative: PurePath

    @property
    def name(self) -> str:
        return "standard input" if self.path is None else str(self.path)


def find_inputs(
    arguments: Sequence[str],
    *,
    suffixes: Container[str],
    recursive: bool = False,
    leave_out: Path | None = None,
    films: bool = False,
    rows: bool = False,
    notice: Notice = lambda message: None,
) -> list[Found]:
    """List the inputs in the order they were named, each folder in natural order, each file once.

    `leave_out` is a folder (where outputs go) that a walk does not enter. Where `films` are taken, a name with a number's place
    (`frames/%04d.png`) is one, and with `rows` a folder is, too.

    Raises:
        UsageError: something named is missing, or there is nothing to do.
    """
    search = _Search(suffixes, recursive, leave_out.resolve() if leave_out else None, films=films, rows=rows)
    for argument, origin in _expand_lists(arguments):
        search.take(argument, origin)
    if search.missing or search.unmatched:
        named = ((search.missing, "not found:"), (search.unmatched, "nothing matches"))
        raise UsageError(
            "; ".join(f"{word} {_first(names)}" for names, word in named if names),
            "check the spelling; folders, quoted globs and @list.txt are taken too",
            code="missing-input",
        )
    if any(one.path is None for one in search.found) and len(search.found) > 1:
        raise UsageError("- (standard input) cannot be mixed with other inputs", "give - alone")
    search.report(notice)
    if not search.found:
        raise UsageError(f"no pictures in {', '.join(arguments)}", search.way_out(), code="no-input")
    return search.found


def natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key in which `a2` comes before `a10`, whatever the case."""
    pieces = re.split(r"(\d+)", text.casefold())
    return tuple((0, int(piece), "") if number % 2 else (1, 0, piece) for number, piece in enumerate(pieces) if piece)


def is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in JUNK


class _Search:
    def __init__(
        self, suffixes: Container[str], recursive: bool, leave_out: Path | None, *, films: bool = False, rows: bool = False
    ):
        self._films, self._rows = films, rows
        self.suffixes, self.recursive, self.leave_out = suffixes, recursive, leave_out
        self.found: list[Found] = []
        self.missing: list[str] = []
        self.unmatched: list[str] = []  # globs
        self._seen: set[str] = set()
        self._others: list[str] = []
        self._links: list[str] = []
        self._closed: list[str] = []
        self._folders = self._twice = 0

    def take(self, argument: str, origin: str) -> None:
        if argument == "-" and not origin:
            self._add(Found(None, PurePath("stdin")))
            return
        path = Path(argument)
        if path.is_dir() and self._rows and numbered(path):
            self._add(Found(path, PurePath(path.resolve().name)))
        elif path.is_dir():
            self._walk(path, path, named=True)
        elif path.exists() or (self._films and "%" in path.name and numbered(path)):
            self._add(Found(path, PurePath(path.name)))
        elif not glob.has_magic(argument):
            self.missing.append(argument + origin)
        elif not self._match(argument):
            self.unmatched.append(argument + origin)

    def _match(self, pattern: str) -> bool:
        fixed = Path(*_before_magic(Path(pattern).parts))
        matches = sorted(_matches(pattern), key=lambda path: natural_key(str(path)))
        for path in matches:
            if path.is_dir():
                # `**` lists the folders and their files both: walking the folders too would take each file twice.
                if self.recursive and "**" not in pattern:
                    self._walk(path, fixed, named=False)
            elif not is_junk(path.name):
                self._add_picture(path, fixed)
        return bool(matches)

    def _walk(self, folder: Path, root: Path, *, named: bool) -> None:
        """Take a folder's pictures. Linked folders are not entered, so a loop of links cannot be."""
        if self.leave_out and not named and folder.resolve() == self.leave_out:
            return
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: natural_key(entry.name))
        except OSError as error:
            if named:
                raise UsageError(f"{folder}: cannot be opened: {error.strerror}", code="missing-input") from error
            self._closed.append(str(folder))
            return
        folders: list[str] = []
        for entry in entries:
            if is_junk(entry.name):
                continue
            if entry.is_dir():
                (self._links if entry.is_symlink() else folders).append(entry.path)
            else:
                self._add_picture(Path(entry.path), root)
        if self.recursive:
            for path in folders:
                self._walk(Path(path), root, named=False)
        else:
            self._folders += len(folders)

    def _add_picture(self, path: Path, root: Path) -> None:
        if path.suffix.lower() in self.suffixes and not is_program(path):
            relative = path.relative_to(root) if self.recursive else PurePath(path.name)
            self._add(Found(path, relative))
        else:
            self._others.append(path.name)

    def _add(self, found: Found) -> None:
        key = "-" if found.path is None else os.path.abspath(found.path)  # noqa: PTH100 - links stay links
        if key in self._seen:
            self._twice += 1
            return
        self._seen.add(key)
        self.found.append(found)

    def report(self, notice: Notice) -> None:
        if self._others:
            notice(f"{_count(self._others, 'file')} left out, not a picture: {_some(self._others)}")
        if self.found and self._folders and not self.recursive:
            notice(f"{self._folders} sub-folder{'s' if self._folders > 1 else ''} left out: -r goes into them")
        if self._links and self.recursive:
            notice(f"{_count(self._links, 'linked folder')} not entered: {_some(self._links)}")
        if self._closed:
            notice(f"{_count(self._closed, 'folder')} cannot be opened: {_some(self._closed)}")
        if self._twice:
            notice(f"{self._twice} input{'s' if self._twice > 1 else ''} named twice, taken once")

    def way_out(self) -> str:
        if self._folders and not self.recursive:
            return f"there are {self._folders} folders in it: add -r to go into them"
        return "name a file, or a folder that holds pictures"


def _expand_lists(arguments: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield each input with the place it was named at (empty: the command line itself)."""
    for argument in arguments:
        if not argument.startswith("@") or argument == "@" or Path(argument).exists():
            yield argument, ""
            continue
        listing = Path(argument[1:])
        try:
            lines = read_input(listing, LARGEST_TEXT).decode("utf-8-sig", "surrogateescape").splitlines()
        except (OSError, ValueError) as error:
            reason = error.strerror or "cannot be read" if isinstance(error, OSError) else error
            raise UsageError(f"{listing}: the list cannot be read: {reason}", code="missing-input") from error
        for number, line in enumerate(lines, 1):
            entry = line.strip()
            if entry and not entry.startswith("#"):
                yield entry, f" ({listing}:{number})"


def _before_magic(parts: Sequence[str]) -> Iterator[str]:
    place = Path()
    for part in parts[:-1]:
        place /= part
        if glob.has_magic(part) and not place.exists():
            return
        yield part


def _matches(pattern: str) -> list[Path]:
    """What a pattern matches. A part of it that exists as it is written is meant so (`photos [1]/*.jpg`), and brackets that
    match nothing are meant as signs (`photo[1].*`)."""
    places = [Path()]
    parts = Path(pattern).parts
    for number, part in enumerate(parts):
        if "**" in part:  # below it anything may lie
            rest = str(Path(*parts[number:]))
            return [path for place in places for path in _below(place, rest)]
        further: list[Path] = []
        for place in places:
            exact = place / part
            further += [exact] if exact.exists() else _below(place, part) if glob.has_magic(part) else []
        places = further
    return places


def _below(place: Path, pattern: str) -> list[Path]:
    start = f"{glob.escape(str(place))}/" if place != Path() else ""
    for written in dict.fromkeys((pattern, pattern.replace("[", "[[]"))):
        if names := glob.glob(start + written, recursive=True):  # noqa: PTH207 - Path.glob knows no absolute patterns
            return [Path(name) for name in names]
    return []


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{', '.join(names[:SHOWN])}{more}"


def _count(names: Sequence[str], word: str) -> str:
    return f"{len(names)} {word}{'s' if len(names) > 1 else ''}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", …" if len(names) > SHOWN else "")
