"""Outputs, whole or none (`files.replacing`), and what the system refused of them told with a way out (standard library)."""

from __future__ import annotations

import errno
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from genkit.errors import OutputError
from genkit.files import replacing

_REASONS: dict[int, tuple[str, str]] = {
    errno.ENOSPC: ("no space is left on the device", "free some space or choose another folder with -o, then use --resume"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another folder with -o, then use --resume"),
    errno.EACCES: ("permission denied", "choose a folder that you may write to with -o"),
    errno.EPERM: ("permission denied", "choose a folder that you may write to with -o"),
    errno.EROFS: ("the file system is read-only", "choose another folder with -o"),
    errno.ENOENT: ("its folder does not exist", "make the folder first or choose another with -o"),
    errno.EISDIR: ("it is a folder", "give a file name, or end -o with / to write into it"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name with -o or --name"),
    errno.EPIPE: ("the reader closed the pipe", "let the reading program run to its end"),
    errno.EFBIG: ("the file system holds no file that large", "choose another folder with -o"),
}


def output_error(target: object, error: OSError) -> OutputError:
    """Turn the system's refusal into the error that names the target and the way out."""
    reason, hint = _REASONS.get(error.errno or 0, (error.strerror or str(error), "choose another place with -o"))
    return OutputError(f"{target}: cannot be written: {reason}", hint)


class Counted:
    """A binary stream that counts what went through it."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self.count = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self._stream.write(data)
        size = len(data) if not isinstance(data, memoryview) else data.nbytes
        self.count += size
        return size


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Give the path of a new temporary beside `target`; after the block it becomes the target, or is gone.

    Raises:
        OutputError: the place refuses the file.
    """
    try:
        with replacing(target) as temporary:
            yield temporary
    except OSError as error:
        raise output_error(target, error) from error


def write_atomic(
    target: Path | BinaryIO,
    produce: Callable[[Counted], None],
    name: str = "standard output",
    before_naming: Callable[[Path], None] = lambda temporary: None,
) -> int:
    """Let `produce` write to the target's stream and return the bytes written.

    A path gets a temporary first, which `before_naming` sees when it is whole. A stream gets the bytes as they come; produce
    the whole before the first write where a half-written stream matters.

    Raises:
        OutputError: the place refuses the file.
    """
    if not isinstance(target, Path):
        try:
            counted = Counted(target)
            produce(counted)
            target.flush()
        except OSError as error:
            raise output_error(name, error) from error
        return counted.count
    if _is_device(target):  # /dev/null, a pipe: a rename would replace the device
        try:
            with target.open("wb") as device:
                return write_atomic(device, produce, str(target))
        except OSError as error:  # closing it fails anew where writing has
            raise output_error(target, error) from error
    with temporary_beside(target) as temporary:
        with temporary.open("xb", buffering=1 << 20) as stream:
            counted = Counted(stream)
            produce(counted)
        _take_mode(target, temporary)
        before_naming(temporary)
    return counted.count


def _is_device(target: Path) -> bool:
    try:
        mode = target.stat().st_mode
    except OSError:  # it does not exist, or the name cannot be: opening the temporary says which
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _take_mode(target: Path, temporary: Path) -> None:
    """Let an overwritten file keep its permissions."""
    try:
        temporary.chmod(target.stat().st_mode & 0o777)
    except OSError:  # a new file, or not ours to change: the umask's permissions stand
        return
