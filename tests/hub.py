"""A file server and a Hugging Face hub on 127.0.0.1, with the faults that real ones have."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """What is served, how badly, and what was asked.

    `cuts` connections close after `cut_after` body bytes; `refusals` requests answer 503 (all of them after a cut, with
    `refuse_after_cut`); `redirects` maps a path to an address, `etags` to a tag that may lie, `types` to a media type (what has
    one is not cut); `gated` paths want the token `hf_test`; `slow_s` is slept before a body; with `stall_after`, the first
    request for a file gets that many bytes and then nothing for long; lists come by `page` entries.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    repos: dict[str, dict[str, bytes]] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    cuts: int = 0
    cut_after: int = 0
    refusals: int = 0
    refuse_after_cut: bool = False
    ignore_range: bool = False
    without_length: bool = False
    slow_s: float = 0.0
    stall_after: int = 0
    page: int = 0
    redirects: dict[str, str] = field(default_factory=dict)
    etags: dict[str, str] = field(default_factory=dict)
    types: dict[str, str] = field(default_factory=dict)
    gated: set[str] = field(default_factory=set)
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, path: str, content: bytes) -> str:
        self.files[path] = content
        return f"{self.url}{path}"

    def add_repo(self, repo: str, files: dict[str, bytes]) -> None:
        """Serve a repository whose only commit is `COMMIT`, on the branch main."""
        self.repos[repo] = files
        for name, content in files.items():
            for revision in (COMMIT, "main"):
                self.files[f"/{repo}/resolve/{revision}/{name}"] = content

    def gets(self, path: str | None = None) -> list[str | None]:
        """The Range headers of the GET requests for files, in order."""
        return [r for method, asked, r in self.requests if method == "GET" and asked in self.files and path in (None, asked)]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(f"blob {len(content)}\0".encode() + content).hexdigest()


@contextmanager
def serving() -> Iterator[FakeHub]:
    hub = FakeHub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            path = unquote(urlsplit(self.path).path)
            asked = self.headers.get("Range")
            with hub.lock:
                hub.requests.append((self.command, path, asked))
                hub.headers.append(dict(self.headers))
                refuse, cut = hub.refusals > 0, body and hub.cuts > 0 and path in hub.files and path not in hub.types
                hub.refusals -= refuse
                hub.cuts -= cut and not refuse
                if cut and hub.refuse_after_cut:
                    hub.refusals = 10**6
            if refuse:
                return self.short(503)
            if path in hub.gated and self.headers.get("Authorization") != "Bearer hf_test":
                return self.short(401)
            if path in hub.redirects:
                return self.short(302, Location=hub.redirects[path])
            if path.startswith("/api/models/"):
                return self.api(path.removeprefix("/api/models/"))
            content = hub.files.get(path)
            if content is None:
                return self.short(404)
            return self.file(path, content, None if hub.ignore_range else asked, body, cut)

        def file(self, path: str, content: bytes, asked: str | None, body: bool, cut: bool) -> None:
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            if asked and start >= len(content):
                return self.short(416)
            self.send_response(206 if asked else 200)
            if asked:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            if not hub.without_length:
                self.send_header("Content-Length", str(len(content) - start))
            large = not path.endswith((".json", ".txt"))
            tag = hub.etags.get(path) or (sha256(content) if large else git_sha1(content))
            self.send_header("ETag", f'"{tag}"')
            self.send_header("X-Repo-Commit", COMMIT)
            if path in hub.types:
                self.send_header("Content-Type", hub.types[path])
            self.send_header("Accept-Ranges", "bytes")
            if cut or hub.without_length:
                self.send_header("Connection", "close")
                self.close_connection = True
            self.end_headers()
            if body:
                time.sleep(hub.slow_s)
                if hub.stall_after:
                    self.wfile.write(content[start : start + hub.stall_after])
                    start, hub.stall_after = start + hub.stall_after, 0
                    hub.stalled.set()
                    hub.go_on.wait(30)
                self.wfile.write(content[start : start + hub.cut_after] if cut else content[start:])
            return None

        def api(self, path: str) -> None:
            repo = "/".join(path.split("/")[:2])
            if repo not in hub.repos:
                return self.short(404)
            if "/tree/" not in path:
                return self.json({"id": repo, "sha": COMMIT, "siblings": [{"rfilename": name} for name in hub.repos[repo]]})
            entries = []
            for name, content in hub.repos[repo].items():
                entry: dict[str, Any] = {"type": "file", "path": name, "size": len(content), "oid": git_sha1(content)}
                if not name.endswith((".json", ".txt")):
                    entry["lfs"] = {"oid": sha256(content), "size": len(content), "pointerSize": 130}
                entries.append(entry)
            page = hub.page or len(entries)
            start = int(parse_qs(urlsplit(self.path).query).get("cursor", ["0"])[0])
            following = f'<{hub.url}/api/models/{path}?recursive=true&cursor={start + page}>; rel="next"'
            return self.json(entries[start : start + page], **({"Link": following} if start + page < len(entries) else {}))

        def json(self, value: Any, **headers: str) -> None:
            raw = json.dumps(value).encode()
            self.send_response(200)
            for name, text in headers.items():
                self.send_header(name, text)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def short(self, status: int, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            pass  # a client that hangs up is part of the tests

    server = Server(("127.0.0.1", 0), Handler)
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        hub.go_on.set()
        server.shutdown()
        server.server_close()
        thread.join(5)
