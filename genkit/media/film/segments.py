"""A film that is still being made: closed pieces of a few seconds, each with an encoder of its own, in a hidden folder beside
the output, so that a run that was killed goes on behind the last whole one and the result is the same.

A piece is one file: a line of JSON (times, sizes and marks of its packets) and the packets' bytes. It is written whole or not
at all. `film.json` says what is being made; pieces of anything else are thrown away.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from genkit.errors import OutputError
from genkit.files import read_json, replace_text, replacing
from genkit.media.atomic import output_error
from genkit.media.film.codecs import Encoding
from genkit.media.film.library import library

FRAMES = 100  # in a piece
_SIDE = "matroska_block_additional"  # where VP9 has its transparency
_NAME = "{:06}.piece"


@dataclass
class Packets:
    """Encoded packets in the order of the stream: `shown` are their presentation times, `lasts` how long in the same unit."""

    shown: list[int] = field(default_factory=list)
    lasts: list[int] = field(default_factory=list)
    keys: list[bool] = field(default_factory=list)
    data: list[bytes] = field(default_factory=list)
    side: list[bytes] = field(default_factory=list)


def encoder_of(encoding: Encoding, context: Any) -> None:
    """Make a codec context the one that writes this film."""
    context.width, context.height, context.pix_fmt = encoding.width, encoding.height, encoding.pix_fmt
    context.time_base, context.framerate = encoding.time_base, encoding.rate
    context.sample_aspect_ratio = encoding.sample_aspect
    colour = encoding.colour
    context.color_primaries, context.color_trc = colour.primaries, colour.transfer
    context.colorspace, context.color_range = colour.matrix or 2, colour.range
    context.options = dict(encoding.options)
    if encoding.kind in ("AVI", "TS"):  # one has no presentation times of its own, the other no time before 0
        context.max_b_frames = 0


def global_header(encoding: Encoding) -> bool:
    """Whether the container wants the codec's header once, and not with each key frame."""
    return encoding.kind not in ("TS", "AVI")


class PieceEncoder:
    """One closed piece: `add` frames, then `close`."""

    def __init__(self, encoding: Encoding):
        av = library()
        from av.codec.context import Flags

        self._context = av.CodecContext.create(encoding.encoder, "w")
        encoder_of(encoding, self._context)
        if global_header(encoding):
            self._context.flags |= int(Flags.global_header)
        self._time_base = encoding.time_base
        self._lasts: dict[int, int] = {}
        self._packets = Packets()

    def add(self, frame: Any, at: int, lasts: int) -> None:
        """Encode one frame.

        Raises:
            OutputError: the encoder refuses it.
        """
        frame.pts, frame.time_base = at, self._time_base
        self._lasts[at] = lasts
        self._take(frame)

    def _take(self, frame: Any) -> None:
        av = library()
        try:
            for packet in self._context.encode(frame):
                self._packets.shown.append(packet.pts)
                self._packets.lasts.append(self._lasts.get(packet.pts, 0))
                self._packets.keys.append(bool(packet.is_keyframe))
                self._packets.data.append(bytes(packet))
                self._packets.side.append(bytes(packet.get_sidedata(_SIDE)) if packet.has_sidedata(_SIDE) else b"")
        except (av.FFmpegError, ValueError) as error:
            raise OutputError(f"the encoder ({self._context.name}) refused a frame: {error}", "try another --codec") from error

    def close(self) -> Packets:
        self._take(None)
        if sorted(self._packets.shown) != sorted(self._lasts):
            raise OutputError(
                f"the encoder ({self._context.name}) wrote {len(self._packets.shown)} frames of {len(self._lasts)}",
                "try another --codec",
            )
        return self._packets

    @property
    def header(self) -> bytes:
        return bytes(self._context.extradata or b"")


class Unfinished:
    """The pieces of one output. `count` pieces with `frames` frames are whole; `bytes` is what they take."""

    def __init__(self, target: Path):
        self.target = target
        self.folder = target.with_name(f".{target.name}.genkit-film")
        self.count = self.frames = self.bytes = 0

    def begin(self, what: Mapping[str, Any], *, go_on: bool) -> bool:
        """Open the folder: behind what an earlier run made of the same, or empty. Says whether it had made something else.

        Raises:
            OutputError: the place refuses it.
        """
        wanted = json.loads(json.dumps(what, sort_keys=True, default=str))
        other = False
        try:
            made = read_json(self.folder / "film.json")
        except (OSError, ValueError):
            made = None
        try:
            if made != wanted or not go_on:
                other = made is not None and go_on
                self.discard()
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_text(self.folder / "film.json", json.dumps(wanted))
        except OSError as error:
            raise output_error(self.folder, error) from error
        self._look()
        return other

    def _look(self) -> None:
        self.count = self.frames = self.bytes = 0
        for path in self._paths():
            facts = _head(path)
            if facts is None:
                break
            self.count, self.frames = self.count + 1, self.frames + facts["frames"]
            self.bytes += sum(facts["sizes"])

    def _paths(self) -> Iterator[Path]:
        number = 0
        while (path := self.folder / _NAME.format(number)).is_file():
            yield path
            number += 1

    @property
    def last(self) -> dict[str, Any]:
        """What was told with the last piece."""
        facts = _head(self.folder / _NAME.format(self.count - 1)) if self.count else None
        return facts["told"] if facts else {}

    def add(self, packets: Packets, header: bytes, told: Mapping[str, Any]) -> None:
        """Write a closed piece, with what is `told` to whoever goes on behind it.

        Raises:
            OutputError: the place refuses it.
        """
        head: dict[str, Any] = {
            "frames": len(packets.data),
            "shown": packets.shown,
            "lasts": packets.lasts,
            "keys": [int(one) for one in packets.keys],
            "sizes": [len(one) for one in packets.data],
            "side": [len(one) for one in packets.side],
            "header": header.hex(),
            "told": dict(told),
        }
        path = self.folder / _NAME.format(self.count)
        try:
            with replacing(path) as temporary, temporary.open("xb") as stream:
                stream.write(json.dumps(head).encode() + b"\n")
                for one, beside in zip(packets.data, packets.side, strict=True):
                    stream.write(one + beside)
        except OSError as error:
            raise output_error(self.folder, error) from error
        self.count, self.frames = self.count + 1, self.frames + len(packets.data)
        self.bytes += sum(head["sizes"])

    def times(self) -> tuple[list[int], list[int]]:
        """The presentation times of all packets in the order of the stream, and how long each lasts."""
        shown, lasts = list[int](), list[int]()
        for number in range(self.count):
            facts = _head(self.folder / _NAME.format(number))
            assert facts is not None
            shown, lasts = shown + facts["shown"], lasts + facts["lasts"]
        return shown, lasts

    def packets(self) -> Iterator[tuple[bytes, bytes, bool, bytes]]:
        """(data, side data, whether it is a key frame, the codec's header) of each packet in the order of the stream."""
        for number in range(self.count):
            path = self.folder / _NAME.format(number)
            facts = _head(path)
            assert facts is not None
            header = bytes.fromhex(facts["header"])
            with path.open("rb") as stream:
                stream.readline()
                for size, beside, key in zip(facts["sizes"], facts["side"], facts["keys"], strict=True):
                    yield stream.read(size), stream.read(beside), bool(key), header

    def discard(self) -> None:
        """Take the folder away with all that is genkit's in it."""
        if not self.folder.is_dir():
            return
        for path in [
            *self._paths(),
            *self.folder.glob("*.piece"),
            *self.folder.glob(".genkit-*.part"),
            self.folder / "film.json",
        ]:
            path.unlink(missing_ok=True)
        try:
            self.folder.rmdir()
        except OSError:  # something of somebody else's lies in it
            return


def _head(path: Path) -> dict[str, Any] | None:
    """The first line of a piece, where it is one and whole."""
    try:
        with path.open("rb") as stream:
            line = stream.readline(1 << 24)
            facts = json.loads(line)
            size = path.stat().st_size
        whole = len(line) + sum(facts["sizes"]) + sum(facts["side"])
        return facts if isinstance(facts, dict) and whole == size else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def decoding_times(shown: Iterable[int]) -> list[int]:
    """When each packet has to be decoded, in the order of the stream: ascending, and none later than it is shown."""
    shown = list(shown)
    ordered = sorted(shown)
    rank = {at: place for place, at in enumerate(ordered)}
    delay = max((place - rank[at] for place, at in enumerate(shown)), default=0)
    gap = ordered[1] - ordered[0] if len(ordered) > 1 else 1
    return [ordered[place - delay] if place >= delay else ordered[0] - (delay - place) * gap for place in range(len(shown))]


def gap_of(rate: Fraction, time_base: Fraction) -> int:
    """How long a frame lasts of which nothing more is known."""
    return max(1, round(1 / (rate * time_base)))
