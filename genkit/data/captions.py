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
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from genkit.data.names import matches
from genkit.data.pictures import ARCHIVE_ERRORS, list_pictures, read_pictures
from genkit.data.squares import icon_square
from genkit.errors import UsageError
from genkit.files import read_input, read_regular

LARGEST_TABLE, LARGEST_TEXT = 64 << 20, 1 << 20  # bytes of words
TABLES = ("captions.tsv", "captions.csv")
NAME_COLUMNS = ("name", "caption", "text")


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
        return np.array([place for place, caption in enumerate(self.captions) if caption.style == style], np.int64)


@dataclass(frozen=True)
class Selection:
    """Which pictures are taken, and how often: `leave_out` are patterns of file names, `skip` are values of columns of the
    table whose rows are passed over (skin_tone = "1"), `styles` and `shares` say by patterns of the source's name what words
    its captions end in, and how large a share of all draws is its (what no pattern fits gets the rest)."""

    side: int = 64
    leave_out: tuple[str, ...] = ()
    skip: Mapping[str, str] | None = None
    styles: Mapping[str, str] | None = None
    shares: Mapping[str, float] | None = None


def read_captioned(sources: Sequence[Path], table: Path | None, selection: Selection) -> CaptionedPictures:
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
        words = read_captions(source, table, selection)
        before = len(files)
        for name, picture in read_pictures(source, list(words), "RGBA"):
            pixels.append(icon_square(picture, selection.side))
            captions.append(words[name])
            files.append(name)
        counts.append(len(files) - before)
    if not files:
        raise UsageError(
            f"{sources[0]}: no picture with words that can be read", "--captions TABLE, or NAME.txt beside NAME.png"
        )
    return CaptionedPictures(np.stack(pixels), tuple(captions), tuple(files), _shares(sources, counts, selection))


def _shares(sources: Sequence[Path], counts: Sequence[int], selection: Selection) -> np.ndarray:
    fixed = [_by_pattern(source.name, selection.shares or {}) for source in sources]
    rest = 1 - sum(share for share in fixed if share is not None)
    others = sum(count for count, share in zip(counts, fixed, strict=True) if share is None)
    each = [
        np.full(count, (rest / others if share is None else share / count)) if count else np.empty(0)
        for count, share in zip(counts, fixed, strict=True)
    ]
    shares = np.concatenate(each).clip(0)
    return shares / shares.sum() if shares.sum() > 0 else np.full(len(shares), 1 / len(shares))


def read_captions(source: Path, table: Path | None, selection: Selection) -> dict[str, Caption]:
    """Words by picture name, of the pictures of a folder or zip that have any.

    Raises:
        UsageError: there is no table and no text beside any picture, or the table is not one.
    """
    style = _by_pattern(source.name, selection.styles or {}) or ""
    names = [name for name in list_pictures(source) if not matches(name, selection.leave_out)]
    text, origin = _table(source, table)
    if text is None:
        captions = {name: Caption(_tidy(words), style=style) for name, words in _beside(source, names) if words.strip()}
    else:
        captions = _rows(text, origin, names, selection.skip or {}, style)
    if not captions:
        raise UsageError(
            f"{source}: no words for its pictures",
            "--captions TABLE with the columns file and name, or NAME.txt beside NAME.png",
        )
    return captions


def _table(source: Path, table: Path | None) -> tuple[str | None, str]:
    try:
        if table is not None:
            return read_input(table, LARGEST_TABLE).decode("utf-8-sig"), str(table)
        if source.is_dir():
            for name in TABLES:
                if (source / name).is_file():
                    return read_regular(source / name, LARGEST_TABLE).decode("utf-8-sig"), str(source / name)
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
                    yield name, read_regular(source / text, LARGEST_TEXT).decode("utf-8")
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
    if "\t" in text.partition("\n")[0]:
        reader = csv.DictReader(io.StringIO(text), delimiter="\t", quoting=csv.QUOTE_NONE)
    else:
        reader = csv.DictReader(io.StringIO(text))
    columns = reader.fieldnames or []
    name_column = next((column for column in NAME_COLUMNS if column in columns), None)
    if "file" not in columns or name_column is None:
        raise UsageError(
            f"{origin}: its first line names no columns file and name", "file<TAB>name, and below a line for each picture"
        )
    by_path = {name: name for name in names}
    by_file = {PurePosixPath(name).name: name for name in names}  # tables often leave the folder out
    captions: dict[str, Caption] = {}
    for row in reader:
        name = by_path.get(row["file"] or "") or by_file.get(row["file"] or "")
        words = _tidy(row[name_column] or "")
        if name is None or not words or any(row.get(column) == value for column, value in skip.items()):
            continue
        keywords = [*re.split(r"\s*;\s*", row.get("keywords") or ""), *(row.get("category") or "").split("/")[-1:]]
        captions[name] = Caption(words, tuple(dict.fromkeys(_tidy(word) for word in keywords if word.strip())), style)
    return captions


def _tidy(text: str) -> str:
    """Without line ends, and with the apostrophe that keyboards have."""
    return " ".join(text.replace("\u2019", "'").split())


def _by_pattern(name: str, values: Mapping[str, Any]) -> Any:
    return next((value for pattern, value in values.items() if matches(name, [pattern])), None)
