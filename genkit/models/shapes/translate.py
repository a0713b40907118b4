"""Picture to another kind of picture of the same size: what `genkit translate` runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Protocol

from genkit.errors import UsageError
from genkit.models.shapes.model import Shape
from genkit.models.shapes.transform import TransformModel

if TYPE_CHECKING:
    import numpy as np


class TranslateModel(TransformModel, Protocol):
    """A transform of scale 1 that knows what it needs of a picture as a whole.

    `whole`: the network takes statistics over the whole picture. Where `tiles` is true too, `measure` gives those of a smaller
    copy, to be handed to `__call__` for each tile; else no part can be made without the rest. `side`: the side that pictures
    are brought to first, or None for their own; `fit` says how a picture that is not square gets there, mirrored at the edges
    (pad) or out of shape (squash). `domains`: what `domain` (an index) may choose; `domain_optional`: it may be left to the
    network. `edges`: it wants a drawing of edges. `whole_limit` is how many pixels memory was found to bear at once, None
    before it was found wanting.
    """

    shape: ClassVar[Shape] = "translate"
    scale: int = 1
    whole: bool = False
    side: int | None = None
    fit: str = "pad"
    domains: tuple[str, ...] = ()
    domain_optional: bool = False
    edges: bool = False
    whole_limit: int | None = None

    def measure(self, images: np.ndarray, *, domain: int | None = None) -> list[np.ndarray]:
        """The statistics of (1, 3, H, W) at each normalisation, mean and variance in turn, for calls (`statistics=`) on
        parts of a larger copy of it.

        Raises:
            UsageError: a model that is not made in parts.
        """
        raise UsageError("this model takes no statistics from elsewhere")
