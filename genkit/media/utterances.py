"""A folder or a zip of recordings with their texts, as LJSpeech lays them out: `metadata.csv` with `id|text` or
`id|text|text as it is said`, and `id.wav` (or any format that soundfile reads) in whatever folder."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from genkit.errors import InputError, UsageError

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"})
TABLE = "metadata.csv"


@dataclass(frozen=True)
class Utterance:
    """`place` is the recording's name within the source."""

    name: str
    text: str
    place: str


class Recordings:
    """The utterances of one source, in the order of the table. Close it, or use it as a context.

    Raises:
        UsageError: not a folder or a zip, no table, or nothing in it has a recording.
    """

    def __init__(self, source: Path):
        self.source = source
        self._archive: zipfile.ZipFile | None = None
        if source.is_dir():
            names = [path.relative_to(source).as_posix() for path in source.rglob("*") if path.is_file()]
        elif zipfile.is_zipfile(source):
            self._archive = zipfile.ZipFile(source)
            names = self._archive.namelist()
        else:
            raise UsageError(f"{source}: not a folder or a zip of recordings")
        places = {PurePosixPath(name).stem: name for name in sorted(names) if PurePosixPath(name).suffix.lower() in SUFFIXES}
        tables = sorted((name for name in names if PurePosixPath(name).name == TABLE), key=len)
        if not tables:
            raise UsageError(f"{source}: no {TABLE} in it", "one line a recording: id|text")
        rows = _rows(self._read(tables[0]).decode("utf-8-sig"), f"{source}/{tables[0]}")
        self.utterances = [Utterance(name, text, places[name]) for name, text in rows if name in places]
        self.missing = [name for name, _ in rows if name not in places]
        if not self.utterances:
            raise UsageError(f"{source}: {TABLE} names no recording that is there", "its first column is the file's name")

    def __enter__(self) -> Recordings:
        return self

    def __exit__(self, *reason: object) -> None:
        self.close()

    def close(self) -> None:
        if self._archive is not None:
            self._archive.close()

    def read(self, utterance: Utterance) -> tuple[np.ndarray, int]:
        """Mono float32 (T,) and its rate.

        Raises:
            InputError: it cannot be decoded.
        """
        import soundfile

        try:
            audio, rate = soundfile.read(io.BytesIO(self._read(utterance.place)), dtype="float32", always_2d=True)
        except (OSError, RuntimeError, zipfile.BadZipFile, ValueError) as error:
            raise InputError(f"{self.source}: {utterance.place} cannot be read ({error})") from error
        return audio.mean(1), int(rate)

    def _read(self, name: str) -> bytes:
        return (self.source / name).read_bytes() if self._archive is None else self._archive.read(name)


def _rows(table: str, origin: str) -> list[tuple[str, str]]:
    rows = []
    for line in table.splitlines():
        name, *texts = (cell.strip() for cell in line.split("|"))
        if not line.strip():
            continue
        if not texts:
            raise UsageError(f"{origin}: {line!r} is not id|text")
        stem = name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix.lower() in SUFFIXES else name
        rows.append((stem, texts[1] if len(texts) > 1 and texts[1] else texts[0]))
    return rows
