"""A loaded model as a caller from Python holds it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from genkit.run import session

if TYPE_CHECKING:
    from genkit.cards import Card


class Model:
    """A loaded model: `model(picture, scale=2)` is its verb with this model, and `model(tensor)` its network.

    As a context it stays loaded until the end, and its memory is given back then.
    """

    def __init__(
        self,
        card: Card,
        network: Any,
        key: session.Key,
        reference: str,
        device: str,
        dtype: str,
        function: Callable[..., Any],
    ):
        self.card, self.network, self.key, self._function = card, network, key, function
        self.reference, self.device_name, self.dtype_name = reference, device, dtype
        self._open = ExitStack()

    def __call__(self, media: Any, output: str | Path | None = None, **options: Any) -> Any:
        import torch

        if isinstance(media, torch.Tensor):
            return self.network(media, **options)
        return self._function(media, output, model=self, **options)

    def __enter__(self) -> Model:
        self._open.enter_context(session.DEFAULT.hold(self.key))
        return self

    def __exit__(self, *failure: object) -> None:
        self._open.close()
        session.DEFAULT.drop(self.key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.network, name)
