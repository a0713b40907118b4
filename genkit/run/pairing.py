"""Files that go with an input: one for all of them (`--mask mask.png`), or a folder of them that is paired by name.

In a folder the partner of `trip/photo.jpg` is, first found first taken: `trip/photo.jpg`; `trip/photo.*`; `photo.*`; and the
last two again with the option's word in the name (`photo_mask.png`, `photo-mask.png`), so that partners may lie beside the
pictures themselves. Standard library only.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError, flag
from genkit.files import is_input, is_pipe, read_input
from genkit.media.film import names
from genkit.media.pictures.formats import FORMATS
from genkit.run.inputs import SHOWN, Found, is_junk

if TYPE_CHECKING:
    from genkit.run.option import Declared


@dataclass(frozen=True)
class Pairs:
    """Partners by input, for one option; `missing` are the inputs that have none."""

    option: str
    folder: Path
    partners: Mapping[Found, Path] = field(default_factory=dict)
    missing: Sequence[Found] = ()


def sort_extra(given: Mapping[str, str | Path | None]) -> tuple[dict[str, Path], dict[str, Path]]:
    """Part what options name (None is left out) into files for every picture and folders to be paired by name.

    Raises:
        UsageError: there is nothing of that name, or it is neither a file nor a folder.
    """
    files: dict[str, Path] = {}
    folders: dict[str, Path] = {}
    for option, value in given.items():
        if value is None:
            continue
        path = Path(value)
        if path.is_dir():
            folders[option] = path
        elif is_input(path):
            files[option] = path
        else:
            reason = "neither a file nor a folder" if path.exists() else "not found"
            raise UsageError(f"{flag(option)} {value}: {reason}", code="missing-input")
    return files, folders


def sort_several(option: Declared, values: Sequence[str | Path]) -> dict[str, Path]:
    """The files of an option that is given again for each, by the names they have in a recipe: style, style_2, style_3.

    Raises:
        UsageError: one is not there, or is a folder.
    """
    files: dict[str, Path] = {}
    for number, value in enumerate(values, 1):
        one, folders = sort_extra({option.name: value})
        if folders:
            raise UsageError(f"{option.flag} {value}: is a folder", f"give pictures, each with a {option.flag} of its own")
        files[option.name if number == 1 else f"{option.name}_{number}"] = one[option.name]
    return files


def pair(option: str, folder: Path, found: Sequence[Found]) -> Pairs:
    """Find the partner of every input in a folder and below it.

    Raises:
        UsageError: no input has one, one has several, or the folder cannot be opened.
    """
    word = option.replace("_", "-")
    exact, stems = _index(folder)
    taken = {os.path.realpath(one.path) for one in found if one.path}
    partners: dict[Found, Path] = {}
    missing: list[Found] = []
    for one in found:
        if one.path is None:
            raise UsageError(
                f"{flag(option)} {folder}: standard input has no name to pair by", f"give it a file: {flag(option)} FILE"
            )
        itself = os.path.realpath(one.path)
        if (row := _row(folder, one, alone=len(found) == 1)) is not None:
            partners[one] = row
            continue
        for places in _places(one.relative, word, exact, stems):
            # among its own inputs a picture's namesake is another picture, not its partner
            others = [path for path in places if os.path.realpath(path) != itself and not _is_input(path, word, taken)]
            if len(others) > 1:
                raise UsageError(
                    f"{one.name} has {len(others)} partners for {flag(option)}: {', '.join(map(str, others[:SHOWN]))}",
                    "leave one of them",
                    code="ambiguous-partner",
                )
            if others:
                partners[one] = others[0]
                break
        else:
            missing.append(one)
    if found and not partners:
        raise UsageError(
            f"{flag(option)} {folder}: no picture in it is named as an input is",
            f"call it {missing[0].relative.stem}.png or {missing[0].relative.stem}_{word}.png, for {missing[0].name}",
            code="missing-partner",
        )
    return Pairs(option, folder, partners, missing)


def _row(folder: Path, one: Found, *, alone: bool) -> Path | None:
    """The folder with a picture for each frame of a film: of its name, or, of a film alone, the folder itself."""
    assert one.path is not None
    own = folder / one.relative.stem
    if one.path.suffix.lower() in FORMATS and not own.is_dir() and not names.is_film(one.path):
        return None
    if not names.is_film_input(one.path):
        return None
    if own.is_dir() and names.numbered(own):
        return own
    files = names.numbered(folder)
    return folder if alone and files and all(path.stem != one.relative.stem for path in files) else None


def digest(path: Path) -> str:
    """The sha256 of a file's content, in hexadecimal; of a row of numbered pictures that of theirs.

    Raises:
        OSError: it cannot be read.
    """
    if names.is_row(path):
        parts = "".join(digest(each) for each in names.numbered(path))
        return hashlib.sha256(parts.encode()).hexdigest()
    if is_pipe(path):
        return hashlib.sha256(read_input(path)).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def facts_of(path: Path) -> dict[str, Any]:
    """What a recipe says of a file: name and sha256.

    Raises:
        OSError: it cannot be read.
    """
    return {"name": path.name, "sha256": digest(path)}


def _index(folder: Path) -> tuple[dict[PurePath, Path], dict[PurePath, list[Path]]]:
    """All pictures below a folder: by relative path, and by relative path without the suffix."""
    exact: dict[PurePath, Path] = {}
    stems: dict[PurePath, list[Path]] = {}
    for top, folders, inside in os.walk(folder):
        folders[:] = sorted(name for name in folders if not is_junk(name))
        for name in sorted(inside):
            path = Path(top, name)
            if path.suffix.lower() in FORMATS and not is_junk(name):
                relative = path.relative_to(folder)
                exact[relative] = path
                stems.setdefault(relative.with_suffix(""), []).append(path)
    if not exact and not os.access(folder, os.R_OK | os.X_OK):
        raise UsageError(f"{folder}: no permission to open it", code="missing-input")
    return exact, stems


def _places(relative: PurePath, word: str, exact: Mapping[PurePath, Path], stems: Mapping[PurePath, list[Path]]) -> Any:
    yield [exact[relative]] if relative in exact else []
    for name in dict.fromkeys((relative.with_suffix(""), PurePath(relative.stem))):
        yield stems.get(name, [])
        yield [path for mark in "_-" for path in stems.get(name.with_name(f"{name.name}{mark}{word}"), [])]


def _is_input(path: Path, word: str, taken: set[str]) -> bool:
    return os.path.realpath(path) in taken and not path.stem.endswith((f"_{word}", f"-{word}"))
