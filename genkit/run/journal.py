"""What has been made already: whether an output is whole, and made from the same input by the same model and options.

An output says so itself, by its recipe. Where it holds none (BMP, or --strip-metadata) a journal does: a hidden file in the
output's folder with one JSON line an output, only ever appended to, of which a torn last line is passed over. The line is
written before the output gets its name, so that a kill between the two leaves a line too many and never one too few. What lies
beside an output and can hold no recipe (subtitles, plots, latents) has a line there, too.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from genkit.files import parse_json, read_json, read_regular
from genkit.media.film import tags as films
from genkit.media.sound.formats import sniff_sound
from genkit.run.beside import sidecar_of

NAME = ".genkit-journal.jsonl"
WITHOUT_RECIPE = frozenset({"BMP", "TS"})
LARGEST = 1 << 30  # bytes of a journal: a million outputs and more

State = Literal["same", "other", "broken", "foreign"]


def same_making(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Compare two recipes in all that decides the pixels; names and versions do not."""
    return essence(made) == essence(wanted)


def same_options(made: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """As `same_making`, whatever they are made from."""
    return essence(made)[0] == essence(wanted)[0]


def essence(recipe: dict[str, Any]) -> Any:
    """(what was chosen, what it was done to), in a form that compares: what decides the pixels, contents and no names."""
    source = recipe.get("input")
    digest = source.get("sha256") if isinstance(source, dict) else None
    parts = [recipe.get(key) for key in ("verb", "model", "revision", "options", "seed", "text", "prompt")]
    files = recipe.get("files")
    digests = {
        option: [one.get("sha256"), one.get("before", ""), one.get("after", "")]
        for option, one in (files.items() if isinstance(files, dict) else ())
        if isinstance(one, dict)
    }
    steps = recipe.get("steps")  # of a chain, each with models and files of its own
    if isinstance(steps, list):
        places = [(step.get("from"), step.get("pictures")) for step in steps if isinstance(step, dict)]
        parts.append([[essence(step) for step in steps if isinstance(step, dict)], places])
    texts = {option: digests.pop(option) for option in list(digests) if option.partition("_")[0] == "from"}
    return json.loads(json.dumps([[*parts, digests], [digest, texts]], sort_keys=True, default=str))


def state_of(target: Path, wanted: dict[str, Any]) -> State:
    """Say what an existing output is: made the `same` way, made by genkit in some `other` way, `broken`, or `foreign`.

    Only what is known to be ours, or is nothing but the beginning of a picture, is `broken`: what merely cannot be read may
    be somebody's notes, or a picture with a film behind it.
    """
    try:
        made = made_of(target)
        if not is_whole(target):
            return "broken" if made or _is_cut_short(target) else "foreign"
    except (OSError, ValueError):
        return "foreign"
    if made is None:
        return "foreign"
    return "same" if same_making(made, wanted) else "other"


def look_up(target: Path, key: str = "recipe") -> dict[str, Any] | None:
    """What the journal keeps of this very file (its size and time still agree), or None: its recipe, or "beside" of which verb
    it lies."""
    found = None
    try:
        status = target.stat()
    except OSError:
        return None
    for entry in _noted(target):
        if (entry.get("size"), entry.get("mtime_ns")) == (status.st_size, status.st_mtime_ns):
            found = entry.get(key)
    return found if isinstance(found, dict) else None


def made_of(target: Path) -> dict[str, Any] | None:
    """The recipe of an output that exists, its own or the journal's; None where it is not genkit's.

    Raises:
        OSError: it cannot be opened.
    """
    from genkit.media.recipe import read_recipe

    return read_recipe(target) or look_up(target)


def is_ours(path: Path, target: Path, verb: str) -> bool:
    """Whether a file beside an output is known for the verb's own, and nobody has changed it since."""
    if path == sidecar_of(target):
        return is_sidecar(path)
    try:
        made = look_up(path, "beside") or made_of(path)
    except (OSError, ValueError):
        return False
    return made is not None and "part" in made and made.get("verb") == verb


def _noted(target: Path) -> Iterator[dict[str, Any]]:
    """The journal's lines about a name, oldest first."""
    try:
        lines = read_regular(target.parent / NAME, LARGEST).splitlines()
    except (OSError, ValueError):
        return
    name = json.dumps(target.name).encode()
    for line in lines:
        if name not in line:  # to parse every line for every output would take minutes where there are thousands
            continue
        try:
            entry = parse_json(line)
        except ValueError:  # torn by a killed run
            continue
        if isinstance(entry, dict) and entry.get("name") == target.name:
            yield entry


def note_down(target: Path, written: Path, recipe: dict[str, Any], key: str = "recipe") -> None:
    """Append what made `target`, whose bytes lie in the file `written` still, to the journal of its folder. What lies "beside"
    an output is noted as that: it is none itself.

    Raises:
        OutputError: the journal cannot be written.
    """
    from genkit.media.atomic import output_error

    try:
        _append(target, written.stat(), {key: recipe})
    except OSError as error:
        raise output_error(target.parent / NAME, error) from error


def _append(target: Path, status: os.stat_result, facts: dict[str, Any]) -> None:
    entry = {"name": target.name, "size": status.st_size, "mtime_ns": status.st_mtime_ns, **facts}
    # The newline before it ends a line that a killed run may have left unfinished.
    line = f"\n{json.dumps(entry, default=str)}\n".encode()
    handle = os.open(target.parent / NAME, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, line)
    finally:
        os.close(handle)


def write_sidecar(target: Path, recipe: dict[str, Any]) -> None:
    from genkit.media.atomic import temporary_beside

    with temporary_beside(sidecar_of(target)) as path:
        path.write_text(json.dumps(recipe, indent=2, default=str) + "\n", encoding="utf-8")


def is_sidecar(path: Path) -> bool:
    """Whether an existing file is a sidecar of ours, which another may replace."""
    from genkit.media.recipe import load

    try:
        return load(json.dumps(read_json(path))) is not None
    except (OSError, ValueError):
        return False


def _is_cut_short(path: Path) -> bool:
    """Whether a file without a readable recipe ends before the place that it, or the journal, gives for its end."""
    from genkit.media.pictures import formats

    size = path.stat().st_size
    if size == 0 or any(isinstance(one := entry.get("size"), int) and one > size for entry in _noted(path)):
        return True
    with path.open("rb") as stream:
        head = stream.read(32)
    format = formats.sniff(head)
    if format not in ("WEBP", "TIFF", "BMP") or len(head) < 8:  # the other formats hold their recipe at their beginning
        return False
    order = ">" if head[:2] == b"MM" else "<"
    place, beyond = {"WEBP": (4, 8), "TIFF": (4, 2), "BMP": (2, 0)}[format]
    return struct.unpack_from(order + "I", head, place)[0] + beyond > size


def is_whole(path: Path) -> bool:
    """Whether a picture, a film or a sound is there to its end, by its own structure; no pixel is decoded.

    Raises:
        OSError: it cannot be opened.
    """
    from genkit.media.pictures import containers, formats

    with path.open("rb") as stream:
        head = stream.read(32)
        format = formats.sniff(head)
        if format is None and sniff_sound(head) is not None:
            from genkit.media.sound.audio import is_whole as is_whole_sound

            return is_whole_sound(path)
        film = films.kind_of(head) if format is None else None
        if format is None and film is None:
            return head[:1] == b"G" and path.stat().st_size % 188 == 0  # MPEG-TS, which says no more
        with mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as data:
            try:
                if format == "PNG":
                    return all(True for _ in containers.png_chunks(data))
                if format == "JPEG":
                    return all(True for _ in containers.jpeg_segments(data)) and data[-2:] == b"\xff\xd9"
                if format == "WEBP":
                    size = 8 + struct.unpack_from("<I", data, 4)[0]
                    return size <= len(data) and any(True for _ in containers.riff_chunks(data))
                if format == "GIF":
                    return data[-1:] == b";"
                if film is not None:
                    return films.is_whole(data, film)
                if format in ("AVIF", "HEIF"):
                    return {b"meta", b"mdat"} <= {kind for kind, _, _ in containers.boxes(data, 0, len(data))}
                if format == "BMP":
                    return struct.unpack_from("<I", data, 2)[0] == len(data)
            except (containers.BrokenContainer, struct.error, IndexError):
                return False
    return format != "TIFF" or _tiff_is_whole(path)


def _tiff_is_whole(path: Path) -> bool:
    import tifffile

    size = path.stat().st_size
    try:
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages[0]
            return all(at + count <= size for at, count in zip(page.dataoffsets, page.databytecounts, strict=True))
    except (tifffile.TiffFileError, ValueError, IndexError, struct.error):
        return False
