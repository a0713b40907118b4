"""A network of `genkit translate` as its task calls it, and what loading the families has in common.

The networks themselves see and give -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from genkit.errors import UsageError, WeightsError
from genkit.models.upscale.transform import Transform, example_picture
from genkit.nets.luma import luma
from genkit.nets.mirror import reflect

if TYPE_CHECKING:
    from torch import Tensor, nn

    from genkit.cards import Card

FITS = ("pad", "squash")


class Translate(Transform):
    """`margin`: so many mirrored pixels go around what the network sees, for one that draws a seam along the edges of its
    input; `forward(network, images, **options)` calls it, with `domain` (an index) where there are `domains`."""

    shape = "translate"
    FACTS: ClassVar[tuple[str, ...]] = (
        *("whole", "receptive", "tiles", "multiple", "minimum", "pixel_bytes", "channels_in", "side", "fit", "margin"),
        *("domains", "domain_optional", "edges", "options"),
    )

    def __init__(
        self,
        network: Any,
        *,
        device: Any = None,
        dtype: Any = None,
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
        domain_optional: bool = False,
        edges: bool = False,
        options: bool = False,
        forward: Callable[..., Tensor] | None = None,
    ):
        self.whole, self.side, self.fit = whole, side, fit
        self.domains, self.domain_optional, self.edges = tuple(domains), domain_optional, edges
        self.channels_in, self.margin, self.options = channels_in, margin, options
        self.scale, self.channels, self.receptive = 1, 3, receptive
        self.multiple, self.minimum, self.square, self.tiles = multiple, minimum, False, tiles
        self.pixel_bytes = pixel_bytes
        call = forward or (lambda network, images, **further: network(images, **further))
        self._put(network, device, dtype, _stages(call), whole=True)

    def __call__(
        self,
        images: np.ndarray,
        *,
        domain: int | None = None,
        statistics: Sequence[np.ndarray] | None = None,
        **options: Any,
    ) -> np.ndarray:
        if options and not self.options:
            raise UsageError(f"this model has no option {next(iter(options))!r}")
        if (domain is None) == bool(self.domains) and not self.domain_optional:
            raise UsageError("this model has domains, one of which is needed" if self.domains else "this model has no domains")
        height, width = images.shape[-2:]
        stage = "run" if statistics is None else "render"
        (output,) = self.runner.run(stage, self._seen(images), *(statistics or ()), **self._wanted(domain), **options)
        output = output[..., self.margin : self.margin + height, self.margin : self.margin + width]
        output = output / 2 + np.float32(0.5)
        return np.repeat(output, 3, 1) if output.shape[1] == 1 else output

    def measure(self, images: np.ndarray, *, domain: int | None = None) -> list[np.ndarray]:
        return self.runner.run("measure", self._seen(images), **self._wanted(domain))

    def examples(self) -> dict[str, list[list[np.ndarray]]]:
        step = max(self.multiple, self.minimum)
        sides = [(-(-96 // step) * step, -(-128 // step) * step), (-(-160 // step) * step, -(-64 // step) * step)]
        if self.side is not None:
            sides = [(self.side, self.side)] * 2
        seen = [2 * example_picture(height, width, self.channels_in) - 1 for height, width in sides]
        given = {"run": [[images] for images in seen]}
        in_parts = self.whole and self.tiles and self.side is None
        if in_parts and (statistics := self.runner.run("measure", seen[0], **self.numbers)):
            given |= {"measure": given["run"], "render": [[images, *statistics] for images in seen]}
        return given

    @property
    def numbers(self) -> dict[str, float]:
        """The options that are numbers, each as it is where a call does not say."""
        return {"domain": -1} if self.domains else {}

    def _wanted(self, domain: int | None) -> dict[str, Any]:
        return {"domain": -1 if domain is None else domain} if self.domains else {}

    def _seen(self, images: np.ndarray) -> np.ndarray:
        """What the network sees of pictures: -1 to 1, with margins."""
        margin = self.margin
        if self.channels_in == 1:
            images = luma(images)
        if margin:
            images = reflect(reflect(images, margin, margin)[..., ::-1, ::-1], margin, margin)[..., ::-1, ::-1]
        padded = reflect(images, *self._padding(*images.shape[-2:]))
        return 2 * padded - 1


def _stages(call: Callable[..., Tensor]) -> dict[str, Callable[..., Any]]:
    """`run`; `measure`, the mean and the variance of every normalisation; `render`, by these in place of the picture's own."""

    def run(network: nn.Module, images: Tensor, **options: Any) -> Tensor:
        return call(network, _in_format(network, images), **options)

    def measure(network: nn.Module, images: Tensor, **options: Any) -> list[Tensor]:
        from genkit.nets.norms import keeping

        with keeping() as statistics:
            run(network, images, **options)
        return [part for pair in statistics for part in pair]

    def render(network: nn.Module, images: Tensor, *statistics: Tensor, **options: Any) -> Tensor:
        from genkit.nets.norms import using

        with using(list(zip(statistics[::2], statistics[1::2], strict=True))):
            return run(network, images, **options)

    return {"run": run, "measure": measure, "render": render}


def _in_format(network: nn.Module, images: Tensor) -> Tensor:
    return images.to(next(network.parameters()).dtype)


def norm_of(norm: str, channels: int) -> nn.Module:
    """The normalisation that a card calls instance, affine (instance with scale and shift), batch or none.

    Raises:
        WeightsError: another word.
    """
    from torch import nn

    from genkit.nets.norms import PictureNorm

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
