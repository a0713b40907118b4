"""Sound to files and back: WAV, FLAC, OGG and MP3 by libsndfile (soundfile), block by block, so that hours take no memory.

Sound is mono float32 [-1, 1] in blocks. Rates are changed by soxr as the blocks pass. Loudness is that of ITU-R BS.1770-4 by
pyloudnorm, which is given a stretch at a time; the gate is then set over all of them. A file gets its name when it is whole; a
stream (WAV without a length in its header, or bare samples) carries the sound as it is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from genkit.errors import InputError, OutputError, UsageError
from genkit.media.sound.formats import BITS, FORMATS, LOSSY

if TYPE_CHECKING:
    from genkit.media.sound.tags import Chapter

BLOCK = 1 << 16  # samples
WAV_BYTES = (1 << 32) - (1 << 20)  # a RIFF file counts its bytes in 32 bits; the tags need some of them
PEAK = 10 ** (-1 / 20)  # -1 dB: what decoders of lossy formats overshoot stays below full scale
GATE_LUFS, BELOW_LU = -70.0, 10.0  # BS.1770-4
STRETCH_S, WARM_S, HOP_S, WINDOW_S = 60.0, 1.0, 0.1, 0.4
QUALITY = 80  # of MP3 and OGG
MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Encoding:
    """How a sound is written: `rate` in Hz (None: as it is made), `bits` 16 or 24 where the format has them."""

    format: str = "WAV"
    bits: int = 16
    rate: int | None = None
    quality: int | None = None

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise UsageError(f"--bits {self.bits}: expected {' or '.join(map(str, BITS))}")
        if self.rate is not None and not 4000 <= self.rate <= 192_000:
            raise UsageError(f"--rate {self.rate}: expected 4000 to 192000 Hz")
        if self.format == "MP3" and self.rate is not None and self.rate not in MP3_RATES:  # known before a book is said
            rates = ", ".join(map(str, MP3_RATES))
            raise UsageError(f"--rate {self.rate}: MP3 has {rates} Hz", "take one of them, or -o NAME.flac")

    @property
    def subtype(self) -> str:
        return {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(self.format, f"PCM_{self.bits}")


def resampled(blocks: Iterable[np.ndarray], rate: int, wanted: int | None) -> Iterator[np.ndarray]:
    """Change the rate of a sound as it passes."""
    if wanted is None or wanted == rate:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate, wanted, 1, dtype="float32", quality="VHQ")
    for block in blocks:
        made = stream.resample_chunk(np.ascontiguousarray(block, np.float32))
        if len(made):
            yield made
    rest = stream.resample_chunk(np.zeros(0, np.float32), last=True)
    if len(rest):
        yield rest


def write_sound(
    target: Path,
    blocks: Iterable[np.ndarray],
    rate: int,
    encoding: Encoding,
    *,
    gain: float = 1.0,
    recipe: Mapping[str, Any] | None = None,
    chapters: Sequence[Chapter] = (),
    title: str | None = None,
    cover: bytes | None = None,
    before_naming: Callable[[Path], None] = lambda temporary: None,
) -> int:
    """Write a sound whole or not at all and return its bytes; recipe, chapters and cover (JPEG or PNG) go into the file's tags.

    Raises:
        OutputError: the place or the format refuses it.
    """
    from genkit.media.atomic import output_error, temporary_beside
    from genkit.media.recipe import dump
    from genkit.media.sound.tags import write_tags

    text = None if recipe is None else dump(dict(recipe))
    with temporary_beside(target) as temporary:
        try:
            _encode(temporary, resampled(blocks, rate, encoding.rate), encoding.rate or rate, encoding, gain)
            write_tags(temporary, encoding.format, recipe=text, chapters=chapters, title=title, cover=cover)
        except OSError as error:
            raise output_error(target, error) from error
        before_naming(temporary)
        return temporary.stat().st_size


def _encode(path: Path, blocks: Iterable[np.ndarray], rate: int, encoding: Encoding, gain: float) -> None:
    import soundfile

    options: dict[str, Any] = {}
    if encoding.format in LOSSY:
        options["compression_level"] = 1 - (encoding.quality or QUALITY) / 100
    try:
        file = soundfile.SoundFile(
            str(path), "w", samplerate=rate, channels=1, format=encoding.format, subtype=encoding.subtype, **options
        )
    except (soundfile.SoundFileError, ValueError) as error:
        hint = (
            "MP3 knows rates up to 48000 Hz: give --rate, or -o NAME.flac"
            if encoding.format == "MP3"
            else "take another format"
        )
        raise OutputError(f"{encoding.format} at {rate} Hz cannot be written: {_reason(error)}", hint) from error
    width, written = encoding.bits // 8, 0
    with file:
        for block in blocks:
            for at in range(0, len(block), BLOCK):  # libsndfile's Vorbis encoder takes a stretch at once onto the stack
                part = block[at : at + BLOCK]
                written += len(part) * width
                if encoding.format == "WAV" and written > WAV_BYTES:
                    raise OutputError(
                        "a WAV file holds 4 GB", "the same command with -o NAME.flac; nothing that was said is lost"
                    )
                try:
                    file.write(_samples(part * gain, encoding))
                except soundfile.SoundFileError as error:
                    _refuse_full(path, error)


def _refuse_full(path: Path, error: Exception) -> None:
    import shutil

    reason = "no space is left on the device" if shutil.disk_usage(path.parent).free < 1 << 20 else _reason(error)
    raise OutputError(f"{path.parent}: cannot be written: {reason}", "make room, and use --resume") from error


def _reason(error: Exception) -> str:
    return " ".join(str(getattr(error, "error_string", error)).split()).rstrip(".")


class SoundStream:
    """Sound that goes out as it is made: WAV whose header leaves the length open, or bare samples (little endian integers)."""

    def __init__(self, stream: BinaryIO, rate: int, encoding: Encoding):
        self._stream, self._bits, self._rate, self._wanted = stream, encoding.bits, rate, encoding.rate
        self.count = 0
        self._feed: Any = None
        if self._wanted is not None and self._wanted != rate:
            import soxr

            self._feed = soxr.ResampleStream(rate, self._wanted, 1, dtype="float32", quality="HQ")
        if encoding.format == "WAV":
            self._put(_open_header(encoding.rate or rate, self._bits))

    def write(self, block: np.ndarray) -> None:
        """Send a block on, and flush: whoever plays it waits for it."""
        if self._feed is not None:
            block = self._feed.resample_chunk(np.ascontiguousarray(block, np.float32))
        self._put(to_bytes(block, self._bits))

    def close(self) -> None:
        """Send what the change of rate still held back."""
        if self._feed is not None:
            self._put(to_bytes(self._feed.resample_chunk(np.zeros(0, np.float32), last=True), self._bits))

    def _put(self, data: bytes) -> None:
        from genkit.media.atomic import output_error

        try:
            self._stream.write(data)
            self._stream.flush()
        except BrokenPipeError:
            raise
        except OSError as error:
            raise output_error("standard output", error) from error
        self.count += len(data)


def _samples(block: np.ndarray, encoding: Encoding) -> np.ndarray:
    """What libsndfile is given: integers where the format holds such (it would round down itself), else floats."""
    if encoding.format in LOSSY:
        return np.clip(block, -1.0, 1.0)
    whole = _integers(block, encoding.bits)
    return whole.astype(np.int16) if encoding.bits == 16 else whole << 8  # it takes the upper 24 of 32 bits


def _integers(block: np.ndarray, bits: int) -> np.ndarray:
    top = (1 << (bits - 1)) - 1
    return np.round(np.clip(block, -1.0, 1.0).astype(np.float64) * top).astype("<i4")


def to_bytes(block: np.ndarray, bits: int) -> bytes:
    """Samples as little-endian integers of 16 or 24 bits."""
    whole = _integers(block, bits)
    if bits == 16:
        return whole.astype("<i2").tobytes()
    return whole.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()


def _open_header(rate: int, bits: int) -> bytes:
    size = bits // 8
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * size, size, bits)
    return b"RIFF\xff\xff\xff\xffWAVEfmt " + struct.pack("<I", len(form)) + form + b"data\xff\xff\xff\xff"


def loudness_gain(blocks: Iterable[np.ndarray], rate: int, lufs: float) -> tuple[float, float]:
    """What to multiply a sound by so that it is as loud as `lufs`, and how loud it will be: less where its peaks forbid it.

    A sound that is silent, or shorter than one window of the measure, is left as it is (nan for its loudness).
    """
    energies: list[float] = []
    peak = 0.0
    for stretch, skip in _stretches(blocks, rate):
        peak = max(peak, float(np.abs(stretch).max(initial=0.0)))
        energies += _energies(stretch, rate)[skip:]
    loud = _integrated(np.array(energies))
    if not np.isfinite(loud) or peak <= 0:
        return 1.0, float("nan")
    gain = min(10 ** ((lufs - loud) / 20), PEAK / peak)
    return gain, loud + 20 * float(np.log10(gain))


def _stretches(blocks: Iterable[np.ndarray], rate: int) -> Iterator[tuple[np.ndarray, int]]:
    """Overlapping stretches of a sound, each with how many windows at its beginning the one before has had already. The filter
    gets a second before each to settle in, and windows of 0.4 s begin every 0.1 s."""
    hop = int(HOP_S * rate)
    body, warm, tail = int(STRETCH_S / HOP_S) * hop, int(WARM_S / HOP_S) * hop, int(WINDOW_S / HOP_S - 1) * hop
    held, skip = np.zeros(0, np.float32), 0
    for block in blocks:
        held = np.concatenate([held, block.astype(np.float32)])
        while len(held) >= skip * hop + body + tail:
            yield held[: skip * hop + body + tail], skip
            held, skip = held[skip * hop + body - warm :], warm // hop
    if len(held) >= skip * hop + tail + hop:
        yield held, skip


def _energies(stretch: np.ndarray, rate: int) -> list[float]:
    import pyloudnorm

    meter = pyloudnorm.Meter(rate)
    meter.integrated_loudness(stretch.astype(np.float64))
    return [10 ** ((one + 0.691) / 10) for one in meter.blockwise_loudness]


def _integrated(energies: np.ndarray) -> float:
    """The gated loudness of windows by their energies (equations 5 to 7 of BS.1770-4)."""

    def level(energy: float) -> float:
        return -0.691 + 10 * float(np.log10(energy)) if energy > 0 else -float("inf")

    loud = energies[energies > 10 ** ((GATE_LUFS + 0.691) / 10)]
    if not len(loud):
        return -float("inf")
    gate = level(float(loud.mean())) - BELOW_LU
    return level(float(loud[loud > 10 ** ((gate + 0.691) / 10)].mean()))


def read_sound(path: Path) -> tuple[np.ndarray, int]:
    """Read a whole sound as mono (T,) float32, and its rate.

    Raises:
        InputError: missing, or no sound that libsndfile reads.
    """
    import soundfile

    try:
        data, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
    except (soundfile.SoundFileError, OSError) as error:
        raise InputError(f"{path}: cannot be read as sound: {_reason(error)}") from error
    return data.mean(axis=1), rate


def is_whole(path: Path) -> bool:
    """Whether a sound is there to the end that its header tells."""
    import soundfile

    try:
        with soundfile.SoundFile(str(path)) as file:
            if file.format == "WAV" and not _riff_is_whole(path):
                return False
            if file.frames <= 0:
                return False
            file.seek(file.frames - 1)
            return len(file.read(1)) == 1
    except (soundfile.SoundFileError, OSError, RuntimeError):
        return False


def _riff_is_whole(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(8)
    return len(head) == 8 and 8 + struct.unpack_from("<I", head, 4)[0] <= path.stat().st_size


def sound_format(name: str | None) -> str | None:
    """WAV, FLAC, OGG or MP3 by the suffix of a name or by a word (`flac`), or None."""
    if name is None:
        return None
    return FORMATS.get(PurePath(name).suffix.lower()) or FORMATS.get(f".{name.lower()}")
