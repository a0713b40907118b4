"""What is in a film: its streams, times and colours, by its headers (PyAV; no torch).

`probe` reads headers; `Times` come from the packets, without decoding any.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from genkit.errors import InputError
from genkit.media.film import names
from genkit.media.film.library import HINT, library

PQ, HLG = 16, 18  # transfer characteristics (ITU-T H.273) of pictures brighter than white
UNSPECIFIED = 2
UNKNOWN = "unknown"  # a codec that this build has no word for
_NAMES: Mapping[str, Mapping[int, str]] = {
    "primaries": {1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 11: "dci-p3", 12: "display-p3"},
    "transfer": {1: "bt709", 6: "smpte170m", 8: "linear", 13: "srgb", 14: "bt2020-10", 15: "bt2020-12", 16: "pq", 18: "hlg"},
    "matrix": {0: "rgb", 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020", 10: "bt2020-constant"},
    "range": {1: "limited", 2: "full"},
}
_FIELDS = {2: "top first", 3: "bottom first", 4: "bottom first", 5: "top first"}


@dataclass(frozen=True)
class Colour:
    """The tags of ITU-T H.273 as numbers; `range` is 1 limited, 2 full, 0 not said."""

    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED
    matrix: int = UNSPECIFIED
    range: int = 0

    @property
    def hdr(self) -> str | None:
        return {PQ: "PQ", HLG: "HLG"}.get(self.transfer)

    def words(self) -> dict[str, str]:
        """The tags by name; those that say nothing are left out."""
        values = {"primaries": self.primaries, "transfer": self.transfer, "matrix": self.matrix, "range": self.range}
        return {
            key: _NAMES[key].get(value, str(value))
            for key, value in values.items()
            if value != (0 if key == "range" else UNSPECIFIED)
        }


@dataclass(frozen=True)
class VideoFacts:
    """The stream of pictures that is worked on. `width` and `height` are upright, after `rotation` (degrees, clockwise);
    `frames` is what the header states or the duration makes likely; `time_base` is what its timestamps count, in seconds;
    `mastering` is the static metadata of HDR10 as x265 takes it: the display that it was made on, and its brightest light."""

    index: int
    codec: str
    width: int
    height: int
    pix_fmt: str
    bits: int
    alpha: bool
    time_base: Fraction
    rate: Fraction
    frames: int
    rotation: int = 0
    sample_aspect: Fraction = Fraction(1)
    colour: Colour = Colour()
    fields: str | None = None
    mastering: str = ""

    @property
    def turned(self) -> bool:
        return self.rotation % 180 == 90


@dataclass(frozen=True)
class StreamFacts:
    """A stream beside the pictures, or one of them."""

    index: int
    kind: str
    codec: str
    language: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class FilmFacts:
    """A film's file. `start_s` and `duration_s` are seconds, None where it does not say."""

    path: Path
    kind: str
    container: str
    duration_s: float | None
    start_s: float | None
    streams: tuple[StreamFacts, ...]
    video: VideoFacts
    chapters: int = 0
    loop: int | None = None  # of an animation: how often it plays, 0 for ever


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """An open container.

    Raises:
        InputError: it cannot be opened, or is no film.
    """
    av = library()
    try:
        container = av.open(str(path), "r", metadata_errors="replace")
    except av.FFmpegError as error:
        raise unreadable(path, error) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    with container:
        yield container


def unreadable(path: Path, error: Exception) -> InputError:
    """Why a film cannot be read."""
    if isinstance(error, (FileNotFoundError, PermissionError, IsADirectoryError)):
        return InputError(f"{path}: cannot be read: {error.strerror}", "check the path and the file's permissions")
    reason = getattr(error, "strerror", None) or "it is damaged"
    return InputError(f"{path}: no film that can be read: {reason[:1].lower()}{reason[1:]}", HINT)


def probe(path: Path) -> FilmFacts:
    """Read a film's headers.

    Raises:
        InputError: it cannot be opened, or holds no moving pictures that can be decoded.
    """
    kind = names.CONTAINERS.get(path.suffix.lower())
    if names.is_row(path):
        return _numbered(path)
    if kind is None and path.suffix.lower() in names.ANIMATIONS:
        return _animation(path)
    if not path.stat().st_size if path.is_file() else False:
        raise InputError(f"{path}: the file is empty", "take another copy of the file")
    with opened(path) as container:
        return _of_container(path, kind or "MKV", container)


def main_stream(container: Any) -> Any:
    """The pictures that are worked on: of several streams the largest, never a cover; None where there are none."""
    shown = [one for one in container.streams.video if one.codec_context is not None and not is_cover(one)]
    return max(shown, key=lambda one: (one.codec_context.width * one.codec_context.height, -one.index), default=None)


def is_cover(stream: Any) -> bool:
    """Whether a stream is one picture that stands for the film."""
    from av.stream import Disposition

    return bool(int(stream.disposition) & int(Disposition.attached_pic))


def _of_container(path: Path, kind: str, container: Any) -> FilmFacts:
    stream = main_stream(container)
    if stream is None:
        raise InputError(f"{path}: no moving pictures in it", "genkit probe FILE says what it holds")
    context = stream.codec_context
    if context.format is None or not context.width or not context.height:
        raise InputError(f"{path}: its pictures ({context.name}) cannot be decoded", HINT)
    av = library()
    frame, rotation = None, 0
    try:
        frame = next(iter(container.decode(stream)), None)
    except av.FFmpegError as error:
        raise unreadable(path, error) from error
    if frame is None:
        raise InputError(f"{path}: not one picture in it can be decoded", HINT)
    rotation = round(frame.rotation) % 360 if frame.rotation else 0
    if rotation % 90:
        raise InputError(f"{path}: is to be shown turned by {rotation} degrees", "turn it upright in another program first")
    rate = stream.average_rate or stream.guessed_rate or Fraction(25)
    seconds = float(stream.duration * stream.time_base) if stream.duration else (container.duration or 0) / 1e6
    width, height = frame.width, frame.height
    size = (height, width) if rotation % 180 else (width, height)
    parts = frame.format.components
    colour = Colour(int(context.color_primaries), int(context.color_trc), int(context.colorspace), int(context.color_range))
    if colour == Colour():
        colour = Colour(int(frame.color_primaries), int(frame.color_trc), int(frame.colorspace), int(frame.color_range))
    name = frame.format.name
    if colour.range == 0 and name.startswith("yuvj"):
        colour = Colour(colour.primaries, colour.transfer, colour.matrix, 2)
    alpha = any(part.is_alpha for part in parts) or name == "pal8" or stream.metadata.get("alpha_mode") == "1"
    video = VideoFacts(
        index=stream.index,
        codec=context.codec.canonical_name if hasattr(context.codec, "canonical_name") else context.name,
        width=size[0],
        height=size[1],
        pix_fmt=name,
        bits=max(part.bits for part in parts),
        alpha=alpha,
        time_base=stream.time_base,
        rate=Fraction(rate),
        frames=stream.frames or max(1, round(seconds * float(rate))),
        rotation=-rotation % 360,
        sample_aspect=stream.sample_aspect_ratio or Fraction(1),
        colour=colour,
        mastering=_mastering(frame),
        fields=_FIELDS.get(int(context.field_order)) or ("unknown order" if frame.interlaced_frame else None),
    )
    return FilmFacts(
        path=path,
        kind=kind,
        container=container.format.name,
        duration_s=container.duration / 1e6 if container.duration else None,
        start_s=container.start_time / 1e6 if container.start_time is not None else None,
        streams=tuple(_stream(one) for one in container.streams),
        video=video,
        chapters=len(container.chapters()),
    )


def _mastering(frame: Any) -> str:
    """The static metadata of HDR10 (SMPTE ST 2086, CTA-861.3) as options of x265; empty where a frame has none."""
    found: dict[str, bytes] = {side.type.name: bytes(side) for side in frame.side_data}
    words = []
    display = found.get("MASTERING_DISPLAY_METADATA", b"")
    if len(display) >= 88:
        numbers = struct.unpack_from("<22i", display)
        parts = [Fraction(top, bottom or 1) for top, bottom in zip(numbers[:20:2], numbers[1:20:2], strict=True)]
        if all(numbers[20:22]):
            points = [f"({round(x * 50_000)},{round(y * 50_000)})" for x, y in zip(parts[:8:2], parts[1:8:2], strict=True)]
            red, green, blue, white = points
            light = f"L({round(parts[9] * 10_000)},{round(parts[8] * 10_000)})"
            words.append(f"master-display=G{green}B{blue}R{red}WP{white}{light}")
    level = found.get("CONTENT_LIGHT_LEVEL", b"")
    if len(level) >= 8:
        words.append("max-cll={},{}".format(*struct.unpack_from("<2I", level)))
    return ":".join(words)


def _stream(stream: Any) -> StreamFacts:
    context = stream.codec_context
    details: dict[str, Any] = {}
    if context is not None and stream.type == "audio":
        details = {"rate": context.sample_rate, "channels": context.channels}
    elif context is not None and stream.type == "video":
        details = {"width": context.width, "height": context.height}
    if stream.type == "attachment":
        details = {"name": stream.metadata.get("filename", "")}
    codec = codec_of(stream)
    return StreamFacts(stream.index, stream.type, codec, stream.metadata.get("language"), details)


def codec_of(stream: Any) -> str:
    """The codec of a stream by the name of what it holds, whatever decodes it."""
    context = stream.codec_context
    if context is None:
        return UNKNOWN
    return str(getattr(context.codec, "canonical_name", None) or context.name)


def _animation(path: Path) -> FilmFacts:
    """GIF, APNG, WebP and AVIF are read frame by frame by Pillow, which knows how their pictures lie over each other."""
    from genkit.media.film.animations import facts_of
    from genkit.media.pictures import headers

    header = headers.probe(path)
    frames, seconds, unit, loop, alpha = facts_of(path)
    rate = Fraction(frames / seconds).limit_denominator(1001) if seconds else Fraction(10)
    video = VideoFacts(
        0,
        header.format.lower(),
        header.width,
        header.height,
        "rgba" if alpha else "rgb24",
        header.bits,
        alpha,
        unit,
        rate,
        frames,
    )
    streams = (StreamFacts(0, "video", video.codec, None, {"width": video.width, "height": video.height}),)
    return FilmFacts(path, header.format, header.format.lower(), seconds, 0.0, streams, video, loop=loop)


def _numbered(path: Path) -> FilmFacts:
    from genkit.media.pictures import headers

    files = names.numbered(path)
    if not files:
        raise InputError(
            f"{path}: no such numbered pictures", "the first of frames/%04d.png is frames/0001.png", code="missing-input"
        )
    header = headers.probe(files[0])
    rate = Fraction(25)
    video = VideoFacts(
        0,
        header.format.lower(),
        header.width,
        header.height,
        "rgba" if header.alpha else "rgb24",
        header.bits,
        header.alpha,
        1 / rate,
        rate,
        len(files),
    )
    return FilmFacts(path, names.FRAMES, "numbered pictures", float(len(files) / rate), 0.0, (), video)


@dataclass(frozen=True)
class Times:
    """When the pictures are shown, by their packets: `shown` in units of `time_base`, ascending; `ends` is where the last one
    is over, None where it does not say."""

    time_base: Fraction
    shown: tuple[int, ...]
    ends: int | None

    @property
    def gaps(self) -> tuple[int, ...]:
        return tuple(later - earlier for earlier, later in zip(self.shown, self.shown[1:], strict=False))


def times_of(path: Path) -> Times:
    """Read the packets' times of a container.

    Raises:
        InputError: it cannot be read.
    """
    av = library()
    with opened(path) as container:
        stream = main_stream(container)
        found: list[tuple[int, int]] = []
        try:
            for packet in container.demux(stream):
                if packet.pts is not None and not packet.is_discard:
                    found.append((packet.pts, packet.duration or 0))
        except av.FFmpegError as error:
            raise unreadable(path, error) from error
        found.sort()
        return Times(stream.time_base, tuple(at for at, _ in found), sum(found[-1]) if found and found[-1][1] else None)
