"""What a card says: plain frozen records, and the options that one model adds to its verb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from genkit.errors import UsageError


@dataclass(frozen=True)
class Hash:
    """`sha256`, `sha256-prefix` (its first digits, as file names carry them), `md5`, or `git-sha1` (of the blob)."""

    algorithm: str
    value: str

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.value}"


@dataclass(frozen=True)
class Package:
    """An archive of a package index: of PyPI a wheel or sdist by its `file` name, of npm the tarball of that version."""

    index: str
    name: str
    version: str
    file: str
    hash: Hash
    size: int

    def __str__(self) -> str:
        return f"package {self.name} {self.version} ({self.index})"


@dataclass(frozen=True)
class Member:
    """A file inside an archive, by its exact name there."""

    package: Package
    name: str


@dataclass(frozen=True)
class CardFile:
    """One file of a model. `path` is relative to the card (or, in a hub, to the repository). Its addresses, each for the same
    bytes: `urls`, and `members` of packages that make it when they are joined. `name` is what its copy is called here, where
    that is not what its address calls it."""

    role: str
    path: str | None = None
    urls: tuple[str, ...] = ()
    hash: Hash | None = None
    size: int | None = None
    members: tuple[Member, ...] = ()
    name: str | None = None

    @property
    def has_address(self) -> bool:
        """Whether it is fetched, and does not lie beside its card."""
        return bool(self.urls or self.members)


@dataclass(frozen=True)
class Hub:
    """A Hugging Face repository at `revision`; `files` (by path) are fetched one by one, `patterns` through huggingface_hub."""

    repo: str
    revision: str
    patterns: tuple[str, ...] = ()
    files: Mapping[str, CardFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Folder:
    """A model of several files that lie together: `path` is relative to the card, `files` go by their path inside it."""

    path: str
    files: Mapping[str, CardFile] = field(default_factory=dict)


@dataclass(frozen=True)
class Option:
    """A setting of one model, given on the command line as `-O name=value`."""

    name: str
    type: str
    default: Any = None
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    help: str = ""

    def parse(self, text: str, flag: str | None = None) -> Any:
        """Turn command-line text into a checked value; `flag` is how the option is called where it has a spelling of its own.

        Raises:
            UsageError: not of the type, out of bounds, or not one of the choices.
        """
        wanted = {"int": "a whole number", "float": "a number", "bool": "yes or no"}.get(self.type, "text")
        given = f"{flag} {text}" if flag else f"-O {self.name}={text}"
        try:
            if self.type == "bool":
                value: Any = {
                    "1": True,
                    "true": True,
                    "yes": True,
                    "on": True,
                    "0": False,
                    "false": False,
                    "no": False,
                    "off": False,
                }[text.strip().lower()]
            else:
                value = {"int": int, "float": float}.get(self.type, str)(text)
        except (KeyError, ValueError):
            raise UsageError(f"{given}: expected {wanted}") from None
        if self.choices and value not in self.choices:
            raise UsageError(f"{given}: expected one of {', '.join(self.choices)}")
        if self.type in ("int", "float") and not self.within(value):
            raise UsageError(f"{given}: expected {wanted} from {self.minimum} to {self.maximum}")
        return value

    def within(self, value: float) -> bool:
        low = -float("inf") if self.minimum is None else self.minimum
        high = float("inf") if self.maximum is None else self.maximum
        return low <= value <= high  # False for not-a-number


@dataclass(frozen=True)
class Card:
    """What is known about one model. `commercial` is None where the licence does not say; `declared` is the field `can`, which
    the property unites with what follows from the rest; `ran` is the day on which genkit's makers ran its real files,
    empty where they never did; `instead` names a card of the same network that other addresses have, `superseded_by` one that
    does the same work better and is newer, `sample` a picture of the documentation that shows what it makes."""

    name: str
    tasks: tuple[str, ...]
    family: str
    toml: Path
    origin: str
    aliases: tuple[str, ...] = ()
    summary: str = ""
    licence: str = ""
    commercial: bool | None = None
    gated: bool = False
    recommended: bool = False
    paper: str = ""
    source: str = ""
    verified: bool = True
    params: Mapping[str, Any] = field(default_factory=dict)
    limits: Mapping[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float32",)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[Option, ...] = ()
    declared: tuple[str, ...] = ()
    requires: str | None = None
    files: Mapping[str, CardFile] = field(default_factory=dict)
    hub: Hub | None = None
    folder: Folder | None = None
    ran: str = ""
    instead: str = ""
    superseded_by: str = ""
    sample: str = ""
    trained_by: str | None = None
    data: str | None = None
    metrics: Mapping[str, Any] | None = None

    @property
    def task(self) -> str:
        return self.tasks[0]

    @property
    def can(self) -> frozenset[str]:
        """What may be asked of this model beyond its verb's plain work, by the words of `cards/abilities.py`."""
        from genkit.cards.abilities import abilities

        return abilities(self)

    @property
    def shipped(self) -> bool:
        """Every file lies beside the card: nothing is ever fetched."""
        return self.hub is None and all(one.path is not None for one in self.files.values())

    @property
    def size(self) -> int | None:
        """Bytes of all files together: to the byte where the card says it of each, else as `limits.disk_mb` has it, rounded;
        None where it is not known."""
        sizes = [self._size_of(one) for one in self.every_file]
        if None in sizes or (self.hub is not None and self.hub.patterns):
            return int(self.limits["disk_mb"] * 10**6) if "disk_mb" in self.limits else None
        return sum(size or 0 for size in sizes)

    def _size_of(self, one: CardFile) -> int | None:
        if one.size is None and one.path is not None and self.hub is None:
            try:
                return self.beside(one).stat().st_size
            except OSError:
                return None
        return one.size

    @property
    def every_file(self) -> tuple[CardFile, ...]:
        together = self.folder.files.values() if self.folder else ()
        return (*self.files.values(), *together, *(self.hub.files.values() if self.hub else ()))

    @property
    def key(self) -> str:
        """The name as files and folders may be called: that of a card is so already, `hub:owner/name` is not."""
        import re

        if re.fullmatch(r"[A-Za-z0-9.-]+", self.name):
            return self.name
        import hashlib

        return f"{re.sub('[^A-Za-z0-9.-]+', '-', self.name)}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"

    @property
    def revision(self) -> str:
        """What tells this model from another of the same name: the hash of its first file, or the hub's commit."""
        first = next((one.hash for one in self.every_file if one.hash), None)
        return str(first) if first else (self.hub.revision if self.hub else "")

    def beside(self, one: CardFile) -> Path:
        """Where a file with a `path` lies."""
        return self.toml.parent / (one.path or "")

    def parse_options(self, given: Iterable[str]) -> dict[str, Any]:
        """Check `key=value` texts and return them with the other options' defaults.

        Raises:
            UsageError: a key that this model does not have, or a value that it does not take.
        """
        known = {option.name: option for option in self.options}
        values = {option.name: option.default for option in self.options if option.default is not None}
        for text in given:
            key, equals, value = text.partition("=")
            if not equals:
                raise UsageError(f"-O {text}: expected key=value")
            if key not in known:
                listing = ", ".join(known) if known else "none"
                raise UsageError(f"{self.name} has no option {key}", f"its options: {listing}")
            values[key] = known[key].parse(value)
        return values
