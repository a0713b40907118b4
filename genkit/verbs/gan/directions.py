"""Directions of a latent space, found without labels: steps along one of them change one thing about a picture.

- `sefa`: the closed-form factorisation of Shen and Zhou 2021 (arXiv 2007.06600): the directions of w that the modulation of the
  layers answers to most are the eigenvectors of A^T A, where A (rows, D) holds the modulation weights of the layers looked at.
  Every channel counts alike here: the rows of A are scaled to unit length first.
- `pca`: the principal components of w over many seeds (Härkönen et al. 2020, arXiv 2004.02546).

Steps are in standard deviations of w along the direction, over the same seeds, so that 3 is far for any direction of either
kind. Signs are fixed (the largest number of a direction is positive), so that a number means the same on every machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.errors import InputError, UsageError
from genkit.verbs.gan.latents import dump_arrays, load_arrays

if TYPE_CHECKING:
    from torch import Tensor

    from genkit.models.shapes import SampleModel

SAMPLES = 2048
CHUNK = 512  # latents mapped at once


@dataclass(frozen=True)
class Directions:
    """`vectors` (K, D) of unit length, `scales` (K,) the standard deviations of w along them, `shares` (K,) of what the method
    ranks them by (they sum to at most 1), `names` (K,), empty where nobody gave one; `layers` are those that they are for."""

    vectors: np.ndarray
    scales: np.ndarray
    shares: np.ndarray
    names: tuple[str, ...]
    layers: tuple[int, ...]
    method: str
    model: str
    revision: str = ""

    def find(self, text: str) -> int:
        """The place of a direction by its name or number.

        Raises:
            UsageError: there is none.
        """
        plain = [one.casefold() for one in self.names]
        if text.casefold() in plain and text:
            return plain.index(text.casefold())
        if text.isdigit() and int(text) < len(self.vectors):
            return int(text)
        named = [one for one in self.names if one]
        has = f"names: {', '.join(named)}; " if named else ""
        raise UsageError(f"there is no direction {text!r}", f"{has}numbers: 0 to {len(self.vectors) - 1}", code="direction")

    def called(self, index: int) -> str:
        return self.names[index] or str(index)

    def named(self, new_names: Mapping[int, str]) -> Directions:
        """The same with names by number.

        Raises:
            UsageError: a number that is not there, a name that is a number, or one name for two.
        """
        names = list(self.names)
        for index, name in new_names.items():
            if not 0 <= index < len(names):
                raise UsageError(f"--name {index}={name}: there is no direction {index}", f"numbers: 0 to {len(names) - 1}")
            if not name.strip() or name.strip().isdigit():
                raise UsageError(f"--name {index}={name}: a name that is a number, or empty, names nothing")
            names[index] = name.strip()
        taken = [one.casefold() for one in names if one]
        if len(set(taken)) < len(taken):
            raise UsageError("two directions would have one name", "give each its own")
        return replace(self, names=tuple(names))

    def moved(self, w: np.ndarray, index: int, amount: float) -> np.ndarray:
        """w (N, L, D) with a step along a direction, in the layers that it is for."""
        result = w.copy()
        result[:, list(self.layers)] += (self.vectors[index] * (self.scales[index] * amount)).astype(np.float32)
        return result

    def dump(self) -> bytes:
        """The bytes of a file."""
        arrays: dict[str, Any] = {"vectors": self.vectors, "scales": self.scales, "shares": self.shares}
        arrays |= {"names": np.array(self.names, dtype=np.str_), "layers": np.array(self.layers, np.int64)}
        texts = {"method": self.method, "model": self.model, "revision": self.revision}
        return dump_arrays(arrays | {key: np.array(value) for key, value in texts.items()})


def load_directions(data: bytes, name: str) -> Directions:
    """Read a file of directions.

    Raises:
        InputError: it is none, or numbers in it cannot be.
    """
    arrays = load_arrays(data, name)
    shapes = {key: getattr(arrays.get(key), "shape", None) for key in ("vectors", "scales", "shares", "names", "layers")}
    shape = shapes["vectors"]
    if shape is None or len(shape) != 2 or any(shapes[key] != shape[:1] for key in ("scales", "shares", "names")):
        raise InputError(f"{name}: holds no directions", "genkit gan directions writes such files", code="directions")
    numbers = [arrays[key] for key in ("vectors", "scales", "shares")]
    if any(one.dtype.kind != "f" or not np.isfinite(one).all() for one in numbers) or arrays["layers"].dtype.kind not in "iu":
        raise InputError(f"{name}: numbers in it cannot be", code="directions")
    vectors, scales, shares = (one.astype(np.float32) for one in numbers)
    names, layers = tuple(str(one) for one in arrays["names"]), tuple(int(one) for one in arrays["layers"].reshape(-1))
    method, model, revision = (str(arrays.get(key, "")) for key in ("method", "model", "revision"))
    return Directions(vectors, scales, shares, names, layers, method, model, revision)


def find_directions(
    model: SampleModel,
    name: str,
    method: str = "sefa",
    count: int = 16,
    layers: Sequence[int] | None = None,
    *,
    samples: int = SAMPLES,
    revision: str = "",
) -> Directions:
    """The `count` first directions, by `sefa` or `pca`, of a style-based model, for some of its layers or for all.

    Raises:
        UsageError: a model that is not style-based.
    """
    import torch

    modulation = model.modulation_weights()
    if modulation is None:
        raise UsageError(f"{name} maps no latents to styles, in which directions are found", code="model-option")
    chosen = tuple(layers) if layers is not None else tuple(range(model.layers))
    w = _samples(model, samples)
    w = w - w.mean(0)
    if method == "sefa":
        rows = torch.from_numpy(np.concatenate([modulation[layer] for layer in chosen])).double()
        rows = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-12)
        matrix = rows.T @ rows
    else:
        matrix = w.T @ w / len(w)
    values, vectors = torch.linalg.eigh(matrix)
    values, vectors = values.flip(0).clamp_min(0), vectors.T.flip(0)
    count = max(1, min(count, len(values)))
    vectors = vectors[:count]
    largest = vectors.gather(1, vectors.abs().argmax(1, keepdim=True))
    vectors = vectors * largest.sign()
    scales = (w @ vectors.T).std(0)
    shares = values[:count] / values.sum().clamp_min(1e-12)
    ranked = {"vectors": vectors, "scales": scales, "shares": shares}
    numbers = {key: one.float().numpy() for key, one in ranked.items()}
    return Directions(**numbers, names=("",) * count, layers=chosen, method=method, model=name, revision=revision)


def _samples(model: SampleModel, count: int) -> Tensor:
    """w (count, D) float64 of the first seeds, untruncated, their classes in turn."""
    import torch

    parts = []
    for start in range(0, count, CHUNK):
        seeds = range(start, min(start + CHUNK, count))
        parts.append(torch.from_numpy(model.embed(model.latents(seeds), model.labels_for(seeds), 1.0))[:, 0].double())
    return torch.cat(parts)
