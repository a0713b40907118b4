"""Loaded models called with torch's tensors, so that what they give is compared with plain torch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

CALLS = ("chroma", "style", "measure", "render", "own_code")


class OnTensors:
    """A model whose tensors go to it as arrays, and what it gives comes back as tensors; everything else is the model's own."""

    def __init__(self, model: Any):
        object.__setattr__(self, "model", model)

    def __call__(self, *given: Any, **options: Any) -> Any:
        return _through(self.model, given, options)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.model, name)
        return _called(found) if name in CALLS else found

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self.model, name, value)


def _called(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda *given, **options: _through(function, given, options)


def _through(function: Callable[..., Any], given: Any, options: Any) -> Any:
    found = function(*_arrays(given), **_arrays(options))
    return _tensors(found)


def _arrays(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().numpy()
    if isinstance(value, dict):
        return {name: _arrays(each) for name, each in value.items()}
    return type(value)(_arrays(each) for each in value) if type(value) in (list, tuple) else value


def _tensors(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        assert value.dtype == np.float32
        return torch.from_numpy(np.ascontiguousarray(value))
    return type(value)(_tensors(each) for each in value) if type(value) in (list, tuple) else value
