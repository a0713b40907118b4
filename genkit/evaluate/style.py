"""`genkit eval style`: how near results are to the style and to the photograph, by VGG-19 features.

Content: relu3_1, mean squared difference, before any normalisation. Style: Gram matrices of relu1_1, relu2_1 and relu3_1
(Gatys et al. 2015, arXiv 1508.06576; here divided by the number of places), mean squared difference, summed over the three.
The features are those of `genkit.nets.vgg`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.data.pictures import read_pictures
from genkit.data.squares import centre_square, chosen_names
from genkit.nets import vgg

Stylise = Callable[[np.ndarray, np.ndarray], np.ndarray]


def grams(features: Sequence[Tensor]) -> list[Tensor]:
    """Gram matrices (N, C, C) of feature maps (N, C, H, W), divided by the number of places."""
    flat = [one.flatten(2) for one in features]
    return [one @ one.transpose(1, 2) / one.shape[2] for one in flat]


def style_loss(made: Sequence[Tensor], wanted: Sequence[Tensor], *, relative: bool = False) -> Tensor:
    """Mean squared difference of Gram matrices, summed over the layers; a scalar. `relative`: of each wanted one's own size."""
    parts = []
    for one, aim in zip(made, wanted, strict=True):
        errors = (one - aim).square().mean((1, 2))
        parts.append((errors / aim.square().mean((1, 2)).clamp_min(1e-6) if relative else errors).mean())
    return torch.stack(parts).sum()


def content_loss(made: Tensor, wanted: Tensor, *, relative: bool = False) -> Tensor:
    """Mean squared difference of features (N, C, H, W); a scalar. `relative`: of the wanted features' own size."""
    errors = (made - wanted).square().mean((1, 2, 3))
    return (errors / wanted.square().mean((1, 2, 3)).clamp_min(1e-6) if relative else errors).mean()


@dataclass(frozen=True)
class Pictures:
    """What is measured on: the first `count` photographs and styles, or those listed in text files, all as squares of `side`:
    a photograph's centre at twice that side reduced by area, a style's largest centre square."""

    data: Path
    styles: Path
    names: Path | None = None
    style_names: Path | None = None
    count: int = 12
    side: int = 256

    def photographs(self) -> dict[str, np.ndarray]:
        chosen = chosen_names(self.data, self.names)[: self.count]
        return {name: centre_square(pixels, self.side) for name, pixels in read_pictures(self.data, chosen)}

    def manners(self) -> dict[str, np.ndarray]:
        chosen = chosen_names(self.styles, self.style_names)[: self.count]
        found = read_pictures(self.styles, chosen)
        return {name: centre_square(pixels, self.side, -(-max(pixels.shape[:2]) // self.side)) for name, pixels in found}


def evaluate(
    pictures: Pictures,
    methods: dict[str, Stylise],
    *,
    features: vgg.Features,
    draw: bool = False,
    report: Callable[[str], None] = lambda name: None,
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Measure every method, photograph and style uint8 (side, side, 3) in and the same out, over all pairs.

    One row each, `style` and `content` being the losses' means over the pairs; and with `draw` a sheet (H, W, 3): the
    photographs above, then for every style a row of each method.

    Raises:
        UsageError: a listed picture is missing.
    """
    photos, manners = pictures.photographs(), pictures.manners()
    wanted = {name: _see(features, pixels)[2] for name, pixels in photos.items()}
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
    lines = [np.concatenate([np.full((pictures.side,) * 2 + (3,), 255, np.uint8), *photos.values()], 1)]
    for style_name, manner in manners.items():
        aim = grams(_see(features, manner))
        for method, stylise in methods.items():
            cells = [manner]
            for name, photo in photos.items():
                cells.append(stylise(photo, manner))
                seen = _see(features, cells[-1])
                found[method].append((float(style_loss(grams(seen), aim)), float(content_loss(seen[2], wanted[name]))))
            if draw:
                lines.append(np.concatenate(cells, 1))
        report(style_name)
    rows = []
    for method, each in found.items():
        style, content = np.mean(each, 0)
        rows.append({"model": method, "pictures": len(each), "style": float(style), "content": float(content)})
    return rows, np.concatenate(lines, 0) if draw else lines[0]


@torch.inference_mode()
def _see(features: vgg.Features, pixels: np.ndarray) -> list[Tensor]:
    return features(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)


def protocol(side: int, count: int) -> str:
    return (
        f"{count} photographs (centre square of {2 * side} reduced to {side} by area) x styles (largest centre square at "
        f"{side}), 8-bit results; VGG-19 features: content = mean squared difference of relu3_1; style = mean squared "
        "difference of Gram matrices (over places) of relu1_1, relu2_1, relu3_1, summed; means over the pairs"
    )
