"""The colour network that knows things: an EfficientNet-Lite0 that sees the lightness, and a way up to colours.

What colour a place has depends on what it is, which a few thousand pictures do not teach: so the way down has the layout of
EfficientNet-Lite0, whose published features (of ImageNet) it begins with. The way up mixes in what lies beside it, at a
sixteenth, an eighth and a quarter of the side, and looks around by the blocks of `blocks.py`; what the picture shows as a whole
is added everywhere at the coarsest level.

Tensors: lightness (N, 1, H, W), 0 to 100, H and W multiples of 32; logits (N, bins, H/4, W/4).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import interpolate

from genkit.models.colorize.bins import Binned, thinned
from genkit.models.colorize.blocks import Block
from genkit.nets import efficientnet
from genkit.nets.efficientnet import EfficientNetLite

RISES, DEPTHS = (256, 160, 64), (2, 2, 1)
BESIDE = (4, 2, 1)  # the stages of the way down at a sixteenth, an eighth and a quarter
ENCODER = "encoder."


class LiteColorizer(Binned):
    """`rises` and `depths` are the widths and the blocks of the way up, from the coarsest; the rest is the encoder's."""

    stride = 32  # of the coarsest features

    def __init__(
        self,
        rises: Sequence[int] = RISES,
        depths: Sequence[int] = DEPTHS,
        widths: Sequence[int] = efficientnet.WIDTHS,
        blocks: Sequence[int] = efficientnet.BLOCKS,
        stem: int = efficientnet.STEM,
        expansion: int = efficientnet.EXPANSION,
    ):
        super().__init__()
        self.encoder = EfficientNetLite(1, widths, blocks, stem, expansion)
        self.forget = nn.Dropout2d(0.15)  # a few hundred photographs are soon learnt by heart
        self.deepest = nn.Conv2d(widths[-1], rises[0], 1)
        self.whole = nn.Sequential(nn.Conv2d(widths[-1], rises[0], 1), nn.SiLU(), nn.Conv2d(rises[0], rises[0], 1))
        befores = (rises[0], *rises[:-1])
        self.rise = nn.ModuleList(
            nn.Identity() if place == 0 else nn.Conv2d(before, width, 1)
            for place, (before, width) in enumerate(zip(befores, rises, strict=True))
        )
        self.enter = nn.ModuleList(nn.Conv2d(widths[stage], width, 1) for stage, width in zip(BESIDE, rises, strict=True))
        self.mend = nn.ModuleList(
            nn.Sequential(*(Block(width) for _ in range(depth))) for width, depth in zip(rises, depths, strict=True)
        )
        self.head = nn.Conv2d(rises[-1], len(self.centres), 1)

    def forward(self, lightness: Tensor, thin: int = 1, down: int = 0, across: int = 0) -> Tensor:
        """Lightness (N, 1, H, W), 0 to 100, to logits (N, bins, H/4, W/4); of these with `thin` every so manyth row and column,
        from `down` and `across`."""
        kept = self.encoder.features((lightness / 100 - efficientnet.MEAN) / efficientnet.STD)
        deep = self.forget(kept[-1])
        current = self.deepest(deep) + self.whole(deep.mean((2, 3), keepdim=True))
        for rise, enter, mend, stage in zip(self.rise, self.enter, self.mend, BESIDE, strict=True):
            current = mend(interpolate(rise(current), scale_factor=2, mode="bilinear") + enter(kept[stage]))
        return self.head(thinned(current, thin, down, across))

    def learnt_matrices(self) -> list[Tensor]:
        """The weights that mix channels on the way up, but for those that the bins are read by."""
        parts = [self.deepest, self.whole, self.rise, self.enter, self.mend]
        convolutions = [module for part in parts for module in part.modules() if isinstance(module, nn.Conv2d)]
        return [convolution.weight for convolution in convolutions if convolution.groups == 1]


def from_published(state: Mapping[str, Tensor], blocks: Sequence[int]) -> dict[str, Tensor]:
    """The tensors of a network with the encoder of a published EfficientNet-Lite0, which sees grey alone; {} if it is none."""
    found = efficientnet.from_published(state, blocks)
    if found:
        found["stem.weight"] = found["stem.weight"].sum(1, keepdim=True)
    return {f"{ENCODER}{name}": tensor for name, tensor in found.items()}


def recognise(state: Mapping[str, Any]) -> dict[str, Any] | None:
    """Read the sizes from a state dict, or return None if it is not of this layout."""
    encoder = {name.removeprefix(ENCODER): one for name, one in state.items() if name.startswith(ENCODER)}
    sizes = efficientnet.sizes_of(encoder, len(efficientnet.WIDTHS))
    heads = [state.get(f"enter.{place}.weight") for place in range(len(RISES))]
    if sizes is None or any(one is None or one.ndim != 4 for one in heads) or "whole.0.weight" not in state:
        return None
    depths = [sum(f"mend.{place}.{block}.spread.weight" in state for block in range(64)) for place in range(len(RISES))]
    return {"rises": [int(one.shape[0]) for one in heads], "depths": depths, **sizes}  # type: ignore[union-attr]
