"""The frames of a film, one after another in the order in which they are shown, each with its own time.

Times are the source's: presentation timestamps after the container's edit list, counted in the source's time base. What a
decoder cannot give whole ends the film with the number of the frame: nothing is dropped or repeated in silence.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from genkit.errors import InputError
from genkit.media.film import animations, names
from genkit.media.film.colour import Converter
from genkit.media.film.facts import FilmFacts, main_stream, opened, unreadable
from genkit.media.film.library import HINT, library


@dataclass(frozen=True)
class Shot:
    """One frame: upright pixels (H, W, 3) uint8 or uint16 and alpha (H, W) or None; shown `at` for as long as `lasts`, both in
    units of the film's time base (`lasts` 0 where it is not known). `number` counts the source's frames from 1."""

    pixels: np.ndarray
    alpha: np.ndarray | None
    at: int
    lasts: int
    number: int


@dataclass(frozen=True)
class Part:
    """Which frames are wanted: shown from `start` (seconds from the first frame) until before `end`, and numbered `first` to
    `last` (from 1). None is no bound."""

    start: float | None = None
    end: float | None = None
    first: int | None = None
    last: int | None = None

    @property
    def whole(self) -> bool:
        return self == Part()

    def begins(self, seconds: float, number: int) -> bool:
        return (self.start is None or seconds >= self.start - 1e-6) and (self.first is None or number >= self.first)

    def over(self, seconds: float, number: int) -> bool:
        return (self.end is not None and seconds >= self.end - 1e-6) or (self.last is not None and number > self.last)


@dataclass(frozen=True)
class Raw:
    """A frame before it is taken apart: PyAV's, or an animation's pixels."""

    frame: Any
    at: int
    lasts: int
    number: int


def raw_frames(film: FilmFacts, *, part: Part = Part(), deinterlace: bool = False) -> Iterator[Raw]:
    """The frames of a film, decoded.

    Raises:
        InputError: a frame is damaged, or there is none in `part`.
    """
    source = _decoded(film, deinterlace)
    if film.kind == names.FRAMES:
        source = _pictures(film)
    elif names.is_animation(film.kind) and film.container == film.kind.lower():
        source = (
            Raw(pixels, at, lasts, number)
            for number, (pixels, at, lasts) in enumerate(animations.frames(film.path, film.video.alpha), 1)
        )
    first: int | None = None
    found = False
    for raw in source:
        first = raw.at if first is None else first
        seconds = float((raw.at - first) * film.video.time_base)
        if part.over(seconds, raw.number):
            break
        if part.begins(seconds, raw.number):
            found = True
            yield raw
    if not found:
        raise InputError(
            f"{film.path}: no frame lies between --begin, --end and --frames", "genkit probe FILE says how long it is"
        )


def at_rate(source: Iterator[Raw], time_base: Fraction, rate: Fraction) -> Iterator[Raw]:
    """Frames at a constant rate, counted in 1 / rate: those that are too many are dropped, and those too few repeated."""
    begun: int | None = None
    shift = count = 0
    held: Raw | None = None
    for raw in source:
        if begun is None:
            begun, shift = raw.at, round(raw.at * time_base * rate)
        # the output's frames that fall before this one show the one before it
        until = (raw.at - begun) * time_base * rate
        while held is not None and count < until:
            yield Raw(held.frame, shift + count, 1, held.number)
            count += 1
        held = raw
    if held is not None and begun is not None:
        end = max((held.at + held.lasts - begun) * time_base * rate, Fraction(count) + Fraction(1, 2))
        while count < end - Fraction(1, 2) or count == 0:
            yield Raw(held.frame, shift + count, 1, held.number)
            count += 1


def shot_of(raw: Raw, film: FilmFacts, converter: Converter) -> Shot:
    """A frame as pixels."""
    video = film.video
    if isinstance(raw.frame, np.ndarray):
        pixels = raw.frame
        cover = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
        return Shot(np.ascontiguousarray(pixels[..., :3]), cover, raw.at, raw.lasts, raw.number)
    pixels, alpha = converter.to_pixels(raw.frame, video.colour, deep=video.bits > 8, alpha=video.alpha, turn=video.rotation)
    return Shot(pixels, alpha, raw.at, raw.lasts, raw.number)


def _pictures(film: FilmFacts) -> Iterator[Raw]:
    from genkit.media.pictures import images
    from genkit.media.pictures.colour import to_srgb
    from genkit.media.pictures.picture import joined

    size = film.video.width, film.video.height
    for number, path in enumerate(names.numbered(film.path)):
        picture = to_srgb(images.read(path))
        if (picture.width, picture.height) != size:
            raise InputError(f"{path}: is {picture.width} x {picture.height}, and the first frame {size[0]} x {size[1]}")
        alpha = picture.alpha
        if alpha is None and film.video.alpha:
            alpha = np.full(picture.pixels.shape[:2], np.iinfo(picture.pixels.dtype).max, picture.pixels.dtype)
        yield Raw(joined(picture.pixels, alpha), number, 1, number + 1)


def _decoded(film: FilmFacts, deinterlace: bool) -> Iterator[Raw]:
    av = library()
    with opened(film.path) as container:
        stream = main_stream(container)
        if stream is None or stream.index != film.video.index:
            raise InputError(f"{film.path}: has changed since it was looked at")
        stream.thread_type = "AUTO"
        decoder = None
        if film.video.alpha and film.video.codec in ("vp8", "vp9"):  # the usual decoders know no alpha
            decoder = av.CodecContext.create("libvpx" if film.video.codec == "vp8" else "libvpx-vp9", "r")
        graph = _Deinterlacer(av, stream) if deinterlace else None
        number, before = 0, None
        frames = _frames(container, stream, decoder)
        while True:
            try:
                frame = next(frames, None)
                if graph is not None:
                    frame = graph.through(frames, frame)
            except av.FFmpegError as error:
                raise _broken(film, number + 1, unreadable(film.path, error).message.partition(": ")[2]) from error
            if frame is None:
                break
            number += 1
            if frame.is_corrupt:
                raise _broken(film, number, "its data is incomplete")
            if frame.pts is None:
                raise _broken(film, number, "it has no time")
            scale = frame.time_base / stream.time_base if graph is not None else 1  # a filter counts finer
            at, lasts = round(frame.pts * scale), round((frame.duration or 0) * scale)
            if before is not None and at <= before:
                raise _broken(film, number, "it is shown before the one before it")
            shape = (frame.height, frame.width) if film.video.turned else (frame.width, frame.height)
            if shape != (film.video.width, film.video.height):
                raise _broken(
                    film, number, f"it is {shape[0]} x {shape[1]}, and the film {film.video.width} x {film.video.height}"
                )
            before = at
            yield Raw(frame, at, lasts, number)
    if not number:
        raise InputError(f"{film.path}: not one picture in it can be decoded", HINT)


def _frames(container: Any, stream: Any, decoder: Any) -> Iterator[Any]:
    if decoder is None:
        yield from container.decode(stream)
        return
    for packet in container.demux(stream):
        for frame in decoder.decode(packet if packet.size else None):
            frame.time_base = stream.time_base
            yield frame


def _broken(film: FilmFacts, number: int, reason: str) -> InputError:
    return InputError(
        f"{film.path}: frame {number} is damaged: {reason}",
        "--frames, or --begin and --end, leave it out; a repaired copy is better",
        code="damaged-frame",
    )


class _Deinterlacer:
    """Whole pictures out of fields, one for each frame (FFmpeg's bwdif)."""

    def __init__(self, av: Any, stream: Any):
        self._error = av.error.BlockingIOError
        self._over = av.error.EOFError
        self._graph = av.filter.Graph()
        source = self._graph.add_buffer(template=stream)
        clean = self._graph.add("bwdif", "mode=send_frame:deint=all")
        sink = self._graph.add("buffersink")
        source.link_to(clean)
        clean.link_to(sink)
        self._graph.configure()
        self._ended = False

    def through(self, frames: Iterator[Any], frame: Any) -> Any:
        """The next whole picture, after `frame` and as many more as it needs; None at the end."""
        while True:
            if not self._ended:
                self._graph.push(frame)
                self._ended = frame is None
            try:
                return self._graph.pull()
            except self._over:
                return None
            except self._error:
                if self._ended:
                    return None
                frame = next(frames, None)
