"""Plan a batch: which input becomes which output, with everything that can be wrong found before a model is loaded.

Where outputs go: `-o` that exists as a folder, ends in `/` or has no suffix is a folder, in which an input keeps its name (and
with -r its tree); otherwise it is a file, and then there is one output. Without `-o` an output lies beside its input, with the
verb's mark (`photo_x4.jpg`). Standard library only.
"""

from __future__ import annotations

import os
import shutil
import string
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath
from typing import Any

from genkit.errors import GenkitError, UsageError
from genkit.media.formats import FORMATS, SUFFIXES, WRITABLE, format_of, output_suffix, plan_format
from genkit.media.headers import Probe
from genkit.media.inputs import SHOWN, Found

TEMPLATE_FIELDS = ("stem", "parent", "model", "verb", "scale", "seed", "index", "ext")
# Bytes per pixel and channel that photographs usually take; the plan's estimate of space, nothing else.
DENSITY = {"JPEG": 0.15, "PNG": 0.55, "WEBP": 0.1, "TIFF": 0.8, "AVIF": 0.08, "BMP": 1.0, "HEIF": 0.08}


@dataclass(frozen=True)
class Naming:
    """Where outputs go and what they are called. `mark` is what a name beside its input gets (`_x4`); `fields` are the
    template's model, verb, scale and seed."""

    mark: str
    output: str | None = None
    format: str | None = None
    template: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Item:
    """One output to make. `source` None is standard input (`data` holds it); `target` None is standard output. Sizes are
    (width, height), None where the header could not be read; `pixel_bytes` are those of a decoded pixel; `bytes` is an
    estimate of the output's."""

    index: int
    name: str
    source: Path | None
    target: Path | None
    format: str
    data: bytes | None = None
    input_size: tuple[int, int] | None = None
    size: tuple[int, int] | None = None
    pixel_bytes: int = 3
    bytes: int = 0
    exists: bool = False

    @property
    def megapixels(self) -> float:
        return self.input_size[0] * self.input_size[1] / 1e6 if self.input_size else 0.0


@dataclass
class Plan:
    items: list[Item] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)

    @property
    def megapixels(self) -> float:
        return sum(item.megapixels for item in self.items)

    @property
    def folders(self) -> list[Path]:
        """The folders that outputs go into, each once, in order."""
        return list(dict.fromkeys(item.target.parent for item in self.items if item.target))


def output_folder(output: str | None) -> Path | None:
    """The folder that `-o` names, or None where it names a file, standard output or nothing."""
    if output is None or output == "-":
        return None
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix:
        return path
    return None


def plan(
    found: Sequence[Found],
    naming: Naming,
    *,
    probe: Callable[[Path | bytes], Probe],
    size_of: Callable[[int, int], tuple[int, int]],
    stdin: bytes | None = None,
    overwrite: bool = False,
    resume: bool = False,
    sidecar: bool = False,
) -> Plan:
    """Give every input its output, and check the whole before any of it starts.

    `probe` reads a header and may raise GenkitError: such an input stays in the plan, and fails when its turn comes.

    Raises:
        UsageError: outputs collide, exist, would replace an input, or cannot be written where they should go.
    """
    result = Plan()
    wanted = _wanted_format(naming)
    folder = output_folder(naming.output)
    if naming.output is not None and folder is None and len(found) > 1:
        where = "standard output" if naming.output == "-" else f"the file {naming.output}"
        raise UsageError(f"{len(found)} outputs cannot all go to {where}", "give -o a folder, ending in /")
    reasons: dict[str, list[str]] = {}
    for index, one in enumerate(found):
        item, reason = _item(index, one, naming, folder, wanted, probe, size_of, stdin)
        if reason:
            reasons.setdefault(reason, []).append(item.name)
        result.items.append(item)
    for reason, names in reasons.items():
        result.notices.append(f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}")
    _check_plugin(result.items)
    _check_collisions(result.items)
    _check_inputs(result.items, overwrite)
    _check_folders(result)
    result.items = _check_existing(result.items, overwrite, resume, sidecar)
    _check_space(result)
    return result


def _wanted_format(naming: Naming) -> str | None:
    """The format asked for, by --format or by the suffix of -o or of the template."""
    asked = None
    if naming.format is not None:
        asked = naming.format.upper() if naming.format.upper() in WRITABLE else format_of(naming.format)
        if asked not in WRITABLE:
            raise UsageError(f"--format {naming.format}: not a format that can be written", _formats())
    check_template(naming.template)
    if naming.template and naming.output is not None and output_folder(naming.output) is None:
        raise UsageError(
            f"--name and -o {naming.output} both name the output", "give -o a folder, ending in /, or leave out --name"
        )
    for text in (naming.template, naming.output if output_folder(naming.output) is None else None):
        suffix = PurePath(text).suffix if text and text != "-" else ""
        if not suffix or "{" in suffix or "}" in suffix:
            continue
        named = FORMATS.get(suffix.lower())
        if named not in WRITABLE:
            if text == naming.template:  # a dot in a name is no suffix
                continue
            raise UsageError(f"-o {text}: {suffix} is not a format that can be written", f"{_formats()}; a folder ends in /")
        if asked is not None and asked != named:
            raise UsageError(f"--format {naming.format} and {text} contradict each other", "leave out one of them")
        asked = named
    return asked


def names_format(template: str | None, output: str | None) -> bool:
    """Whether --name or -o ends in the suffix of a format: the command line then says it, and no setting need."""
    named = output if template is None and output_folder(output) is None else template
    return PurePath(named or "").suffix.lower() in FORMATS


def check_template(template: str | None) -> None:
    """Refuse a template with fields that do not exist, or that leads out of its folder.

    Raises:
        UsageError: names the field.
    """
    if template is None:
        return
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise UsageError(f"--name {template}: {error}", "double a brace that is meant: {{") from error
    unknown = [name for name in fields if name not in TEMPLATE_FIELDS]
    if unknown:
        raise UsageError(
            f"--name {template}: there is no field {{{unknown[0]}}}",
            "fields: " + " ".join(f"{{{one}}}" for one in TEMPLATE_FIELDS),
        )
    if PurePath(template).is_absolute() or ".." in PurePath(template).parts or not template.strip():
        raise UsageError(f"--name {template}: expected a name, or a path below the output folder", "-o chooses the folder")


def _item(
    index: int,
    one: Found,
    naming: Naming,
    folder: Path | None,
    wanted: str | None,
    probe: Callable[[Path | bytes], Probe],
    size_of: Callable[[int, int], tuple[int, int]],
    stdin: bytes | None,
) -> tuple[Item, str | None]:
    source = stdin if one.path is None else one.path
    own = FORMATS.get(one.relative.suffix.lower())
    reason = input_size = size = None
    space, depth = 0, 3
    try:
        header = probe(source if source is not None else b"")
    except GenkitError:
        format = wanted or (own if own in WRITABLE else "PNG")
    else:
        input_size = (header.width, header.height)
        size = size_of(*input_size)
        format, reason = plan_format(header.format, header.alpha, header.bits, *size, wanted=wanted)
        depth = (header.channels + header.alpha) * header.bits // 8
        space = int(size[0] * size[1] * depth * DENSITY.get(format, 1.0))
    target = _target(index, one, naming, folder, format, own)
    data = stdin if one.path is None else None
    return Item(index, one.name, one.path, target, format, data, input_size, size, depth, space), reason


def _target(index: int, one: Found, naming: Naming, folder: Path | None, format: str, own: str | None) -> Path | None:
    # An input's own suffix stays as it is written (.JPG, .jpeg) where it still says the truth.
    suffix = one.relative.suffix if own == format else output_suffix(format)
    if naming.output == "-" or (naming.output is None and one.path is None):
        return None
    if naming.output is not None and folder is None:
        given = Path(naming.output)
        # The format gave way (a size that JPEG cannot hold): the name follows, so that it does not lie.
        return given if FORMATS.get(given.suffix.lower()) == format else given.with_suffix(output_suffix(format))
    beside = folder is None
    place = (one.path.parent if one.path else Path()) if folder is None else folder / one.relative.parent
    if naming.template is None:
        return place / f"{one.relative.stem}{naming.mark if beside else ''}{suffix}"
    values = {"model": "", "verb": "", "scale": "", "seed": 0} | dict(naming.fields)
    parent = PurePath(os.path.abspath(one.path)).parent.name if one.path else ""  # noqa: PTH100 - `..` is no name
    values |= {"stem": one.relative.stem, "parent": parent, "index": index + 1, "ext": suffix.lstrip(".")}
    try:
        name = naming.template.format(**values)
    except (ValueError, IndexError, KeyError) as error:
        raise UsageError(f"--name {naming.template}: {error}", "a width is written {index:03}") from error
    written = FORMATS.get(PurePath(name).suffix.lower())
    if written is None:
        name += suffix
    elif written != format:
        name = str(PurePath(name).with_suffix(output_suffix(format)))
    return place / name


def _check_plugin(items: Sequence[Item]) -> None:
    """Refuse to make HEIF of something else where its plug-in is missing; a HEIF input is then one bad file among others."""
    from importlib.util import find_spec

    asked = any(item.format == "HEIF" and not (item.source and format_of(item.source.suffix) == "HEIF") for item in items)
    if asked and find_spec("pillow_heif") is None:
        raise UsageError("HEIF cannot be written without its plug-in", "pip install 'genkit-media[heif]', or --format avif")


def _check_collisions(items: Sequence[Item]) -> None:
    exact: dict[str, Item] = {}
    folded: dict[str, Item] = {}
    for item in items:
        if item.target is None:
            continue
        path = os.path.abspath(item.target)  # noqa: PTH100 - links stay links
        alike = unicodedata.normalize("NFC", path).casefold()
        other = exact.get(path)
        if other is None and alike in folded and folds_case(item.target.parent):
            other = folded[alike]
        if other is not None:
            raise UsageError(
                f"{other.name} and {item.name} would both become {item.target}",
                "give them names of their own, such as --name '{parent}-{stem}' or '{stem}-{index:03}', or use -r",
                code="collision",
            )
        exact[path] = folded[alike] = item


def folds_case(folder: Path) -> bool:
    """Whether names that differ in case alone are one file here (asked only where it matters)."""
    place = nearest_existing(folder)
    while place != place.parent:
        other = place.with_name(place.name.swapcase())
        if other != place:
            try:
                return other.samefile(place)
            except OSError:
                return False
        place = place.parent
    return os.name == "nt"


def _check_inputs(items: Sequence[Item], overwrite: bool) -> None:
    sources = {os.path.realpath(item.source): item for item in items if item.source}
    for item in items:
        other = sources.get(os.path.realpath(item.target)) if item.target else None
        if other is None:
            continue
        if other is not item:
            raise UsageError(
                f"the output of {item.name} would replace the input {other.name}", "choose another -o", code="replaces-input"
            )
        if not overwrite:
            raise UsageError(
                f"{item.target} would replace the input itself",
                "choose another -o, or --overwrite if the original may go",
                code="replaces-input",
            )


def _check_folders(result: Plan) -> None:
    for folder in result.folders:
        place = nearest_existing(folder)
        if not place.is_dir():
            raise UsageError(f"{folder}: cannot be made, {place} is not a folder", "choose another -o", code="target")
        if not os.access(place, os.W_OK | os.X_OK):
            raise UsageError(f"{place}: no permission to write here", "choose another folder with -o", code="target")
    for item in result.items:
        if item.target and item.target.is_dir():
            raise UsageError(
                f"{item.target} is a folder, and an output would have its name", "choose another -o", code="target"
            )


def _check_existing(items: Sequence[Item], overwrite: bool, resume: bool, sidecar: bool) -> list[Item]:
    marked = [replace(item, exists=True) if item.target and os.path.lexists(item.target) else item for item in items]
    # A device or a pipe (-o /dev/null) is written to, never replaced.
    old = [
        item.target for item in marked if item.exists and item.target and (item.target.is_file() or item.target.is_symlink())
    ]
    beside = [sidecar_of(item.target) for item in items if item.target and sidecar]
    old += [path for path in beside if os.path.lexists(path)]
    if old and not overwrite and not resume:
        more = f" and {len(old) - SHOWN} more" if len(old) > SHOWN else ""
        raise UsageError(
            f"already there: {', '.join(map(str, old[:SHOWN]))}{more}",
            "--overwrite replaces them, --resume makes what is missing, another -o leaves them alone",
            code="output-exists",
        )
    return marked


def _check_space(result: Plan) -> None:
    needed: dict[Path, int] = {}
    for item in result.items:
        if item.target and not item.exists:
            place = nearest_existing(item.target.parent)
            needed[place] = needed.get(place, 0) + item.bytes
    disks: dict[int, tuple[int, Path]] = {}
    for place, size in needed.items():
        device = place.stat().st_dev
        disks[device] = (disks.get(device, (0, place))[0] + size, place)
    for size, place in disks.values():
        free = shutil.disk_usage(place).free
        if size > free:
            raise UsageError(
                f"about {size / 1e9:.1f} GB are needed in {place}, and {free / 1e9:.1f} GB are free",
                "make room, choose another -o, or a smaller --format",
                code="no-space",
            )


def sidecar_of(target: Path) -> Path:
    """Where the recipe of an output lies if it is asked for in a file of its own."""
    return target.with_name(f"{target.name}.json")


def nearest_existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def _formats() -> str:
    return f"formats: {', '.join(name.lower() for name in SUFFIXES)}"
