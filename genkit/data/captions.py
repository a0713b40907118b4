"""Pictures of one side with words for each: what text-to-image networks learn from and are measured against.

Words come from a table (`captions.tsv` inside the folder or zip, or one that is named), with columns `file` and `name` (or
`caption`, or `text`) and, if there are any, `keywords` and `category`, divided by `;` and `/`; or from a `.txt` file beside
each picture.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from genkit.data.pictures import ARCHIVE_ERRORS, list_pictures, read_pictures
from genkit.errors import UsageError

LARGEST_TABLE, LARGEST_TEXT = 64 << 20, 1 << 20  # bytes of words
TABLES = ("captions.tsv", "captions.csv")
NAMES = ("name", "caption", "text")


@dataclass(frozen=True)
class Caption:
    """`name` says what is to be seen, `keywords` what else fits it, `style` in what manner it is drawn ("pixel art")."""

    name: str
    keywords: tuple[str, ...] = ()
    style: str = ""


@dataclass(frozen=True)
class CaptionedPictures:
    """`pixels` uint8 (N, side, side, 4), the colour of what is transparent being black; `files` by name in their sources;
    `shares` (N,) sums to one: how often each is to be drawn."""

    pixels: np.ndarray
    captions: tuple[Caption, ...]
    files: tuple[str, ...]
    shares: np.ndarray

    def of_style(self, style: str) -> np.ndarray:
        """Places (M,) of the pictures of one style."""
        return np.array([place for place, one in enumerate(self.captions) if one.style == style], np.int64)


@dataclass(frozen=True)
class Choice:
    """Which pictures are taken, and how often: `leave_out` are patterns of file names, `skip` are values of columns of the
    table whose rows are passed over (skin_tone = "1"), `styles` and `shares` say by patterns of the source's name what words
    its captions end in, and how large a share of all draws is its (what no pattern fits gets the rest)."""

    side: int = 64
    leave_out: tuple[str, ...] = ()
    skip: Mapping[str, str] | None = None
    styles: Mapping[str, str] | None = None
    shares: Mapping[str, float] | None = None


def read_captioned(sources: Sequence[Path], table: Path | None, chosen: Choice) -> CaptionedPictures:
    """Read every picture that has words.

    Raises:
        UsageError: no words for any picture, or pictures that cannot be read; a table without the columns it needs.
    """
    pixels: list[np.ndarray] = []
    captions: list[Caption] = []
    files: list[str] = []
    counts: list[int] = []
    if not sources:
        raise UsageError("there is nothing to read", "--data FOLDER or ZIP")
    for source in sources:
        words = read_captions(source, table, chosen)
        before = len(files)
        for name, picture in read_pictures(source, list(words), "RGBA"):
            pixels.append(square(picture, chosen.side))
            captions.append(words[name])
            files.append(name)
        counts.append(len(files) - before)
    if not files:
        raise UsageError(
            f"{sources[0]}: no picture with words that can be read", "--captions TABLE, or NAME.txt beside NAME.png"
        )
    return CaptionedPictures(np.stack(pixels), tuple(captions), tuple(files), _shares(sources, counts, chosen))


def _shares(sources: Sequence[Path], counts: Sequence[int], chosen: Choice) -> np.ndarray:
    told = [_by_pattern(source.name, chosen.shares or {}) for source in sources]
    rest = 1 - sum(one for one in told if one is not None)
    untold = sum(count for count, one in zip(counts, told, strict=True) if one is None)
    found = [
        np.full(count, (rest / untold if one is None else one / count)) if count else np.empty(0)
        for count, one in zip(counts, told, strict=True)
    ]
    shares = np.concatenate(found).clip(0)
    return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))


def read_captions(source: Path, table: Path | None, chosen: Choice) -> dict[str, Caption]:
    """Words by picture name, of the pictures of a folder or zip that have any.

    Raises:
        UsageError: there is no table and no text beside any picture, or the table is not one.
    """
    style = _by_pattern(source.name, chosen.styles or {}) or ""
    names = [name for name in list_pictures(source) if not any(fnmatch(name, one) for one in chosen.leave_out)]
    text, origin = _table(source, table)
    if text is None:
        found = {name: Caption(_tidy(words), style=style) for name, words in _beside(source, names) if words.strip()}
    else:
        found = _rows(text, origin, names, chosen.skip or {}, style)
    if not found:
        raise UsageError(
            f"{source}: no words for its pictures",
            "--captions TABLE with the columns file and name, or NAME.txt beside NAME.png",
        )
    return found


def _table(source: Path, table: Path | None) -> tuple[str | None, str]:
    try:
        if table is not None:
            return table.read_text(encoding="utf-8-sig"), str(table)
        if source.is_dir():
            for name in TABLES:
                if (source / name).is_file():
                    return (source / name).read_text(encoding="utf-8-sig"), str(source / name)
        elif zipfile.is_zipfile(source):
            with zipfile.ZipFile(source) as archive:
                for name in TABLES:
                    if name in archive.namelist():
                        return _member(archive, name, LARGEST_TABLE).decode("utf-8-sig"), f"{source}:{name}"
    except (OSError, ValueError, *ARCHIVE_ERRORS) as error:
        raise UsageError(f"{table or source}: cannot be read as text ({error})") from error
    return None, ""


def _beside(source: Path, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(picture, the text beside it) of those that have one."""
    archive = None if source.is_dir() else zipfile.ZipFile(source)
    with archive or nullcontext():
        there = set(archive.namelist()) if archive is not None else set()
        for name in names:
            text = str(PurePosixPath(name).with_suffix(".txt"))
            try:
                if archive is not None and text in there:
                    yield name, _member(archive, text, LARGEST_TEXT).decode("utf-8")
                elif archive is None and (source / text).is_file():
                    yield name, (source / text).read_text(encoding="utf-8")
            except (OSError, ValueError, *ARCHIVE_ERRORS) as error:
                raise UsageError(f"{source}: {text} cannot be read as text ({error})") from error


def _member(archive: zipfile.ZipFile, name: str, most: int) -> bytes:
    """A member of a zip, which says itself how large it is and is not read beyond that.

    Raises:
        ValueError: larger than `most` bytes.
    """
    if archive.getinfo(name).file_size > most:
        raise ValueError(f"larger than {most >> 10} KB")
    return archive.read(name)


def _rows(text: str, origin: str, names: Sequence[str], skip: Mapping[str, str], style: str) -> dict[str, Caption]:
    divided = "\t" if "\t" in text.partition("\n")[0] else ","
    if divided == "\t":
        reader = csv.DictReader(io.StringIO(text), delimiter=divided, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(io.StringIO(text), delimiter=divided)
    columns = reader.fieldnames or []
    named = next((one for one in NAMES if one in columns), None)
    if "file" not in columns or named is None:
        raise UsageError(
            f"{origin}: its first line names no columns file and name", "file<TAB>name, and below a line for each picture"
        )
    whole = {name: name for name in names}
    short = {PurePosixPath(name).name: name for name in names}  # tables often leave the folder out
    found: dict[str, Caption] = {}
    for row in reader:
        name = whole.get(row["file"] or "") or short.get(row["file"] or "")
        words = _tidy(row[named] or "")
        if name is None or not words or any(row.get(column) == value for column, value in skip.items()):
            continue
        more = [*re.split(r"\s*;\s*", row.get("keywords") or ""), *(row.get("category") or "").split("/")[-1:]]
        found[name] = Caption(words, tuple(dict.fromkeys(_tidy(one) for one in more if one.strip())), style)
    return found


def _tidy(text: str) -> str:
    """Without line ends, and with the apostrophe that keyboards have."""
    return " ".join(text.replace("\u2019", "'").split())


def _by_pattern(name: str, told: Mapping[str, Any]) -> Any:
    return next((value for pattern, value in told.items() if fnmatch(name, pattern)), None)


def square(pixels: np.ndarray, side: int) -> np.ndarray:
    """uint8 (H, W, 4) as (side, side, 4): the middle of an opaque picture, or the whole of one with transparency. Pictures
    that fit twice or more keep their pixels as squares."""
    from PIL import Image

    height, width = pixels.shape[:2]
    if (pixels[..., 3] == 255).all():
        short = min(height, width)
        top, left = (height - short) // 2, (width - short) // 2
        pixels = pixels[top : top + short, left : left + short]
    else:
        long = max(height, width)
        top, left = (long - height) // 2, (long - width) // 2
        pixels = np.pad(pixels, ((top, long - height - top), (left, long - width - left), (0, 0)))
    found = len(pixels)
    if side >= 2 * found and side % found == 0:
        made = pixels.repeat(side // found, 0).repeat(side // found, 1)
    elif found == side:
        made = pixels
    else:
        # Pillow reduces RGBA by weights of alpha, so that the colour of what is transparent does not show at edges
        how = (
            Image.Resampling.LANCZOS
            if found > side
            else Image.Resampling.NEAREST
            if 2 * found <= side
            else Image.Resampling.BICUBIC
        )
        made = np.asarray(Image.fromarray(np.ascontiguousarray(pixels)).resize((side, side), how))
    return np.where(made[..., 3:] > 0, made, 0).astype(np.uint8)
