"""Animations written frame by frame: GIF, APNG, animated WebP and AVIF, with the time of every frame."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from genkit.errors import OutputError
from genkit.media.film import names, tags
from genkit.media.film.codecs import Encoding
from genkit.media.film.library import library
from genkit.media.film.segments import encoder_of

_LOOPS = {"GIF": "loop", "PNG": "plays", "WEBP": "loop"}  # what their writers call it


class Animation:
    """One animation on its way into a file: `add` frames, then `close`."""

    def __init__(self, path: Path, encoding: Encoding):
        av = library()
        self._path, self._encoding = path, encoding
        option = _LOOPS.get(encoding.kind)
        options = {option: str(encoding.loop)} if option else {}
        try:
            self._made = av.open(str(path), "w", format=names.MUXERS[encoding.kind], container_options=options)
            self._stream = self._made.add_stream(encoding.encoder, rate=encoding.rate)
            encoder_of(encoding, self._stream.codec_context)
            self._stream.time_base = encoding.time_base
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(f"{path}: cannot be written: {error}") from error
        self._lasts: dict[int, int] = {}
        self.frames = 0

    def add(self, frame: Any, at: int, lasts: int) -> None:
        """Write a frame that is shown `at` for as long as `lasts`, in the encoding's time base.

        Raises:
            OutputError: the encoder refuses it.
        """
        frame.pts, frame.time_base = at, self._encoding.time_base
        self._lasts[at] = self._last = lasts
        self._mux(frame)
        self.frames += 1

    def _mux(self, frame: Any) -> None:
        av = library()
        try:
            for packet in self._stream.encode(frame):
                packet.duration = self._lasts.get(packet.pts, packet.duration)
                self._made.mux(packet)
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(f"the animation's encoder ({self._encoding.encoder}) failed: {error}") from error

    def close(self) -> None:
        self._mux(None)
        self._made.close()
        if self._encoding.kind == "WEBP":
            tags.last_webp_duration(self._path, self._last)
        elif self._encoding.kind == "PNG":
            tags.last_png_duration(self._path, round(self._last * self._encoding.time_base * 1000))

    def drop(self) -> None:
        """Give up: close the file as it is."""
        import contextlib

        with contextlib.suppress(Exception):
            self._made.close()
