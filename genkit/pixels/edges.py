"""Line drawings and edge maps of photographs, without a trained network: dark lines on white paper.

Flow-based difference of Gaussians (Kang et al. 2007, "Coherent Line Drawing", NPAR), with the flow from a smoothed structure
tensor and the soft threshold of XDoG (Winnemoeller et al. 2012, "XDoG: An eXtended difference-of-Gaussians compendium",
Computers and Graphics 36(6)): across the flow a difference of two Gaussians finds dark lines and the dark sides of edges,
along it their responses are averaged, which joins what belongs together and lets specks go.

Planes are float tensors (N, 1, H, W), lightness in [0, 1]; lines come out as 0 = ink, 1 = paper.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, grid_sample, pad

from genkit.nets.luma import luma

SCHARR = ((-3.0, 0.0, 3.0), (-10.0, 0.0, 10.0), (-3.0, 0.0, 3.0))


@dataclass(frozen=True)
class LineOptions:
    """`thickness` is the deviation of the inner Gaussian in pixels, about half a line's width; `flow` that of the structure
    tensor's window; `length` that of the mean along the line; `shy` (tau of the paper, near 1) is how faint an edge may be;
    `contrast` how sharply ink and paper part. With `colours` the strongest of red, green and blue decides, which finds edges
    between colours of one lightness."""

    thickness: float = 1.0
    flow: float = 2.4
    length: float = 3.0
    shy: float = 0.985
    contrast: float = 60.0
    colours: bool = False


def blur(planes: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, each channel for itself; borders are repeated."""
    radius = max(1, math.ceil(2.5 * sigma))
    kernel = torch.exp(-(torch.arange(-radius, radius + 1).to(planes) ** 2) / (2 * sigma * sigma))
    kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
    flat = planes.flatten(0, 1).unsqueeze(1)  # (N*C, 1, H, W)
    flat = conv2d(pad(flat, (radius, radius, 0, 0), mode="replicate"), kernel)
    flat = conv2d(pad(flat, (0, 0, radius, radius), mode="replicate"), kernel.mT)
    return flat.squeeze(1).unflatten(0, planes.shape[:2])


def tangents(images: Tensor, sigma: float) -> Tensor:
    """Unit vectors (N, 2, H, W), x then y, along the edges of (N, C, H, W): the minor eigenvector of the smoothed structure
    tensor, summed over the channels."""
    kernel = images.new_tensor(SCHARR) / 32
    kernels = torch.stack([kernel, kernel.T]).unsqueeze(1)  # (2, 1, 3, 3)
    flat = pad(images.flatten(0, 1).unsqueeze(1), (1, 1, 1, 1), mode="replicate")
    across, down = conv2d(flat, kernels).unflatten(0, images.shape[:2]).unbind(2)  # (N, C, H, W) each
    products = torch.stack([(across * across).sum(1), (across * down).sum(1), (down * down).sum(1)], 1)
    xx, xy, yy = blur(products, sigma).unbind(1)
    angle = 0.5 * torch.atan2(2 * xy, xx - yy) + math.pi / 2  # of the tangent: the gradient's and a quarter turn
    return torch.stack([angle.cos(), angle.sin()], 1)


def _read(planes: Tensor, places: Tensor, mode: str) -> Tensor:
    """Values (N, C, H, W) at places (N, H, W, 2), x and y in [-1, 1]; beyond the border the border's."""
    return grid_sample(planes, places, mode=mode, padding_mode="border", align_corners=False)


def lines(images: Tensor, options: LineOptions = LineOptions()) -> Tensor:
    """Draw pictures (N, 3, H, W) as lines (N, 1, H, W)."""
    flow = tangents(images, options.flow)
    height, width = images.shape[-2:]
    rows, columns = ((2 * torch.arange(size).to(images) + 1) / size - 1 for size in (height, width))
    places = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), -1)[None]  # (1, H, W, 2)
    pixel = images.new_tensor([2 / width, 2 / height])
    across = flow.flip(1).permute(0, 2, 3, 1) * pixel.new_tensor([-1, 1]) * pixel
    response = _across(images if options.colours else luma(images), across, places, options).amin(1, keepdim=True)
    response = _along(response, flow.permute(0, 2, 3, 1) * pixel, places, options.length)
    return torch.where(response >= 0, 1.0, 1 + torch.tanh(options.contrast * response))


def _across(planes: Tensor, step: Tensor, places: Tensor, options: LineOptions) -> Tensor:
    """Difference of Gaussians along the gradient: equation 6 of Kang et al., negative on lines."""
    inner, outer = options.thickness, 1.6 * options.thickness
    radius = max(1, math.ceil(2 * outer))
    taps = np.arange(-radius, radius + 1)
    first, second = np.exp(-(taps**2) / (2 * inner**2)), np.exp(-(taps**2) / (2 * outer**2))
    weights = first / first.sum() - options.shy * second / second.sum()
    total = torch.zeros_like(planes)
    for tap, weight in zip(taps, weights, strict=True):
        total += float(weight) * (planes if tap == 0 else _read(planes, places + int(tap) * step, "bilinear"))
    return total


def _along(response: Tensor, step: Tensor, places: Tensor, sigma: float) -> Tensor:
    """Gaussian mean along the stream line through each place: equation 9, by steps of one pixel either way."""
    total, weights = response.clone(), 1.0
    both = torch.cat([response, step.permute(0, 3, 1, 2)], 1)
    for sign in (1.0, -1.0):
        there, direction = places, sign * step
        for count in range(1, max(1, math.ceil(2 * sigma)) + 1):
            there = there + direction
            weight = math.exp(-(count**2) / (2 * sigma**2))
            sampled = _read(both, there, "nearest")
            total += weight * sampled[:, :1]
            weights += weight
            following = sampled[:, 1:].permute(0, 2, 3, 1)  # a tangent has no sign: go on the way that was come
            direction = torch.where((following * direction).sum(3, keepdim=True) < 0, -following, following)
    return total / weights


EDGES = LineOptions(thickness=0.8, flow=1.6, length=2.5, shy=0.975, contrast=60.0, colours=True)


def edge_map(pixels: np.ndarray, options: LineOptions = EDGES) -> np.ndarray:
    """Edges of uint8 or uint16 (H, W, 3) as dark lines on white, the same shape and type.

    Lines are a pixel or two wide whatever the size, so bring a picture to the size that a model works at (its card's `size`)
    before.
    """
    peak = np.iinfo(pixels.dtype).max
    images = torch.from_numpy(pixels.astype(np.float32) / peak).permute(2, 0, 1)[None]
    with torch.inference_mode():
        drawing = lines(images, options)[0, 0].numpy()
    return np.repeat((drawing * peak).round().astype(pixels.dtype)[..., None], 3, axis=2)
