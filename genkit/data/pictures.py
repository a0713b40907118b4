"""A folder or a zip of pictures as data to train on or to measure with: names, decoded arrays, and a held-out split.

Reads members of a zip in place. Pictures are turned upright, converted to RGB and kept in memory as uint8 (H, W, 3).
"""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from genkit.data.names import matches, read_names, split_names
from genkit.errors import UsageError

SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif"})
# damaged, encrypted, or packed in a way that this Python does not know (the latter two raise RuntimeErrors)
ARCHIVE_ERRORS = (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError)


def list_pictures(source: Path) -> list[str]:
    """Names of the pictures below a folder or inside a zip, sorted, with forward slashes.

    Raises:
        UsageError: there is no such folder or zip, or no picture in it.
    """
    if source.is_dir():
        names = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
    elif zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            names = archive.namelist()
    else:
        raise UsageError(f"{source}: not a folder or a zip of pictures")
    names = sorted(name for name in names if PurePosixPath(name).suffix.lower() in SUFFIXES)
    names = [name for name in names if not PurePosixPath(name).name.startswith(".") and "__MACOSX" not in name]
    if not names:
        raise UsageError(f"{source}: no pictures in it")
    return names


def read_pictures(source: Path, names: Sequence[str], mode: str = "RGB") -> Iterator[tuple[str, np.ndarray]]:
    """Yield (name, uint8 (H, W, 3)) for every picture that can be read, with `mode` RGBA (H, W, 4); the others are passed
    over."""
    archive = None if source.is_dir() else zipfile.ZipFile(source)
    try:
        for name in names:
            try:
                raw = (source / name).read_bytes() if archive is None else archive.read(name)
                with Image.open(io.BytesIO(raw)) as picture:
                    upright = ImageOps.exif_transpose(picture)
                    pixels = np.asarray(upright.convert(mode))
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, *ARCHIVE_ERRORS):
                continue
            yield name, pixels
    finally:
        if archive is not None:
            archive.close()


@dataclass(frozen=True)
class Source:
    """One folder or zip of training pictures and how its names were divided."""

    path: Path
    training: tuple[str, ...]
    held: tuple[str, ...]

    def training_pictures(self) -> Iterator[np.ndarray]:
        return (pixels for _, pixels in read_pictures(self.path, self.training))

    def held_pictures(self, count: int | None = None) -> Iterator[np.ndarray]:
        """The first `count` of them, or all."""
        return (pixels for _, pixels in read_pictures(self.path, self.held[:count]))


def split_sources(paths: Sequence[Path], holdout: Path | None, leave_out: Sequence[str] = ()) -> list[Source]:
    """Divide the names of every source as `split_names` does; names that match a pattern of `leave_out` are in neither part.

    A held-out file may name pictures of one source only. Without one the first source alone gives pictures to measure on.

    Raises:
        UsageError: as `list_pictures` and `split_names`.
    """
    listed = set() if holdout is None else set(read_names(holdout))
    sources: list[Source] = []
    for place, path in enumerate(paths):
        names = [name for name in list_pictures(path) if not matches(name, leave_out)]
        if not names:
            raise UsageError(f"{path}: every picture in it is left out")
        if (listed & set(names)) if holdout is not None else place == 0:
            training, held = split_names(names, holdout)
        else:
            training, held = names, []
        sources.append(Source(path, tuple(training), tuple(held)))
    if not any(source.held for source in sources):
        raise UsageError(f"{holdout}: none of its names is in the training data")
    return sources
