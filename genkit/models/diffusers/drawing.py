"""A text-to-image pipeline as `genkit txt2img` calls it: prompts and seeds in, pictures out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genkit.cards import Card
from genkit.models.diffusers.running import Progress, Runner

Prompt = str | Sequence[tuple[str, float]]  # a text, or pieces of one with their weights, 1 being plain
Watch = Callable[[int, Tensor], None]  # the step that is done, counted from 1, and previews (N, C, h, w) in [0, 1]
Fetch = Callable[[Card], Mapping[str, Path]]  # a card's local files; fetches them, or says why not
OFFLOADS = ("none", "model", "sequential", "auto")


class Draw:
    """`(prompts, seeds, **options) -> (N, C, H, W)`, float32 [0, 1]; C is 3, or 4 where the autoencoder makes its own alpha.

    One prompt and one seed are one picture, whatever the batch. `native_size` is (width, height) as the model was trained,
    `multiple` what sides are rounded up to inside (what comes out has the size that was asked for) and `minimum` the smallest
    side it works at. `window` is how many tokens of a prompt the text encoder reads at once; `chunks` says that longer ones
    are read in pieces rather than refused, `weighting` that pieces of a prompt may have weights.
    `controls` are the kinds of pictures that guide it (canny, depth, lines) for which there is a model.
    """

    stochastic = True

    def __init__(self, runner: Runner):
        self.runner, self.pipeline = runner, runner.pipeline
        self.defaults: dict[str, Any] = dict(runner.settings.defaults)
        self.options = tuple(self.defaults)
        self.native_size = (runner.size, runner.size)
        self.multiple, self.minimum = runner.multiple, runner.minimum
        self.channels = 3
        self.window: int = 77
        self.chunks = False
        self.weighting = False
        self.controls: tuple[str, ...] = ()
        self.device, self.dtype = runner.device, runner.dtype
        self.progress: Progress | None = None
        self.watch: Watch | None = None
        self.fallback = False

    def to(self, device: torch.device, dtype: torch.dtype) -> Draw:
        """Move all parts, as after a GPU ran out of memory."""
        self.runner.to(device, dtype)
        self.device, self.dtype = device, dtype
        return self

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
        controls: Sequence[str] = (),
        fetch: Fetch | None = None,
    ) -> None:
        """Set what holds for all pictures; called once, before the first.

        `loras` and `vae` are files, folders or cards' names; `controls` kinds or cards' names. `fetch` brings the files of a
        card that these name; without it they must be here.

        Raises:
            UsageError: what this pipeline cannot honour (names what it can, or models that can), or an unknown name.
            WeightsError: files that are missing or do not fit the model.
        """
        raise NotImplementedError

    def cheaper(self) -> str | None:
        """Take the next setting that needs less memory and return it in words for the user; None where there is none."""
        raise NotImplementedError

    def schedulers(self) -> tuple[str, ...]:
        """The names that `configure(scheduler=...)` takes for this pipeline."""
        raise NotImplementedError

    def count_tokens(self, text: str) -> int:
        """How many tokens of the window a text takes, with those that the encoder itself adds."""
        raise NotImplementedError

    def batch_limit(self, width: int, height: int) -> int:
        """How many pictures of this size fit into the free memory at once, at least 1."""
        raise NotImplementedError

    def __call__(
        self,
        prompts: Sequence[Prompt],
        seeds: Sequence[int],
        *,
        width: int | None = None,
        height: int | None = None,
        negative: Prompt | Sequence[Prompt] | None = None,
        init: Tensor | None = None,
        denoise: float | None = None,
        control: Sequence[tuple[str, Tensor]] = (),
        control_strength: float | Sequence[float] = 1.0,
        **options: Any,
    ) -> Tensor:
        """Draw one picture for each prompt and seed.

        `init` (N or 1, 3 or 4, H, W) is the picture to start from with `denoise` (0 to 1, 0.6 unless told) of noise on it;
        without a size, its size is taken. `control` are pictures (N or 1, 3, H, W) by the kind or the card that `configure`
        was given, each with its strength. `options` are the card's: steps, guidance, safety and so on.

        Raises:
            UsageError: options that the model does not have or that do not go together, a prompt that is too long.
            InputError: the safety checker withheld a picture.
        """
        raise NotImplementedError
