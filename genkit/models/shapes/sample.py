"""Seeds to pictures, by way of a latent space: what `genkit gan` runs.

Stages by name: `latents(seeds)` gives z, `embed(z)` w, `draw(w)` pictures, all of them arrays. `mapping(z)` and `synthesis(w)`
are the same in torch's tensors, for what follows gradients. A style-based network has one w for each of its `layers`; for
another L is 1, and w is z with what stands for its class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Indices: TypeAlias = "Sequence[int] | np.ndarray | int | None"
Labels = str | int | Sequence[str | int] | None


class SampleModel(PixelModel, Protocol):
    """`latent` is the length of z, `side` the pictures' side, `channels` 3 or 4; `labels` are the classes' names, none where
    there are no classes. `truncation` is the default of a network that has this option, None for others; it is at least
    `least`. `pixel_bytes` is for a pixel of a picture while it is drawn."""

    shape: ClassVar[Shape] = "sample"
    latent: int
    side: int
    channels: int = 3
    layers: int = 1
    labels: tuple[str, ...] = ()
    truncation: float | None = None
    least: float = 0.0

    def __call__(self, seeds: Sequence[int], **options: Any) -> np.ndarray:
        """Pictures (N, C, H, W), float32 [0, 1]; options `label` and `truncation`.

        Raises:
            UsageError: an option that this model has not got, or a value that it does not take.
        """
        ...

    def latents(self, seeds: Sequence[int]) -> np.ndarray:
        """z (N, latent), float32: one seed one row, whatever the batch or the device."""
        ...

    def embed(self, z: np.ndarray, labels: Indices = None, truncation: float | None = None) -> np.ndarray:
        """w (N, L, D), float32, of z and class indices.

        Raises:
            UsageError: classes or a truncation that this model has not got, or a class that is missing or is not there.
        """
        ...

    def draw(
        self, w: np.ndarray, *, noise_seed: int | Sequence[int] | None = None, truncation: float | None = None
    ) -> np.ndarray:
        """Pictures (N, C, H, W), float32 [0, 1], of w (N, L, D).

        `noise_seed`: one for all pictures or one each; None is the constant noise that a network may carry. `truncation` is
        the one that w was made with.
        """
        ...

    def mapping(self, z: Tensor | np.ndarray, labels: Indices = None, truncation: float | None = None) -> Tensor:
        """As `embed`, on `device`, differentiable."""
        ...

    def synthesis(
        self,
        w: Tensor,
        *,
        noise_seed: int | Sequence[int] | None = None,
        truncation: float | None = None,
        clamped: bool = True,
    ) -> Tensor:
        """As `draw`, on `device`, differentiable; without `clamped` the numbers may lie beyond 0 and 1."""
        ...

    @property
    def mean_latent(self) -> np.ndarray:
        """The mean w (D,), float32; zeros where z itself is w."""
        ...

    def modulation_weights(self) -> list[np.ndarray] | None:
        """For each of `layers` the matrix (rows, D), float32, by which its w acts; None where not style-based."""
        ...

    def labels_for(self, seeds: Sequence[int], label: Labels = None) -> np.ndarray | None:
        """The class index (N,) of each seed, or None where there are no classes; without `label` the seed modulo their number.

        Raises:
            UsageError: no such class, no classes at all, or not one for each seed.
        """
        ...

    def label_index(self, label: str | int) -> int:
        """The index of a class by its name or number.

        Raises:
            UsageError: there is none, or several have this name.
        """
        ...
