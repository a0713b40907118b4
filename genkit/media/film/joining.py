"""From encoded pieces and the source's other streams to one file: nothing is decoded that is copied."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from genkit.errors import InputError, OutputError
from genkit.media.film import names
from genkit.media.film.codecs import Encoding
from genkit.media.film.facts import FilmFacts, opened, unreadable
from genkit.media.film.library import library
from genkit.media.film.segments import Unfinished, decoding_times, encoder_of
from genkit.media.film.streams import COPY, DROP, Beside, Encoder, add_copy

RECIPE_KEY = "GENKIT"
_OF_FILE = ("major_brand", "minor_version", "compatible_brands", "encoder", "ENCODER", RECIPE_KEY)  # they tell of the old one


@dataclass(frozen=True)
class Window:
    """What of the source was taken, in its own seconds: from `start` until before `end` (None: to its end). The output's times
    are `shift` seconds less."""

    start: Fraction
    end: Fraction | None
    shift: Fraction


def join(
    pieces: Unfinished,
    encoding: Encoding,
    film: FilmFacts | None,
    target: Path,
    *,
    beside: Sequence[Beside],
    window: Window | None,
    recipe: str | None,
    strip: bool,
) -> None:
    """Write the file: the pieces' pictures, and every stream of `film` (None: there is no source) that `beside` keeps.

    Raises:
        OutputError: it cannot be written. InputError: the source cannot be read any more.
    """
    av = library()
    options = {"movflags": "faststart+use_metadata_tags"} if encoding.kind in ("MP4", "MOV") else {}
    if encoding.kind in ("MP4", "MOV"):
        options["video_track_timescale"] = str(encoding.time_base.denominator)
    elif encoding.kind in ("MKV", "WEBM") and (not beside or (film is not None and film.kind in ("MKV", "WEBM"))):
        options["avoid_negative_ts"] = "disabled"  # times to decode at are none of the file's: nothing is to be moved for them
    kept = {one.stream.index: one.way for one in beside if one.way != DROP}
    alone = film is None or film.kind == names.FRAMES or names.is_animation(film.kind)  # nothing else is in it
    try:
        with av.open(str(target), "w", format=names.MUXERS[encoding.kind], container_options=options) as made:
            if film is None or alone:
                pictures = _add_pictures(made, encoding)
                _open(made, None, recipe, strip, encoding, window)
                _mux(made, _pictures(pieces, encoding, pictures))
                return
            with opened(film.path) as source:
                copies, encoders = {}, {}
                for stream in source.streams:  # in the source's order
                    way = kept.get(stream.index)
                    if stream.index == film.video.index:
                        pictures = _add_pictures(made, encoding)
                        pictures.metadata.update(_of_stream(stream))
                        pictures.disposition = stream.disposition
                    elif way == COPY:
                        copies[stream.index] = add_copy(made, stream)
                    elif way is not None:
                        encoders[stream.index] = Encoder(made, stream, way)
                _open(made, source, recipe, strip, encoding, window)
                others = _others(film, source, copies, encoders, window)
                _mux(made, heapq.merge(_pictures(pieces, encoding, pictures), others, key=lambda one: one[0]))
    except av.FFmpegError as error:
        raise OutputError(f"{target}: cannot be written: {error.strerror}", "another container may do: -o FILE.mkv") from error


def _add_pictures(made: Any, encoding: Encoding) -> Any:
    pictures = made.add_stream(encoding.encoder, rate=encoding.rate)
    encoder_of(encoding, pictures.codec_context)
    pictures.time_base = encoding.time_base
    if encoding.rotation:
        pictures.set_display_rotation(-encoding.rotation)
    return pictures


def _of_stream(stream: Any) -> dict[str, str]:
    return {key: value for key, value in stream.metadata.items() if key in ("language", "title", "handler_name", "alpha_mode")}


def _open(made: Any, source: Any, recipe: str | None, strip: bool, encoding: Encoding, window: Window | None) -> None:
    """Give the output what belongs to the whole file, and write its header."""
    if source is not None and not strip:
        made.metadata.update({key: value for key, value in source.metadata.items() if key not in _OF_FILE})
        if encoding.kind in ("MP4", "MOV", "MKV", "WEBM"):
            made.set_chapters(_chapters(source.chapters(), window))
    if recipe is not None and encoding.kind in ("MKV", "WEBM"):
        made.metadata[RECIPE_KEY] = recipe
    elif recipe is not None and encoding.kind == "AVI":
        made.metadata["comment"] = recipe
    made.start_encoding()


def _chapters(chapters: Sequence[Any], window: Window | None) -> list[Any]:
    if window is None:
        return list(chapters)
    found = []
    for one in chapters:
        unit = Fraction(one["time_base"])
        start, end = max(one["start"] * unit, window.start), one["end"] * unit
        end = end if window.end is None else min(end, window.end)
        if start < end:
            times = {"start": round((start - window.shift) / unit), "end": round((end - window.shift) / unit)}
            found.append({**one, **times})
    return found


def _pictures(pieces: Unfinished, encoding: Encoding, stream: Any) -> Iterator[tuple[Fraction, Any]]:
    av = library()
    shown, lasts = pieces.times()
    header = bytes(stream.codec_context.extradata or b"")
    for at, until, decoded, (data, side, key, own) in zip(shown, lasts, decoding_times(shown), pieces.packets(), strict=True):
        if own and header and own != header:
            raise OutputError(
                f"{pieces.target}: the pieces were made by another encoder", "begin anew: --overwrite without --resume"
            )
        packet = av.Packet(data)
        packet.pts, packet.dts, packet.duration, packet.time_base = at, decoded, until, encoding.time_base
        packet.is_keyframe = key
        packet.stream = stream
        if side:
            packet.set_sidedata(_side(packet, side))
        yield decoded * encoding.time_base, packet


def _side(packet: Any, data: bytes) -> Any:
    from av.packet import PacketSideData

    beside = PacketSideData.from_packet(packet, "matroska_block_additional")
    beside.update(data)
    return beside


def _others(
    film: FilmFacts, source: Any, copies: dict[int, Any], encoders: dict[int, Encoder], window: Window | None
) -> Iterator[tuple[Fraction, Any]]:
    """The packets of the source's other streams, as the output has them, by their time."""
    av = library()
    wanted = [source.streams[index] for index in (*copies, *encoders) if source.streams[index].type != "attachment"]
    if not wanted:
        return
    try:
        for packet in source.demux(wanted):
            index, unit = packet.stream.index, packet.time_base
            if packet.pts is None and packet.dts is None:  # the end, which a decoder wants to know of
                continue
            at = (packet.pts if packet.pts is not None else packet.dts) * unit
            if window is not None and (
                at + (packet.duration or 0) * unit <= window.start or (window.end is not None and at >= window.end)
            ):
                continue
            shift = window.shift if window is not None else Fraction(0)
            if index in copies:
                packet.stream = copies[index]
                _move(packet, shift)
                yield _time(packet), packet
            else:
                for one in encoders[index].packets(packet):
                    _move(one, shift)
                    yield _time(one), one
        for encoder in encoders.values():
            for one in encoder.packets(None):
                _move(one, window.shift if window is not None else Fraction(0))
                yield _time(one), one
    except av.FFmpegError as error:
        if isinstance(error, av.error.InvalidDataError):
            raise InputError(
                f"{film.path}: its sound or another stream is damaged", "--audio none leaves the sound out"
            ) from error
        raise unreadable(film.path, error) from error


def _move(packet: Any, shift: Fraction) -> None:
    if shift:
        ticks = round(shift / packet.time_base)
        packet.pts = packet.pts - ticks if packet.pts is not None else None
        packet.dts = packet.dts - ticks if packet.dts is not None else None


def _time(packet: Any) -> Fraction:
    return Fraction((packet.dts if packet.dts is not None else packet.pts) or 0) * packet.time_base


def _mux(made: Any, packets: Iterator[tuple[Fraction, Any]]) -> None:
    for _, packet in packets:
        made.mux(packet)
