"""Latents as commands name them: lists of seeds and layers, paths between latents, mixtures of them, and files that keep one.

Interpolation is along the great circle in z (Shoemake 1985; White 2016, arXiv 1609.04468: numbers of a normal distribution lie
near a sphere, and a straight line would leave it) or along the straight line in w. Mixing gives some layers the w of another
latent (Karras et al. 2019, arXiv 1812.04948, section 3.1).

A file is an uncompressed `.npz` of plain arrays, read without unpickling: `w` (L, D) float32, and what else the picture needs.
"""

from __future__ import annotations

import io
import math
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import InputError, UsageError
from genkit.files import is_input, read_input
from genkit.run.lists import LARGEST_SEED, parse_seeds

if TYPE_CHECKING:
    from pathlib import Path

    from genkit.cards import Card
    from genkit.models.shapes import SampleModel

MOST_LAYERS = 1 << 20  # where only the loaded model knows how many there are
MOST_FRAMES = 20_000
LARGEST_FILE = 256 << 20  # bytes unpacked; ours take some kilobytes


# --- what is typed --------------------------------------------------------------------------------------------------------


def parse_layers(text: str, count: int, option: str) -> list[int]:
    """Read `4-7` or `0,2,5` as layers of a network that has `count` of them.

    Raises:
        UsageError: no such list, or a layer that is not there.
    """
    layers = sorted(parse_seeds(text, option)) if re.fullmatch(r"[\d\s,-]+", text) else []
    if not layers:
        raise UsageError(f"{option}: {text!r} are no layers", "such as 4-7 or 0,1,2")
    if layers[-1] >= count:
        raise UsageError(f"{option}: there is no layer {layers[-1]}", f"this model has layers 0 to {count - 1}")
    return layers


# --- paths and mixtures ---------------------------------------------------------------------------------------------------


def positions(points: int, frames: int, loop: bool) -> list[tuple[int, float]]:
    """For each frame the leg that it is on and how far along it (0 to 1). A loop's last leg leads to the first point again,
    where the next round begins, so that no frame is shown twice."""
    legs = points if loop else points - 1
    whole = max(1, frames if loop else frames - 1)
    places = []
    for frame in range(frames):
        place = frame * legs / whole
        leg = min(int(place), legs - 1)
        places.append((leg, place - leg))
    return places


def spherical(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """The point of the great circle between z (D,) and z (D,); lengths in between go from one to the other."""
    lengths = np.linalg.norm(first), np.linalg.norm(second)
    angle = math.acos(min(1.0, max(-1.0, float(np.dot(first / lengths[0], second / lengths[1])))))
    if math.sin(angle) < 1e-4:  # the same, or opposite: every way is as good
        return straight(first, second, share)
    weights = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    return weights[0] * first + weights[1] * second


def straight(first: np.ndarray, second: np.ndarray, share: float) -> np.ndarray:
    """The point of the straight line between two arrays."""
    return first + share * (second - first)


def walk(
    model: SampleModel,
    seeds: Sequence[int],
    frames: int,
    *,
    space: str = "w",
    loop: bool = False,
    label: str | int | None = None,
    truncation: float | None = None,
) -> np.ndarray:
    """w (frames, L, D) from seed to seed. Classes that differ are blended, whichever the space.

    Raises:
        UsageError: fewer than two seeds, or impossible numbers of frames.
    """
    if len(seeds) < 2:
        raise UsageError("--walk: a walk leads from one seed to another", "name two or more: --walk 3,7,9")
    if not len(seeds) <= frames <= MOST_FRAMES:
        raise UsageError(
            f"{frames} frames for {len(seeds)} seeds", f"--seconds and --fps give from {len(seeds)} to {MOST_FRAMES}"
        )
    z = model.latents(seeds)
    labels = model.labels_for(seeds, label)
    points = model.embed(z, labels, truncation)
    path = []
    for leg, share in positions(len(seeds), frames, loop):
        ends = leg, (leg + 1) % len(seeds)
        if share in (0, 1):
            path.append(points[ends[int(share)]])
        elif space == "w":
            path.append(straight(points[ends[0]], points[ends[1]], share))
        else:
            between = spherical(z[ends[0]], z[ends[1]], share)[None].repeat(2, 0)
            both = model.embed(between, None if labels is None else labels[list(ends)], truncation)
            path.append(straight(both[0], both[1], share))
    return np.stack(path)


def mix(w: np.ndarray, layers: Sequence[int]) -> np.ndarray:
    """w (1, L, D) of the first of two (2, L, D), with the second's in some layers."""
    mixed = w[:1].copy()
    mixed[:, list(layers)] = w[1:2, list(layers)]
    return mixed


# --- files ----------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Latent:
    """`w` (L, D) float32 of one model, with what else makes the picture: the seed of its noise (None: the network's own
    constant noise), the truncation that w was made with, and its class, where these are known."""

    w: np.ndarray
    model: str
    revision: str = ""
    noise_seed: int | None = None
    truncation: float | None = None
    label: int | None = None

    def dump(self) -> bytes:
        """The bytes of a file; the same latent gives the same bytes."""
        arrays: dict[str, Any] = {"w": np.asarray(self.w, np.float32), "model": np.array(self.model)}
        arrays |= {"revision": np.array(self.revision)}
        optional = {"noise_seed": self.noise_seed, "truncation": self.truncation, "label": self.label}
        arrays |= {key: np.array(value) for key, value in optional.items() if value is not None}
        return dump_arrays(arrays)


def load_latent(data: bytes, name: str) -> Latent:
    """Read a latent's file.

    Raises:
        InputError: not such a file, or numbers in it that cannot be.
    """
    arrays = load_arrays(data, name)
    w = arrays.get("w")
    if w is None or w.dtype.kind != "f" or w.ndim != 2 or not w.size:
        raise InputError(f"{name}: holds no latent", "genkit gan project and --save-latent write such files", code="latent")
    if not np.isfinite(w).all():
        raise InputError(f"{name}: the latent holds numbers that are none", code="latent")
    noise_seed = _scalar(arrays, "noise_seed", int)
    if noise_seed is not None and not 0 <= noise_seed <= LARGEST_SEED:
        raise InputError(f"{name}: {noise_seed} is no seed", code="latent")
    return Latent(
        w.astype(np.float32),
        str(arrays.get("model", "")),
        str(arrays.get("revision", "")),
        noise_seed,
        _scalar(arrays, "truncation", float),
        _scalar(arrays, "label", int),
    )


def read_latent(path: Path, option: str) -> Latent:
    """Read a latent that everything asked for needs.

    Raises:
        UsageError: it is not there. InputError: it is no latent.
    """
    return load_latent(read_bytes(path, option), str(path))


def read_bytes(path: Path, option: str) -> bytes:
    """The bytes of a file that an option names.

    Raises:
        UsageError: it is not there. InputError: it cannot be read.
    """
    if not is_input(path):
        reason = "no regular file" if path.exists() else "not found"
        raise UsageError(f"{option} {path}: {reason}", code="missing-input")
    try:
        return read_input(path, LARGEST_FILE)
    except (OSError, ValueError) as error:
        reason = error.strerror or str(error) if isinstance(error, OSError) else str(error)
        raise InputError(f"{option} {path}: cannot be read: {reason}", exit_code=2) from error


def refuse_other_model(card: Card, latent: Latent, path: Path) -> None:
    """Refuse a latent of another model: its numbers mean nothing here.

    Raises:
        UsageError: names the model that it is of.
    """
    if latent.model and latent.model != card.name:
        raise UsageError(f"{path} is a latent of {latent.model}, not of {card.name}", f"--model {latent.model}", code="latent")


def w_of(model: SampleModel, latent: Latent, name: str) -> np.ndarray:
    """The latent's w (1, L, D).

    Raises:
        UsageError: it does not fit the model.
    """
    one = model.embed(model.latents([0]), model.labels_for([0]), 1.0)
    if latent.w.shape != one.shape[1:]:
        shapes = " and ".join("x".join(map(str, shape)) for shape in (latent.w.shape, one.shape[1:]))
        raise UsageError(
            f"{name}: a latent of another network ({shapes})", "give the --model that it was made with", code="latent"
        )
    return latent.w[None]


def dump_arrays(arrays: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    return stream.getvalue()


def load_arrays(data: bytes, name: str) -> dict[str, np.ndarray]:
    """Read an `.npz` of plain arrays: nothing is unpickled, and what would unpack to too much is refused.

    Raises:
        InputError: it is none.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(one.file_size for one in archive.infolist()) > LARGEST_FILE:
                raise InputError(f"{name}: too large for a file of latents", code="latent")
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (
        ValueError,
        OSError,
        EOFError,
        KeyError,
        MemoryError,
        zipfile.BadZipFile,
        NotImplementedError,  # a way of packing that this Python does not know
        RuntimeError,  # an encrypted member
    ) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(f"{name}: not a file of latents (.npz): {reason}", code="latent") from error
    if not all(isinstance(one, np.ndarray) for one in arrays.values()):  # numpy gives the bytes of what is no array
        raise InputError(f"{name}: not a file of latents (.npz): it holds other things than arrays", code="latent")
    return arrays


def _scalar(arrays: dict[str, np.ndarray], key: str, kind: type) -> Any:
    value = arrays.get(key)
    return kind(value) if value is not None and value.ndim == 0 and value.dtype.kind in "iuf" and np.isfinite(value) else None
