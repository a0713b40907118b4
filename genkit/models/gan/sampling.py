"""A generator of pictures as the tasks of `genkit gan` call it: seeds in, pictures out, with its stages by name.

Drawing is of arrays, on whichever engine; what follows gradients is torch's. Grey networks give grey RGB.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from genkit.engine.noise import noise
from genkit.engine.runner import is_runner
from genkit.errors import UsageError
from genkit.models.gan import classes
from genkit.models.running import Running
from genkit.models.shapes import SampleModel
from genkit.models.shapes.model import Shape
from genkit.models.shapes.sample import Indices, Labels

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genkit.engine.torch_runner import TorchRunner

    Embed = Callable[[Any, Tensor, Tensor | None, Any], Tensor]
    Draw = Callable[[Any, Tensor, Sequence[Tensor] | None, Any], Tensor]

MIX = 0x9E3779B97F4A7C15  # an odd number with bits all over, so that neighbouring seeds and layers share no noise
NOT_NEGATIVE = (1 << 63) - 1


class Sample(Running, SampleModel):
    """`labels` are the classes' names, or how many there are (0: none).

    The network's own functions: `embed(network, z, labels | None, truncation) -> w (N, L, D)` and `draw(network, w, noise |
    None, truncation) -> images`, which end in `span` (-1 to 1 unless told). `bound` draws z from a normal distribution cut off
    there. `noise_sides` are the sides of the noise maps that a style-based network adds. `modulation` gives, for each of
    `layers`, the matrix (rows, D) by which its w acts (`styled`: there is one). `precise` are the parts that stay in float32.
    """

    shape: ClassVar[Shape] = "sample"
    FACTS: ClassVar[tuple[str, ...]] = (
        *("latent", "labels", "side", "channels", "bound", "truncation", "least", "layers", "noise_sides", "styled"),
        "pixel_bytes",
    )

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
        latent: int,
        labels: Sequence[str] | int,
        side: int,
        draw: Draw | None = None,
        embed: Embed | None = None,
        channels: int = 3,
        span: tuple[float, float] = (-1.0, 1.0),
        bound: float | None = None,
        truncation: float | None = None,
        least: float = 0.0,
        layers: int = 1,
        noise_sides: Sequence[int] = (),
        mean: Callable[[Any], Tensor] | None = None,
        modulation: Callable[[Any], list[Tensor]] | None = None,
        styled: bool = False,
        precise: Callable[[Any], Iterable[nn.Module]] | None = None,
        pixel_bytes: int = 4096,
    ):
        self.latent, self.side, self.channels, self.layers = latent, side, channels, layers
        self.labels = tuple(str(one) for one in (range(labels) if isinstance(labels, int) else labels))
        self.truncation, self.least, self.bound = truncation, least, bound
        self.numbers = {"truncation": 1.0 if truncation is None else truncation}
        self.pixel_bytes, self.noise_sides = pixel_bytes, tuple(noise_sides)
        self.styled = styled or modulation is not None
        if is_runner(network):
            self._put(network, device, dtype, {})
            return
        assert draw is not None
        drawing = _drawing(draw, span, channels)
        stages = {
            "embed": _embedding(embed),
            "draw": drawing,
            "draw_noise": drawing,  # with maps of noise, which is another graph
            "mean": lambda parts: mean(parts.network) if mean else _zeros(latent),
            "modulation": lambda parts: modulation(parts.network) if modulation else [],
        }
        self._put(_Parts(network, precise), device, dtype, stages, whole=True)
        self.network = network

    def __call__(self, seeds: Sequence[int], **options: Any) -> np.ndarray:
        """Draw a picture for each seed. Options: `label` (a class for all or one each; by default the seeds go through the
        classes in turn) and `truncation`.

        Raises:
            UsageError: an option that this model has not got, or a value that it does not take.
        """
        for name in options:
            if name not in ("label", "truncation"):
                raise UsageError(f"this model has no option {name!r}", code="model-option")
        truncation = options.get("truncation")
        w = self.embed(self.latents(seeds), self.labels_for(seeds, options.get("label")), truncation)
        return self.draw(w, noise_seed=seeds, truncation=truncation)

    # --- drawing, in arrays -------------------------------------------------------------------------------------------

    def latents(self, seeds: Sequence[int]) -> np.ndarray:
        z = np.stack([noise(seed, (self.latent,)) for seed in seeds])
        return z if self.bound is None else _cut_off(z, self.bound)

    def embed(self, z: np.ndarray, labels: Indices = None, truncation: float | None = None) -> np.ndarray:
        """w of z; `truncation` draws it to the mean: less variety, fewer failures."""
        strength = self._strength(truncation)
        (w,) = self.runner.run("embed", z, *self._class_columns(labels, len(z)), truncation=strength)
        return w

    def draw(
        self, w: np.ndarray, *, noise_seed: int | Sequence[int] | None = None, truncation: float | None = None
    ) -> np.ndarray:
        maps = self._noise(noise_seed, len(w))
        (images,) = self.runner.run("draw_noise" if maps else "draw", w, *maps, truncation=self._strength(truncation))
        return images.clip(0, 1)

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        found: dict[str, list[list[np.ndarray]]] = {"embed": [], "draw": []}
        for seeds in (range(2), range(2, 7)):
            z, labels = self.latents(seeds), self.labels_for(seeds)
            found["embed"].append([z, *self._class_columns(labels, len(z))])
            w = self.embed(z, labels)
            found["draw"].append([w])
            if self.noise_sides:
                found.setdefault("draw_noise", []).append([w, *self._noise(list(seeds), len(w))])
        return found

    # --- what follows gradients, in torch's tensors -------------------------------------------------------------------

    def mapping(self, z: Tensor | np.ndarray, labels: Indices = None, truncation: float | None = None) -> Tensor:
        import torch

        columns = [torch.from_numpy(one).to(self._torch.device) for one in self._class_columns(labels, len(z))]
        z = torch.as_tensor(z).to(self._torch.device, torch.float32)
        return self._stage("embed", z, *columns, truncation=self._strength(truncation))

    def synthesis(
        self,
        w: Tensor,
        *,
        noise_seed: int | Sequence[int] | None = None,
        truncation: float | None = None,
        clamped: bool = True,
    ) -> Tensor:
        """Pictures of w; without `clamped` gradients reach every pixel."""
        import torch

        device = self._torch.device
        maps = [torch.from_numpy(one).to(device) for one in self._noise(noise_seed, len(w))]
        images = self._stage("draw", w.to(device), *maps, truncation=self._strength(truncation))
        return images.clamp(0, 1) if clamped else images

    @property
    def _torch(self) -> TorchRunner:
        """The network in torch: of another engine the one that it was made of, loaded when it is first needed."""
        runner: Any = self.runner
        found: TorchRunner = getattr(runner, "reference", runner)
        return found

    def _stage(self, stage: str, *tensors: Tensor, **options: Any) -> Tensor:
        found: Any = self._torch.stages[stage](self._torch.network, *tensors, **options)
        return found

    # --- what a latent space is made of -------------------------------------------------------------------------------

    @property
    def mean_latent(self) -> np.ndarray:
        return self.runner.run("mean")[0]

    def modulation_weights(self) -> list[np.ndarray] | None:
        return self.runner.run("modulation") if self.styled else None

    # --- classes ------------------------------------------------------------------------------------------------------

    def labels_for(self, seeds: Sequence[int], label: Labels = None) -> np.ndarray | None:
        return classes.of_seeds(self.labels, seeds, label)

    def label_index(self, label: str | int) -> int:
        return classes.index_of(self.labels, label)

    def _class_columns(self, labels: Indices, count: int) -> list[np.ndarray]:
        """Class indices as the networks' functions take them, [(N, 1) float32]; none without classes."""
        indices = classes.checked(self.labels, labels, count)
        return [] if indices is None else [indices[:, None].astype(np.float32)]

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

    def _noise(self, seeds: int | Sequence[int] | None, count: int) -> list[np.ndarray]:
        """One map (N, 1, side, side) for each layer that takes noise; none for the constant noise."""
        if seeds is None or not self.noise_sides:
            return []
        each = [seeds] * count if isinstance(seeds, int) else list(seeds)
        order = {seed: index for index, seed in enumerate(dict.fromkeys(each))}
        rows = [order[seed] for seed in each]
        return [
            np.stack([noise(_layer_seed(seed, layer), (1, side, side)) for seed in order])[rows]
            for layer, side in enumerate(self.noise_sides)
        ]


class _Parts:
    """A network whose precise parts never pass through a shorter format as it moves."""

    def __init__(self, network: nn.Module, precise: Callable[[Any], Iterable[nn.Module]] | None):
        self.network, self._precise = network.eval().requires_grad_(False), precise

    def to(self, device: Any, dtype: Any) -> None:
        import torch

        parts = list(self._precise(self.network)) if self._precise else []
        kept = [(part, name, one.data) for part in parts for name, one in part.named_parameters(recurse=False)]
        held = [(part, name, one) for part in parts for name, one in part.named_buffers(recurse=False)]
        self.network.to(device, dtype)
        for part, name, numbers in kept:
            part.get_parameter(name).data = numbers.to(device, torch.float32)
        for part, name, numbers in held:
            part.register_buffer(name, numbers.to(device, torch.float32))


def _embedding(embed: Embed | None) -> Callable[..., Tensor]:
    """A stage: z (N, latent), class indices (N, 1) where there are classes, to w (N, L, D)."""

    def run(parts: _Parts, z: Tensor, *columns: Tensor, truncation: Any = 1.0) -> Tensor:
        indices = columns[0][:, 0].long() if columns else None
        return z[:, None] if embed is None else embed(parts.network, z, indices, truncation).float()

    return run


def _drawing(draw: Draw, span: tuple[float, float], channels: int) -> Callable[..., Tensor]:
    """A stage: w (N, L, D) and maps of noise, or none, to pictures (N, C, H, W), about 0 to 1."""
    low, high = span

    def run(parts: _Parts, w: Tensor, *maps: Tensor, truncation: Any = 1.0) -> Tensor:
        images = (draw(parts.network, w, list(maps) or None, truncation).float() - low) / (high - low)
        return images.expand(-1, channels, -1, -1) if images.shape[1] < channels else images

    return run


def _zeros(length: int) -> Tensor:
    import torch

    return torch.zeros(length)


def _cut_off(z: np.ndarray, bound: float) -> np.ndarray:
    """Each number keeps its rank, so that neighbours in one distribution are neighbours in the other."""
    share, normal = math.erf(bound / math.sqrt(2)), NormalDist()
    found = [normal.inv_cdf((1 + math.erf(one / math.sqrt(2)) * share) / 2) for one in z.ravel().tolist()]
    return np.array(found, np.float32).reshape(z.shape)


def _layer_seed(seed: int, layer: int) -> int:
    """A seed for the noise of one layer, far from the seeds of latents."""
    return ((seed + 1) * MIX ^ (layer + 1) * 0xBF58476D1CE4E5B9) & NOT_NEGATIVE
