"""The recipe of an output: what made it, kept inside the file (standard library only, so that reading one is quick).

How a recipe becomes a command line again is `run/recipe.py`'s: here it is data that files carry.

A recipe is a dict: {"genkit": version, "verb", "model", "revision", "options": {...}, "seed", "input": {"name", "sha256"}}, and
where further files took part (a mask, a reference) "files": {option: {"name", "sha256"}}; the second and third file of one
option are `style_2` and `style_3`, and what their options say beside the file is "before" and "after" it. What was drawn from
words has them as "prompt" (or a list of them).
It is JSON in a PNG text chunk `genkit`, else in EXIF's UserComment, or, where the user's own comment stands there, in XMP
(`genkit:recipe`), which is where an MP4 has it; in other films `film/tags.py` says where, in sound it is a tag
(`sound/tags.py`). BMP holds none.
Files are hostile until read: a recipe that is no JSON object of that kind is none.
"""

from __future__ import annotations

import json
import mmap
import struct
from pathlib import Path
from typing import Any

from genkit.files import is_pipe, parse_json, read_input
from genkit.media.film import tags as films
from genkit.media.pictures import containers, exif, formats, xmp
from genkit.media.sound.formats import sniff_sound

PNG_KEYWORD = "genkit"
COMMENT_CODE = b"ASCII\0\0\0"
_LIMIT = 1 << 20  # characters; ours take a few hundred


def dump(recipe: dict[str, Any]) -> str:
    """Write a recipe as one line of ASCII JSON, the genkit version first (`is_recipe` knows it by that)."""
    return json.dumps({"genkit": "", **recipe}, ensure_ascii=True, separators=(", ", ": "), default=str)


def load(text: str) -> dict[str, Any] | None:
    """Read a recipe, or None for anything else."""
    if len(text) > _LIMIT or not is_recipe(text):
        return None
    try:
        recipe = parse_json(text)
    except ValueError:
        return None
    if not isinstance(recipe, dict) or not isinstance(recipe.get("verb"), str):
        return None
    return recipe


def is_recipe(text: str) -> bool:
    """Say whether a text was written as a recipe."""
    return text.startswith('{"genkit"')


def comment_text(value: exif.Value | None) -> str | None:
    """Read the text of an EXIF UserComment as far as a recipe needs it (ASCII), or None where it is another's."""
    if value is None or value.raw[:8] != COMMENT_CODE:
        return None
    return value.raw[8:].rstrip(b"\0 ").decode("ascii", "replace")


def comment_is_free(value: exif.Value | None) -> bool:
    """Say whether a UserComment is absent, blank, or an older recipe, so that a recipe may stand there."""
    if value is None or not value.raw[8:].strip(b"\0 "):
        return True
    text = comment_text(value)
    return text is not None and is_recipe(text)


def read_recipe(path: Path) -> dict[str, Any] | None:
    """Read the recipe that a file carries; None where it has none, is no picture, or is damaged.

    Raises:
        OSError: the file cannot be opened.
    """
    if is_pipe(path):
        whole = read_input(path)
        return recipe_of(whole, formats.sniff(whole[:64]))
    with path.open("rb") as stream:
        head = stream.read(32)
        format = formats.sniff(head)
        format = format or films.kind_of(head)
        if format is None and (sound := sniff_sound(head)) is not None:
            from genkit.media.sound.tags import read_text

            text = read_text(path, sound)
            return load(text) if text else None
        if format in (None, "BMP"):
            return None
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return recipe_of(data, format)


def recipe_of(data: Any, format: str | None) -> dict[str, Any] | None:
    """Read the recipe from a file's bytes (or a map of them)."""
    reader = {"PNG": _of_png, "JPEG": _of_jpeg, "WEBP": _of_webp, "TIFF": _of_tiff, "AVIF": _of_items, "HEIF": _of_items}
    reader |= {"GIF": _of_gif, "MP4": _of_film, "MKV": _of_matroska, "AVI": _of_avi}
    if format not in reader:
        return None
    try:
        return reader[format](data)
    except (ValueError, IndexError, OverflowError, struct.error):  # a damaged file has no recipe
        return None


def _of_png(data: Any) -> dict[str, Any] | None:
    for kind, start, length in containers.png_chunks(data):
        if kind in (b"tEXt", b"iTXt", b"zTXt") and data[start : start + 7] == b"genkit\0":
            return load(containers.png_text(kind, bytes(data[start : start + min(length, _LIMIT)]))[1])
        if kind == b"IDAT":  # ours stands before the pixels
            return None
    return None


def _of_jpeg(data: Any) -> dict[str, Any] | None:
    found = None
    for marker, start, length in containers.jpeg_segments(data):
        if marker == 0xE1:
            found = found or _of_block(bytes(data[start : start + length]))
    return found


def _of_webp(data: Any) -> dict[str, Any] | None:
    found = None
    for kind, start, length in containers.riff_chunks(data):
        if kind in (b"EXIF", b"XMP ") and length <= containers.BLOCK_LIMIT:
            found = found or _of_block(bytes(data[start : start + length]))
    return found


def _of_items(data: Any) -> dict[str, Any] | None:
    items = containers.read_items(data)
    found = None
    for kind, block in containers.metadata_items(data, items):
        found = found or _of_block(block[4:] if kind == b"Exif" else block)
    return found


def _of_gif(data: Any) -> dict[str, Any] | None:
    at = data.rfind(b"\x21\xfe")  # ours is the last comment, right before the end
    if at < 0 or len(data) - at > _LIMIT:
        return None
    pieces, at = [], at + 2
    while length := data[at]:
        pieces.append(bytes(data[at + 1 : at + 1 + length]))
        at += 1 + length
    return load(b"".join(pieces).decode("ascii"))


def _of_film(data: Any) -> dict[str, Any] | None:
    for kind, start, end in containers.boxes(data, 0, len(data)):
        if kind == b"uuid" and data[start : start + 16] == containers.XMP_BOX and end - start < containers.BLOCK_LIMIT:
            return _of_packet(bytes(data[start + 16 : end]))
    return None


def _of_matroska(data: Any) -> dict[str, Any] | None:
    text = films.in_matroska(data)
    return load(text) if text else None


def _of_avi(data: Any) -> dict[str, Any] | None:
    text = films.in_avi(data)
    return load(text) if text else None


def _of_tiff(data: Any) -> dict[str, Any] | None:
    block = exif.parse(data)
    packet = block.main.get(700)
    return _of_exif(block) or (_of_packet(packet.raw) if packet else None)


def _of_block(block: bytes) -> dict[str, Any] | None:
    """Read a recipe from an EXIF block or an XMP packet, with or without the name that JPEG puts before it."""
    if block[:29] == b"http://ns.adobe.com/xap/1.0/\0":
        return _of_packet(block[29:])
    if block[:6] == b"Exif\0\0" or block[:2] in (b"II", b"MM"):
        try:
            return _of_exif(exif.parse(block))
        except exif.BrokenExif:
            return None
    return _of_packet(block)


def _of_exif(block: exif.Exif) -> dict[str, Any] | None:
    text = comment_text(block.photo.get(exif.USER_COMMENT))
    return load(text) if text else None


def _of_packet(packet: bytes) -> dict[str, Any] | None:
    try:
        text = xmp.recipe_text(xmp.decode(packet))
    except xmp.BrokenXmp:
        return None
    return load(text) if text else None
