"""Films that tests make, and what two films have in common."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from genkit.media.film import facts


def pictures(count: int, width: int, height: int) -> list[np.ndarray]:
    """A bright square that moves over a slope of colours."""
    rows, columns = np.mgrid[0:height, 0:width]
    ground = np.dstack([columns * 255 // width, rows * 255 // height, np.full((height, width), 90)]).astype(np.uint8)
    found = []
    for number in range(count):
        one = ground.copy()
        left = number * 3 % max(1, width - 8)
        one[4:12, left : left + 8] = 240
        found.append(one)
    return found


def clip(
    path: Path,
    *,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (48, 32),
    times: Sequence[int] = tuple(range(0, 600, 40)),
    time_base: Fraction = Fraction(1, 1000),
    sounds: int = 0,
    rotation: int = 0,
    tags: tuple[int, int, int, int] | None = None,
    subtitles: bool = False,
    still: bool = False,
    options: dict[str, str] | None = None,
) -> Path:
    """A film whose frames are shown at `times`."""
    with av.open(str(path), "w") as made:
        made.metadata["title"] = "a film of a test"
        stream: Any = made.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, pix_fmt
        stream.codec_context.time_base = stream.time_base = time_base
        defaults = (
            {"x265-params": "log-level=none"} if codec == "libx265" else {"preset": "ultrafast"} if codec == "libx264" else {}
        )
        stream.options = defaults | (options or {})
        if tags:
            context = stream.codec_context
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if rotation:
            stream.set_display_rotation(rotation)
        audio: list[Any] = [made.add_stream("aac", rate=16_000, layout="mono") for _ in range(sounds)]
        for place, one in enumerate(audio):
            one.metadata["language"] = ("eng", "fra")[place % 2]
        words: Any = made.add_mux_stream("mov_text") if subtitles else None
        if path.suffix in (".mp4", ".mkv"):
            unit = Fraction(1, 1000)
            made.set_chapters([{"id": 1, "start": 0, "end": 200, "time_base": unit, "metadata": {"title": "One"}}])
        for place, one in enumerate(audio):
            for number in range(12):
                wave = np.sin(np.arange(1024) * (0.05 + place * 0.02)).astype(np.float32)[None]
                frame = av.AudioFrame.from_ndarray(wave, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = 16_000, number * 1024, Fraction(1, 16_000)
                made.mux(one.encode(frame))
            made.mux(one.encode(None))
        if words is not None:
            packet = av.Packet(b"\x00\x05hello")
            packet.stream, packet.pts, packet.dts, packet.duration, packet.time_base = words, 100, 100, 200, Fraction(1, 1000)
            packet.is_keyframe = True
            made.mux(packet)
        shots = pictures(len(times), *size)
        for at, pixels in zip(times, [shots[0]] * len(times) if still else shots, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=pix_fmt)
            frame.pts, frame.time_base = at, time_base
            made.mux(stream.encode(frame))
        made.mux(stream.encode(None))
    return path


def shown(path: Path) -> list[Fraction]:
    """When each frame is shown, in seconds, by decoding."""
    with av.open(str(path)) as film:
        stream = facts.main_stream(film)
        return [frame.pts * stream.time_base for frame in film.decode(stream)]


def beside(path: Path) -> list[list[tuple[Fraction, str]]]:
    """The packets of every stream but the pictures: when, and the sha256 of what."""
    found: dict[int, list[tuple[Fraction, str]]] = {}
    with av.open(str(path)) as film:
        main = facts.main_stream(film).index
        for packet in film.demux():
            if packet.stream_index != main and packet.pts is not None:
                told = packet.pts * packet.time_base, hashlib.sha256(bytes(packet)).hexdigest()
                found.setdefault(packet.stream_index, []).append(told)
    return [found[index] for index in sorted(found)]


def decoded(path: Path) -> list[str]:
    """The sha256 of each decoded frame."""
    with av.open(str(path)) as film:
        return [hashlib.sha256(frame.to_ndarray().tobytes()).hexdigest() for frame in film.decode(facts.main_stream(film))]
