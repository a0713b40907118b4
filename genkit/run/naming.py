"""What an output is called and which folder it goes to: -o, --name, --format, or the verb's mark beside the input.

`-o` that exists as a folder, ends in `/` or has no suffix is a folder, in which an input keeps its name (and with -r its tree);
otherwise it is a file, and then there is one output. Without `-o` an output lies beside its input, with the verb's mark
(`photo_x4.jpg`). Standard library only.
"""

from __future__ import annotations

import os
import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any

from genkit.errors import UsageError
from genkit.media.pictures.formats import FORMATS, SUFFIXES, WRITABLE, format_of, output_suffix
from genkit.run.beside import is_device
from genkit.run.inputs import Found

TEMPLATE_FIELDS = ("stem", "parent", "model", "verb", "scale", "seed", "index", "ext")


@dataclass(frozen=True)
class Naming:
    """Where outputs go and what they are called. `mark` is what a name beside its input gets (`_x4`); `fields` are the
    template's model, verb, scale and seed."""

    mark: str
    output: str | None = None
    format: str | None = None
    template: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


def output_folder(output: str | None) -> Path | None:
    """The folder that `-o` names, or None where it names a file, a device, standard output or nothing."""
    if output is None or output == "-" or is_device(output):
        return None
    path = Path(output)
    if path.is_dir() or output.endswith(("/", os.sep)) or not path.suffix:
        return path
    return None


def wanted_format(naming: Naming) -> str | None:
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


def target_of(index: int, one: Found, naming: Naming, folder: Path | None, format: str, own: str | None) -> Path | None:
    """Where the output of an input goes; None is standard output."""
    # An input's own suffix stays as it is written (.JPG, .jpeg) where it still says the truth.
    suffix = one.relative.suffix if own == format else output_suffix(format)
    if naming.output == "-" or (naming.output is None and one.path is None):
        return None
    if naming.output is not None and folder is None:
        given = Path(naming.output)
        if is_device(given):
            return given
        # The format gave way (a size that JPEG cannot hold): the name follows, so that it does not lie.
        return given if FORMATS.get(given.suffix.lower()) == format else given.with_suffix(output_suffix(format))
    beside = folder is None
    place = (one.path.parent if one.path else Path()) if folder is None else folder / one.relative.parent
    if naming.template is None:
        return place / f"{one.relative.stem}{naming.mark if beside else ''}{suffix}"
    name = named_by_template(naming, index, one, suffix)
    written = FORMATS.get(PurePath(name).suffix.lower())
    if written is None:
        name += suffix
    elif written != format:
        name = str(PurePath(name).with_suffix(output_suffix(format)))
    return place / name


def named_by_template(naming: Naming, index: int, one: Found, suffix: str) -> str:
    """The name that --name gives the output of an input.

    Raises:
        UsageError: it gives none.
    """
    assert naming.template is not None
    values = {"model": "", "verb": "", "scale": "", "seed": 0} | dict(naming.fields)
    parent = PurePath(os.path.abspath(one.path)).parent.name if one.path else ""  # noqa: PTH100 - `..` is no name
    values |= {"stem": one.relative.stem, "parent": parent, "index": index + 1, "ext": suffix.lstrip(".")}
    try:
        return naming.template.format(**values)
    except (ValueError, IndexError, KeyError) as error:
        raise UsageError(f"--name {naming.template}: {error}", "a width is written {index:03}") from error


def _formats() -> str:
    return f"formats: {', '.join(name.lower() for name in SUFFIXES)}"
