"""Fetch one file over HTTP: resumable, hashed on the way, checked before it gets its name.

Bytes go to `<name>.<first digits of the hash>.part` in the target's folder. A connection that breaks is taken up again with a
Range request, within a run and across runs; a file without a hash starts anew in each run, since nothing would prove that two
halves belong together. Plain http is for loopback addresses only.
"""

from __future__ import annotations

import errno
import http.client
import os
import shutil
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from genkit.cards import Hash
from genkit.cards.reading import LOOPBACK
from genkit.errors import WeightsError
from genkit.files import size_text
from genkit.weights.store import CHUNK, Digest, digest_file

TIMEOUT_S = 20.0
READ = 2**18  # small enough that a killed process loses little of what came
PAUSES_S = (0.5, 1.0, 2.0, 4.0)  # after attempts that brought nothing; an attempt that brought bytes starts the count anew
LONGEST_PAUSE_S = 30.0
SPARE_BYTES = 64 * 2**20
SILENCE_S = 60.0  # for so long nobody waits again for a host that said nothing
NOBODY = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.ECONNREFUSED)

Progress = Callable[[str, int, int | None], None]  # file name, bytes so far, bytes in all
_silent: dict[str, float] = {}  # hosts that were waited for in vain, and when


@dataclass(frozen=True)
class Source:
    """What to fetch: `name` is for messages, `headers` go to the first host only, `certificates` is a file of those to trust
    in place of the system's."""

    name: str
    url: str
    hash: Hash | None = None
    size: int | None = None
    headers: Mapping[str, str] | None = None
    certificates: Path | None = None


def fetch(source: Source, target: Path, progress: Progress | None = None) -> Digest:
    """Fetch `source` to `target`, which appears only whole and checked.

    Raises:
        WeightsError: refused, unreachable, of the wrong size or content, or no room for it.
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WeightsError(f"{target.parent}: cannot be made ({error.strerror})", _room_hint()) from error
    partial = partial_of(target, source.hash)
    if source.hash is None:
        partial.unlink(missing_ok=True)
    resumed = partial.exists()
    digest = _fetch_partial(source, partial, progress)
    if not digest.right and resumed:
        partial.unlink(missing_ok=True)  # what an earlier run left may be to blame: once more, from the first byte
        digest = _fetch_partial(source, partial, progress)
    if not digest.right:
        partial.unlink(missing_ok=True)
        raise WeightsError(
            f"{source.name}: {_host(source.url)} sent other content: expected {source.hash}, got {digest.found} (deleted)",
            "the file was replaced at its source, or altered on the way; do not use it from there",
            code="altered",
        )
    os.replace(partial, target)
    return digest


def partial_of(target: Path, hash_: Hash | None) -> Path:
    return target.with_name(f"{target.name}.{hash_.value[:12] if hash_ else 'unpinned'}.part")


def size_at(source: Source) -> int | None:
    """Ask the server how large the file is; None where it does not say.

    Raises:
        WeightsError: there is no network, or no such server on it.
    """
    try:
        with open_source(source, method="HEAD") as response:
            return _whole_number(response.headers.get("X-Linked-Size") or response.headers.get("Content-Length"))
    except (OSError, http.client.HTTPException) as error:
        if is_off(error) or isinstance(error, TimeoutError):
            raise _unreachable(error, source, partial=None) from error
        return None


def is_off(error: Exception) -> bool:
    """Whether the error says that there is no network, or nobody at that address: asking again at once would not help."""
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    return isinstance(reason, socket.gaierror) or (isinstance(reason, OSError) and reason.errno in NOBODY)


def check_space(name: str, needs: Mapping[Path, int]) -> None:
    """Hold what is to come into each folder against the free room there; folders on one disk share it.

    Raises:
        WeightsError: there is not enough.
    """
    disks: dict[int, tuple[Path, int]] = {}
    for folder, needed in needs.items():
        there = next(place for place in (folder, *folder.absolute().parents) if place.exists())
        disk = there.stat().st_dev
        disks[disk] = there, disks.get(disk, (there, 0))[1] + needed
    for folder, needed in disks.values():
        free = shutil.disk_usage(folder).free
        if needed and needed + SPARE_BYTES > free:
            raise WeightsError(
                f"{name}: needs {size_text(needed)}, and {folder} has {size_text(free)} free", _room_hint(), code="no-space"
            )


def refuse_unsafe(url: str, name: str, origin: str | None = None) -> None:
    """Allow https, and http where both the address and the one that led to it are loopback."""
    parts = urlsplit(url)
    local = parts.hostname in LOOPBACK and (origin is None or urlsplit(origin).hostname in LOOPBACK)
    if parts.scheme == "https" or (parts.scheme == "http" and local):
        return
    via = f" (redirected from {_host(origin)})" if origin else ""
    raise WeightsError(
        f"{name}: {parts.scheme}://{parts.netloc} is not a safe address{via}; https is needed", code="unsafe-address"
    )


def _fetch_partial(source: Source, partial: Path, progress: Progress | None) -> Digest:
    tag: str | None = None  # ETag of the first answer: a resumed request must meet the same file
    empty_attempts, came = 0, False
    while True:
        done = partial.stat().st_size if partial.exists() else 0
        try:
            digest, tag = _attempt(source, partial, done, tag, progress)
        except (OSError, http.client.HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and error.code == 416 and source.hash is not None:
                digest = _hash_so_far(partial, source, done)  # nothing beyond what is there: it may be whole already
                if digest.right:
                    return digest
            gained = (partial.stat().st_size if partial.exists() else 0) > done
            came |= gained
            empty_attempts = 0 if gained else empty_attempts + 1
            _pause_or_give_up(error, source, partial, empty_attempts, most=len(PAUSES_S) if came else _attempts_for(error))
            continue
        if digest is not None:
            return digest


def _attempt(
    source: Source, partial: Path, done: int, tag: str | None, progress: Progress | None
) -> tuple[Digest | None, str | None]:
    """Make one request and write what comes; a digest of the whole file, or None to ask again."""
    if source.size is not None and done > source.size:
        partial.unlink()
        return None, None
    if source.size is not None and done == source.size:
        return _hash_so_far(partial, source, done), tag
    ranges = {"Range": f"bytes={done}-"} if done else {}
    if done and tag:
        ranges["If-Range"] = tag
    with open_source(source, ranges) as response:
        if done and response.status == 206 and not _continues(response.headers.get("Content-Range"), done):
            partial.unlink()
            return None, None
        if response.status != 206:
            done = 0
        length = _whole_number(response.headers.get("Content-Length"))
        total = None if length is None else done + length
        _check_size(source, total)
        check_space(source.name, {partial.parent: (total or source.size or 0) - done})
        tag = tag or response.headers.get("ETag")
        digest = _hash_so_far(partial, source, done, total)
        with _writable(partial, done) as file:
            written = done + _copy(response, file, digest, source, done, total, progress)
            file.flush()
            os.fsync(file.fileno())
    if total is not None and written < total:
        raise ConnectionResetError(f"the connection closed after {written} of {total} bytes")
    if source.size is not None and written != source.size:
        raise ConnectionResetError(f"the connection closed after {written} of {source.size} bytes")
    if source.hash is not None and source.hash.algorithm == "git-sha1" and source.size is None and total is None:
        digest = digest_file(partial, source.hash)  # this hash begins with the size, which only now is known
    return digest, tag


def _writable(partial: Path, done: int) -> IO[bytes]:
    try:
        file = partial.open("r+b" if done else "wb")
        file.truncate(done)
        file.seek(done)
    except OSError as error:
        raise WeightsError(f"{partial}: cannot be written ({error.strerror})", _room_hint()) from error
    return file


def _copy(
    response: Any, file: IO[bytes], digest: Digest, source: Source, done: int, total: int | None, progress: Progress | None
) -> int:
    written = 0
    while chunk := response.read(READ):
        written += len(chunk)
        if source.size is not None and done + written > source.size:
            raise WeightsError(f"{source.name}: {_host(source.url)} sends more than the {source.size:,} bytes it should be")
        try:
            file.write(chunk)
        except OSError as error:
            raise WeightsError(f"{file.name}: cannot be written ({error.strerror})", _room_hint()) from error
        digest.update(chunk)
        if progress is not None:
            progress(source.name, done + written, total or source.size)
    return written


def _hash_so_far(partial: Path, source: Source, done: int, total: int | None = None) -> Digest:
    digest = Digest(source.hash, source.size or total or done)
    if done:
        with partial.open("rb") as file:
            left = done
            while left and (chunk := file.read(min(CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
    return digest


def _check_size(source: Source, total: int | None) -> None:
    if source.size is not None and total is not None and total != source.size:
        raise WeightsError(
            f"{source.name}: {_host(source.url)} offers {total:,} bytes where the card says {source.size:,}",
            "the file was replaced at its source; nothing was fetched",
            code="altered",
        )


def _room_hint() -> str:
    return "make room, or set GENKIT_CACHE to a folder on a larger disk"


def _attempts_for(error: Exception) -> int:
    """How often to ask again before anything came: a network that is off is said at once."""
    return 0 if is_off(error) else 1 if isinstance(getattr(error, "reason", error), TimeoutError) else len(PAUSES_S)


def _pause_or_give_up(error: Exception, source: Source, partial: Path, empty_attempts: int, most: int) -> None:
    pause = PAUSES_S[min(empty_attempts, len(PAUSES_S)) - 1] if empty_attempts else 0.0
    if isinstance(error, urllib.error.HTTPError):
        status = error.code
        if status == 416:
            partial.unlink(missing_ok=True)
        elif status != 429 and status < 500:
            raise _refused(status, source) from None
        asked = _whole_number(error.headers.get("Retry-After"))
        pause = max(pause, min(asked or 0, LONGEST_PAUSE_S))
    if empty_attempts > most:
        if isinstance(getattr(error, "reason", error), TimeoutError):
            _silent[_host(source.url)] = time.monotonic()
        raise _unreachable(error, source, partial) from error
    time.sleep(pause)


def _unreachable(error: Exception, source: Source, partial: Path | None) -> WeightsError:
    reason = getattr(error, "reason", None) or error
    kept = f"; {size_text(partial.stat().st_size)} are kept" if partial and partial.exists() and source.hash else ""
    return WeightsError(
        f"{source.name}: cannot be fetched from {_host(source.url)} ({reason}){kept}",
        "check the connection and run the same command again: it goes on where it stopped",
        code="unreachable",
    )


def _refused(status: int, source: Source) -> WeightsError:
    hint = "the address of this model is dead; look for a newer genkit"
    if status in (401, 403):
        hint = "the server wants to know you: accept the terms on the model's page, then set HF_TOKEN"
    return WeightsError(f"{source.name}: {_host(source.url)} answered {status}", hint, code="refused")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follow redirects to safe addresses only, and leave credentials behind when the host changes."""

    def __init__(self, name: str):
        self.name = name

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        refuse_unsafe(newurl, self.name, req.full_url)
        following = super().redirect_request(req, fp, code, msg, headers, newurl)
        if following is None:
            return None
        if req.get_method() == "HEAD":
            following.method = "HEAD"
        if urlsplit(newurl).netloc != urlsplit(req.full_url).netloc:
            following.remove_header("Authorization")
        return following


def open_source(
    source: Source, ranges: Mapping[str, str] | None = None, method: str = "GET", timeout: float = TIMEOUT_S
) -> Any:
    """Open an address for reading: the response, as urllib gives it.

    Raises:
        WeightsError: it is not a safe one, or leads to one that is not. OSError, http.client.HTTPException: it cannot be had.
    """
    refuse_unsafe(source.url, source.name)
    if time.monotonic() - _silent.get(_host(source.url), -SILENCE_S) < SILENCE_S:
        raise TimeoutError("it did not answer a moment ago")
    headers = {"User-Agent": "genkit", "Accept-Encoding": "identity", **(source.headers or {}), **(ranges or {})}
    handlers: list[Any] = [_Redirects(source.name)]
    if urlsplit(source.url).hostname in LOOPBACK:
        handlers.append(urllib.request.ProxyHandler({}))  # a proxy would look for the file on its own loopback
    if source.certificates is not None:
        handlers.append(_trusting(source.certificates))
    request = urllib.request.Request(source.url, headers=headers, method=method)
    return urllib.request.build_opener(*handlers).open(request, timeout=timeout)


def _trusting(certificates: Path) -> urllib.request.HTTPSHandler:
    import ssl

    try:
        return urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=str(certificates)))
    except OSError as error:  # ssl's own errors are such
        raise WeightsError(f"{certificates}: certificates cannot be read ({error.strerror})", code="settings") from error


def _continues(content_range: str | None, done: int) -> bool:
    """Whether `bytes 100-199/200` starts where we stopped."""
    return bool(content_range) and str(content_range).removeprefix("bytes ").split("-")[0].strip() == str(done)


def _whole_number(text: str | None) -> int | None:
    return int(text) if text and text.strip().isdecimal() else None


def _host(url: str | None) -> str:
    return urlsplit(url or "").netloc
