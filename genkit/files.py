"""The lowest room: the user's folder, files written whole or not at all, files read within bounds, sizes and names in words
(standard library).

A file is written under another name beside its target, `.genkit-<pid>-<random>-<host>.part`, and then renamed. That name tells
whose it is, so that what a killed process left behind can be swept away later without touching a file that a living one is
writing.

What is read is hostile until it has been read: only regular files are opened (a named pipe would hang, a device never end), no
more than `most` bytes, and JSON and TOML that nest deeper than people write are refused, since whatever walks them afterwards
does so by recursion. Inputs may be pipes, too: one is read once, and its bytes are kept (`read_input`).
"""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import secrets
import stat
import sys
import time
import tomllib
import unicodedata
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

_LEFTOVER = re.compile(r"^\.genkit-(\d+)-[0-9a-f]{12}(?:-([0-9a-f]{8}))?\.part$")
LARGEST_TEXT = 16 << 20  # bytes of a card, settings, a state file
LARGEST_INPUT = 16 << 30  # bytes of a picture or a text
PIECE = 1 << 20
DEEPEST = 64  # levels; cards have five
TOO_DEEP = f"nested deeper than {DEEPEST} levels"
_OTHER_HOST_S = 86_400.0  # on a shared folder another machine's processes cannot be asked; a day without a change is dead
HTML = "HTML"
_BEFORE_HTML = rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^<>]*>\s*)?(?:<!--[^<>]*-->\s*)?"
_HTML = re.compile(_BEFORE_HTML + rb"<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE)
_KINDS = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"RIFF": "a WebP picture or WAV sound",
    b"OggS": "sound",
    b"fLaC": "sound",
    b"ID3": "sound",
    b"%PDF-": "PDF",
    b"{\\rtf": "RTF",
    b"PK\x03\x04": "a ZIP archive (a .pth, .docx or .epub is one, too)",
    b"\x1f\x8b": "packed by gzip",
    b"\x80\x02": "a pickle",
    b"\x80\x03": "a pickle",
    b"\x80\x04": "a pickle",
    b"\x80\x05": "a pickle",
}
_pipes: dict[tuple[int, int], bytes] = {}  # device and number of a pipe that was read: its bytes


def home() -> Path:
    """The user's own folder: configuration, own cards, and the cache unless GENKIT_CACHE says otherwise. Not created here.

    platformdirs would give other places where XDG_DATA_HOME is set on a Mac or LOCALAPPDATA is set otherwise on Windows, and
    so lose what lies in them; importing it takes 35 ms, a quarter of what `genkit --help` may.
    """
    if given := os.environ.get("GENKIT_HOME"):
        return Path(given).expanduser()
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "genkit"
    if os.name == "nt":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "genkit"
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "genkit"


# --- whole files ----------------------------------------------------------------------------------------------------------


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Give the path of a new temporary beside `target`; after the block it becomes the target, or is gone and the target is
    what it was.

    Raises:
        OSError: the place refuses the file.
    """
    temporary = target.parent / temporary_name()
    try:
        yield temporary
        os.replace(temporary, target)
    except BaseException:  # Ctrl-C too: nothing half done may stay
        temporary.unlink(missing_ok=True)
        raise


def temporary_name() -> str:
    """A new name that tells whose it is, and that it is unfinished."""
    return f".genkit-{os.getpid()}-{secrets.token_hex(6)}-{_host()}.part"


def replace_text(target: Path, text: str) -> None:
    """Make `target` hold `text`: all of it or what it held before, whatever happens and whoever else writes. Makes its folder.

    Raises:
        OSError: the place refuses the file.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    with replacing(target) as temporary, temporary.open("x", encoding="utf-8") as file:
        file.write(text)


def clean_leftovers(folder: Path) -> list[Path]:
    """Delete genkit's own temporaries in `folder` whose process is dead, and name them."""
    gone: list[Path] = []
    try:
        paths = list(folder.iterdir())
    except OSError:
        return gone
    for path in paths:
        match = _LEFTOVER.match(path.name)
        if match is None:
            continue
        try:
            foreign = match[2] is not None and match[2] != _host()
            alive = time.time() - path.stat().st_mtime < _OTHER_HOST_S if foreign else _alive(int(match[1]))
            if alive:
                continue
            path.unlink()
        except OSError:  # another process swept it first, or it is not ours
            continue
        gone.append(path)
    return gone


@cache
def _host() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _alive(pid: int) -> bool:
    if os.name == "nt":  # os.kill would end the process there
        return _alive_windows(pid)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


def _alive_windows(pid: int) -> bool:
    import ctypes

    kernel = ctypes.windll.kernel32  # type: ignore[attr-defined,unused-ignore]
    handle = kernel.OpenProcess(0x1000, False, pid)  # PROCESS_QUERY_LIMITED_INFORMATION
    if handle:
        kernel.CloseHandle(handle)
    return bool(handle)


# --- reading --------------------------------------------------------------------------------------------------------------


def read_regular(path: Path, most: int = LARGEST_TEXT) -> bytes:
    """The bytes of a regular file.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        ValueError: it is larger than `most` bytes.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # a pipe must not hang
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "no regular file", str(path))
        return _read_all(file, most, found.st_size)


def _read_all(file: BinaryIO, most: int, expected: int = 0) -> bytes:
    """Read to the end in pieces, the first as large as the file should be: Python makes room for all that is asked for."""
    pieces, left = list[bytes](), most + 1
    while left > 0 and (piece := file.read(min(max(expected + 1, PIECE), left))):
        pieces.append(piece)
        left -= len(piece)
    if left <= 0:
        raise ValueError(f"larger than {size_text(most)}")
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def is_pipe(path: Path) -> bool:
    """Whether the path leads to a pipe (`mkfifo`, or the shell's `<(command)`), which can be read but once."""
    try:
        return stat.S_ISFIFO(path.stat().st_mode)
    except OSError:
        return False


def is_input(path: Path) -> bool:
    """Whether something is there that `read_input` reads: a regular file, or a pipe."""
    return path.is_file() or is_pipe(path)


def read_input(path: Path, most: int = LARGEST_INPUT) -> bytes:
    """The bytes of a file that the user named: a regular one, or a pipe, whose bytes this process then keeps.

    Raises:
        OSError: it cannot be opened, or is a device.
        ValueError: it holds more than `most` bytes.
    """
    if not is_pipe(path):
        return read_regular(path, most)
    found = path.stat()
    key = found.st_dev, found.st_ino
    if key not in _pipes:
        with path.open("rb") as file:
            _pipes[key] = _read_all(file, most)
    return _pipes[key]


def parse_json(text: str | bytes) -> Any:
    """JSON that nests at most `DEEPEST` levels.

    Raises:
        ValueError: it is none, or nests deeper.
    """
    try:
        value = json.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    return _shallow(value)


def read_json(path: Path, most: int = LARGEST_TEXT) -> Any:
    """As `read_regular` and `parse_json`.

    Raises:
        OSError, ValueError: as those.
    """
    return parse_json(read_regular(path, most))


def read_toml(path: Path, most: int = LARGEST_TEXT) -> dict[str, Any]:
    """As `read_regular` and `parse_toml`.

    Raises:
        OSError, ValueError: as those.
    """
    return parse_toml(read_regular(path, most).decode("utf-8"))


def parse_toml(text: str) -> dict[str, Any]:
    """TOML that nests at most `DEEPEST` levels.

    Raises:
        ValueError: it is none, or nests deeper.
    """
    try:
        value: dict[str, Any] = tomllib.loads(text)
    except RecursionError:
        raise ValueError(TOO_DEEP) from None
    _shallow(value)
    return value


def _shallow(value: Any) -> Any:
    level: list[Any] = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
            if isinstance(inner, (dict, list))
        ]
        if not level:
            return value
    raise ValueError(TOO_DEEP)


def kind_of(data: bytes) -> str | None:
    """What bytes are that are no plain text, in words: "a PNG picture", "HTML"; None where they may be text."""
    for start, name in _KINDS.items():
        if data.startswith(start):
            return name
    if _HTML.match(data[:4096]):
        return HTML
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):  # UTF-16, which says so
        return None
    return "binary" if b"\0" in data else None


# --- words ----------------------------------------------------------------------------------------------------------------


def size_text(size: int | None) -> str:
    """Bytes as people say them: 67 MB, 1.2 GB."""
    if size is None:
        return "unknown size"
    for unit, name in ((10**9, "GB"), (10**6, "MB"), (10**3, "KB")):
        if size >= unit:
            value = size / unit
            return f"{value:.1f} {name}" if value < 10 else f"{value:.0f} {name}"
    return f"{size} bytes"


def slug(text: str, *, keep: str = "", most: int | None = None, size: Callable[[str], int] = len) -> str:
    """A text as part of a file's name: its words (letters and digits of any script) in lower case, joined by hyphens.

    Signs in `keep` count as letters. Where `most` is given, as many whole words as fit by `size` (counts characters, unless
    another is given), and of a first word that alone is too long its beginning. Empty where the text has no word.
    """
    plain = unicodedata.normalize("NFC", text).lower()
    # vowel signs of Hindi, Arabic and others are no letters by themselves, and belong to those before them
    words = "".join(
        one if one.isalnum() or one in keep or unicodedata.category(one)[0] == "M" else " " for one in plain
    ).split()
    name = ""
    for word in words:
        longer = f"{name}-{word}" if name else word
        if most is not None and size(longer) > most:
            while not name and size(word) > most:
                word = word[:-1]
            return name or word
        name = longer
    return name.strip("-")
