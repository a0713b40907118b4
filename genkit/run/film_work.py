"""The stages of one film: its frames as a stream through the verb, into closed pieces, and these with its sound into a file."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.errors import GenkitError, InputError, OutputError, RunError
from genkit.media.film import names
from genkit.run.item import FilmPlan, Item

if TYPE_CHECKING:
    from genkit.media.film.joining import Window
    from genkit.media.film.reading import Raw, Shot
    from genkit.media.film.segments import Unfinished
    from genkit.media.pictures.picture import Picture
    from genkit.run.report import Reporter
    from genkit.run.threads import Threads
    from genkit.runtime import Runtime

Apply = Callable[["Picture", Mapping[str, Path]], "Picture"]


@dataclass
class MadeFilm:
    """A film whose frames are made: in `pieces`, or, of an animation, in the file `whole`."""

    pieces: Unfinished | None
    whole: Path | None
    window: Window | None
    frames: int


def make_film(
    item: Item,
    recipe: Mapping[str, Any],
    apply: Apply,
    reporter: Reporter,
    *,
    resume: bool,
    stopped: Callable[[], bool],
    threads: Threads,
    place: Runtime,
    models: Mapping[str, Any],
    alone: bool,
) -> MadeFilm:
    """Make the frames of one film with these models, by name, on as many threads as they are worth; the film's own progress
    is told, and not that of each frame.

    Raises:
        Stopped, GenkitError: as `FilmMaker.make`.
    """
    assert item.film is not None
    told = {name: model.progress for name, model in models.items()}
    try:
        for model in models.values():
            model.progress = None
        workers = threads.workers(place, models, item.film.frames, alone=alone)
        return FilmMaker(item, recipe, apply, reporter, resume=resume, workers=workers, stopped=stopped).make()
    finally:
        threads.give_back()
        for name, model in models.items():
            model.progress = told[name]


class FilmMaker:
    """Makes the frames of one film."""

    def __init__(
        self,
        item: Item,
        recipe: Mapping[str, Any],
        apply: Apply,
        reporter: Reporter,
        *,
        resume: bool,
        workers: int,
        stopped: Callable[[], bool],
    ):
        assert item.film is not None and item.target is not None and item.size is not None
        self.item, self.plan, self.recipe = item, item.film, recipe
        self._apply, self._reporter, self._resume = apply, reporter, resume
        self._workers, self._stopped = workers, stopped
        self._masks = {name: names.numbered(path) for name, path in item.partners.items() if path and path.is_dir()}
        self._count = 0
        self._held: tuple[Shot, Picture] | None = None
        self._first: Fraction | None = None
        self._end: Fraction | None = None
        self._begun = time.monotonic()
        self._said = 0.0

    def make(self) -> MadeFilm:
        """Raises:
        Stopped: it was stopped; what is whole of it is kept. GenkitError: a frame cannot be read, made or written.
        """
        from genkit.media.film.segments import Unfinished

        assert self.item.target is not None
        if not self.plan.encoding.segmented:
            return self._animation()
        self._pieces = Unfinished(self.item.target)
        what = {"recipe": dict(self.recipe), "encoding": repr(self.plan.encoding), "part": repr(self.plan.part)}
        self.item.target.parent.mkdir(parents=True, exist_ok=True)
        if self._pieces.begin(what, go_on=self._resume):
            self._say("what a stopped run had made of it was asked for in another way: it begins anew")
        self._done = self._count = self._pieces.frames
        if self._done:
            self._say(f"goes on behind the {self._done} frames that an earlier run made")
        self._encoder: Any = None
        try:
            self._run(self._into_piece)
            if self._encoder is not None:
                self._close_piece()
        except BaseException as error:
            # hours of work are not lost to a full disk: the same command with --resume goes on behind what is whole
            if isinstance(error, InputError) or not self._pieces.count:
                self._pieces.discard()
            raise
        if not self._count:
            raise InputError(f"{self.item.name}: no frame of it is left")
        return MadeFilm(self._pieces, None, self._window(), self._count)

    def _animation(self) -> MadeFilm:
        from genkit.media.film.animating import Animation

        assert self.item.target is not None
        self.item.target.parent.mkdir(parents=True, exist_ok=True)
        self._done = 0
        whole = _temporary(self.item.target)
        drawn = Animation(whole, self.plan.encoding)
        try:
            self._run(drawn.add)
            drawn.close()
        except BaseException:
            drawn.drop()
            whole.unlink(missing_ok=True)
            raise
        return MadeFilm(None, whole, None, self._count)

    # --- frames ---------------------------------------------------------------------------------------------------------------

    def _run(self, put: Callable[[Any, int, int], None]) -> None:
        from genkit.media.film import pipeline
        from genkit.media.film.colour import Converter
        from genkit.run.batch import Stopped

        self._converter, self._put = Converter(), put
        whole = pipeline.through(
            self._shots(), self._work, self._take, workers=self._workers, same=self._same, stopped=self._stopped
        )
        if not whole:
            raise Stopped
        if self._held is not None:
            shot, made = self._held
            self._encode(shot, made, shot.lasts or self._usual())

    def _raws(self) -> Iterator[Raw]:
        from genkit.media.film import reading

        plan = self.plan
        found = reading.raw_frames(plan.facts, part=plan.part, deinterlace=plan.deinterlace)
        return found if plan.rate is None else reading.at_rate(found, plan.facts.video.time_base, plan.rate)

    def _shots(self) -> Iterator[Shot]:
        """The frames that are to be made, those that an earlier run made left out."""
        from genkit.media.film.colour import Converter
        from genkit.media.film.reading import shot_of

        converter = Converter()
        unit = 1 / self.plan.rate if self.plan.rate is not None else self.plan.facts.video.time_base
        before: tuple[Any, Shot] | None = None
        for number, raw in enumerate(self._raws()):
            self._first = raw.at * unit if self._first is None else self._first
            self._end = (raw.at + (raw.lasts or self._usual())) * unit
            if number < self._done:
                continue
            if before is not None and before[0] is raw.frame:  # repeated: the same arrays
                shot = replace(before[1], at=raw.at, lasts=raw.lasts)
            else:
                shot = shot_of(raw, self.plan.facts, converter)
            before = raw.frame, shot
            yield shot

    def _same(self, one: Shot, other: Shot) -> bool:
        from genkit.media.film.pipeline import same_pixels

        return self._files(one) == self._files(other) and same_pixels(one, other)

    def _files(self, shot: Shot) -> Mapping[str, Path]:
        found = {}
        for name, several in self._masks.items():
            if shot.number > len(several):
                raise InputError(
                    f"{self.item.name}: frame {shot.number} has no picture in --{name.replace('_', '-')}",
                    f"there are {len(several)}; --frames 1-{len(several)} takes so many",
                    code="no-partner",
                )
            found[name] = several[shot.number - 1]
        return found

    def _work(self, shot: Shot) -> Picture:
        from genkit.media.pictures.picture import Picture

        try:
            made = self._apply(Picture(shot.pixels, shot.alpha), self._files(shot))
        except GenkitError as error:
            if f"frame {shot.number}" not in error.message:
                error.message = f"{self.item.name}: frame {shot.number}: {error.message.removeprefix(f'{self.item.name}: ')}"
            raise
        if (made.width, made.height) != self.item.size:
            raise RunError(
                f"{self.item.name}: frame {shot.number} became {made.width} x {made.height}, and not {self.item.size}"
            )
        return made

    def _take(self, shot: Shot, made: Picture) -> None:
        if self._held is not None:
            earlier, picture = self._held
            self._encode(earlier, picture, shot.at - earlier.at)
        self._held = shot, made

    def _encode(self, shot: Shot, made: Picture, lasts: int) -> None:
        from genkit.media.film.animations import to_palette
        from genkit.media.pictures.picture import joined, narrow, on_white

        encoding = self.plan.encoding
        pixels, alpha = made.pixels, made.alpha
        if alpha is not None and not encoding.alpha:
            if alpha.min() != alpha.max() or not alpha.max():
                pixels = on_white(narrow(pixels), narrow(alpha))
            alpha = None
        if encoding.pix_fmt == "pal8":
            frame = to_palette(joined(narrow(pixels), narrow(alpha) if alpha is not None else None))
        else:
            frame = self._converter.to_frame(
                pixels,
                alpha,
                encoding.pix_fmt,
                encoding.colour,
                turn=self.plan.facts.video.rotation if encoding.rotation else 0,
            )
        unit = 1 / self.plan.rate if self.plan.rate is not None else self.plan.facts.video.time_base
        shift = self._shift()
        scale = unit / encoding.time_base
        at = round((shot.at * unit - shift) / encoding.time_base)
        if encoding.kind == "AVI" and abs(at * encoding.time_base - (shot.at * unit - shift)) > encoding.time_base / 4:
            raise OutputError(
                f"{self.item.name}: frame {shot.number} comes at a time of its own, and AVI has a constant rate",
                "--fps N makes it constant; -o FILE.mkv keeps the times",
            )
        self._put(frame, at, max(1, round(lasts * scale)))
        self._count += 1
        self._tell()

    def _shift(self) -> Fraction:
        """By how much all times are earlier than the source's: a part of a film begins at 0."""
        return Fraction(0) if self.plan.part.whole or self._first is None else self._first

    def _usual(self) -> int:
        from genkit.media.film.segments import gap_of

        return 1 if self.plan.rate is not None else gap_of(self.plan.facts.video.rate, self.plan.facts.video.time_base)

    def _window(self) -> Window | None:
        from genkit.media.film.joining import Window

        if self.plan.part.whole or self._first is None:
            return None
        return Window(self._first, self._end, self._first)

    # --- pieces ---------------------------------------------------------------------------------------------------------------

    def _into_piece(self, frame: Any, at: int, lasts: int) -> None:
        from genkit.media.film import segments

        if self._encoder is None:
            self._encoder = segments.PieceEncoder(self.plan.encoding)
        self._encoder.add(frame, at, lasts)
        if (self._count + 1) % segments.FRAMES == 0:
            self._close_piece(1)

    def _close_piece(self, more: int = 0) -> None:
        header = self._encoder.header
        packets = self._encoder.close()
        self._pieces.add(packets, header or self._encoder.header, {})
        self._encoder = None
        done, seconds = self._count + more, time.monotonic() - self._begun
        rate = (done - self._done) / seconds if seconds else 0.0
        total = max(self.plan.frames, done)
        self._reporter(
            "step",
            input=self.item.name,
            step=done,
            steps=total,
            frames_s=round(rate, 3),
            left_s=round((total - done) / rate, 1) if rate else None,
            bytes=round(self._pieces.bytes * total / done),
        )

    def _tell(self) -> None:
        show: Any = self._reporter.steps()
        now = time.monotonic()
        if show is None or now - self._said < 0.2:
            return
        self._said = now
        done, seconds = self._count - self._done, now - self._begun
        total = max(self.plan.frames, self._count)
        rate = done / seconds if seconds else 0.0
        size = getattr(getattr(self, "_pieces", None), "bytes", 0) * total / max(self._count, 1) / 1e6
        about = f", about {size:.1f} MB" if size else ""
        show(self._count, total, f"frame {self._count} of {total}, {rate:.2g} a second{about}")

    def _say(self, message: str) -> None:
        self._reporter("notice", message=message, input=self.item.name)


def _temporary(target: Path) -> Path:
    from genkit.files import temporary_name

    return target.parent / temporary_name()


def write(
    item: Item, made: MadeFilm, recipe: dict[str, Any], *, strip: bool, before_naming: Callable[[Path], None]
) -> dict[str, Any]:
    """Write the file whole or not at all, and say what it is.

    Raises:
        OutputError: the place refuses it. InputError: the source's sound cannot be read.
    """
    import os

    from genkit.media.atomic import output_error, temporary_beside
    from genkit.media.film import joining, tags
    from genkit.media.recipe import dump

    assert item.film is not None and item.target is not None and item.size is not None
    plan: FilmPlan = item.film
    text = None if strip else dump(recipe)
    try:
        with temporary_beside(item.target) as temporary:
            if made.whole is not None:
                os.replace(made.whole, temporary)
            else:
                assert made.pieces is not None
                joining.join(
                    made.pieces,
                    plan.encoding,
                    plan.facts,
                    temporary,
                    beside=plan.beside,
                    window=made.window,
                    recipe=text,
                    strip=strip,
                )
            if text is not None and plan.encoding.kind not in (*tags.WITHIN, *tags.WITHOUT):
                tags.put(temporary, plan.encoding.kind, text)
            size = temporary.stat().st_size
            before_naming(temporary)
    except OSError as error:
        raise output_error(item.target, error) from error
    finally:
        if made.whole is not None:
            made.whole.unlink(missing_ok=True)
    if made.pieces is not None:
        with suppress(OSError):
            made.pieces.discard()
    return {"width": item.size[0], "height": item.size[1], "format": item.format, "bytes": size, "frames": made.frames}
