"""A network of `genkit translate` as its task calls it, and what loading the families has in common.

The networks themselves see and give -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from genkit.errors import UsageError, WeightsError
from genkit.models.upscale.transform import Transform
from genkit.nets.luma import luma
from genkit.nets.mirror import reflect
from genkit.nets.norms import PictureNorm, Statistics, keeping, using

if TYPE_CHECKING:
    from genkit.cards import Card

FITS = ("pad", "squash")


class Translate(Transform):
    """`margin`: so many mirrored pixels go around what the network sees, for one that draws a seam along the edges of its
    input; `forward(network, images, **options)` calls it."""

    shape = "translate"

    def __init__(
        self,
        network: nn.Module,
        *,
        device: torch.device,
        dtype: torch.dtype,
        whole: bool,
        receptive: int | None,
        tiles: bool = True,
        multiple: int = 1,
        minimum: int = 1,
        pixel_bytes: int = 4096,
        channels_in: int = 3,
        side: int | None = None,
        fit: str = "pad",
        margin: int = 0,
        domains: Sequence[str] = (),
        edges: bool = False,
        forward: Callable[..., Tensor] | None = None,
    ):
        self.whole, self.side, self.fit = whole, side, fit
        self.domains, self.edges = tuple(domains), edges
        self._channels_in, self._margin = channels_in, margin
        self._forward = forward
        super().__init__(
            network,
            scale=1,
            device=device,
            dtype=dtype,
            receptive=receptive,
            multiple=multiple,
            minimum=minimum,
            tiles=tiles,
            pixel_bytes=pixel_bytes,
        )

    def __call__(
        self, images: Tensor, *, domain: int | None = None, statistics: Statistics | None = None, **options: Any
    ) -> Tensor:
        if options and self._forward is None:
            raise UsageError(f"this model has no option {next(iter(options))!r}")
        if (domain is None) == bool(self.domains):
            raise UsageError("this model has domains, one of which is needed" if self.domains else "this model has no domains")
        with using(statistics) if statistics is not None else nullcontext():
            return self._translate(images, domain, options)

    def measure(self, images: Tensor, *, domain: int | None = None) -> Statistics:
        with keeping() as statistics:
            self._translate(images, domain, {})
        return statistics

    def _translate(self, images: Tensor, domain: int | None, options: Mapping[str, Any]) -> Tensor:
        height, width = images.shape[-2:]
        margin = self._margin
        if self._channels_in == 1:
            images = luma(images)
        if margin:
            images = reflect(reflect(images, margin, margin).flip((2, 3)), margin, margin).flip((2, 3))
        padded = reflect(images, *self._padding(*images.shape[-2:]))
        inputs = (2 * padded - 1).to(self.dtype).contiguous(memory_format=torch.channels_last)
        further = {"domain": domain} if domain is not None else {}
        output = self._forward(self.network, inputs, **further, **options) if self._forward else self.network(inputs, **further)
        output = output[..., margin : margin + height, margin : margin + width]
        return (output.float() / 2 + 0.5).expand(-1, 3, -1, -1)


def norm_of(norm: str, channels: int) -> nn.Module:
    """The normalisation that a card calls instance, affine (instance with scale and shift), batch or none.

    Raises:
        WeightsError: another word.
    """
    makers: dict[str, Callable[[], nn.Module]] = {
        "instance": lambda: PictureNorm(channels),
        "affine": lambda: PictureNorm(channels, affine=True),
        "batch": lambda: nn.BatchNorm2d(channels),
        "none": nn.Identity,
    }
    if norm not in makers:
        raise WeightsError(f"norm {norm!r} is not one of {', '.join(makers)}", code="card")
    return makers[norm]()


def sizes_of(card: Card) -> dict[str, Any]:
    """What cards of every family may say of the pictures: `size`, `fit`, `edges`.

    Raises:
        WeightsError: a word that is not known.
    """
    params = card.params
    way = str(params.get("fit", "pad"))
    if way not in FITS:
        raise WeightsError(f"{card.name}: fit {way!r} is not one of {', '.join(FITS)}", code="card")
    return {"side": int(params.get("size", 0)) or None, "fit": way, "edges": bool(params.get("edges", False))}
