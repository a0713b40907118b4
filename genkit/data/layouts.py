"""What a folder of pictures is for a translation: pairs, two kinds without pairs, or a folder for each of several kinds."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from genkit.data.pictures import list_pictures
from genkit.errors import UsageError

KINDS = (("A", "B"), ("trainA", "trainB"))  # as pix2pix' and CycleGAN's data sets name them


def translation_of(folder: Path) -> tuple[str, list[str]]:
    """How `genkit train translate` takes a folder: ("pairs", [FOLDER]), ("unpaired", [A, B]) or ("domains", [FOLDER]).

    Raises:
        UsageError: no folder, no pictures, or pictures of one kind alone.
    """
    for kinds in KINDS:
        first, second = (folder / kind for kind in kinds)
        if first.is_dir() and second.is_dir():
            if kinds == KINDS[0] and _stems(first) <= _stems(second):
                return "pairs", [str(folder)]
            return "unpaired", [str(first), str(second)]
    if folder.is_dir() and len({PurePosixPath(name).parts[0] for name in list_pictures(folder) if "/" in name}) > 1:
        return "domains", [str(folder)]
    raise UsageError(
        f"{folder}: nothing says what its pictures should be turned into",
        "two folders A and B in it, or a folder for each kind; or --pairs, --unpaired, --domains, "
        "or --config genkit-photo2sketch, which makes drawings of photographs",
    )


def _stems(folder: Path) -> set[str]:
    return {PurePosixPath(name).with_suffix("").as_posix() for name in list_pictures(folder)}
