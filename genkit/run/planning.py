"""The plan of a verb that makes pictures out of pictures: settings, inputs, their outputs and the files that go with them."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.cli.options import DrawOptions, ImageOptions, parse_pixels
from genkit.errors import InputError, UsageError

if TYPE_CHECKING:
    from genkit.cards import Card
    from genkit.media.pictures.headers import Probe
    from genkit.run.inputs import Found
    from genkit.run.pairing import Pairs
    from genkit.run.pictures import PictureVerb
    from genkit.run.plan import Plan
    from genkit.run.report import Reporter


@dataclass(frozen=True)
class Settings:
    """Options after the user's configuration has filled in what the command line left out."""

    device: str
    dtype: str
    format: str | None
    quality: int | None
    max_pixels: int


def settings_of(shared: ImageOptions | DrawOptions, verb: str) -> Settings:
    """The settings of a command (`gan`, `gan project`)."""
    from genkit import config
    from genkit.media.pictures.formats import MAX_PIXELS
    from genkit.run.plan import names_format

    def pick(given: Any, key: str, fallback: Any = None) -> Any:
        return given if given is not None else (config.get(f"{task}.{key}") or fallback)

    task = verb.partition(" ")[0]
    return Settings(
        device=pick(shared.device, "device", "auto"),
        dtype=pick(shared.dtype, "dtype", "auto"),
        format=shared.format if names_format(shared.name, shared.output) else pick(shared.format, "format"),
        quality=pick(shared.quality, "quality"),
        max_pixels=parse_pixels(pick(getattr(shared, "max_pixels", None), "max-pixels", MAX_PIXELS)),
    )


def make_plan(shared: ImageOptions, verb: PictureVerb, settings: Settings, reporter: Reporter) -> Plan:
    from genkit.media.pictures.formats import FORMATS
    from genkit.run import plan as paths
    from genkit.run.inputs import find_inputs

    folder = paths.output_folder(shared.output)
    found = find_inputs(
        shared.paths, suffixes=FORMATS.keys(), recursive=shared.recursive, leave_out=folder, notice=reporter.say
    )
    data = None
    if any(one.path is None for one in found):
        if sys.stdin.isatty():
            raise UsageError("standard input is the terminal", f"pipe a picture in: genkit {verb.name} - < photo.jpg > out.jpg")
        data = sys.stdin.buffer.read()
        if not data:
            raise UsageError("standard input is empty", "what is before the pipe wrote nothing", code="missing-input")
    elif shared.output is None and not shared.again:
        found = _without_own(found, verb, reporter)
    found, pairs = _find_partners(found, verb, reporter)
    naming = paths.Naming(
        mark=verb.mark,
        output=shared.output,
        format=settings.format,
        template=shared.name,
        fields={"verb": verb.name, "model": verb.card.name, "seed": shared.seed, **verb.fields},
    )
    plan = paths.plan(
        found,
        naming,
        probe=partial(_probe, max_pixels=settings.max_pixels),
        size_of=verb.size_of,
        stdin=data,
        overwrite=shared.overwrite,
        resume=shared.resume,
        sidecar=shared.sidecar,
        variants=verb.candidates,
        partners={one: {each.option: each.partners.get(one) for each in pairs} for one in found} if pairs else {},
        others={_flag(option): path for option, path in verb.files.items()},
    )
    tell_of_plan(plan, shared.quality, reporter)
    return plan


def tell_of_plan(plan: Plan, quality: int | None, reporter: Reporter) -> None:
    """Say what is not as one might expect."""
    from genkit.media.pictures.formats import LOSSY

    for notice in plan.notices:
        reporter.say(notice)
    whole = sorted({item.format for item in plan.items} - {*LOSSY, "MP4"})
    if quality is not None and whole:
        reporter.say(
            f"--quality changes nothing in {' and '.join(whole)} files, which are lossless; it is for {', '.join(LOSSY)}"
        )


def _probe(source: Path | bytes, max_pixels: int) -> Probe:
    """Look at a header; what is too large to be read is left for its turn to fail, and claims no space in the plan."""
    from genkit.media.pictures import headers

    facts = headers.probe(source) if isinstance(source, Path) else headers.read_header(source, "standard input")
    if facts.width * facts.height > max_pixels:
        raise InputError(f"{source if isinstance(source, Path) else 'standard input'}: above --max-pixels")
    return facts


def _without_own(found: list[Found], verb: PictureVerb, reporter: Reporter) -> list[Found]:
    """Leave out what this verb has made: by the recipe inside, or by its name where the original lies beside it."""
    from genkit.media.recipe import read_recipe

    stems = {(one.path.parent, one.path.stem) for one in found if one.path}
    kept: list[Found] = []
    own: list[Found] = []
    for one in found:
        assert one.path is not None
        recipe = None
        with suppress(OSError):  # it fails, with its reason, when its turn to be read comes
            recipe = read_recipe(one.path)
        original = re.sub(f"(?:{verb.marks})$", "", one.path.stem)
        named = recipe is None and original != one.path.stem and (one.path.parent, original) in stems
        mine = named or (recipe is not None and recipe["verb"] == verb.name)
        (own if mine else kept).append(one)
    if own:
        more = f" and {len(own) - 1} more" if len(own) > 1 else ""
        reporter.say(f"{own[0].name}{more} passed over: made by genkit {verb.name} (--again takes them too)")
    return kept


def _find_partners(found: list[Found], verb: PictureVerb, reporter: Reporter) -> tuple[list[Found], list[Pairs]]:
    """Leave out the inputs that are no pictures to work on but masks, hints and the like; pair the others with theirs."""
    from genkit.run.pairing import pair

    found = _leave_out(found, {os.path.realpath(path) for path in verb.files.values()}, reporter)
    for folder in verb.companions.values():
        inside = {real for one in found if one.path and (real := _real(one)).startswith(os.path.realpath(folder) + os.sep)}
        if len(inside) < len(found):
            found = _leave_out(found, inside, reporter)
    pairs = [pair(option, folder, found) for option, folder in verb.companions.items()]
    found = _leave_out(found, {os.path.realpath(path) for each in pairs for path in each.partners.values()}, reporter)
    for each in pairs:
        alone = [one for one in each.missing if one in found]
        if alone:
            more = f" and {len(alone) - 1} more" if len(alone) > 1 else ""
            without = ", made without" if each.option in verb.optional else ""
            reporter.say(f"{alone[0].name}{more}: nothing of that name in {_flag(each.option)} {each.folder}{without}")
    return found, pairs


def _leave_out(found: list[Found], paths: set[str], reporter: Reporter) -> list[Found]:
    kept = [one for one in found if one.path is None or _real(one) not in paths]
    if not kept or len(kept) == len(found):  # the only input is meant, even where it is its own mask
        return found
    others = [one for one in found if one not in kept]
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    reporter.say(f"{others[0].name}{more} passed over: goes with the other inputs")
    return kept


def _real(one: Found) -> str:
    return os.path.realpath(one.path or "")


def _flag(option: str) -> str:
    return f"--{option.replace('_', '-')}"


def not_here(card: Card) -> str | None:
    """What to say of a model that would have to be fetched first: how large it is, and how to have it beforehand."""
    from genkit import weights

    state = weights.state(card)
    if state in ("shipped", "cached") or card.name.startswith("./"):
        return None
    return f"{card.name} is {state} ({weights.size_text(card.size)}); fetch it with genkit models pull {card.name}"


def show_plan(plan: Plan, card: Card, seconds: float | None, reporter: Reporter) -> int:
    """Tell what would be made, in how many seconds, where that is known, and whether the model would be fetched first."""
    from genkit.run.report import duration, size

    for item in plan.items:
        width, height = item.size or (None, None)
        reporter(
            "planned",
            input=item.name,
            output="-" if item.target is None else str(item.target),
            width=width,
            height=height,
            format=item.format,
            bytes=item.bytes,
        )
    if missing := not_here(card):
        reporter.say(missing)
    time = f"about {duration(seconds)}" if seconds is not None else f"not known, {card.name} has not run here yet"
    reporter.say(f"{len(plan.items)} to make, about {size(plan.bytes)}; time: {time}; nothing was written")
    if reporter.as_json:
        reporter("done", done=0, failed=0, skipped=0, left=len(plan.items), seconds=0.0, speed=None, exit=0)
    return 0
