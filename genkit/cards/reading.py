"""Read a card and check every field: an unknown field, a wrong type or an impossible value is an error that names it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from genkit.cards.abilities import ABILITIES
from genkit.cards.card import Card, CardFile, Folder, Hash, Hub, Member, Option, Package
from genkit.cards.places import user_folder, weights_folder
from genkit.errors import WeightsError
from genkit.files import read_toml

DTYPES = ("float32", "float16", "bfloat16")
NAME = re.compile(r"[a-z0-9]+(?:[.-][a-z0-9]+)*")
TASK = re.compile(r"[a-z][a-z0-9]*")
FAMILY = re.compile(r"[a-z][a-z0-9_]*")
FULL_REVISION = re.compile(r"[0-9a-f]{40}")
REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")  # and what turns the direction of text round
HASH_DIGITS = {"sha256": (64, 64), "sha256-prefix": (8, 63), "md5": (32, 32), "git-sha1": (40, 40)}
OPTION_TYPES: dict[str, tuple[type, ...]] = {
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "str": (str,),
    "choice": (str,),
}
LOOPBACK = ("127.0.0.1", "localhost", "::1")

# Field of the card: the TOML type that it must have.
FIELDS: dict[str, type] = {
    "name": str,
    "aliases": list,
    "tasks": list,
    "family": str,
    "summary": str,
    "licence": str,
    "commercial": bool,
    "gated": bool,
    "recommended": bool,
    "paper": str,
    "source": str,
    "verified": bool,
    "params": dict,
    "limits": dict,
    "dtypes": list,
    "defaults": dict,
    "options": dict,
    "can": list,
    "requires": str,
    "files": dict,
    "hub": dict,
    "folder": dict,
    "package": dict,
    "ran": str,
    "instead": str,
    "superseded_by": str,
    "sample": str,
    "trained_by": str,
    "data": str,
    "metrics": dict,
}
ADDRESS_FIELDS: dict[str, type] = {"url": str, "mirrors": list, "member": str, "parts": list}
FILE_FIELDS: dict[str, type] = {"path": str, "name": str, "hash": str, "size": int, **ADDRESS_FIELDS}
HUB_FIELDS: dict[str, type] = {"repo": str, "revision": str, "patterns": list, "files": dict}
HUB_FILE_FIELDS: dict[str, type] = {"role": str, "hash": str, "size": int, **ADDRESS_FIELDS}
FOLDER_FIELDS: dict[str, type] = {"path": str, "files": dict}
FOLDER_FILE_FIELDS: dict[str, type] = {"hash": str, "size": int}
PACKAGE_FIELDS: dict[str, type] = {"index": str, "name": str, "version": str, "file": str, "sha256": str, "size": int}
PACKAGE_NAMES = {
    "pypi": re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"),
    "npm": re.compile(r"(?:@[a-z0-9~-][a-z0-9._~-]*/)?[a-z0-9~-][a-z0-9._~-]*"),
}
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz")
OPTION_FIELDS: dict[str, type] = {
    "type": str,
    "default": object,
    "minimum": float,
    "maximum": float,
    "choices": list,
    "help": str,
}


def read_card(path: Path) -> Card:
    """Read and check one card.

    Raises:
        WeightsError: unreadable, an unknown field, or a value that cannot be right; names file and field.
    """
    try:
        raw = read_toml(path)
    except (OSError, ValueError) as error:
        raise WeightsError(f"{path}: not a model card ({error})", code="card") from error
    return parse_card(raw, path)


def parse_card(raw: Mapping[str, Any], path: Path) -> Card:
    """Check the fields of a card that lies, or will lie, at `path`."""
    check = _Checker(path)
    check.printable(raw)
    check.table(raw, FIELDS, "")
    for needed in ("name", "tasks", "family", "summary", "licence"):
        if not raw.get(needed):
            check.fail(needed, "is missing")
    check.that(bool(NAME.fullmatch(raw["name"])), "name", "must be lower-case words joined by hyphens")
    check.that(not raw["name"].endswith(".train"), "name", "cannot end in .train, as training configurations do")
    check.that(raw["name"] == path.stem, "name", f"must be the name of the file, {path.stem}")
    tasks = check.texts(raw["tasks"], "tasks", TASK)
    check.that(bool(FAMILY.fullmatch(raw["family"])), "family", "must be a module name")
    for name in ("paper", "source"):
        if "://" in raw.get(name, ""):  # a book or "trained with genkit" is a source, too
            check.link(raw[name], name)
    dtypes = check.texts(raw.get("dtypes", ["float32"]), "dtypes")
    check.that(bool(dtypes) and set(dtypes) <= set(DTYPES), "dtypes", f"must be among {', '.join(DTYPES)}")
    user = path.is_relative_to(user_folder()) or not path.is_relative_to(weights_folder())
    ran = raw.get("ran", "")
    check.that("/" not in raw.get("sample", "") and "\\" not in raw.get("sample", ""), "sample", "must be the name of a file")
    check.that(not ran or bool(re.fullmatch(r"\d{4}-\d{2}-\d{2}", ran)), "ran", "must be a day, as 2026-11-30")
    packages = check.packages(raw["package"]) if "package" in raw else {}
    files = {role: check.file(role, one, user, packages) for role, one in raw.get("files", {}).items()}
    hub = check.hub(raw["hub"], packages) if "hub" in raw else None
    folder = check.folder(raw["folder"], user) if "folder" in raw else None
    check.that(folder is None or hub is None, "folder", "is beside the card, and hub is not: one of them")
    verified = raw.get("verified", True)
    if verified:
        check.pinned(files, hub)
    for name, value in raw.get("limits", {}).items():
        check.that(
            isinstance(value, int) and not isinstance(value, bool) and value > 0, f"limits.{name}", "must be a whole number"
        )
    for name, value in raw.get("params", {}).items():
        if name in ("scale", "receptive"):
            check.that(type(value) is int and value > 0, f"params.{name}", "must be a whole number")
        if name == "can":  # where voices said it before there was the field
            check.that(isinstance(value, list), "params.can", "must be of type list")
            check.texts(value, "params.can")
    options = tuple(check.option(name, one) for name, one in raw.get("options", {}).items())
    declared = check.abilities(raw.get("can", []), tasks)
    local = hub is None and all(one.path is not None for one in files.values())
    return Card(
        **{
            **{name: value for name, value in raw.items() if name not in ("can", "package")},
            "tasks": tasks,
            "toml": path,
            "origin": "user" if user else ("shipped" if local else "catalogue"),
            "aliases": check.texts(raw.get("aliases", []), "aliases", re.compile(r"[\w.+-]+")),
            "dtypes": dtypes,
            "options": options,
            "declared": declared,
            "files": files,
            "hub": hub,
            "folder": folder,
        }
    )


class _Checker:
    """Checks that know which card they speak of."""

    def __init__(self, path: Path):
        self.path = path

    def fail(self, where: str, why: str) -> None:
        raise WeightsError(f"{self.path}: {where} {why}", "fields of a card: CONTRIBUTING.md, How to add a model", code="card")

    def that(self, holds: bool, where: str, why: str) -> None:
        if not holds:
            self.fail(where, why)

    def printable(self, value: Any) -> None:
        """Refuse signs that a terminal would obey, in names and texts: what a card says is shown in lists."""
        if isinstance(value, str):
            if sign := CONTROL.search(value):
                self.fail(ascii(value[:60]), f"holds the control character {sign[0]!a}")
        elif isinstance(value, (dict, list)):
            for inner in (*value, *value.values()) if isinstance(value, dict) else value:
                self.printable(inner)

    def table(self, value: Any, fields: Mapping[str, type], where: str) -> None:
        prefix = f"{where}." if where else ""
        if not isinstance(value, Mapping):
            self.fail(where, "must be a table")
        for name, one in value.items():
            if name not in fields:
                self.fail(f"{prefix}{name}", f"is not a field; known fields: {', '.join(fields)}")
            wanted = fields[name]
            right = isinstance(one, (int, float)) if wanted is float else isinstance(one, wanted)
            if not right or (isinstance(one, bool) and wanted in (int, float)):
                self.fail(f"{prefix}{name}", f"must be of type {wanted.__name__}")

    def texts(self, value: Any, where: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        for one in value:
            self.that(isinstance(one, str) and (pattern is None or bool(pattern.fullmatch(one))), where, f"cannot hold {one!r}")
        self.that(len(set(value)) == len(value), where, "says a thing twice")
        return tuple(value)

    def abilities(self, value: list[Any], tasks: tuple[str, ...]) -> tuple[str, ...]:
        known = {word for task in tasks for word in ABILITIES.get(task, {})}
        for one in (found := self.texts(value, "can")):
            words = f"known for {' and '.join(tasks)}: {', '.join(sorted(known)) or 'nothing'}"
            self.that(one in known, "can", f"cannot hold {one!r}; {words}; an option needs no word")
        return found

    def link(self, value: str, where: str) -> None:
        parts = urlsplit(value)
        safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        self.that(safe and bool(parts.hostname), where, f"must be an https address, not {value!r}")

    def hash(self, value: str, where: str) -> Hash:
        algorithm, _, digits = value.partition(":")
        low, high = HASH_DIGITS.get(algorithm, (1, 0))
        right = low <= len(digits) <= high and bool(re.fullmatch(r"[0-9a-f]+", digits))
        self.that(right, where, f"must be {', '.join(HASH_DIGITS)}, a colon and that many lower-case hex digits, not {value!r}")
        return Hash(algorithm, digits)

    def sizes(self, raw: Mapping[str, Any], where: str) -> dict[str, Any]:
        self.that(raw.get("size", 1) > 0, f"{where}.size", "must be above 0")
        return {"size": raw.get("size"), "hash": self.hash(raw["hash"], f"{where}.hash") if "hash" in raw else None}

    def file(self, role: str, raw: Any, user: bool, packages: Mapping[str, Package]) -> CardFile:
        where = f"files.{role}"
        self.table(raw, FILE_FIELDS, where)
        self.that(bool(re.fullmatch(r"[a-z][a-z0-9_]*", role)), where, "must be a lower-case word")
        fetched = bool(ADDRESS_FIELDS.keys() & raw.keys())
        self.that(("path" in raw) != fetched, where, "needs a path or an address (url, member, parts), and not both")
        if "path" in raw and not user:
            self.relative(raw["path"], f"{where}.path")
        if "name" in raw:
            self.relative(raw["name"], f"{where}.name")
            self.that(fetched and "/" not in raw["name"], f"{where}.name", "must be the name of a file that is fetched")
        return CardFile(role, raw.get("path"), name=raw.get("name"), **self.addresses(raw, where, packages))

    def addresses(self, raw: Mapping[str, Any], where: str, packages: Mapping[str, Package]) -> dict[str, Any]:
        """The ways to the same bytes: `url` and `mirrors` of it, a `member` of a package or `parts` to join; hash and size."""
        given = {"url": [raw["url"]] if "url" in raw else [], "mirrors": raw.get("mirrors", [])}
        for field, urls in given.items():
            for url in self.texts(urls, f"{where}.{field}"):
                self.link(url, f"{where}.{field}")
                self.that(bool(PurePosixPath(urlsplit(url).path).name), f"{where}.{field}", "must end in a file name")
        self.that(not ("member" in raw and "parts" in raw), where, "needs a member or parts to join, and not both")
        names = self.texts([raw["member"]] if "member" in raw else raw.get("parts", []), f"{where}.parts")
        members = tuple(self.member(one, f"{where}.{'member' if 'member' in raw else 'parts'}", packages) for one in names)
        ways = len(given["url"]) + len(given["mirrors"]) + bool(members)
        self.that(ways < 2 or "hash" in raw, f"{where}.hash", "is needed where a file has several addresses")
        self.that(not members or ("hash" in raw and "size" in raw), where, "needs hash and size, as it comes from a package")
        return {"urls": (*given["url"], *given["mirrors"]), "members": members, **self.sizes(raw, where)}

    def member(self, text: str, where: str, packages: Mapping[str, Package]) -> Member:
        """`NAME` where the card has one package, `LABEL:NAME` where it has several."""
        label, name = ("", text) if "" in packages else text.partition(":")[::2]
        self.that(label in packages, where, f"is of no package of this card: {text!r}")
        self.relative(name, where)
        return Member(packages[label], name)

    def packages(self, raw: Any) -> dict[str, Package]:
        """`[package]`, under an empty label, or several `[package.LABEL]`."""
        several = bool(raw) and all(isinstance(one, dict) for one in raw.values())
        return {
            label: self.package(one, f"package.{label}" if label else "package")
            for label, one in (raw if several else {"": raw}).items()
        }

    def package(self, raw: Any, where: str) -> Package:
        self.table(raw, PACKAGE_FIELDS, where)
        for needed in PACKAGE_FIELDS:
            self.that(bool(raw.get(needed)), f"{where}.{needed}", "is missing")
        self.that(raw["index"] in PACKAGE_NAMES, f"{where}.index", f"must be one of {', '.join(PACKAGE_NAMES)}")
        self.that(bool(PACKAGE_NAMES[raw["index"]].fullmatch(raw["name"])), f"{where}.name", "must be the name of a package")
        self.that(bool(re.fullmatch(r"[\w.+!-]+", raw["version"])), f"{where}.version", "must be a version")
        self.relative(raw["file"], f"{where}.file")
        known = "/" not in raw["file"] and raw["file"].endswith(ARCHIVES)
        self.that(known, f"{where}.file", f"must be a file name that ends in {', '.join(ARCHIVES)}")
        self.that(raw["size"] > 0, f"{where}.size", "must be above 0")
        hash_ = self.hash(f"sha256:{raw['sha256']}", f"{where}.sha256")
        return Package(raw["index"], raw["name"], raw["version"], raw["file"], hash_, raw["size"])

    def relative(self, value: str, where: str) -> None:
        parts = PurePosixPath(value)
        safe = not parts.is_absolute() and ".." not in parts.parts and "\\" not in value and ":" not in value and parts.name
        self.that(bool(safe), where, "must be a relative path that stays in its folder")

    def hub(self, raw: Any, packages: Mapping[str, Package]) -> Hub:
        self.table(raw, HUB_FIELDS, "hub")
        for needed in ("repo", "revision"):
            self.that(bool(raw.get(needed)), f"hub.{needed}", "is missing")
        self.that(bool(REPOSITORY.fullmatch(raw["repo"])), "hub.repo", "must be owner/name")
        self.that(bool(re.fullmatch(r"[\w.-]+", raw["revision"])), "hub.revision", "must be a commit or a branch")
        files: dict[str, CardFile] = {}
        for path, one in raw.get("files", {}).items():
            where = f"hub.files.{path}"
            self.relative(path, where)
            self.table(one, HUB_FILE_FIELDS, where)
            files[path] = CardFile(one.get("role", path), path, **self.addresses(one, where, packages))
            self.that(files[path].hash is not None, where, "needs a hash; files without one go into hub.patterns")
        patterns = self.texts(raw.get("patterns", []), "hub.patterns")
        self.that(bool(files or patterns), "hub", "needs files or patterns")
        return Hub(raw["repo"], raw["revision"], patterns, files)

    def folder(self, raw: Any, user: bool) -> Folder:
        self.table(raw, FOLDER_FIELDS, "folder")
        self.that(bool(raw.get("path")), "folder.path", "is missing")
        if not user:
            self.relative(raw["path"], "folder.path")
        files: dict[str, CardFile] = {}
        for path, one in raw.get("files", {}).items():
            where = f"folder.files.{path}"
            self.relative(path, where)
            self.table(one, FOLDER_FILE_FIELDS, where)
            files[path] = CardFile(path, f"{raw['path']}/{path}", **self.sizes(one, where))
        return Folder(raw["path"], files)

    def pinned(self, files: Mapping[str, CardFile], hub: Hub | None) -> None:
        """A card that is not marked `verified = false` must pin whole files and a full commit."""
        for role, one in files.items():
            whole = one.path is not None or (one.hash is not None and one.hash.algorithm == "sha256")
            self.that(whole, f"files.{role}.hash", "must be a whole sha256, or the card needs verified = false")
        if hub is not None:
            full = bool(FULL_REVISION.fullmatch(hub.revision))
            self.that(full, "hub.revision", "must be a full commit, or the card needs verified = false")

    def option(self, name: str, raw: Any) -> Option:
        where = f"options.{name}"
        self.table(raw, OPTION_FIELDS, where)
        kind = raw.get("type", "")
        self.that(kind in OPTION_TYPES, f"{where}.type", f"must be one of {', '.join(OPTION_TYPES)}")
        self.that((kind == "choice") == ("choices" in raw), f"{where}.choices", "belongs to the type choice")
        choices = self.texts(raw.get("choices", []), f"{where}.choices")
        option = Option(name, kind, raw.get("default"), raw.get("minimum"), raw.get("maximum"), choices, raw.get("help", ""))
        if option.default is not None:
            fits = isinstance(option.default, OPTION_TYPES[kind]) and isinstance(option.default, bool) == (kind == "bool")
            fits = fits and (not choices or option.default in choices)
            self.that(
                fits and (kind not in ("int", "float") or option.within(option.default)), f"{where}.default", "does not fit"
            )
        return option
