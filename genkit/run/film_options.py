"""What verbs that take films are told of them: which part, how they are written, what becomes of their sound. Each is declared
once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from genkit.errors import UsageError
from genkit.run.option import given, option

if TYPE_CHECKING:
    from genkit.media.film.codecs import Wish
    from genkit.media.film.reading import Part

FILM = "Films"
PICTURES, FILMS = "pictures", "films"
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
MOST_RATE = 1000


@dataclass(frozen=True)
class FilmOptions:
    """Options of films alone: pictures pass them by."""

    only: str | None = option(
        None,
        "Take of what is named the pictures alone, or the films alone.",
        panel=FILM,
        metavar="pictures|films",
        shown="both",
        choices=(PICTURES, FILMS),
        recorded=False,
    )
    begin: str | None = option(
        None, "Begin at this time of the film: 12.5 or 1:02:03.5.", panel=FILM, metavar="TIME", shown="its first frame"
    )
    end: str | None = option(None, "End before this time.", panel=FILM, metavar="TIME", shown="its last frame")
    frames: str | None = option(None, "Take these frames alone, counted from 1.", panel=FILM, metavar="A-B", shown="all")
    fps: str | None = option(
        None,
        "Frames a second, by dropping and repeating: 25 or 30000/1001; of numbered pictures the rate they are for.",
        panel=FILM,
        metavar="N",
        shown="each frame's own time; 25",
    )
    codec: str | None = option(
        None,
        "h264, hevc, av1, vp9, prores, ffv1, or copy-like for the source's own.",
        panel=FILM,
        metavar="NAME",
        shown="h264; hevc above 8 bits; vp9 in .webm",
        choices=("h264", "hevc", "av1", "vp9", "prores", "ffv1", "copy-like"),
    )
    crf: int | None = option(
        None, "Constant quality of the codec: less is better.", panel=FILM, metavar="N", shown="18 of h264", least=0, most=63
    )
    preset: str | None = option(
        None, "How long to look for a smaller file: ultrafast to veryslow.", panel=FILM, metavar="NAME", shown="medium"
    )
    pix_fmt: str | None = option(
        None, "Pixel format, such as yuv420p10le.", panel=FILM, metavar="NAME", shown="depth and chroma of the source"
    )
    audio: str | None = option(
        None,
        "copy, aac, opus or none.",
        panel=FILM,
        metavar="NAME",
        shown="copied where the file takes it, else aac or opus",
        choices=("copy", "aac", "opus", "none"),
    )
    deinterlace: bool = option(False, "Make whole pictures of interlaced fields first.", panel=FILM)


def check(run: FilmOptions, quality: int | None = None) -> None:
    """Refuse what no film could be made with.

    Raises:
        UsageError: says what.
    """
    part_of(run)
    rate_of(run)
    if any(value is not None for value in (run.codec, run.preset, run.pix_fmt)):
        from genkit.media.film import codecs

        codecs.check(wish_of(run, quality))


def wish_of(run: FilmOptions, quality: int | None) -> Wish:
    from genkit.media.film.codecs import Wish

    return Wish(run.codec, run.crf, run.preset, run.pix_fmt, quality)


def part_of(run: FilmOptions) -> Part:
    """Which frames are wanted.

    Raises:
        UsageError: no times or numbers, or an end that lies before the beginning.
    """
    from genkit.media.film.reading import Part

    begin, end = _seconds("--begin", run.begin), _seconds("--end", run.end)
    if begin is not None and end is not None and end <= begin:
        raise UsageError(f"--end {run.end} lies before --begin {run.begin}")
    first = last = None
    if run.frames is not None:
        match = re.fullmatch(r"(\d+)?-(\d+)?|(\d+)", run.frames)
        if match is None or run.frames == "-":
            raise UsageError(f"--frames {run.frames}: expected numbers from 1", "--frames 100-250, 100- or -250")
        first, last = (int(one) if one else None for one in ((match[3], match[3]) if match[3] else (match[1], match[2])))
        if first == 0 or last == 0 or (first is not None and last is not None and last < first):
            raise UsageError(f"--frames {run.frames}: expected numbers from 1, the smaller one first")
    return Part(begin, end, first, last)


def _seconds(flag: str, text: str | None) -> float | None:
    if text is None:
        return None
    match = _TIME.fullmatch(text)
    if match is None:
        raise UsageError(f"{flag} {text}: expected a time", f"{flag} 12.5 (seconds), or 1:02:03.5")
    return int(match[1] or 0) * 3600 + int(match[2] or 0) * 60 + float(match[3])


def rate_of(run: FilmOptions) -> Fraction | None:
    """The rate that was asked for.

    Raises:
        UsageError: it is none.
    """
    if run.fps is None:
        return None
    try:
        rate = Fraction(run.fps).limit_denominator(1001)
        if not 0 < rate <= MOST_RATE:
            raise ValueError
    except (ValueError, ZeroDivisionError):
        raise UsageError(f"--fps {run.fps}: expected a number up to {MOST_RATE}", "25, 23.976 or 24000/1001") from None
    return rate


def recorded(run: Any) -> Mapping[str, Any]:
    """What of these goes into a film's recipe."""
    names = set(FilmOptions.__dataclass_fields__)
    return {each.key: value for each, value in given(run) if each.name in names and each.option.recorded}
