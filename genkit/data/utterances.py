"""A folder or a zip of recordings with their texts, as LJSpeech lays them out: `metadata.csv` with `id|text` or
`id|text|text as it is said`, and `id.wav` (or any format that soundfile reads) in whatever folder.

A zip is a stranger's: nothing is unpacked to disk, a small member can hold a huge one, and a short file hours of silence, so
all of it has bounds.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from genkit.errors import InputError, UsageError

SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3"})
TABLE = "metadata.csv"
MOST_FILES = 500_000
LARGEST_FILE = 256 * 2**20  # bytes of one recording, unpacked; an hour of 16 bits at 22,050 Hz has 159 MB
LARGEST_TABLE = 64 * 2**20
LONGEST_S = 3600.0  # of one recording


# what libsndfile, zipfile and zlib raise for what is damaged; soundfile's own error is a RuntimeError
_UNREADABLE = (OSError, RuntimeError, zipfile.BadZipFile, zlib.error, ValueError, EOFError, NotImplementedError, KeyError)


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
            names = self._open(source)
        else:
            raise UsageError(f"{source}: not a folder or a zip of recordings")
        places = {PurePosixPath(name).stem: name for name in sorted(names) if PurePosixPath(name).suffix.lower() in SUFFIXES}
        tables = sorted((name for name in names if PurePosixPath(name).name == TABLE), key=len)
        if not tables:
            raise UsageError(f"{source}: no {TABLE} in it", "one line a recording: id|text")
        origin = f"{source}/{tables[0]}"
        try:
            table = self._read(tables[0], LARGEST_TABLE).decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise UsageError(f"{origin}: not UTF-8 text (byte {error.start})", "save it as UTF-8") from error
        except _UNREADABLE as error:
            raise InputError(f"{origin}: cannot be read ({error})") from error
        rows = _rows(table, origin)
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
            with soundfile.SoundFile(io.BytesIO(self._read(utterance.place, LARGEST_FILE))) as file:
                if file.frames > LONGEST_S * file.samplerate:
                    hours = file.frames / file.samplerate / 3600
                    raise InputError(f"{self.source}: {utterance.place} lasts {hours:.1f} hours", "part it into sentences")
                return file.read(dtype="float32", always_2d=True).mean(1), int(file.samplerate)
        except _UNREADABLE as error:
            raise InputError(f"{self.source}: {utterance.place} cannot be read ({error})") from error

    def _open(self, source: Path) -> list[str]:
        """The names in a zip.

        Raises:
            InputError: damaged, too many, or names that lead out of it.
        """
        try:
            archive = zipfile.ZipFile(source)
        except _UNREADABLE as error:
            raise InputError(f"{source}: no readable zip ({error})", "fetch it again") from error
        self._archive = archive
        names = archive.namelist()
        if len(names) > MOST_FILES:
            self.close()
            raise InputError(f"{source}: {len(names)} files are more than the {MOST_FILES} that are read", "part it")
        if outside := next((name for name in names if _leads_out(name)), None):
            self.close()
            raise InputError(f"{source}: {outside!r} leads out of the zip", "it is damaged or made to do harm")
        return names

    def _read(self, name: str, most: int) -> bytes:
        """A file's bytes.

        Raises:
            InputError: there are more than `most`, or it is encrypted.
        """
        if self._archive is None:
            path = self.source / name
            if path.stat().st_size > most:
                raise InputError(f"{path}: has {path.stat().st_size / 2**20:.0f} MB; at most {most >> 20} are read")
            return path.read_bytes()
        info = self._archive.getinfo(name)
        if info.flag_bits & 1:
            raise InputError(f"{self.source}: {name} is encrypted", "take off its protection first")
        if info.file_size > most:
            raise InputError(f"{self.source}: {name} unpacks to {info.file_size / 2**20:.0f} MB; at most {most >> 20} are read")
        with self._archive.open(info) as stream:
            data = stream.read(most + 1)
        if len(data) > most:
            raise InputError(f"{self.source}: {name} unpacks to more than it says")
        return data


def resample(audio: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """Mono float32 (T,) at another rate."""
    if rate == wanted:
        return audio
    import soxr

    return soxr.resample(audio, rate, wanted).astype(np.float32)


def _leads_out(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return ".." in parts or name.startswith(("/", "\\")) or name[1:2] == ":"


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
