"""What a large network makes of worn crops of photographs, made once and kept: shards `00000.npz`, `00001.npz`, … of
SHARD triples each, uint8 `lr` (N, P, P, 3), the teacher's `sr` and the original `hr` (N, scale*P, scale*P, 3).

A shard depends on its number alone, so that a preparation which was stopped goes on with the next.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from genkit.data.degradation import random_web_photo
from genkit.data.pictures import Source
from genkit.data.second_order import random_web_photo_twice
from genkit.errors import UsageError
from genkit.evaluate.upscale import Enlarge, of_model
from genkit.media.atomic import temporary_beside

SHARD = 20
SEED = 7000  # of the first shard
SIZES = (1.0, 0.75, 0.6)  # of what photographs are reduced to before they are cut
ONCE = 0.4  # the share of crops that are worn once, mildly
KEYS = ("lr", "sr", "hr")


@dataclass(frozen=True)
class Triples:
    lr: np.ndarray
    sr: np.ndarray
    hr: np.ndarray


def read_triples(folder: Path, scale: int, patch: int) -> Triples:
    """All shards of a folder.

    Raises:
        UsageError: there are none, or they are of another scale or too small for patches of `patch` pixels.
    """
    shards = []
    for path in sorted(folder.glob("[0-9]*.npz")):
        try:
            with np.load(path) as file:
                lr, sr, hr = (file[key] for key in KEYS)
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(f"{path}: no triples of a teacher ({error})", "remove it: it is made again") from error
        side = lr.shape[1]
        if side < patch or sr.shape != hr.shape or sr.shape[1] != scale * side:
            raise UsageError(
                f"{path}: crops of {side} pixels, enlarged to {sr.shape[1]}, do not suit patches of {patch} at x{scale}",
                "give another data.triples, or remove that folder",
            )
        shards.append((lr, sr, hr))
    if not shards:
        raise UsageError(f"{folder}: no triples in it", "data.triples is a folder of 00000.npz, 00001.npz, …")
    return Triples(*(np.concatenate(parts) for parts in zip(*shards, strict=True)))


def prepare(folder: Path, sources: Sequence[Source], teacher: str, scale: int, crop: int, count: int) -> None:
    """Make the shards that are missing of `count` triples; crops have `crop` pixels a side before they are enlarged.

    Raises:
        UsageError: no photograph is large enough, or the teacher is of another scale.
    """
    missing = [path for n in range(-(-count // SHARD)) if not (path := folder / f"{n:05d}.npz").exists()]
    if not missing:
        return
    side = crop * scale
    pictures = [pixels for source in sources for pixels in source.training_pictures() if min(pixels.shape[:2]) >= side]
    if not pictures:
        raise UsageError(
            f"{', '.join(str(source.path) for source in sources)}: no picture has {side} pixels on its shorter side",
            "smaller crops: --set data.crop=32 --set data.patch=24",
        )
    model = load_teacher(teacher)
    if model.scale != scale:
        raise UsageError(f"{teacher} enlarges x{model.scale}, the network of this configuration x{scale}")
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        _make(path, pictures, of_model(model, scale, lambda message: None), scale, crop)
        print(f"the teacher's results: {int(path.stem) + 1} of {-(-count // SHARD)} files", file=sys.stderr)


def load_teacher(name: str) -> Any:
    """A model that enlarges by its name, fetched if need be, which is told."""
    from genkit.cards import find
    from genkit.models import load_model
    from genkit.weights import resolve

    card = find(name, "upscale")
    files = resolve(card, announce=lambda text: print(text, file=sys.stderr))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return load_model(card, files, device, torch.float32)


def _make(path: Path, pictures: Sequence[np.ndarray], enlarge: Enlarge, scale: int, crop: int) -> None:
    rng = np.random.default_rng(SEED + int(path.stem))
    made: dict[str, list[np.ndarray]] = {key: [] for key in KEYS}
    for _ in range(SHARD):
        sharp = _cut(pictures, scale * crop, rng)
        worn = (random_web_photo if rng.random() < ONCE else random_web_photo_twice)(sharp, scale, rng)
        for key, pixels in zip(KEYS, (worn, enlarge(worn), sharp), strict=True):
            made[key].append(pixels)
    with temporary_beside(path) as partial, partial.open("wb") as out:
        np.savez(out, **{key: np.stack(pixels) for key, pixels in made.items()})  # type: ignore[arg-type]


def _cut(pictures: Sequence[np.ndarray], side: int, rng: np.random.Generator) -> np.ndarray:
    """The liveliest of three squares of a photograph, which is reduced before where that leaves enough of it."""
    from PIL import Image

    whole = pictures[int(rng.integers(len(pictures)))]
    size = max(float(rng.choice(SIZES)), side / min(whole.shape[:2]))
    if size < 1:
        target = max(side, round(whole.shape[1] * size)), max(side, round(whole.shape[0] * size))
        whole = np.asarray(Image.fromarray(whole).resize(target, Image.Resampling.LANCZOS))
    squares = []
    for _ in range(3):
        top, left = (int(rng.integers(length - side + 1)) for length in whole.shape[:2])
        squares.append(whole[top : top + side, left : left + side])
    return max(squares, key=lambda square: float(np.abs(np.diff(square[::2, ::2, 1].astype(np.int16))).mean()))
