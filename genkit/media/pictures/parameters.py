"""The text block "parameters" that the common web UI, and many programs after it, write into pictures.

    the prompt, over any number of lines
    Negative prompt: what not to draw, likewise
    Steps: 20, Sampler: DPM++ 2M Karras, CFG scale: 7, Seed: 42, Size: 512x768, Model: name, Lora hashes: "a: 1, b: 2"

It stands in a PNG's text chunk `parameters`, in EXIF's UserComment (UTF-16 behind the word UNICODE), or in a text file.
"""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from genkit.errors import InputError
from genkit.files import parse_json, read_input
from genkit.media.pictures import exif, gathering
from genkit.media.pictures.formats import sniff
from genkit.media.pictures.metadata import Metadata

NEGATIVE = "Negative prompt:"
LARGEST_TEXT = 1 << 20  # bytes
_SETTINGS = re.compile(r'(?<![\w\-/.])([A-Za-z][\w \-/.]{0,60}):\s{0,8}("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')
_SETTINGS_LINE = re.compile(r"\s*Steps: ?\d+\s*(,|$)")
_READERS = {"PNG": gathering.from_png, "JPEG": gathering.from_jpeg, "WEBP": gathering.from_webp}


@dataclass(frozen=True)
class Parameters:
    """Prompts as they were written there, and the settings of the last line by their names."""

    prompt: str
    negative: str = ""
    settings: dict[str, str] = field(default_factory=dict)


def read_parameters(path: Path) -> Parameters | None:
    """Find and read the block in a file; None where there is none.

    Raises:
        InputError: the file cannot be opened.
    """
    try:
        data = read_input(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}", exit_code=2) from error
    format = sniff(data[:64])
    if format is None:
        plain = data[:LARGEST_TEXT].decode("utf-8-sig", "replace") if b"\0" not in data[:1024] else ""
        return parse(plain) if "Steps: " in plain else None
    try:
        found = _gathered(data, format)
    except (ValueError, IndexError, KeyError, OverflowError, struct.error):  # a damaged file says nothing
        return None
    if found is None:
        return None
    text = next((text for keyword, text in found.text if keyword == "parameters"), None)
    if text is None and found.exif is not None:
        text = _comment(found.exif.photo.get(exif.USER_COMMENT), found.exif.order)
    return parse(text) if text and ("Steps: " in text or NEGATIVE in text) else None


def _gathered(data: bytes, format: str) -> Metadata | None:
    if format in ("AVIF", "HEIF"):
        return gathering.from_items(data, None)
    return _READERS[format](data) if format in _READERS else None


def _comment(value: exif.Value | None, order: str) -> str | None:
    """The text of a UserComment, which begins with 8 bytes that name its encoding."""
    if value is None:
        return None
    code, body = value.raw[:8], value.raw[8:]
    if code == b"UNICODE\0":
        # Most write it big-endian whatever the block's order is; where half of it is zeros, they say which half.
        big = body[:200:2].count(0) >= body[1:200:2].count(0) if 0 in body[:200] else order == ">"
        return body.decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\0 ")
    return body.decode("utf-8", "replace").rstrip("\0 ")


def parse(text: str) -> Parameters:
    """Part a block into its three parts. Lines behind the settings, which programs add for themselves (templates, wildcards),
    are no prompt and left out."""
    lines = text.replace("\r\n", "\n").strip().split("\n")
    settings: dict[str, str] = {}
    if places := [place for place, line in enumerate(lines) if _SETTINGS_LINE.match(line)]:
        settings = _settings(lines[places[-1]])
        del lines[places[-1] :]
    body = "\n".join(lines)
    prompt, _, negative = body.partition(NEGATIVE)
    return Parameters(prompt.strip(), negative.strip(), settings)


def _settings(line: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in _SETTINGS.findall(line):
        if value.startswith('"'):
            try:
                value = str(parse_json(value))
            except ValueError:
                value = value.strip('"')
        found.setdefault(name.strip(), value.strip())
    return found
