"""Where a file has its settings: PNG texts, EXIF, XMP, transparency, or a text file of its own."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from genkit.errors import InputError
from genkit.files import parse_json, read_input
from genkit.media.parameters.block import NEGATIVE, Parameters, parse
from genkit.media.parameters.comfyui import read_graph
from genkit.media.parameters.programs import read_dream, read_program
from genkit.media.pictures import exif, gathering, xmp
from genkit.media.pictures.formats import sniff
from genkit.media.pictures.metadata import Metadata

LARGEST_TEXT = 16 << 20  # bytes of a text file: a graph with pictures in it, not a disk
EXIF_XMP = "http://ns.adobe.com/exif/1.0/"
_READERS = {"PNG": gathering.from_png, "JPEG": gathering.from_jpeg, "WEBP": gathering.from_webp}
_EXIF_TEXTS = {
    0x010E: "parameters",
    0x010F: "workflow",
    0x0110: "prompt",
}  # description; ComfyUI in the camera's maker and model
GRAPH_HINT = 'the editor saves a whole one by "Export (API)"; or give prompt and settings yourself'
GIVE_THEM = "give prompt and settings yourself"


def read_parameters(path: Path) -> Parameters | None:
    """Find and read settings in a file; None where there are none.

    Raises:
        InputError: the file cannot be opened, or a program's settings are there and cannot be read; says why.
    """
    try:
        data = read_input(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}", exit_code=2) from error
    format = sniff(data[:64])
    if format is None:
        plain = data[:LARGEST_TEXT].decode("utf-8-sig", "replace") if b"\0" not in data[:1024] else ""
        return read_texts({"parameters": plain}, path) if plain.lstrip().startswith("{") or "Steps: " in plain else None
    try:
        metadata = _gathered(data, format)
        texts = _texts(metadata) if metadata is not None else {}
    except (ValueError, IndexError, KeyError, OverflowError, struct.error):  # a damaged file says nothing
        return None
    found = read_texts(texts, path)
    if found is None and format in ("PNG", "WEBP") and (hidden := _hidden(data, path)) is not None:
        found = read_texts(_named(hidden), path)
    return found


def _gathered(data: bytes, format: str) -> Metadata | None:
    if format in ("AVIF", "HEIF"):
        return gathering.from_items(data, None)
    return _READERS[format](data) if format in _READERS else None


def _texts(metadata: Metadata) -> dict[str, str]:
    """Every text that may have settings, by its keyword in PNG; of one that stands twice the first."""
    found: dict[str, str] = {}
    for keyword, text in metadata.text:
        found.setdefault(keyword, text)
    block = metadata.exif
    if block is not None:
        if (comment := _comment(block.photo.get(exif.USER_COMMENT), block.order)) is not None:
            found.setdefault("parameters", comment)
        for tag, keyword in _EXIF_TEXTS.items():
            if (value := block.main.get(tag)) is not None and value.kind == 2:
                text = value.raw.decode("utf-8", "replace").rstrip("\0 ")
                if text.lower().startswith(f"{keyword}:"):
                    found.setdefault(keyword, text[len(keyword) + 1 :].strip())
                elif keyword == "parameters" and ("Steps: " in text or text.startswith("{")):
                    found.setdefault(keyword, text)
    if metadata.xmp and "UserComment" in metadata.xmp and (noted := _xmp_comment(metadata.xmp)):  # Draw Things
        found.setdefault("parameters", noted)
    return found


def _xmp_comment(packet: str) -> str | None:
    """exif:UserComment, which is plain or a list of languages with one text."""
    import re
    from html import unescape

    plain = xmp.get_property(packet, EXIF_XMP, "UserComment")
    if plain and plain.strip():
        return plain.strip()
    listed = re.search(r"<exif:UserComment>\s*<rdf:Alt>\s*<rdf:li[^>]*>([^<]*)</rdf:li>", packet)
    return unescape(listed[1]).strip() if listed else None


def _comment(value: exif.Value | None, order: str) -> str | None:
    """The text of a UserComment, which begins with 8 bytes that name its encoding."""
    if value is None:
        return None
    code, body = value.raw[:8], value.raw[8:]
    if code == b"UNICODE\0":
        # Most write it big-endian whatever the block's order is; where half of it is zeros, they say which half.
        big = body[:200:2].count(0) >= body[1:200:2].count(0) if 0 in body[:200] else order == ">"
        return body.decode("utf-16-be" if big else "utf-16-le", "replace").rstrip("\0 ")
    if code[:5] != b"ASCII" and code.strip(b"\0") and code.isascii():  # a program that leaves out the encoding
        body = value.raw
    return body.decode("utf-8", "replace").rstrip("\0 ")


def _hidden(data: bytes, path: Path) -> str | None:
    from genkit.media.parameters.stealth import read_hidden
    from genkit.media.pictures import images

    try:
        picture = images.read(data, max_pixels=1 << 26, name=str(path))
    except InputError:
        return None
    return read_hidden(picture.alpha) if picture.alpha is not None and picture.alpha.dtype.itemsize == 1 else None


def _named(hidden: str) -> dict[str, str]:
    """Hidden text is a block, or JSON of what would stand in PNG texts."""
    found = _json(hidden)
    if found is None:
        return {"parameters": hidden}
    return {str(name): value for name, value in found.items() if isinstance(value, str)} | {"parameters": hidden}


# --- one file's texts -----------------------------------------------------------------------------------------------------


def read_texts(texts: Mapping[str, str], path: Path) -> Parameters | None:
    """The settings of a file's texts by keyword; None where there are none.

    Raises:
        InputError: a graph or the like that cannot be read.
    """
    block = texts.get("parameters", "")
    found = _json(block)
    if found is None and ("Steps: " in block or NEGATIVE in block):
        return parse(block)
    for keyword in ("invokeai_metadata", "sd-metadata", "Comment", "generation_data", "parameters"):
        found = _json(texts.get(keyword, ""))
        if found is not None:
            if keyword == "Comment":  # NovelAI has the prompt, and the model, beside it
                found = {"prompt": texts.get("Description", ""), **found}
            if (program := read_program(found)) is not None:
                return _with_model(program, texts)
    if (dream := texts.get("Dream", texts.get("dream"))) is not None and (read := read_dream(dream)) is not None:
        return read
    if (program := read_program(texts)) is not None:  # Easy Diffusion: a text for each setting
        return program
    graphs = [found for keyword in ("prompt", "workflow", "parameters") if (found := _json(texts.get(keyword, "")))]
    if graphs := [found for found in graphs if _is_graph(found)]:
        return _of_graphs(graphs, path)
    if "invokeai_graph" in texts or "invokeai_workflow" in texts:
        raise InputError(f"{path}: InvokeAI: a graph alone is in it, without the settings of the picture", GIVE_THEM)
    if block.lstrip().startswith("{"):
        raise InputError(f"{path}: JSON in it is of no program that is known", GIVE_THEM)
    return None


def _of_graphs(graphs: list[Mapping[str, Any]], path: Path) -> Parameters:
    """The first that can be read: where the one that was run is damaged, the editor's own may do."""
    reasons = []
    for graph in graphs:
        try:
            return read_graph(graph)
        except ValueError as error:
            reasons.append(str(error))
    raise InputError(f"{path}: ComfyUI: {reasons[0]}", GRAPH_HINT)


def _is_graph(found: Mapping[str, Any]) -> bool:
    return isinstance(found.get("nodes"), list) or any(isinstance(one, dict) and "class_type" in one for one in found.values())


def _with_model(found: Parameters, texts: Mapping[str, str]) -> Parameters:
    if found.program == "NovelAI" and (source := texts.get("Source")):
        found.settings.setdefault("Model", source)
    return found


def _json(text: str) -> Mapping[str, Any] | None:
    """The object that a text is; None where it is none, or nests deeper than people write."""
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = parse_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
