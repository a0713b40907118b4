"""A generator of pictures as the tasks of `genkit gan` call it: seeds in, pictures out, with its stages by name.

Grey networks give grey RGB.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from genkit.engine.noise import noise
from genkit.errors import UsageError
from genkit.models.shapes import SampleModel
from genkit.models.shapes.sample import Labels

MIX = 0x9E3779B97F4A7C15  # an odd number with bits all over, so that neighbouring seeds and layers share no noise
NOT_NEGATIVE = (1 << 63) - 1


class Sample(SampleModel):
    """`labels` are the classes' names, or how many there are (0: none).

    The network's own functions: `embed(network, z, labels | None, truncation) -> w (N, L, D)` and `draw(network, w, noise |
    None, truncation) -> images`, which end in `span` (-1 to 1 unless told). `bound` draws z from a normal distribution cut off
    there. `noise_sides` are the sides of the noise maps that a style-based network adds. `modulation` gives, for each of
    `layers`, the matrix (rows, D) by which its w acts. `precise` are the parts that stay in float32.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        dtype: torch.dtype,
        latent: int,
        labels: Sequence[str] | int,
        side: int,
        draw: Callable[[Any, Tensor, Sequence[Tensor] | None, float], Tensor],
        embed: Callable[[Any, Tensor, Tensor | None, float], Tensor] | None = None,
        channels: int = 3,
        span: tuple[float, float] = (-1.0, 1.0),
        bound: float | None = None,
        truncation: float | None = None,
        least: float = 0.0,
        layers: int = 1,
        noise_sides: Sequence[int] = (),
        mean: Callable[[Any], Tensor] | None = None,
        modulation: Callable[[Any], list[Tensor]] | None = None,
        precise: Callable[[Any], Iterable[nn.Module]] | None = None,
        pixel_bytes: int = 4096,
    ):
        self.network = network.eval().requires_grad_(False)
        self.latent, self.side, self.channels, self.layers = latent, side, channels, layers
        self.labels = tuple(str(one) for one in (range(labels) if isinstance(labels, int) else labels))
        self.truncation, self.least = truncation, least
        self.pixel_bytes = pixel_bytes
        self._draw, self._embed, self._span, self._bound = draw, embed, span, bound
        self._noise_sides = tuple(noise_sides)
        self._mean, self._modulation, self._precise = mean, modulation, precise
        self.to(device, dtype)

    def to(self, device: torch.device, dtype: torch.dtype) -> Self:
        """Move the network; its precise parts never pass through a shorter format."""
        parts = list(self._precise(self.network)) if self._precise else []
        kept = [(part, name, one.data) for part in parts for name, one in part.named_parameters(recurse=False)]
        held = [(part, name, one) for part in parts for name, one in part.named_buffers(recurse=False)]
        self.network.to(device, dtype)
        for part, name, numbers in kept:
            part.get_parameter(name).data = numbers.to(device, torch.float32)
        for part, name, numbers in held:
            part.register_buffer(name, numbers.to(device, torch.float32))
        self.device, self.dtype = device, dtype
        return self

    def __call__(self, seeds: Sequence[int], **options: Any) -> Tensor:
        """Draw a picture for each seed. Options: `label` (a class for all or one each; by default the seeds go through the
        classes in turn) and `truncation`.

        Raises:
            UsageError: an option that this model has not got, or a value that it does not take.
        """
        for name in options:
            if name not in ("label", "truncation"):
                raise UsageError(f"this model has no option {name!r}", code="model-option")
        truncation = options.get("truncation")
        w = self.mapping(self.latents(seeds), self.labels_for(seeds, options.get("label")), truncation)
        return self.synthesis(w, noise_seed=seeds, truncation=truncation)

    # --- the stages ---------------------------------------------------------------------------------------------------

    def latents(self, seeds: Sequence[int]) -> Tensor:
        z = torch.from_numpy(np.stack([noise(seed, (self.latent,)) for seed in seeds]))
        if self._bound is None:
            return z
        # Each number keeps its rank, so that neighbours in one distribution are neighbours in the other.
        share = math.erf(self._bound / math.sqrt(2))
        ranks = torch.special.erf(z.double() / math.sqrt(2)) * share
        return (torch.special.erfinv(ranks) * math.sqrt(2)).float()

    def mapping(self, z: Tensor, labels: Tensor | Sequence[int] | int | None = None, truncation: float | None = None) -> Tensor:
        """w of z; `truncation` draws it to the mean: less variety, fewer failures."""
        strength = self._strength(truncation)
        indices = self._indices(labels, len(z))
        z = z.to(self.device, torch.float32)
        return self._embed(self.network, z, indices, strength).float() if self._embed else z[:, None]

    def synthesis(
        self,
        w: Tensor,
        *,
        noise_seed: int | Sequence[int] | None = None,
        truncation: float | None = None,
        clamped: bool = True,
    ) -> Tensor:
        """Pictures of w; without `clamped` gradients reach every pixel."""
        noise_maps = self._noise(noise_seed, len(w))
        images = self._draw(self.network, w.to(self.device), noise_maps, self._strength(truncation)).float()
        low, high = self._span
        images = (images - low) / (high - low)
        if images.shape[1] < self.channels:
            images = images.expand(-1, self.channels, -1, -1)
        return images.clamp(0, 1) if clamped else images

    # --- what a latent space is made of -------------------------------------------------------------------------------

    @property
    def mean_latent(self) -> Tensor:
        if self._mean is None:
            return torch.zeros(self.latent, device=self.device)
        return self._mean(self.network).float()

    def modulation_weights(self) -> list[Tensor] | None:
        return None if self._modulation is None else [one.float() for one in self._modulation(self.network)]

    # --- classes ------------------------------------------------------------------------------------------------------

    def labels_for(self, seeds: Sequence[int], label: Labels = None) -> Tensor | None:
        """The class index of each seed: by default one that a picture has alone and in a batch."""
        if label is None:
            return torch.tensor([seed % len(self.labels) for seed in seeds]) if self.labels else None
        wanted = [label] * len(seeds) if isinstance(label, (str, int)) else list(label)
        if len(wanted) != len(seeds):
            raise UsageError(f"{len(wanted)} classes for {len(seeds)} pictures", "one for all, or one for each")
        return torch.tensor([self.label_index(one) for one in wanted])

    def label_index(self, label: str | int) -> int:
        """The index of a class by its name (upper and lower case alike) or number.

        Raises:
            UsageError: there is none, or several have this name.
        """
        if not self.labels:
            raise UsageError("this model has no classes", code="model-option")
        plain = [one.lower() for one in self.labels]
        text = str(label).strip().lower()
        matches = [index for index, one in enumerate(plain) if one == text]
        if len(matches) == 1 and not isinstance(label, int):
            return matches[0]
        if len(matches) > 1:
            raise UsageError(f"class {label!r} is {' and '.join(map(str, matches))}", "say the number")
        if text.isdigit() and int(text) < len(self.labels):
            return int(text)
        near = difflib.get_close_matches(text, plain, n=4, cutoff=0.5) or [
            one for one in plain if len(text) > 2 and text in one
        ]
        names = [self.labels[plain.index(one)] for one in near[:4]]
        hint = f"did you mean {', '.join(names)}?" if names else f"classes 0 to {len(self.labels) - 1}: {self._some_labels()}"
        raise UsageError(f"this model has no class {label!r}", hint, code="unknown-class")

    def _some_labels(self) -> str:
        return ", ".join(self.labels[:12]) + (" ..." if len(self.labels) > 12 else "")

    def _indices(self, labels: Tensor | Sequence[int] | int | None, count: int) -> Tensor | None:
        if labels is None:
            if self.labels:
                raise UsageError("this model has classes, one of which is needed", self._some_labels())
            return None
        if not self.labels:
            raise UsageError("this model has no classes", code="model-option")
        indices = torch.as_tensor(labels, dtype=torch.long).reshape(-1).expand(count).to(self.device)
        if count and not 0 <= int(indices.min()) <= int(indices.max()) < len(self.labels):
            raise UsageError(f"classes are 0 to {len(self.labels) - 1}", code="unknown-class")
        return indices

    # --- what else is checked -----------------------------------------------------------------------------------------

    def _strength(self, truncation: float | None) -> float:
        if self.truncation is None:
            if truncation not in (None, 1):
                raise UsageError("this model has no truncation", code="model-option")
            return 1.0
        strength = self.truncation if truncation is None else float(truncation)
        if not self.least <= strength <= 1:
            raise UsageError(f"truncation is {self.least:g} to 1, not {strength:g}")
        return strength

    def _noise(self, seeds: int | Sequence[int] | None, count: int) -> list[Tensor] | None:
        """One map (N, 1, side, side) for each layer that takes noise, on `device`."""
        if seeds is None or not self._noise_sides:
            return None
        each = [seeds] * count if isinstance(seeds, int) else list(seeds)
        maps = [
            torch.from_numpy(np.stack([noise(_layer_seed(seed, layer), (1, side, side)) for seed in dict.fromkeys(each)]))
            for layer, side in enumerate(self._noise_sides)
        ]
        order = {seed: index for index, seed in enumerate(dict.fromkeys(each))}
        rows = [order[seed] for seed in each]
        return [one[rows].to(self.device, self.dtype) for one in maps]


def _layer_seed(seed: int, layer: int) -> int:
    """A seed for the noise of one layer, far from the seeds of latents."""
    return ((seed + 1) * MIX ^ (layer + 1) * 0xBF58476D1CE4E5B9) & NOT_NEGATIVE
