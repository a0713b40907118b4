"""A loaded network as the style task calls it, of the functions that its family gives: see `models/shapes/style.py`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from genkit.errors import UsageError
from genkit.models.running import Running
from genkit.models.shapes import StyleModel
from genkit.models.shapes.style import Code, Statistics
from genkit.models.upscale.transform import example_picture
from genkit.nets.mirror import reflect

Function = Callable[..., Any]  # of (network, images, code, known), all of them tensors


class Stylize(Running, StyleModel):
    """`style` makes a code, None for a network of one style; `rounds` and `render` are the stages, `whole` the untiled
    result in one pass, of (network, images, code)."""

    FACTS: ClassVar[tuple[str, ...]] = (
        *("rounds", "receptive", "pixel_bytes", "multiple", "minimum", "epsilon", "unbiased", "own_style"),
        "style_side",
    )

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
        style: Function | None = None,
        rounds: Sequence[Function] | int = (),
        render: Function | None = None,
        whole: Function | None = None,
        receptive: int,
        pixel_bytes: int,
        multiple: int = 1,
        minimum: int = 16,
        epsilon: float = 1e-5,
        unbiased: bool = True,
        own_style: bool | None = None,
        style_side: int = 512,
    ):
        self.rounds, self.multiple, self.minimum = rounds if isinstance(rounds, int) else len(rounds), multiple, minimum
        self.receptive, self.pixel_bytes = receptive, pixel_bytes
        self.epsilon, self.unbiased = epsilon, unbiased
        self.style_side = style_side
        self.own_style = style is None if own_style is None else own_style
        stages: dict[str, Function] = {}
        if not isinstance(rounds, int):
            assert render is not None and whole is not None
            stages = {f"round{place}": _with_parts(each) for place, each in enumerate(rounds)}
            stages |= {"render": _with_parts(render), "whole": _whole(whole)}
        if style is not None:
            stages["style"] = style
        self._put(network, device, dtype, stages)

    def extended(self, height: int, width: int) -> tuple[int, int]:
        height, width = (-(-max(side, self.minimum) // self.multiple) * self.multiple for side in (height, width))
        return height, width

    def style(self, images: np.ndarray) -> Code:
        if self.own_style:
            raise UsageError("this model has one style of its own, and takes no other")
        return self.runner.run("style", self._extended(images))

    def measure(
        self, index: int, images: np.ndarray, code: Sequence[np.ndarray], known: Sequence[Statistics]
    ) -> list[np.ndarray]:
        return self.runner.run(f"round{index}", images, *code, *_flat(known), parts=len(code))

    def render(self, images: np.ndarray, code: Sequence[np.ndarray], known: Sequence[Statistics]) -> np.ndarray:
        return self.runner.run("render", images, *code, *_flat(known), parts=len(code))[0]

    def __call__(self, images: np.ndarray, code: Sequence[np.ndarray] = ()) -> np.ndarray:
        height, width = images.shape[-2:]
        return self.runner.run("whole", self._extended(images), *code)[0][..., :height, :width]

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        pictures = [example_picture(*self.extended(*sides)) for sides in ((96, 128), (160, 72))]
        code = [] if self.own_style else self.style(pictures[0])
        found: dict[str, list[list[np.ndarray]]] = {} if self.own_style else {"style": [[each] for each in pictures]}
        found["whole"] = [[each, *code] for each in pictures]
        known: list[Statistics] = []
        for index in range(self.rounds):
            found[f"round{index}"] = [[each, *code, *_flat(known)] for each in pictures]
            maps = self.measure(index, pictures[0], code, known)
            known += [(each.mean((2, 3), keepdims=True), each.std((2, 3), keepdims=True) + 1e-2) for each in maps]
        found["render"] = [[each, *code, *_flat(known)] for each in pictures]
        return found

    @property
    def fixed(self) -> dict[str, dict[str, int]]:
        """The options that every call of a function has."""
        parts = {"parts": 0 if self.own_style else len(self.style(example_picture(*self.extended(64, 64))))}
        return dict.fromkeys(("render", *(f"round{index}" for index in range(self.rounds))), parts)

    def _extended(self, images: np.ndarray) -> np.ndarray:
        height, width = images.shape[-2:]
        wanted = self.extended(height, width)
        return reflect(images, wanted[0] - height, wanted[1] - width)


def _flat(known: Sequence[Statistics]) -> list[np.ndarray]:
    return [part for pair in known for part in pair]


def _with_parts(function: Function) -> Function:
    """A function of code and statistics as one of tensors, of which the first `parts` are the code."""

    def run(network: Any, images: Any, *given: Any, parts: int) -> Any:
        known = given[parts:]
        return function(network, images, list(given[:parts]), list(zip(known[::2], known[1::2], strict=True)))

    return run


def _whole(function: Function) -> Function:
    return lambda network, images, *code: function(network, images, list(code))
