"""The guided filter (He et al. 2013, IEEE TPAMI 35(6)) with a colour guide, as lines that can be used at a larger size (its
fast form, He and Sun 2015, arXiv 1505.00996)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, interpolate, pad


def lines_in(guide: Tensor, wanted: Tensor, radius: int, epsilon: float, *, repeated: bool = True) -> tuple[Tensor, Tensor]:
    """Slope (N, O, C, H, W) and level (N, O, H, W) of `wanted` (N, O, H, W) as a line in `guide` (N, C, H, W) around each
    place, so that `wanted` is about `(slope * guide).sum(2) + level`: equations 14 and 15. `epsilon` is the variance of the
    guide below which it is taken for even; `repeated` is as for `window_mean`."""

    def mean_of(planes: Tensor) -> Tensor:
        return window_mean(planes, radius, repeated=repeated)

    count = guide.shape[1]
    mean, target = mean_of(guide), mean_of(wanted)
    products = (guide[:, :, None] * guide[:, None]).flatten(1, 2)
    covariance = (mean_of(products) - (mean[:, :, None] * mean[:, None]).flatten(1, 2)).unflatten(1, (count, count))
    across = mean_of((guide[:, :, None] * wanted[:, None]).flatten(1, 2))
    across = across.unflatten(1, (count, -1)) - mean[:, :, None] * target[:, None]  # (N, C, O, H, W)
    system = covariance.permute(0, 3, 4, 1, 2) + epsilon * torch.eye(count).to(guide)
    slope = torch.linalg.solve(system, across.permute(0, 3, 4, 1, 2)).permute(0, 4, 3, 1, 2)  # (N, O, C, H, W)
    level = target - torch.einsum("nochw,nchw->nohw", slope, mean)
    return mean_of(slope.flatten(1, 2)).unflatten(1, (-1, count)), mean_of(level)


def window_mean(planes: Tensor, radius: int, *, repeated: bool = True) -> Tensor:
    """The mean over a window of (N, C, H, W); beyond a border that is repeated, or over what there is of the window."""
    if not repeated:
        return avg_pool2d(planes, 2 * radius + 1, 1, radius, count_include_pad=False)
    padded = pad(planes, (radius,) * 4, mode="replicate")
    return avg_pool2d(avg_pool2d(padded, (1, 2 * radius + 1), 1), (2 * radius + 1, 1), 1)


def enlarge_rows(planes: Tensor, top: int, count: int, height: int, width: int) -> Tensor:
    """Rows [top, top + count) of the bilinear enlargement of (N, C, h, w) to height x width, pixel centres at half integers."""
    source = planes.shape[2]
    places = ((torch.arange(top, top + count, device=planes.device) + 0.5) * (source / height) - 0.5).clamp(0, source - 1)
    first = places.floor().long()
    second = (first + 1).clamp_max(source - 1)
    mix = (places - first).to(planes).view(1, 1, -1, 1)
    strip = torch.lerp(planes[:, :, first], planes[:, :, second], mix)
    return interpolate(strip, (count, width), mode="bilinear", align_corners=False)
