"""What becomes of the streams beside the pictures: sound, subtitles, attachments, data, further pictures, chapters.

Each is copied packet by packet where the output's container takes it, which a header written to nowhere tells before the first
frame; sound that it does not take is encoded anew, and said; what else it does not take is left out, and said.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from genkit.errors import UsageError
from genkit.media.film import names
from genkit.media.film.facts import UNKNOWN, FilmFacts, StreamFacts, opened
from genkit.media.film.library import library

AUDIO = ("copy", "aac", "opus", "none")
COPY, DROP = "copy", "drop"
_ENCODERS = {"aac": "aac", "opus": "libopus"}
_TS = {"audio": ("aac", "mp3", "mp2", "ac3", "eac3", "opus"), "subtitle": ("dvb_subtitle", "dvb_teletext"), "data": ()}


@dataclass(frozen=True)
class Beside:
    """What becomes of one stream: `copy`, `drop`, or the codec that its sound is encoded with."""

    stream: StreamFacts
    way: str


def plan(film: FilmFacts, kind: str, audio: str | None) -> tuple[list[Beside], list[str]]:
    """What becomes of every stream but the pictures, and what is to be said of it; `audio` None copies where that can be.

    Raises:
        UsageError: `audio` asks for what the container does not take.
    """
    notices: list[str] = []
    found: list[Beside] = []
    others = [one for one in film.streams if one.index != film.video.index]
    if not others or film.kind == names.FRAMES:
        return [], []
    takes = _taken(film, kind) if not names.is_animation(kind) else set()
    for one in others:
        called = f"{one.kind} stream {one.index} ({one.codec})"
        if one.kind == "audio" and audio == "none":
            found.append(Beside(one, DROP))
        elif one.kind == "audio" and one.codec != UNKNOWN and not names.is_animation(kind):
            codec = audio if audio in _ENCODERS else None
            if codec is None and one.index not in takes:
                if audio == COPY:
                    raise UsageError(
                        f"{film.path}: {kind} takes no {one.codec} sound (stream {one.index})",
                        "--audio aac or opus, or -o FILE.mkv",
                    )
                codec = "opus" if kind == "WEBM" else "aac"
                notices.append(f"{called} is encoded anew as {codec}: {kind} does not take it")
            if codec is not None and (codec == "aac") == (kind == "WEBM") and kind == "WEBM":
                raise UsageError(f"{film.path}: WEBM takes no aac sound", "--audio opus")
            found.append(Beside(one, codec or COPY))
        elif one.index in takes:
            found.append(Beside(one, COPY))
        else:
            found.append(Beside(one, DROP))
            if not (film.chapters and one.kind == "data" and kind in ("MP4", "MOV")):  # in which chapters are such a stream
                notices.append(f"{called} is left out: {kind} does not take it")
    if film.chapters and kind not in ("MP4", "MOV", "MKV", "WEBM"):
        notices.append(f"{film.chapters} chapters are left out: {kind} has none")
    return found, notices


def _taken(film: FilmFacts, kind: str) -> set[int]:
    """The streams that a container takes as they are: asked by writing its header with each of them to nowhere."""
    av = library()
    found: set[int] = set()
    with opened(film.path) as source:
        for stream in source.streams:
            known = _TS.get(stream.type, ()) if kind == "TS" else None
            facts = film.streams[stream.index]
            if stream.index == film.video.index or (known is not None and facts.codec not in known):
                continue
            if stream.type == "attachment":
                if kind == "MKV":
                    found.add(stream.index)
                continue
            if stream.codec_context is None and stream.type != "data":
                continue
            if stream.type == "data" and kind in ("MKV", "WEBM", "AVI"):
                continue
            try:
                with av.open(io.BytesIO(), "w", format=names.MUXERS[kind]) as trial:
                    add_copy(trial, stream)
                    trial.start_encoding()
                found.add(stream.index)
            except (av.FFmpegError, ValueError, RuntimeError, NotImplementedError):
                continue
    return found


def add_copy(target: Any, stream: Any) -> Any:
    """A stream of the output that takes another's packets as they are."""
    if stream.type == "attachment":
        return target.add_attachment(
            stream.metadata.get("filename", "attachment"),
            stream.metadata.get("mimetype", "application/octet-stream"),
            stream.data,
        )
    made = target.add_stream_from_template(stream)
    made.time_base = stream.time_base
    made.metadata.update(
        {key: value for key, value in stream.metadata.items() if key not in ("DURATION", "ENCODER", "encoder")}
    )
    made.disposition = stream.disposition
    return made


class Encoder:
    """Sound in another codec, with its times kept."""

    def __init__(self, target: Any, stream: Any, codec: str):
        av = library()
        context = stream.codec_context
        rate = 48_000 if codec == "opus" else context.sample_rate
        self.stream = target.add_stream(_ENCODERS[codec], rate=rate, layout=context.layout.name)
        self.stream.metadata.update({key: value for key, value in stream.metadata.items() if key in ("language", "title")})
        if codec == "opus":
            self.stream.codec_context.bit_rate = 64_000 * max(1, context.channels)
        elif codec == "aac":
            self.stream.codec_context.bit_rate = 96_000 * max(1, context.channels)
        self._resampler = av.AudioResampler(format=self.stream.codec_context.format or "fltp", layout=context.layout, rate=rate)

    def packets(self, packet: Any) -> list[Any]:
        """What a packet of the source (None: its end) becomes."""
        found: list[Any] = []
        if packet is not None:
            for frame in packet.decode():
                for piece in self._resampler.resample(frame):
                    found += self.stream.encode(piece)
            return found
        for piece in self._resampler.resample(None):
            found += self.stream.encode(piece)
        return found + self.stream.encode(None)
