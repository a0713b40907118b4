"""Where the files lie that an output was made from: its input and its further files, as its recipe names them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from genkit.errors import UsageError
from genkit.files import is_input
from genkit.run.pairing import digest
from genkit.run.recipe import flag_of

Notify = Callable[[str], None]


def find_input(file: Path, wanted: Mapping[str, Any], given: Path | None, *, notify: Notify = lambda message: None) -> Path:
    """The input by --input, else where it was likely left: beside the output, in the working folder, one folder up.

    Raises:
        UsageError: it is not there, or only another file of its name.
    """
    if given is not None:
        return _accepted(given, "--input", wanted, notify)
    path, altered = _look_for(wanted, [file.parent, Path(), file.absolute().parent.parent], file)
    if path is not None:
        return path
    if altered is not None:
        raise UsageError(
            f"{altered} has changed since {file} was made from it", "give the original with --input", code="input-differs"
        )
    name = Path(str(wanted.get("name"))).name
    raise UsageError(f"the input {name} is not beside {file}", "say where it is with --input", code="missing-input")


def find_files(
    file: Path,
    wanted: Mapping[str, Mapping[str, Any]],
    source: Path | None = None,
    given: Mapping[str, Path] = MappingProxyType({}),
    *,
    notify: Notify = lambda message: None,
) -> dict[str, Path]:
    """Where the further files lie: as given, else beside the input, beside the output, in the working folder, one folder up.

    Raises:
        UsageError: one is not there, only another file has its name, or --file names an option that the recipe does not have.
    """
    if unknown := [option for option in given if option not in wanted]:
        has = f"it has {', '.join(wanted)}" if wanted else "it was made without further files"
        raise UsageError(f"--file {unknown[0]}=...: {file} was made without {unknown[0]}", has)
    folders = [*([source.absolute().parent] if source else []), file.parent, Path(), file.absolute().parent.parent]
    places: dict[str, Path] = {}
    for option, one in wanted.items():
        flag = flag_of(option)
        if option in given:
            places[option] = _accepted(given[option], f"--file {option}", one, notify).absolute()
            continue
        path, altered = _look_for(one, folders, file)
        if path is None:
            hint = f"say where it is with --file {option}=PATH"
            if altered is not None and (source is None or not altered.samefile(source)):
                raise UsageError(f"{altered} has changed since it was the {flag} of {file}", hint, code="input-differs")
            where = "its input or " if source else ""
            raise UsageError(f"{one['name']}, the {flag} of {file}, is not beside {where}it", hint, code="missing-input")
        places[option] = path.absolute()
    return places


def _accepted(given: Path, flag: str, wanted: Mapping[str, Any], notify: Notify) -> Path:
    if not is_input(given):
        raise UsageError(f"{flag} {given}: not found", code="missing-input")
    if digest(given) != wanted.get("sha256"):
        notify(f"{given} is not the file it was made from (another sha256): the pixels will differ")
    return given


def _look_for(wanted: Mapping[str, Any], folders: Sequence[Path], but: Path) -> tuple[Path | None, Path | None]:
    """The file of that name and content in one of the folders, and else the first one of that name alone."""
    places = [folder / Path(str(wanted.get("name"))).name for folder in folders]
    there = [path for path in places if path.is_file() and not path.samefile(but)]
    same = next((path for path in there if digest(path) == wanted.get("sha256")), None)
    return same, there[0] if there else None
