"""Subjects with transparency put in front of pictures: training data for cut-outs, whose true mask is known.

What is held out is held out by what it shows: sets of icons draw the same things, so a thing is in one part or the other by
its name, whatever set it comes from.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageFilter

from genkit.data.captions import Selection, read_captions
from genkit.data.degradation import jpeg
from genkit.data.pictures import list_pictures, read_pictures
from genkit.errors import UsageError

Resampling = Image.Resampling
HELD_ONE_IN = 20
LEAST_SIDE, LEAST_SHARE = 32, 0.04  # of a subject: pixels on its shorter side, and its part of the square around it


def is_held(name: str) -> bool:
    """Whether subjects of this name are measured on and never trained on: one name in twenty, by a checksum of it."""
    return zlib.crc32(" ".join(name.lower().split()).encode()) % HELD_ONE_IN == 0


def read_subjects(source: Path, *, held: bool, most: int | None = None) -> list[np.ndarray]:
    """Pictures with transparency around them, uint8 (H, W, 4), cut to what shows of them, of one part of the names. A name is
    the picture's caption (`captions.tsv`), or that of its file where there is none."""
    try:
        names = {file: caption.name for file, caption in read_captions(source, None, Selection()).items()}
    except UsageError:
        names = {file: PurePosixPath(file).stem for file in list_pictures(source)}
    chosen = [file for file, name in names.items() if is_held(name) == held]
    subjects: list[np.ndarray] = []
    for _, pixels in read_pictures(source, chosen, "RGBA"):
        if (subject := subject_of(pixels)) is not None:
            subjects.append(subject)
        if most is not None and len(subjects) == most:
            break
    return subjects


def subject_of(pixels: np.ndarray) -> np.ndarray | None:
    """What shows of uint8 (H, W, 4), or None if that is the whole of it or next to nothing."""
    shows = pixels[..., 3] >= 128
    if shows.mean() < LEAST_SHARE or shows.mean() > 0.98:
        return None
    rows, columns = np.flatnonzero(shows.any(1)), np.flatnonzero(shows.any(0))
    cut = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return cut if min(cut.shape[:2]) >= LEAST_SIDE else None


@dataclass(frozen=True)
class Manner:
    """How subjects are put in front of a picture: the longer side in shares of the square's, how far a subject may reach out
    of the square (in shares of itself), and how often it throws a shadow, is turned, or the picture behind it is blurred."""

    sizes: tuple[float, float] = (0.25, 0.95)
    beyond: float = 0.2
    shadow: float = 0.4
    turned: float = 0.3
    blurred: float = 0.35
    worse: float = 0.6  # how often the whole gets noise and JPEG


MEASURED = Manner(sizes=(0.35, 0.85), beyond=0.0, shadow=0.25, turned=0.0, blurred=0.25, worse=0.5)


def composite(
    subject: np.ndarray, behind: np.ndarray, rng: np.random.Generator, manner: Manner | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A subject uint8 (h, w, 4) before a square uint8 (S, S, 3): the picture uint8 (S, S, 3), and its mask float32 (S, S)."""
    manner = manner or Manner()
    side = behind.shape[0]
    cut = Image.fromarray(np.ascontiguousarray(subject if rng.random() < 0.5 else subject[:, ::-1]))
    if rng.random() < manner.turned:
        cut = cut.rotate(float(rng.normal(0, 20)), Resampling.BICUBIC, expand=True)
    long = side * float(np.exp(rng.uniform(*np.log(manner.sizes))))
    scale = long / max(cut.size)
    width, height = (max(4, round(length * scale)) for length in cut.size)
    cut = cut.resize((width, height), Resampling.BICUBIC, reducing_gap=2.0)  # Pillow weighs colours by alpha
    left, top = (_place(length, side, manner.beyond, rng) for length in (width, height))
    whole = Image.new("RGBA", (side, side))
    whole.paste(cut, (left, top))
    layer = np.asarray(whole)
    alpha = layer[..., 3:].astype(np.float32) / 255
    scene = np.asarray(_softened(behind, rng.uniform(0.8, 4)) if rng.random() < manner.blurred else behind, np.float32)
    scene = _toned(scene, rng)
    if rng.random() < manner.shadow:
        scene = scene * (1 - _shadow(whole.getchannel("A"), side, rng))
    picture = alpha * _toned(layer[..., :3].astype(np.float32), rng) + (1 - alpha) * scene
    return _worsened(picture, rng, manner.worse), alpha[..., 0]


def _place(length: int, side: int, beyond: float, rng: np.random.Generator) -> int:
    reach = beyond * length
    low, high = -reach, side - length + reach
    return round(float(rng.uniform(min(low, high), max(low, high))))


def _softened(pixels: np.ndarray, sigma: float) -> Image.Image:
    return Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(float(sigma)))


def _shadow(alpha: Image.Image, side: int, rng: np.random.Generator) -> np.ndarray:
    """How much darker it is where a shadow falls, (S, S, 1) in [0, 1]."""
    cast = Image.new("L", alpha.size)
    cast.paste(alpha, (round(float(rng.normal(0, 0.03)) * side), round(float(rng.uniform(0, 0.06)) * side)))
    blurred = cast.filter(ImageFilter.GaussianBlur(side * float(rng.uniform(0.01, 0.05))))
    return np.asarray(blurred, np.float32)[..., None] / 255 * float(rng.uniform(0.15, 0.6))


def _toned(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another exposure, contrast and tint, float32 (H, W, 3) in [0, 255]."""
    gain = float(np.exp(rng.normal(0, 0.15))) * np.exp(rng.normal(0, 0.05, 3)).astype(np.float32)
    return np.clip((pixels - 128) * float(np.exp(rng.normal(0, 0.12))) + 128, 0, 255) * gain


def _worsened(picture: np.ndarray, rng: np.random.Generator, often: float) -> np.ndarray:
    if rng.random() < often:
        picture = picture + rng.normal(0, rng.uniform(0, 6), picture.shape)
        return jpeg(np.clip(np.rint(picture), 0, 255).astype(np.uint8), int(rng.integers(40, 96)))
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def measured_composites(
    subjects: Sequence[np.ndarray], scenes: Sequence[np.ndarray], count: int, side: int, seed: int = 0
) -> list[tuple[np.ndarray, np.ndarray]]:
    """`count` composites to measure on, always the same: subjects in their order before the centre squares of scenes."""
    from genkit.data.squares import centre_square

    rng = np.random.default_rng(seed)
    order = rng.permutation(len(subjects))
    found = []
    for number in range(count):
        scene = scenes[number % len(scenes)]
        behind = centre_square(scene, side, max(1, min(scene.shape[:2]) // side))
        found.append(composite(subjects[int(order[number % len(order)])], behind, rng, MEASURED))
    return found


def overlap(mask: np.ndarray, truth: np.ndarray) -> float:
    """Intersection over union of two masks (H, W) in [0, 1], each cut at a half; 1 where both are empty."""
    mask, truth = mask >= 0.5, truth >= 0.5
    union = (mask | truth).sum()
    return float((mask & truth).sum() / union) if union else 1.0
