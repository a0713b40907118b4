"""The plan of films: what each becomes, where it goes, how it is written, and what becomes of its sound."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from genkit.errors import GenkitError, InputError, UsageError
from genkit.media.film import names
from genkit.media.pictures.formats import Probe
from genkit.run import film_options
from genkit.run.film_options import FilmOptions
from genkit.run.item import Choice, FilmPlan, Item
from genkit.run.naming import Naming, named_by_template

if TYPE_CHECKING:
    from genkit.media.film.facts import FilmFacts
    from genkit.media.film.reading import Part
    from genkit.run.inputs import Found
    from genkit.run.verb import Context, PictureVerb

BITS_A_PIXEL = 0.12  # of a film at the usual quality; the plan's estimate of space, nothing else


@dataclass(frozen=True)
class FilmPlanner:
    """Plans the films of one call, one by one."""

    run: FilmOptions
    format: str | None
    quality: int | None
    max_pixels: int
    hdr: bool
    verb: str
    size_of: Callable[[int, int], tuple[int, int]]
    facts_of: Callable[[Probe], Probe]
    choose: Callable[[Probe], Choice | None]

    def plan(self, index: int, one: Found, naming: Naming, folder: Path | None) -> tuple[Item, Sequence[str]]:
        """The output of one film, and what is to be said of it. One that cannot be read stays in the plan, and fails when its
        turn comes.

        Raises:
            UsageError: it cannot be written as asked.
        """
        from genkit.media.film import facts

        assert one.path is not None
        kind, said = self._kind(one, naming, folder)
        target = self._target(index, one, naming, folder, kind)
        item = Item(index, one.name, one.path, target, kind)
        try:
            film = facts.probe(one.path)
            planned, size, notices = self._planned(film, kind)
        except UsageError:
            raise
        except GenkitError:
            return item, said
        pixels = film.video.width, film.video.height
        space = int(size[0] * size[1] * planned.frames * BITS_A_PIXEL / 8)
        effort = pixels[0] * pixels[1] * planned.frames / 1e6
        item = replace(item, input_size=pixels, size=size, bytes=space, effort=effort, film=planned)
        return replace(item, choice=self.choose(probe_of(film))), [*said, *notices]

    def check(self, film: FilmFacts) -> None:
        """Refuse a film that this verb cannot work on.

        Raises:
            InputError: says why.
        """
        video = film.video
        if video.colour.hdr and not self.hdr:
            raise InputError(
                f"{film.path}: is {video.colour.hdr} (HDR), and genkit {self.verb} works in the range of ordinary pictures",
                "make an SDR copy of it first; upscale and inpaint keep HDR",
                code="unsupported",
            )
        if video.width * video.height > self.max_pixels:
            raise InputError(
                f"{film.path}: {video.width} x {video.height} is above --max-pixels", "raise the limit: --max-pixels N"
            )

    def _planned(self, film: FilmFacts, kind: str) -> tuple[FilmPlan, tuple[int, int], list[str]]:
        from genkit.media.film import codecs, streams

        self.check(film)
        probed = probe_of(film)
        size = self.size_of(probed.width, probed.height)
        part, rate = film_options.part_of(self.run), film_options.rate_of(self.run)
        if film.kind == names.FRAMES:
            film, rate = _at_rate(film, rate or film.video.rate), None
        video = replace(film.video, alpha=self.facts_of(probed).alpha)
        encoding, notices = codecs.choose(
            kind, size, video, film_options.wish_of(self.run, self.quality), rate=rate, loop=_loop(film, kind)
        )
        beside, more = streams.plan(film, kind, self.run.audio)
        if video.fields and not self.run.deinterlace:
            notices.append(f"is interlaced ({video.fields}), and is worked on as it is woven (--deinterlace parts it first)")
        frames = _count(film, part, rate)
        planned = FilmPlan(film, encoding, beside, part, rate, self.run.deinterlace, frames)
        return planned, size, notices + more

    def _kind(self, one: Found, naming: Naming, folder: Path | None) -> tuple[str, list[str]]:
        """The kind of the output, and what is to be said of it."""
        assert one.path is not None
        own = FRAMES_KIND if names.is_row(one.path) else names.kind_of_name(one.path)
        if naming.output == "-":
            raise UsageError(f"{one.name}: a film cannot go to standard output", "write to a file: -o FILE")
        said: list[str] = []
        if naming.output is not None and folder is None:
            kind = names.kind_of_name(PurePath(naming.output))
            if kind is None:
                raise UsageError(f"-o {naming.output}: is no film, and {one.name} is one", _kinds())
            return kind, said
        by_template = names.kind_of_name(PurePath(naming.template)) if naming.template and "." in naming.template else None
        asked = names.kind_of_name(self.format) if self.format else by_template
        moving = own is not None and names.is_animation(own)
        if asked is not None and names.is_animation(asked) and asked != "GIF" and not moving:
            asked = None  # webp, png and avif are for the pictures beside it
        if asked is None and own is None:
            said.append(f"{one.path.suffix.lstrip('.')} is only read: writing MKV")
        return asked or own or "MKV", said

    def _target(self, index: int, one: Found, naming: Naming, folder: Path | None, kind: str) -> Path:
        assert one.path is not None
        if naming.output is not None and folder is None:
            return Path(naming.output)
        own = names.kind_of_name(one.path) if not names.is_row(one.path) else None
        suffix = one.relative.suffix if own == kind else names.SUFFIX_OF[kind]
        stem = one.path.resolve().parent.name if "%" in one.relative.stem else one.relative.stem
        place = one.path.parent if folder is None else folder / one.relative.parent
        if naming.template is None:
            return place / f"{stem}{naming.mark if folder is None else ''}{suffix}"
        name = named_by_template(naming, index, replace(one, relative=one.relative.with_name(f"{stem}{suffix}")), suffix)
        return place / (name if names.kind_of_name(PurePath(name)) == kind and PurePath(name).suffix else f"{name}{suffix}")


FRAMES_KIND = "MP4"


def probe_of(film: FilmFacts) -> Probe:
    """A film's frames as a picture's header says it."""
    video = film.video
    return Probe(video.width, video.height, "PNG", 16 if video.bits > 8 else 8, 3, video.alpha)


def _loop(film: FilmFacts, kind: str) -> int:
    """How often an animation plays, in the writer's own words: 0 for ever, and what is no animation yet plays so."""
    if not names.is_animation(film.kind):
        return 0
    if film.loop is None:
        return -1 if kind == "GIF" else 1
    return film.loop


def _at_rate(film: FilmFacts, rate: Fraction) -> FilmFacts:
    video = replace(film.video, rate=rate, time_base=1 / rate)
    return replace(film, video=video, duration_s=float(video.frames / rate))


def _count(film: FilmFacts, part: Part, rate: Fraction | None) -> int:
    """About how many frames are made."""
    total, own = film.video.frames, float(film.video.rate)
    first, last = (part.first or 1) - 1, min(part.last or total, total)
    if part.start is not None:
        first = max(first, round(part.start * own))
    if part.end is not None:
        last = min(last, round(part.end * own))
    count = max(1, last - first)
    return max(1, round(count * float(rate) / own)) if rate is not None else count


def _kinds() -> str:
    return f"films: {', '.join(kind.lower() for kind in names.KINDS)}"


def film_planner(verb: PictureVerb, context: Context) -> FilmPlanner | None:
    """What plans films, of a verb that takes them.

    Raises:
        UsageError: what is asked for of films cannot be.
    """
    run, settings = context.run, context.settings
    if not isinstance(run, FilmOptions):
        return None
    film_options.check(run, settings.quality)
    return FilmPlanner(
        run=run,
        format=settings.format,
        quality=settings.quality,
        max_pixels=settings.max_pixels,
        hdr=verb.hdr,
        verb=verb.name,
        size_of=partial(verb.size_of, context),
        facts_of=partial(verb.facts_of, context),
        choose=partial(verb.choose, context),
    )


def only(inputs: list[Found], kind: str | None) -> list[Found]:
    """The inputs that are `pictures`, or `films`; None is all.

    Raises:
        UsageError: there is none.
    """
    if kind is None:
        return inputs
    kept = [one for one in inputs if names.is_film_input(one.path) == (kind == film_options.FILMS)]
    if not kept:
        raise UsageError(f"--only {kind}: there are none", "leave it out", code="no-input")
    return kept
