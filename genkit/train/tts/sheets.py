"""What a voice's training shows while it goes: spectrograms as a picture, and sounds beside it."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from genkit.nets.mel import MelScale

# dark violet to yellow, in five steps between which colours are mixed
COLOURS = np.array([(10, 5, 40), (80, 20, 110), (180, 50, 90), (245, 130, 50), (252, 250, 180)], np.float64)
LOWEST, HIGHEST = -2.5, 2.5  # standardised features that get the first and the last colour
LINE = (255, 255, 255)


def painted(features: np.ndarray, height: int = 2) -> np.ndarray:
    """Features (bands, F) as uint8 (bands * height, F, 3), low bands below."""
    place = ((features[::-1] - LOWEST) / (HIGHEST - LOWEST)).clip(0, 1) * (len(COLOURS) - 1)
    below = np.minimum(place.astype(int), len(COLOURS) - 2)
    share = (place - below)[..., None]
    return np.repeat((COLOURS[below] * (1 - share) + COLOURS[below + 1] * share).astype(np.uint8), height, 0)


def picture(scale: MelScale, sound: Tensor, width: int = 400) -> np.ndarray:
    """The first `width` frames of a sound (T,), padded with the lowest colour; a white line below."""
    features = scale.features(sound[None].detach().float().cpu())[0].numpy()
    return framed(features, width)


def framed(features: np.ndarray, width: int = 400) -> np.ndarray:
    """Features (bands, F) as a picture of `width` columns; a white line below."""
    held = np.full((features.shape[0], width), LOWEST)
    held[:, : min(width, features.shape[1])] = features[:, :width]
    return np.concatenate([painted(held), np.full((1, width, 3), LINE, np.uint8)])


def write_samples(folder: Path, name: str, rate_hz: int, **sounds: Tensor) -> None:
    """Write `samples/<name>-<key>.wav` into a run folder, 16 bit, over those that were there."""
    place = folder / "samples"
    place.mkdir(parents=True, exist_ok=True)
    for key, sound in sounds.items():
        numbers = (sound.detach().float().cpu().clamp(-1, 1) * 32767).to(torch.int16).numpy()
        with wave.open(str(place / f"{Path(name).name}-{key}.wav"), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(rate_hz)
            file.writeframes(numpy_bytes(numbers))


def numpy_bytes(numbers: np.ndarray) -> bytes:
    """Little-endian, whatever this machine's order is."""
    return numbers.astype("<i2").tobytes()
