"""Pictures of steps, kept between runs: a changed last step then runs nothing else again.

What a picture is known by is what made it: the hash of its input and the recipe of the steps before it. Each lies in a PNG file
that carries that recipe, so that it can be looked at, and is whole or not there. PNG holds 16 bits, transparency, EXIF, XMP and
profile; how the input was compressed, which it cannot hold, is the input's own and taken from there.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, UsageError
from genkit.files import clean_leftovers

if TYPE_CHECKING:
    from genkit.chain.graph import Node
    from genkit.media.pictures.picture import Picture

OF_THE_FILE = ("quality", "subsampling", "lossless", "compression", "comment", "photoshop")
_NAME = re.compile(r"[0-9a-f]{32}-[a-z0-9_-]+\.png")


class Keep:
    """A folder of pictures; with `limit` bytes the least recently used go."""

    def __init__(self, folder: Path, limit: int | None = None):
        self.folder, self._limit = folder, limit
        self.found = 0
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"--keep {folder}: cannot be made: {error.strerror}") from error
        clean_leftovers(folder)

    def find(self, node: Node, record: dict[str, Any], source: Picture | None) -> Picture | None:
        """The picture of a step, None where it is not there or damaged; `source` is the chain's input."""
        from genkit.media.pictures import images
        from genkit.media.recipe import read_recipe
        from genkit.run.journal import same_making

        path = self._path(node, record)
        try:
            made = read_recipe(path)
            if made is None or not same_making(made, record):
                return None
            picture = images.read(path)
        except (OSError, GenkitError):
            return None
        with suppress(OSError):
            os.utime(path)
        self.found += 1
        if source is not None:
            of_file = {name: getattr(source.metadata, name) for name in OF_THE_FILE}
            picture = replace(picture, format=source.format, metadata=replace(picture.metadata, **of_file))
        return picture

    def store(self, node: Node, record: dict[str, Any], picture: Picture) -> None:
        """Keep a picture.

        Raises:
            OutputError: the folder refuses it.
        """
        from genkit.media.pictures import images

        path = self._path(node, record)
        # what could not be written here is no news about the output
        copy = replace(picture, metadata=replace(picture.metadata, notices=[]))
        images.write(copy, path, format="PNG", recipe=record)
        if self._limit is not None:
            with self._lock:
                self._make_room(path)

    def _path(self, node: Node, record: dict[str, Any]) -> Path:
        from genkit.run.journal import essence

        digest = hashlib.sha256(json.dumps(essence(record), sort_keys=True).encode()).hexdigest()[:32]
        return self.folder / f"{digest}-{node.verb.name.replace(' ', '-')}.png"

    def _make_room(self, newest: Path) -> None:
        files = []
        for path in self.folder.iterdir():
            if _NAME.fullmatch(path.name):
                with suppress(OSError):  # another process swept it
                    files.append((path.stat().st_mtime, path.stat().st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total <= (self._limit or 0):
                return
            if path != newest:
                path.unlink(missing_ok=True)
                total -= size

    def close(self) -> None:
        clean_leftovers(self.folder)


def parse_size(text: str) -> int:
    """Bytes out of `2GB`, `500M`.

    Raises:
        UsageError: no size.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT]?)B?", text.strip().upper())
    if match is None or float(match[1]) == 0:
        raise UsageError(f"{text}: expected a size, such as 2GB or 500MB")
    return int(float(match[1]) * 1000 ** " KMGT".index(match[2] or " "))
