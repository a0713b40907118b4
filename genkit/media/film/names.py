"""The kinds of film: their names, suffixes, what they hold, and whether a file is one (standard library only).

A film is a container of streams (MP4, MOV, MKV, WebM, AVI, MPEG-TS and what else is read), an animation (GIF, APNG, animated
WebP and AVIF), or a row of numbered pictures: `frames/%04d.png`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path, PurePath

from genkit.errors import InputError
from genkit.media.pictures.formats import FORMATS

# suffix -> kind
CONTAINERS: Mapping[str, str] = {
    ".mp4": "MP4",
    ".m4v": "MP4",
    ".mov": "MOV",
    ".qt": "MOV",
    ".mkv": "MKV",
    ".webm": "WEBM",
    ".avi": "AVI",
    ".ts": "TS",
    ".m2ts": "TS",
    ".mts": "TS",
}
ONLY_READ = frozenset({".mpg", ".mpeg", ".vob", ".wmv", ".asf", ".flv", ".f4v", ".3gp", ".3g2", ".ogv", ".mxf"})
ANIMATIONS: Mapping[str, str] = {".gif": "GIF", ".png": "PNG", ".apng": "PNG", ".webp": "WEBP", ".avif": "AVIF"}
FRAMES = "FRAMES"  # a row of numbered pictures
FILM_SUFFIXES = frozenset(CONTAINERS) | ONLY_READ
SUFFIX_OF: Mapping[str, str] = {
    "MP4": ".mp4",
    "MOV": ".mov",
    "MKV": ".mkv",
    "WEBM": ".webm",
    "AVI": ".avi",
    "TS": ".ts",
    "GIF": ".gif",
    "PNG": ".png",
    "WEBP": ".webp",
    "AVIF": ".avif",
}
MUXERS: Mapping[str, str] = {
    "MP4": "mp4",
    "MOV": "mov",
    "MKV": "matroska",
    "WEBM": "webm",
    "AVI": "avi",
    "TS": "mpegts",
    "GIF": "gif",
    "PNG": "apng",
    "WEBP": "webp",
    "AVIF": "avif",
}
KINDS = tuple(MUXERS)
MUXED = frozenset({*CONTAINERS.values(), "GIF"})  # which a name means that is no picture's
_NUMBER = re.compile(r"%0?\d*d")


def is_animation(kind: str) -> bool:
    return kind in ANIMATIONS.values()


def is_row(path: Path | str) -> bool:
    """Whether a name means a row of numbered pictures: `frames/%04d.png`, which is no file, or a folder of them."""
    name = PurePath(path).name
    return Path(path).is_dir() or (len(_NUMBER.findall(name)) == 1 and not Path(path).exists())


def numbered(pattern: Path) -> list[Path]:
    """The files of a row of numbered pictures, by their numbers; of a folder all its pictures, by the last number in their
    names."""
    if pattern.is_dir():
        files = [one for one in pattern.iterdir() if one.suffix.lower() in FORMATS and not one.name.startswith(".")]
        return sorted(files, key=lambda one: ([int(digits) for digits in re.findall(r"\d+", one.stem)][-1:] or [0], one.name))
    if len(_NUMBER.findall(pattern.name)) != 1:
        return []
    before, after = _NUMBER.split(pattern.name)
    one = re.compile(re.escape(before) + r"(\d+)" + re.escape(after))
    found = []
    with suppress(OSError):
        found = [(int(match[1]), path) for path in pattern.parent.iterdir() if (match := one.fullmatch(path.name))]
    return [path for _, path in sorted(found)]


def kind_of_name(name: str | PurePath | None) -> str | None:
    """The kind of film that a suffix or a word (`mp4`, `mkv`) says, or None; of pictures' suffixes the animation's."""
    if name is None:
        return None
    suffix = PurePath(name).suffix.lower() or f".{str(name).lower()}"
    return CONTAINERS.get(suffix) or ANIMATIONS.get(suffix)


def is_film(path: Path) -> bool:
    """Whether a file is a film: by its suffix, and what could be one picture by its header."""
    suffix = path.suffix.lower()
    if suffix in FILM_SUFFIXES:
        return not is_program(path)
    return suffix in ANIMATIONS and frames_of(path) != 1


def is_film_input(path: Path | None) -> bool:
    """Whether an input is a film: a file, or a row of numbered pictures."""
    return path is not None and (is_row(path) or is_film(path))


def frames_of(path: Path) -> int:
    """How many frames a file of a picture's format has, 0 where they are several; 1 of what is no such file."""
    from genkit.media.pictures import containers, headers

    try:
        facts = headers.probe(path)
        if facts.format not in ANIMATIONS.values():
            return 1
        if facts.format == "GIF":
            with path.open("rb") as stream:
                return _gif_frames(stream.read(1 << 26))
        if facts.format == "AVIF":
            with path.open("rb") as stream:
                return 0 if stream.read(12)[8:12] == b"avis" else 1
    except (InputError, OSError, containers.BrokenContainer):
        return 1
    return facts.frames


def _gif_frames(data: bytes) -> int:
    """Count the pictures of a GIF; of a damaged one those that are there."""
    count = 0
    try:
        at = 13 + (3 << (data[10] & 7) + 1 if data[10] & 128 else 0)
        while data[at] != 0x3B:
            if data[at] == 0x2C:
                count += 1
                at += 10 + (3 << (data[at + 9] & 7) + 1 if data[at + 9] & 128 else 0) + 1
            else:
                at += 2
            while data[at]:
                at += 1 + data[at]
            at += 1
    except IndexError:
        pass
    return count or 1


def is_program(path: Path) -> bool:
    """Whether a .ts is a program's text, and no MPEG stream, which begins with its mark."""
    if path.suffix.lower() not in (".ts", ".mts"):
        return False
    try:
        with path.open("rb") as stream:
            head = stream.read(197)
    except OSError:
        return False
    return bool(head) and head[:1] != b"G" and head[4:5] != b"G"
