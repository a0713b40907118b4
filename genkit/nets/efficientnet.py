"""The body of EfficientNet-Lite0, from whose published features networks of ours begin.

Tan and Le 2019 (arXiv 1905.11946); Liu 2020, "Higher accuracy on vision models with EfficientNet-Lite": inverted residuals
without squeeze-and-excitation, ReLU6. Normalisation is folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

from genkit.nets.norms import fold_norm

KERNELS, STRIDES = (3, 3, 5, 3, 5, 5, 3), (1, 2, 2, 2, 1, 2, 1)  # of the stages, from the first
WIDTHS, BLOCKS = (16, 24, 40, 80, 112, 192, 320), (1, 2, 2, 3, 3, 4, 1)
STEM, EXPANSION = 32, 6
PUBLISHED = {"_expand_conv": "expand", "_depthwise_conv": "depthwise", "_project_conv": "project"}
NORMS = {"expand": "_bn0", "depthwise": "_bn1", "project": "_bn2"}
NORM_EPSILON = 1e-3  # of the published network
MEAN, STD = 127 / 255, 128 / 255  # of pictures in [0, 1], as EfficientNet-Lite0 wants them


def same(features: Tensor, conv: nn.Conv2d) -> Tensor:
    """A convolution whose border is TensorFlow's SAME: with stride 2 one pixel more at the right and below."""
    side, stride = conv.kernel_size[0], conv.stride[0]
    height, width = (max((-(-length // stride) - 1) * stride + side - length, 0) for length in features.shape[-2:])
    return conv(pad(features, (width // 2, width - width // 2, height // 2, height - height // 2)))


class InvertedResidual(nn.Module):
    """MBConv without squeeze-and-excitation (Sandler et al. 2018, arXiv 1801.04381)."""

    def __init__(self, before: int, width: int, side: int, stride: int, expansion: int):
        super().__init__()
        inner = before * expansion
        if expansion > 1:
            self.expand = nn.Conv2d(before, inner, 1)
        self.depthwise = nn.Conv2d(inner, inner, side, stride, groups=inner)
        self.project = nn.Conv2d(inner, width, 1)
        self.expands, self.adds = expansion > 1, stride == 1 and before == width

    def forward(self, features: Tensor) -> Tensor:
        inner = relu6(self.expand(features)) if self.expands else features
        result = self.project(relu6(same(inner, self.depthwise)))
        return features + result if self.adds else result


class EfficientNetLite(nn.Module):
    """The first stages, as many as there are `widths`; `blocks` are how many inverted residuals each has."""

    def __init__(self, channels: int, widths: Sequence[int], blocks: Sequence[int], stem: int, expansion: int):
        super().__init__()
        self.stem = nn.Conv2d(channels, stem, 3, 2)
        self.stages = nn.ModuleList()
        before, count = stem, len(widths)
        for place, (width, depth, side, stride) in enumerate(
            zip(widths, blocks, KERNELS[:count], STRIDES[:count], strict=True)
        ):
            stage = nn.Sequential()
            for number in range(depth):
                step = stride if number == 0 else 1
                stage.append(InvertedResidual(before, width, side, step, expansion if place else 1))
                before = width
            self.stages.append(stage)

    def features(self, images: Tensor) -> list[Tensor]:
        """What each stage makes of (N, channels, H, W), normalised: at 1/2, 1/4, 1/8, 1/16, 1/16, 1/32, 1/32 of the side."""
        current = relu6(same(images, self.stem))
        kept = []
        for stage in self.stages:
            current = stage(current)
            kept.append(current)
        return kept

    def hold(self, stages: int) -> None:
        """Train neither the stem nor the first `stages`."""
        for part in [self.stem, *self.stages[:stages]]:
            part.requires_grad_(False)


def from_published(state: Mapping[str, Tensor], blocks: Sequence[int]) -> dict[str, Tensor]:
    """The tensors of `EfficientNetLite` out of a published file (`_blocks.N._expand_conv.weight`, `_bn0.running_mean`), of
    each stage the first `blocks`; {} if the file is another's."""
    if "_conv_stem.weight" not in state:
        return {}

    def norm(name: str) -> dict[str, Tensor]:
        parts = {"scale": "weight", "shift": "bias", "mean": "running_mean", "variance": "running_var"}
        return {ours: state[f"{name}.{part}"] for ours, part in parts.items()}

    found: dict[str, Tensor] = {}

    def put(place: str, conv: str, normed: str) -> None:
        weight, bias = fold_norm(state[f"{conv}.weight"], None, **norm(normed), epsilon=NORM_EPSILON)
        found[f"{place}.weight"], found[f"{place}.bias"] = weight, bias

    put("stem", "_conv_stem", "_bn0")
    first = 0
    for stage, (count, all_of_them) in enumerate(zip(blocks, BLOCKS, strict=False)):
        for block in range(count):
            for published, ours in PUBLISHED.items():
                name = f"_blocks.{first + block}."
                if f"{name}{published}.weight" in state:
                    put(f"stages.{stage}.{block}.{ours}", f"{name}{published}", f"{name}{NORMS[ours]}")
        first += all_of_them
    return found


def sizes_of(state: Mapping[str, Any], stages: int) -> dict[str, Any] | None:
    """`widths`, `blocks`, `stem` and `expansion` from a state dict, or None if it has not so many stages."""
    blocks = [sum(f"stages.{stage}.{block}.project.weight" in state for block in range(64)) for stage in range(stages)]
    widths = [state.get(f"stages.{stage}.0.project.weight") for stage in range(stages)]
    stem, expand = state.get("stem.weight"), state.get("stages.1.0.expand.weight")
    if any(one is None or one.ndim != 4 for one in [*widths, stem, expand]):
        return None
    return {
        "widths": [int(one.shape[0]) for one in widths],  # type: ignore[union-attr]
        "blocks": blocks,
        "stem": int(stem.shape[0]),  # type: ignore[union-attr]
        "expansion": int(expand.shape[0]) // max(1, int(expand.shape[1])),  # type: ignore[union-attr]
    }
