"""Plan a batch: which input becomes which output, with everything that can be wrong found before a model is loaded.

Names and folders are `naming.py`'s, what must not be replaced is `guard.py`'s. Standard library only.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from genkit.errors import GenkitError, UsageError
from genkit.files import size_text
from genkit.media.film.names import is_film_input
from genkit.media.pictures.formats import FORMATS, WRITABLE, format_of, output_suffix, plan_format
from genkit.media.pictures.headers import Probe
from genkit.run import guard
from genkit.run.beside import NOTHING, Beside, is_device, takes_all
from genkit.run.guard import nearest_existing
from genkit.run.inputs import Found
from genkit.run.item import Choice, Item
from genkit.run.naming import Naming, names_format, output_folder, target_of, wanted_format

__all__ = [
    "Beside",
    "Choice",
    "Item",
    "Naming",
    "Plan",
    "Wanted",
    "checked",
    "item_of",
    "names_format",
    "nearest_existing",
    "output_folder",
    "plan",
    "plan_drawn",
]

# Bytes per pixel and channel that photographs usually take; the plan's estimate of space, nothing else.
DENSITY = {"JPEG": 0.15, "PNG": 0.55, "WEBP": 0.1, "TIFF": 0.8, "AVIF": 0.08, "BMP": 1.0, "HEIF": 0.08}


@dataclass
class Plan:
    """`unit` is what the work of its items is counted in: letters, steps; megapixels where there is none."""

    items: list[Item] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    unit: str = ""

    @property
    def bytes(self) -> int:
        return sum(item.bytes for item in self.items)

    @property
    def megapixels(self) -> float:
        return sum(item.megapixels for item in self.items)

    @property
    def work(self) -> float:
        return sum(item.work for item in self.items)

    @property
    def folders(self) -> list[Path]:
        """The folders that outputs go into, each once, in order."""
        return list(dict.fromkeys(item.target.parent for item in self.items if item.target and not is_device(item.target)))


def plan(
    found: Sequence[Found],
    naming: Naming,
    *,
    probe: Callable[[Path | bytes], Probe],
    size_of: Callable[[int, int], tuple[int, int]],
    stdin: bytes | None = None,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    beside: Beside = NOTHING,
    variants: int | None = None,
    partners: Mapping[Found, Mapping[str, Path | None]] | None = None,
    reads: Iterable[tuple[str, Path]] = (),
    choose: Callable[[Probe], Choice | None] = lambda facts: None,
    film: Callable[[int, Found, Naming, Path | None], tuple[Item, Sequence[str]]] | None = None,
) -> Plan:
    """Give every input its output, and check the whole before any of it starts.

    `probe` reads a header and may raise GenkitError: such an input stays in the plan, and fails when its turn comes; `film`
    plans those that are films. With `variants` above 1 each input has so many outputs. `partners` go with one input each,
    `reads` (option, path) with all, and each output brings along what is `beside` it. With `number` outputs whose names are
    taken get others.

    Raises:
        UsageError: outputs collide, exist, would replace an input, or cannot be written where they should go.
    """
    result = Plan()
    folder = output_folder(naming.output)
    films = {one for one in found if film is not None and is_film_input(one.path)}
    wanted = wanted_format(naming) if len(films) < len(found) else None
    count = variants or 1
    pipe = naming.output == "-" or is_device(naming.output)
    if naming.output is not None and folder is None and (len(found) > 1 or (pipe and count > 1)):
        refuse_several(len(found) * count, naming.output)
    reasons: dict[str, list[str]] = {}
    for index, one in enumerate(found):
        said: Sequence[str]
        if film is not None and one in films:
            item, said = film(index, one, naming, folder)
        else:
            item, reason = item_of(index, one, naming, folder, wanted, probe, size_of, choose, stdin)
            said = [reason] if reason else []
        for reason in said:
            reasons.setdefault(reason, []).append(item.name)
        item = replace(item, partners=(partners or {}).get(one, {}), beside=beside)
        result.items += [item] if count == 1 else [_variant(item, k, one, naming, folder) for k in range(1, count + 1)]
    for reason, names in reasons.items():
        result.notices.append(f"{names[0]}{f' and {len(names) - 1} more' if len(names) > 1 else ''}: {reason}")
    return checked(result, reads, overwrite=overwrite, resume=resume, number=number)


def checked(
    result: Plan,
    reads: Iterable[tuple[str, Path]],
    *,
    overwrite: bool,
    resume: bool,
    number: bool,
    taken: Callable[[Path], bool] = lambda target: False,
) -> Plan:
    """The plan once nothing would be lost by it, and there is room for it.

    Raises:
        UsageError: as for `plan`.
    """
    if len(result.items) > 1 and any(item.target is None for item in result.items):
        refuse_several(len(result.items), "-")
    _check_plugin(result.items)
    result.items = guard.numbered(result.items, taken) if number else result.items
    result.items = guard.check(result.items, reads, overwrite=overwrite, resume=resume)
    _check_space(result)
    return result


@dataclass(frozen=True)
class Wanted:
    """A picture that is drawn from nothing. `name` is what messages call it, `stem` what its file is called, `fields` are for
    its template; `size` (width, height) is None where only the network knows it. A `film` is MP4 or GIF; `beside` is what it
    brings along."""

    name: str
    stem: str
    size: tuple[int, int] | None = None
    alpha: bool = False
    film: str | None = None
    seed: int | None = None
    beside: Beside = NOTHING
    effort: float = 0.0


def plan_drawn(
    wanted: Sequence[Wanted],
    naming: Naming,
    *,
    overwrite: bool = False,
    resume: bool = False,
    number: bool = False,
    reads: Iterable[tuple[str, Path]] = (),
    taken: Callable[[Path], bool] = lambda target: False,
) -> Plan:
    """Give every picture that is to be drawn its place, as `plan` does for those that have an input. Without -o that is the
    current folder. A name may also be `taken` that no file has.

    Raises:
        UsageError: as for `plan`.
    """
    naming = replace(naming, output=naming.output or os.curdir)
    folder = output_folder(naming.output)
    if folder is None and len(wanted) > 1:
        refuse_several(len(wanted), str(naming.output))
    drawn = [_drawn(index, one, naming, folder) for index, one in enumerate(wanted)]
    result = Plan([item for item, _ in drawn], list(dict.fromkeys(reason for _, reason in drawn if reason)))
    return checked(result, reads, overwrite=overwrite, resume=resume, number=number, taken=taken)


def refuse_several(count: int, output: str) -> None:
    if not takes_all(output):
        where = "standard output" if output == "-" else output if is_device(output) else f"the file {output}"
        raise UsageError(f"{count} outputs cannot all go to {where}", "give -o a folder, ending in /")


def _drawn(index: int, one: Wanted, naming: Naming, folder: Path | None) -> tuple[Item, str | None]:
    reason = None
    if one.film is not None:
        format = one.film
        suffix = f".{format.lower()}"
    else:
        format, reason = plan_format("PNG", one.alpha, 8, *(one.size or (1, 1)), wanted=wanted_format(naming))
        suffix = output_suffix(format)
    named = Found(None, Path(f"{one.stem}{suffix}"))
    if one.film is not None and folder is None:
        target: Path | None = Path(str(naming.output))
    else:
        fields = dict(naming.fields) | ({"seed": one.seed} if one.seed is not None else {})
        target = target_of(index, named, replace(naming, fields=fields), folder, format, format)
    width, height = one.size or (0, 0)
    space = int(width * height * (4 if one.alpha else 3) * DENSITY.get(format, 1.0))
    item = Item(index, one.name, None, target, format, None, one.size, one.size, 3, space, beside=one.beside, effort=one.effort)
    return item, reason


def item_of(
    index: int,
    one: Found,
    naming: Naming,
    folder: Path | None,
    wanted: str | None,
    probe: Callable[[Path | bytes], Probe],
    size_of: Callable[[int, int], tuple[int, int]],
    choose: Callable[[Probe], Choice | None],
    stdin: bytes | None,
) -> tuple[Item, str | None]:
    """The output of one input, and what is to be said where its format is not the obvious one."""
    source = stdin if one.path is None else one.path
    own = FORMATS.get(one.relative.suffix.lower())
    reason = input_size = size = choice = None
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
        if (choice := choose(header)) is not None:
            naming = replace(naming, fields={**naming.fields, "model": choice.card.name})
    target = target_of(index, one, naming, folder, format, own)
    data = stdin if one.path is None else None
    return Item(index, one.name, one.path, target, format, data, input_size, size, depth, space, choice=choice), reason


def _variant(item: Item, number: int, one: Found, naming: Naming, folder: Path | None) -> Item:
    """One of several outputs of an input: numbered, unless the template tells them apart by their seeds."""
    if is_device(item.target):
        return replace(item, variant=number)
    if item.target is None:
        return item  # refused with the others that have no name
    if naming.template is None or "{seed" not in naming.template:
        return replace(item, variant=number, target=item.target.with_stem(f"{item.target.stem}_{number}"))
    fields = dict(naming.fields) | {"seed": int(naming.fields.get("seed", 0)) + number - 1}
    own = FORMATS.get(one.relative.suffix.lower())
    target = target_of(item.index, one, replace(naming, fields=fields), folder, item.format, own)
    return replace(item, variant=number, target=target)


def _check_plugin(items: Sequence[Item]) -> None:
    """Refuse to make HEIF of something else where its plug-in is missing; a HEIF input is then one bad file among others."""
    from importlib.util import find_spec

    asked = any(item.format == "HEIF" and not (item.source and format_of(item.source.suffix) == "HEIF") for item in items)
    if asked and find_spec("pillow_heif") is None:
        raise UsageError("HEIF cannot be written without its plug-in", "pip install 'genkit-media[heif]', or --format avif")


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
                f"about {size_text(size)} are needed in {place}, and {size_text(free)} are free",
                "make room, choose another -o, or a smaller --format",
                code="no-space",
            )
