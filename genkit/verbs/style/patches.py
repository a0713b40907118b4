"""Paint regions with the strokes of a picture: texture by numbers.

Given labels of the result and of a style, each patch of the result is to look like a patch of the style whose surroundings are
labelled alike: image analogies (Hertzmann et al. 2001, section 4.4), as Champandard 2016 (arXiv 1603.01768) has it with
features of a network in the place of pixels. From coarse to fine, two steps by turns (Kwatra et al. 2005, "Texture
Optimization for Example-based Synthesis"): the nearest patch of each place, by PatchMatch (Barnes et al. 2009) with all places
at once, and each pixel the weighted mean of what the patches over it say. A patch that is much in use already costs more
(Kaspar et al. 2015, "Self Tuning Texture Optimization"), or flat ones would paint everything.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch
    from torch import Tensor

SIDE = 384  # longest side that is matched; a larger result takes the style's own pixels at the places found there
SHORTEST = 40  # longest side of the coarsest level
REACH = 2  # patches of 5 x 5
ROUNDS = (8, 5, 4, 3)  # of matching and painting, coarsest level first
GUIDE = 4.0  # weight of the labels against the colours of one pixel of a patch
BLURS = (1, 5, 15)  # radii of the labels' surroundings that are compared
USE = 0.4  # what a patch costs that is as much in use as the mean one, in shares of the mean distance
SHARP = 0.9  # deviation, in pixels of the level, of the weights of the patches over a pixel
STRIP_PIXELS = 1 << 19


@dataclass
class _Level:
    """One size: the labels' surroundings of the result (P, H, W) and of the style (P, h, w), and the style (3, h, w)."""

    goal: Tensor
    guide: Tensor
    style: Tensor


@dataclass
class _Places:
    """Where in the style the patch around each place of the result is from: (H, W) each, of patches that lie inside."""

    row: Tensor
    column: Tensor


def paint(labels: np.ndarray, style: np.ndarray, style_labels: np.ndarray, count: int, seed: int = 0) -> np.ndarray:
    """Labels (H, W), below `count`, painted as the style (h, w, 3) uint8 or uint16 is where its labels (h', w') are the same.

    (H, W, 3) of the style's dtype; the same seed gives the same picture.
    """
    import torch

    from genkit import runtime

    generator = torch.Generator().manual_seed(seed)
    with runtime.inference():
        height, width = labels.shape
        levels = [_level(labels, style, style_labels, count, *size) for size in sizes(height, width)]
        places = _begin(levels[0], generator)
        for index, level in enumerate(levels):
            if index:
                places = _finer(places, levels[index - 1], level)
            for _ in range(ROUNDS[min(index, len(ROUNDS) - 1)]):
                places = _match(level, places, generator)
        return _full(height, width, style, levels[-1], places)


def sizes(height: int, width: int) -> list[tuple[int, int]]:
    """The sizes (height, width) of the levels, coarse to fine."""
    longest = max(height, width)
    sides = [min(longest, SIDE)]
    while sides[-1] // 2 >= SHORTEST:
        sides.append(sides[-1] // 2)
    return [(max(8, round(height * one / longest)), max(8, round(width * one / longest))) for one in reversed(sides)]


def _level(labels: np.ndarray, style: np.ndarray, style_labels: np.ndarray, count: int, height: int, width: int) -> _Level:
    # as many pixels of style as of the result, so that a stroke keeps its part of the picture
    factor = (height * width / (style.shape[0] * style.shape[1])) ** 0.5
    style_height, style_width = (max(2 * REACH + 4, round(side * factor)) for side in style.shape[:2])
    return _Level(
        _surroundings(labels, count, height, width),
        _surroundings(style_labels, count, style_height, style_width),
        _images(style, style_height, style_width),
    )


def _images(pixels: np.ndarray, height: int, width: int) -> Tensor:
    import torch

    from genkit.pixels.resample import resize
    from genkit.pixels.tensors import to_images

    return to_images(resize(pixels, width, height), torch.device("cpu"))[0].contiguous()


def _surroundings(labels: np.ndarray, count: int, height: int, width: int) -> Tensor:
    import torch

    from genkit.nets.guided import window_mean
    from genkit.verbs.style.doodle import soft_masks

    planes = soft_masks(labels, count, height, width)
    blurred = [torch.from_numpy(window_mean(planes.numpy(), radius)) for radius in BLURS]
    return torch.cat(blurred, 1)[0] / len(BLURS) ** 0.5


def _begin(level: _Level, generator: torch.Generator) -> _Places:
    """Places by chance, rather where the labels around them are the same."""
    import torch

    guide = level.guide[:, REACH:-REACH, REACH:-REACH]
    distances = torch.cdist(level.goal.flatten(1).T, guide.flatten(1).T).square()
    chosen = torch.multinomial(torch.softmax(-60 * distances, 1), 1, generator=generator).view(level.goal.shape[1:])
    return _Places(chosen // guide.shape[2] + REACH, chosen % guide.shape[2] + REACH)


def _finer(places: _Places, before: _Level, level: _Level) -> _Places:
    """The places of a coarser level at this one."""
    import torch

    (height, width), sides = level.goal.shape[1:], level.style.shape[1:]
    rows, columns = (torch.arange(one) for one in (height, width))
    from_row, from_column = rows * places.row.shape[0] // height, columns * places.row.shape[1] // width
    row, column = (one[from_row][:, from_column].float() + 0.5 for one in (places.row, places.column))
    # where inside the coarse pixel a fine one lies goes on into the style
    row = row * (sides[0] / before.style.shape[1]) + _inside(height, places.row.shape[0])[:, None]
    column = column * (sides[1] / before.style.shape[2]) + _inside(width, places.row.shape[1])[None]
    return _clamped(row.floor().long(), column.floor().long(), sides)


def _inside(fine: int, coarse: int) -> Tensor:
    import torch

    centres = (torch.arange(fine) + 0.5) * (coarse / fine)
    return (centres - centres.floor() - 0.5) * (fine / coarse)


def _clamped(row: Tensor, column: Tensor, sides: torch.Size) -> _Places:
    return _Places(row.clamp(REACH, sides[0] - 1 - REACH), column.clamp(REACH, sides[1] - 1 - REACH))


def _described(images: Tensor, planes: Tensor) -> Tensor:
    """Patches of images (3, h, w) and the labels around them as rows (h * w, D)."""
    import torch
    from torch.nn.functional import pad, unfold

    patches = unfold(pad(images[None], (REACH,) * 4, "replicate"), 2 * REACH + 1)[0]
    return torch.cat([patches / (2 * REACH + 1), planes.flatten(1) * GUIDE**0.5], 0).T.contiguous()


def _match(level: _Level, places: _Places, generator: torch.Generator) -> _Places:
    """Paint with the places there are, and look for patches nearer to that: from neighbours, and by chance around."""
    import torch

    height, width = places.row.shape
    painted = vote(places, level.style, height, width, 0, height, REACH)
    wanted, offered = _described(painted, level.goal), _described(level.style, level.guide)
    index = (places.row * level.style.shape[2] + places.column).flatten()
    typical = float((offered[index] - wanted).square().sum(1).mean())
    used = _use(places, level.style.shape[1:]) * (USE * typical)

    def cost(one: _Places) -> Tensor:
        index = (one.row * level.style.shape[2] + one.column).flatten()
        apart = (offered[index] - wanted).square().sum(1)
        return (apart + used[index]).view(height, width)

    least = cost(places)

    def offer(row: Tensor, column: Tensor) -> None:
        nonlocal least, places
        other = _clamped(row, column, level.style.shape[1:])
        costs = cost(other)
        better = costs < least
        least = torch.where(better, costs, least)
        places = _Places(torch.where(better, other.row, places.row), torch.where(better, other.column, places.column))

    for step in (4, 2, 1):
        for down, across in ((step, 0), (-step, 0), (0, step), (0, -step)):
            offer(*(one.roll((down, across), (0, 1)) + add for one, add in ((places.row, down), (places.column, across))))
    radius = max(level.style.shape[1:])
    while radius >= 1:
        row, column = (torch.randint(-radius, radius + 1, (height, width), generator=generator) for _ in range(2))
        offer(places.row + row, places.column + column)
        radius //= 2
    return places


def _use(places: _Places, sides: torch.Size) -> Tensor:
    """How much each place of the style is in use, 1 in the mean: (h * w)."""
    import torch
    from torch.nn.functional import avg_pool2d

    index = (places.row * sides[1] + places.column).flatten()
    counts = torch.bincount(index, minlength=sides[0] * sides[1]).float().view(1, 1, *sides)
    return avg_pool2d(counts, 2 * REACH + 1, 1, REACH).flatten() * (sides[0] * sides[1] / index.numel())


def vote(places: _Places, style: Tensor, height: int, width: int, top: int, count: int, reach: int) -> Tensor:
    """Rows [top, top + count) of the result at height x width: each pixel the weighted mean of what the patches say whose
    centres lie up to `reach` places away. `style` (3, h, w) is of the scale of the result, the places of their own level."""
    import torch

    level_height, level_width = places.row.shape
    scale = height / level_height, width / level_width
    row = (torch.arange(top, top + count) + 0.5) / scale[0]
    column = (torch.arange(width) + 0.5) / scale[1]
    result, total = torch.zeros(3, count, width), torch.zeros(count, width)
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            near_row = (row.floor().long() + down).clamp(0, level_height - 1)
            near_column = (column.floor().long() + across).clamp(0, level_width - 1)
            off_row, off_column = row - near_row - 0.5, column - near_column - 0.5
            weights = torch.exp(-(off_row.square()[:, None] + off_column.square()) / (2 * SHARP**2))
            centre_row, centre_column = (one[near_row][:, near_column] + 0.5 for one in (places.row, places.column))
            from_row = ((centre_row + off_row[:, None]) * scale[0]).long().clamp_(0, style.shape[1] - 1)
            from_column = ((centre_column + off_column) * scale[1]).long().clamp_(0, style.shape[2] - 1)
            result += style[:, from_row, from_column] * weights
            total += weights
    return result / total


def _full(height: int, width: int, style: np.ndarray, level: _Level, places: _Places) -> np.ndarray:
    """The result at its own size, of the style's own pixels."""
    from genkit.pixels.tensors import store
    from genkit.verbs.style.photoreal import strips

    scale = height / places.row.shape[0], width / places.row.shape[1]
    large = _images(style, *(round(side * one) for side, one in zip(level.style.shape[1:], scale, strict=True)))
    result = np.empty((height, width, 3), style.dtype)
    for top, stop in strips(height, width):
        store(vote(places, large, height, width, top, stop - top, 1), result[top:stop], int(np.iinfo(style.dtype).max))
    return result
