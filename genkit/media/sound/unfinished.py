"""A long sound that is still being made: its samples and a journal beside the output, in hidden files, so that a run that was
killed goes on at the sentence where it stopped.

The samples are bare float32 at the voice's own rate. The journal's first line says what is being made; each further one is one
sentence: where its samples end and what is known about it. Samples are written before their line, and a sentence counts once
its line is whole: what stands behind the last whole line is cut off when the work goes on, so none is lost and none is
repeated. Nothing is held in memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from genkit.errors import OutputError
from genkit.files import parse_json
from genkit.media.atomic import output_error

SAMPLE = 4  # bytes
BLOCK = 1 << 18  # samples


class Unfinished:
    """The hidden files of one output; `count` sentences and `samples` are done. Leave it with `close`, or `discard`."""

    def __init__(self, target: Path):
        self.target = target
        self.sound = target.with_name(f".{target.name}.genkit-sound")
        self.journal = target.with_name(f".{target.name}.genkit-journal")
        self.count = self.samples = 0
        self.last: dict[str, Any] = {}
        self._streams: list[BinaryIO] = []

    def head(self) -> dict[str, Any] | None:
        """What an earlier run began here ({"recipe", "rate"}), or None."""
        if not self.sound.exists():
            return None
        first = next(self._lines(), None)
        return first if first and isinstance(first.get("recipe"), dict) else None

    def begin(self, recipe: dict[str, Any], rate: int, *, go_on: bool) -> None:
        """Open for appending: after what is whole of an earlier run, or from nothing.

        Raises:
            OutputError: the place refuses the files.
        """
        kept = 0
        self.count = self.samples = 0
        self.last = {}
        if go_on:
            kept = self._look()
        try:
            self._streams = [path.open("ab", buffering=0) for path in (self.sound, self.journal)]
            self._streams[0].truncate(self.samples * SAMPLE)
            self._streams[1].truncate(kept)
            if not kept:
                self._line({"recipe": recipe, "rate": rate})
        except OSError as error:
            self.close()
            raise output_error(self.sound, error) from error

    def add(self, sound: np.ndarray, facts: dict[str, Any]) -> None:
        """Append a sentence: its samples first, then its line.

        Raises:
            OutputError: no room is left.
        """
        try:
            data = memoryview(np.ascontiguousarray(sound, "<f4").tobytes())
            while len(data):
                data = data[self._streams[0].write(data) :]
            self._line(facts | {"end": self.samples + len(sound)})
        except OSError as error:
            raise output_error(self.sound, error) from error
        self.samples += len(sound)
        self.count += 1

    def sentences(self) -> Iterator[dict[str, Any]]:
        """What was noted about each sentence, in order, with `end` in samples."""
        lines = self._lines()
        next(lines, None)
        yield from lines

    def blocks(self) -> Iterator[np.ndarray]:
        """The whole sound so far, in blocks."""
        with self.sound.open("rb") as stream:
            while data := stream.read(BLOCK * SAMPLE):
                yield np.frombuffer(data, "<f4")

    def close(self) -> None:
        for stream in self._streams:
            stream.close()
        self._streams = []

    def discard(self) -> None:
        """Remove the hidden files: the output is whole, or begins anew."""
        self.close()
        for path in (self.sound, self.journal):
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                raise OutputError(f"{path}: cannot be removed: {error.strerror}") from error

    def _line(self, value: dict[str, Any]) -> None:
        data = json.dumps(value, ensure_ascii=True, default=str).encode() + b"\n"
        while data:
            data = data[self._streams[1].write(data) :]

    def _look(self) -> int:
        """Count what is whole, and return the bytes of the journal that are."""
        have = self.sound.stat().st_size // SAMPLE if self.sound.exists() else 0
        kept = 0
        for number, (line, size) in enumerate(self._sized()):
            if number and not (isinstance(line.get("end"), int) and self.samples <= line["end"] <= have):
                break
            kept += size
            if number:
                self.samples, self.count, self.last = line["end"], number, line
        return kept

    def _lines(self) -> Iterator[dict[str, Any]]:
        for line, _ in self._sized():
            yield line

    def _sized(self) -> Iterator[tuple[dict[str, Any], int]]:
        """Whole lines and their bytes; a torn one ends them."""
        try:
            stream = self.journal.open("rb")
        except OSError:
            return
        with stream:
            for data in stream:
                try:
                    value = parse_json(data)
                except ValueError:
                    return
                if not data.endswith(b"\n") or not isinstance(value, dict):
                    return
                yield value, len(data)
