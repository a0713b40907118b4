"""The network that makes 100 numbers of a style picture, for Magenta's transformer (Ghiasi et al. 2017, arXiv 1705.06830): a
MobileNetV2 (Sandler et al. 2018, arXiv 1801.04381), its batch normalisation folded into the convolutions.

Convolutions pad as TensorFlow's SAME does, of which an odd one stands behind and below.
Tensors: images (N, 3, H, W) in [0, 1], any size, best of a side of 256; codes (N, code, 1, 1).
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn.functional import pad, relu6

# expansion, channels, how many in a row, stride of the first: table 2 of the paper
SETTINGS = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
STEM, LAST, CODE = 32, 1280, 100


class Conv(nn.Conv2d):
    """A convolution with SAME padding."""

    def __init__(self, before: int, after: int, size: int = 1, stride: int = 1, groups: int = 1):
        super().__init__(before, after, size, stride, groups=groups)

    def forward(self, features: Tensor) -> Tensor:
        size, stride = self.kernel_size[0], self.stride[0]
        sides = []
        for length in (features.shape[-1], features.shape[-2]):
            whole = max((-(-length // stride) - 1) * stride + size - length, 0)
            sides += [whole // 2, whole - whole // 2]
        return super().forward(pad(features, sides) if any(sides) else features)


class Bottleneck(nn.Module):
    """Wider, each channel by itself, narrow again; around it an identity where the sizes agree."""

    def __init__(self, before: int, after: int, expansion: int, stride: int):
        super().__init__()
        wide = before * expansion
        self.expand = Conv(before, wide) if expansion > 1 else None
        self.depthwise, self.project = Conv(wide, wide, 3, stride, wide), Conv(wide, after)
        self.same = stride == 1 and before == after

    def forward(self, features: Tensor) -> Tensor:
        inner = features if self.expand is None else relu6(self.expand(features))
        inner = self.project(relu6(self.depthwise(inner)))
        return features + inner if self.same else inner


class StylePredictor(nn.Module):
    """`settings` as SETTINGS: MobileNetV2 as published, or smaller."""

    def __init__(
        self, code: int = CODE, stem: int = STEM, last: int = LAST, settings: Sequence[tuple[int, int, int, int]] = SETTINGS
    ):
        super().__init__()
        self.stem = Conv(3, stem, 3, 2)
        blocks, before = [], stem
        for expansion, after, count, stride in settings:
            for place in range(count):
                blocks.append(Bottleneck(before, after, expansion, stride if place == 0 else 1))
                before = after
        self.blocks = nn.ModuleList(blocks)
        self.last, self.code = Conv(before, last), Conv(last, code)

    def forward(self, images: Tensor) -> Tensor:
        features = relu6(self.stem(images))
        for block in self.blocks:
            features = block(features)
        return self.code(relu6(self.last(features)).mean((2, 3), keepdim=True))
