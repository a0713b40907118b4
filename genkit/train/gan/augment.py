"""Changes of real and drawn pictures alike, so that a discriminator cannot learn few pictures by heart.

Differentiable augmentation: Zhao, Liu, Lin, Zhu, Han 2020 (arXiv 2006.10738, section 3.2 and appendix): colour, translation by
up to an eighth, a square of half the side cut out. With a probability below 1 each picture undergoes each change or not, as in
adaptive augmentation (Karras et al. 2020, arXiv 2006.06676, section 3); `CollapseMonitor` in `collapse.py` follows its rule
for the probability.

Pictures are (N, 3 or 4, H, W), -1 to 1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

REACH = 1 / 8  # of a translation, in shares of the side
HOLE = 1 / 2  # of a cutout
BRIGHTNESS = 0.5
TRANSPARENT = -1.0


def colour(images: Tensor, generator: torch.Generator) -> Tensor:
    """Brightness by up to 0.5 (of the span 2), saturation by 0 to 2, contrast by 0.5 to 1.5; transparency stays."""
    shape = (len(images), 1, 1, 1)
    lighter, saturation, contrast = (torch.rand(shape, generator=generator, device=images.device) for _ in range(3))
    rgb = images[:, :3] + (2 * lighter - 1) * BRIGHTNESS
    grey = rgb.mean(1, keepdim=True)
    rgb = grey + (rgb - grey) * (2 * saturation)
    mean = rgb.mean((1, 2, 3), keepdim=True)
    rgb = mean + (rgb - mean) * (0.5 + contrast)
    return torch.cat([rgb, images[:, 3:]], 1)


def translation(images: Tensor, generator: torch.Generator) -> Tensor:
    """Whole pixels, up to an eighth of the side either way; what comes in is empty."""
    count, _, height, width = images.shape
    empty = _empty(images)
    reach = (max(1, round(height * REACH)), max(1, round(width * REACH)))
    rows, columns = (
        torch.arange(size, device=images.device)[None]
        + torch.randint(-far, far + 1, (count, 1), generator=generator, device=images.device)
        for size, far in zip((height, width), reach, strict=True)
    )
    inside = ((rows >= 0) & (rows < height))[:, None, :, None] & ((columns >= 0) & (columns < width))[:, None, None, :]
    which = torch.arange(count, device=images.device)[:, None, None]
    moved = images.permute(0, 2, 3, 1)[which, rows.clamp(0, height - 1)[:, :, None], columns.clamp(0, width - 1)[:, None, :]]
    return torch.where(inside, moved.permute(0, 3, 1, 2), empty)


def cutout(images: Tensor, generator: torch.Generator) -> Tensor:
    """A square of half the side, anywhere, is emptied."""
    count, _, height, width = images.shape
    inside = []
    for size in (height, width):
        middle = torch.randint(0, size + 1, (count, 1), generator=generator, device=images.device)
        first = middle - round(size * HOLE) // 2
        places = torch.arange(size, device=images.device)[None]
        inside.append((places >= first) & (places < first + round(size * HOLE)))
    hole = inside[0][:, None, :, None] & inside[1][:, None, None, :]
    return torch.where(hole, _empty(images), images)


def _empty(images: Tensor) -> Tensor:
    """Mid grey, or nothing where there is transparency: what is not there must not look like a thing."""
    return images.new_tensor(TRANSPARENT if images.shape[1] == 4 else 0.0)


CHANGES: dict[str, Callable[[Tensor, torch.Generator], Tensor]] = {
    "colour": colour,
    "translation": translation,
    "cutout": cutout,
}


def augment(images: Tensor, names: Sequence[str], probability: float, generator: torch.Generator) -> Tensor:
    """Change (N, C, H, W), each picture by itself; every change named is made with `probability`."""
    if probability <= 0:
        return images
    for name in names:
        changed = CHANGES[name](images, generator)
        if probability < 1:
            whether = torch.rand((len(images), 1, 1, 1), generator=generator, device=images.device) < probability
            changed = torch.where(whether, changed, images)
        images = changed
    return images
