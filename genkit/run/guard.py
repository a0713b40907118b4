"""Nothing is lost: what an output and all that lies beside it may replace, asked before a model is loaded.

What lies beside an output is guarded as it is: none replaces an input or a file of an option, nor what the plan makes
elsewhere, nor, unasked, anything that exists. Standard library only.
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from genkit.errors import UsageError
from genkit.run.beside import is_device
from genkit.run.inputs import SHOWN

if TYPE_CHECKING:
    from genkit.run.item import Item

ANOTHER = "choose another -o, or --number for a free name"
MOST_LOOKED_INTO = 100  # files that exist, for whether one of them is genkit's own


# --- free names -----------------------------------------------------------------------------------------------------------


def numbered(items: Sequence[Item], taken: Callable[[Path], bool] = lambda target: False) -> list[Item]:
    """Give outputs whose names (or whose companions' names) are taken the next free number: photo_x4_2.png."""
    claimed: set[str] = set()
    found = []
    for item in items:
        if item.target is None or is_device(item.target):
            found.append(item)
            continue
        number, target = 1, item.target
        while taken(target) or any(
            os.path.lexists(path) or _alike(path) in claimed for path in (target, *item.beside.of(target))
        ):
            number += 1
            target = item.target.with_stem(f"{item.target.stem}_{number}")
        claimed.update(map(_alike, (target, *item.beside.of(target))))
        found.append(replace(item, target=target))
    return found


def _alike(path: Path) -> str:
    """What two paths have in common that may be one file on a disk that folds case."""
    return unicodedata.normalize("NFC", os.path.abspath(path)).casefold()  # noqa: PTH100 - links stay links


# --- what must not be replaced --------------------------------------------------------------------------------------------


def check(items: Sequence[Item], reads: Iterable[tuple[str, Path]], *, overwrite: bool, resume: bool | None) -> list[Item]:
    """Refuse what would be lost, and mark the outputs that exist. `reads` are the files that options name, each with the
    option's spelling; `resume` is None where there is no such option.

    Raises:
        UsageError: outputs collide, exist, would replace what they are made from, or have no place.
    """
    _check_collisions(items)
    _check_inputs(items, overwrite)
    _check_reads(items, reads)
    _check_places(items)
    return _check_existing(items, overwrite, resume)


def _paths(item: Item) -> Iterator[tuple[Path, str]]:
    """What an item writes, each path with what messages call it."""
    if item.target is not None:
        yield item.target, f"the output of {item.name}"
        for path in item.companions:
            yield path, f"{path}, beside the output of {item.name},"


def _check_collisions(items: Sequence[Item]) -> None:
    exact: dict[str, tuple[Item, Path]] = {}
    folded: dict[str, tuple[Item, Path]] = {}
    for item in items:
        for path, _ in _paths(item):
            if is_device(path):
                continue
            key, alike = os.path.abspath(path), _alike(path)  # noqa: PTH100 - links stay links
            other = exact.get(key)
            if other is None and alike in folded and folds_case(path.parent):
                other = folded[alike]
            if other is not None:
                both = "both become" if path == item.target and other[1] == other[0].target else "both write"
                raise UsageError(
                    f"{other[0].name} and {item.name} would {both} {path}",
                    "give them names of their own, such as --name '{parent}-{stem}' or '{stem}-{index:03}', or use -r",
                    code="collision",
                )
            exact[key] = folded[alike] = item, path


def folds_case(folder: Path) -> bool:
    """Whether names that differ in case alone are one file here (asked only where it matters)."""
    place = nearest_existing(folder)
    while place != place.parent:
        other = place.with_name(place.name.swapcase())
        if other != place:
            try:
                return other.samefile(place)
            except OSError:
                return False
        place = place.parent
    return os.name == "nt"


def _key(path: Path) -> object:
    """What tells files apart: links, hard ones too, and other spellings lead to the same."""
    try:
        found = path.stat()
    except OSError:
        return os.path.realpath(path)
    return found.st_dev, found.st_ino


def _check_inputs(items: Sequence[Item], overwrite: bool) -> None:
    sources = {_key(item.source): item for item in items if item.source}
    for item in items if sources else ():
        for path, called in _paths(item):
            other = sources.get(_key(path))
            if other is None or is_device(path):
                continue
            if other is not item or path != item.target:
                raise UsageError(f"{called} would replace the input {other.name}", ANOTHER, code="replaces-input")
            if not overwrite:
                raise UsageError(f"{path} would replace the input itself", ANOTHER, code="replaces-input")


def _check_reads(items: Sequence[Item], reads: Iterable[tuple[str, Path]]) -> None:
    """Refuse to replace a mask or the like, --overwrite or not: it is gone before the last picture needs it."""
    named = {_key(path): f"{option} {path}" for option, path in reads}
    named |= {_key(path): str(path) for item in items for path in item.partners.values() if path}
    for item in items if named else ():
        for path, called in _paths(item):
            other = named.get(_key(path))
            if other is not None and not is_device(path):
                raise UsageError(f"{called} would replace {other}, which it is made with", ANOTHER, code="replaces-input")


def _check_places(items: Sequence[Item]) -> None:
    for item in items:
        if is_device(item.target) and (beside := item.companions):
            raise UsageError(
                f"{item.target} has no place for {beside[0].name} beside it", "write to a file: -o FILE", code="target"
            )
    for folder in dict.fromkeys(item.target.parent for item in items if item.target and not is_device(item.target)):
        place = nearest_existing(folder)
        if not place.is_dir():
            raise UsageError(f"{folder}: cannot be made, {place} is not a folder", "choose another -o", code="target")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UsageError(f"{place}: no permission to write here", "choose another folder with -o", code="target")
    for item in items:
        for path, _ in _paths(item):
            if path.is_dir():
                what = "an output" if path == item.target else f"a file beside the output of {item.name}"
                raise UsageError(f"{path} is a folder, and {what} would have its name", "choose another -o", code="target")


def _check_existing(items: Sequence[Item], overwrite: bool, resume: bool | None) -> list[Item]:
    marked = [replace(item, exists=True) if item.target and os.path.lexists(item.target) else item for item in items]
    old = [item.target for item in marked if item.exists and item.target and not is_device(item.target)]
    old += [path for item in items for path in item.companions if os.path.lexists(path)]
    if old and not overwrite and not resume:
        more = f" and {len(old) - SHOWN} more" if len(old) > SHOWN else ""
        again = (
            "--resume makes what is missing or was made with other options, " if resume is not None and _any_made(old) else ""
        )
        free, them = numbered([replace(one, exists=False) for one in items])[0].target, "it" if len(old) == 1 else "them"
        raise UsageError(
            f"already there: {', '.join(map(str, old[:SHOWN]))}{more}",
            f"--number takes a free name ({free.name if free else ''}), {again}--overwrite replaces {them}",
            code="output-exists",
        )
    return marked


def _any_made(paths: Sequence[Path]) -> bool:
    """Whether one of these is an output of genkit's, which --resume would know."""
    from genkit.run.journal import made_of

    for path in paths[:MOST_LOOKED_INTO]:
        with suppress(OSError):
            if path.is_file() and made_of(path):
                return True
    return False


def nearest_existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place
