"""Prompts and seeds to pictures: what `genkit txt2img` runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from genkit.models.shapes.model import PixelModel, Shape

if TYPE_CHECKING:
    import numpy as np

    from genkit.cards import Card

Prompt = str | Sequence[tuple[str, float]]  # a text, or pieces of one with their weights, 1 being plain
Fetch = Callable[["Card"], Mapping[str, Path]]  # a card's local files; fetches them, or says why not
OFFLOADS = ("auto", "none", "model", "sequential")  # where parts wait until their turn comes; auto is by free memory
DENOISE = 0.6  # of a picture to begin with, where a call does not say
Watch = Callable[[int, "np.ndarray"], None]  # the step that is done, counted from 1, and previews (N, C, h, w) in [0, 1]


class DrawModel(PixelModel, Protocol):
    """One prompt and one seed are one picture, whatever the batch.

    `native_size` is (width, height) as the model was trained, `multiple` what sides are rounded up to inside (what comes out
    has the size that was asked for) and `minimum` the smallest side it works at. `channels` is 3, or 4 where it makes its own
    alpha. `window` is how many tokens of a prompt the text encoder reads at once; `chunks` says that longer ones are read in
    pieces rather than refused, `weighting` that pieces of a prompt may have weights. `starts`: it can begin with a picture.
    `watch` is called after every step with previews, where it is set.
    """

    shape: ClassVar[Shape] = "draw"
    stochastic: bool = True
    name: str
    native_size: tuple[int, int]
    multiple: int
    minimum: int
    channels: int = 3
    window: int
    chunks: bool = False
    weighting: bool = False
    starts: bool = True
    watch: Watch | None = None

    def configure(
        self,
        *,
        scheduler: str | None = None,
        loras: Sequence[tuple[str | Path, float]] = (),
        vae: str | Path | None = None,
        offload: str = "auto",
        attention: str | None = None,
        compile: bool = False,
        cache: str | None = None,
        controls: Sequence[str | Path] = (),
        fetch: Fetch = ...,
    ) -> None:
        """Set what holds for all pictures; called once, before the first.

        Raises:
            UsageError: what this pipeline cannot honour, or an unknown name.
            WeightsError: files that are missing or do not fit.
        """
        ...

    def cheaper(self) -> str | None:
        """Take the next setting that needs less memory and return it in words for the user; None where there is none."""
        ...

    def use_scheduler(self, name: str | None) -> None:
        """Sample another way from here on, None for the model's own; at any time, for no weights are touched.

        Raises:
            UsageError: unknown, or not for this kind of model.
        """
        ...

    def schedulers(self) -> tuple[str, ...]:
        """The names that `use_scheduler` takes."""
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens of the window a text takes, with those that the encoder itself adds."""
        ...

    def batch_limit(self, width: int, height: int) -> int:
        """How many pictures of this size fit into the free memory at once, at least 1."""
        ...

    def __call__(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        negative: Prompt | Sequence[Prompt] | None = None,
        init: np.ndarray | None = None,
        denoise: float | None = None,
        control: Sequence[tuple[str | Path, np.ndarray]] = (),
        control_strength: float | Sequence[float] = 1.0,
        **options: Any,
    ) -> np.ndarray:
        """One picture for each prompt and seed: (N, C, H, W), float32 [0, 1].

        Raises:
            UsageError: options that the model does not have or that do not go together, a prompt that is too long.
            InputError: the safety checker withheld a picture.
        """
        ...
