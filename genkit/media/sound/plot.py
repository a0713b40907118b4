"""A sound as a picture: waveform above, mel spectrogram below, phonemes and words between them. Pillow and NumPy draw it.

A plot shows one minute at most: more cannot be read in a picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

LONGEST_S = 60.0
PIXELS_A_SECOND, LEAST_WIDTH, MOST_WIDTH = 160, 640, 9600
WAVE, MARKS, MEL, EDGE, AXIS = 120, 44, 240, 8, 22
BANDS, WINDOW_S, HOP_S, RANGE_DB = 80, 0.046, 0.006, 70.0
INK, FAINT, PAPER, LINE = (30, 60, 110), (150, 160, 175), (255, 255, 255), (210, 60, 60)
# dark violet over red to pale yellow: brightness rises evenly, so that a print in grey reads the same
COLOURS = ((0, (8, 6, 24)), (0.25, (78, 18, 102)), (0.5, (176, 48, 88)), (0.75, (240, 130, 48)), (1, (250, 245, 175)))


def draw_plot(blocks: Iterable[np.ndarray], rate: int, sentences: Iterable[Any]) -> Image:
    """Draw the first minute of a sound; `sentences` have `words` and `phonemes` as (text, start, end) in seconds."""
    from PIL import Image, ImageDraw, ImageFont

    sound = _first(blocks, int(LONGEST_S * rate))
    seconds = max(len(sound) / rate, 1e-3)
    width = int(np.clip(seconds * PIXELS_A_SECOND, LEAST_WIDTH, MOST_WIDTH))
    picture = Image.new("RGB", (width + 2 * EDGE, WAVE + MARKS + MEL + AXIS + 2 * EDGE), PAPER)
    draw = ImageDraw.Draw(picture)
    font = ImageFont.load_default(11)
    for column, (low, high) in enumerate(_envelope(sound, width)):
        middle = EDGE + WAVE / 2
        draw.line((EDGE + column, middle - high * WAVE / 2, EDGE + column, middle - low * WAVE / 2), fill=INK)
    picture.paste(_spectrogram(sound, rate).resize((width, MEL), Image.Resampling.BILINEAR), (EDGE, EDGE + WAVE + MARKS))
    scale = width / seconds
    shown = list(_until(sentences, seconds))
    top = EDGE + WAVE
    for name, row, through in (("words", 0, False), ("phonemes", 1, True)):
        end = -1.0
        for text, start, stop in (mark for one in shown for mark in getattr(one, name)):
            left, right = EDGE + start * scale, EDGE + min(stop, seconds) * scale
            draw.line((left, top + row * MARKS / 2 + 2, left, top + (row + 1) * MARKS / 2 - 2), fill=LINE)
            if through:
                draw.line((left, top + MARKS, left, top + MARKS + MEL), fill=(255, 255, 255), width=1)
            if left > end:
                draw.text((left + 3, top + row * MARKS / 2 + 4), text, fill=INK, font=font)
                end = left + draw.textlength(text, font=font) if not through else right - 8
    step = next((one for one in (0.1, 0.2, 0.5, 1, 2, 5) if one * scale >= 60), 10)
    for tick in np.arange(0, seconds, step):
        left = EDGE + tick * scale
        draw.line((left, top + MARKS + MEL, left, top + MARKS + MEL + 4), fill=FAINT)
        draw.text((left + 2, top + MARKS + MEL + 5), f"{tick:g} s", fill=FAINT, font=font)
    return picture


def _until(sentences: Iterable[Any], seconds: float) -> Iterable[Any]:
    for one in sentences:
        if one.start > seconds:
            return
        yield one


def _first(blocks: Iterable[np.ndarray], count: int) -> np.ndarray:
    held: list[np.ndarray] = []
    have = 0
    for block in blocks:
        held.append(np.asarray(block, np.float32))
        have += len(block)
        if have >= count:
            break
    return np.concatenate(held)[:count] if held else np.zeros(0, np.float32)


def _envelope(sound: np.ndarray, columns: int) -> Sequence[tuple[float, float]]:
    """The lowest and the highest sample of each column."""
    edges = np.linspace(0, len(sound), columns + 1).astype(int)
    parts = [sound[start : max(stop, start + 1)] for start, stop in pairwise(edges)]
    return [(float(part.min()), float(part.max())) if len(part) else (0.0, 0.0) for part in parts]


def _spectrogram(sound: np.ndarray, rate: int) -> Image:
    import librosa
    from PIL import Image

    window = int(WINDOW_S * rate)
    padded = np.pad(sound, (0, max(0, window - len(sound))))
    mel = librosa.feature.melspectrogram(
        y=padded, sr=rate, n_fft=window, hop_length=max(1, int(HOP_S * rate)), n_mels=BANDS, fmax=min(8000, rate / 2), power=2.0
    )
    decibels = 10 * np.log10(np.maximum(mel, 1e-10))
    level = np.clip((decibels - decibels.max() + RANGE_DB) / RANGE_DB, 0, 1)[::-1]
    places = [place for place, _ in COLOURS]
    channels = [np.interp(level, places, [colour[channel] for _, colour in COLOURS]) for channel in range(3)]
    return Image.fromarray(np.stack(channels, axis=-1).round().astype(np.uint8))
