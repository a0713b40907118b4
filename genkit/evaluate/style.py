"""`genkit eval style`: how near results are to the style and to the photograph, by features.

Content: the deepest layer, mean squared difference, before any normalisation. Style: Gram matrices of all three layers
(Gatys et al. 2015, arXiv 1508.06576; here divided by the number of places), mean squared difference, summed over the three.
Which features, the protocol says (`genkit.evaluate.perceptual`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from genkit.data.pictures import read_pictures
from genkit.data.squares import centre_square, chosen_names
from genkit.data.tensors import to_tensor
from genkit.evaluate.lpips import Distance, words_of
from genkit.evaluate.perceptual import PictureFeatures

if TYPE_CHECKING:
    from genkit.models.shapes import StyleModel

Stylise = Callable[[np.ndarray, np.ndarray], np.ndarray]


def grams(features: Sequence[Tensor]) -> list[Tensor]:
    """Gram matrices (N, C, C) of feature maps (N, C, H, W), divided by the number of places."""
    flat = [layer.flatten(2) for layer in features]
    return [layer @ layer.transpose(1, 2) / layer.shape[2] for layer in flat]


def style_loss(result: Sequence[Tensor], style: Sequence[Tensor], *, relative: bool = False) -> Tensor:
    """Mean squared difference of Gram matrices, summed over the layers; a scalar. `relative`: to the size of the style's."""
    parts = []
    for gram, target in zip(result, style, strict=True):
        errors = (gram - target).square().mean((1, 2))
        parts.append((errors / target.square().mean((1, 2)).clamp_min(1e-6) if relative else errors).mean())
    return torch.stack(parts).sum()


def content_loss(result: Tensor, content: Tensor, *, relative: bool = False) -> Tensor:
    """Mean squared difference of features (N, C, H, W); a scalar. `relative`: to the size of the content's."""
    errors = (result - content).square().mean((1, 2, 3))
    return (errors / content.square().mean((1, 2, 3)).clamp_min(1e-6) if relative else errors).mean()


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

    def style_pictures(self) -> dict[str, np.ndarray]:
        chosen = read_pictures(self.styles, chosen_names(self.styles, self.style_names)[: self.count])
        return {name: centre_square(pixels, self.side, -(-max(pixels.shape[:2]) // self.side)) for name, pixels in chosen}


def evaluate(
    pictures: Pictures,
    methods: dict[str, Stylise],
    *,
    features: PictureFeatures,
    distance: Distance | None = None,
    draw: bool = False,
    report: Callable[[str], None] = lambda name: None,
) -> tuple[list[dict[str, Any]], np.ndarray]:
    """Measure every method, photograph and style uint8 (side, side, 3) in and the same out, over all pairs.

    One row each, `style` and `content` being the losses' means over the pairs, with the `distance` of results from photographs,
    if one is given; and with `draw` a sheet (H, W, 3): the photographs above, then for every style a row of each method.

    Raises:
        UsageError: a listed picture is missing.
    """
    photos, styles = pictures.photographs(), pictures.style_pictures()
    contents = {name: _features_of(features, pixels)[2] for name, pixels in photos.items()}
    losses: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    lines = [np.concatenate([np.full((pictures.side,) * 2 + (3,), 255, np.uint8), *photos.values()], 1)]
    for style_name, style in styles.items():
        style_grams = grams(_features_of(features, style))
        for method, stylise in methods.items():
            cells = [style]
            for name, photo in photos.items():
                cells.append(stylise(photo, style))
                result = _features_of(features, cells[-1])
                row = {
                    "style": float(style_loss(grams(result), style_grams)),
                    "content": float(content_loss(result[2], contents[name])),
                }
                if distance is not None:
                    row[distance.key] = distance.between(cells[-1], photo)
                losses[method].append(row)
            if draw:
                lines.append(np.concatenate(cells, 1))
        report(style_name)
    rows = []
    for method, each in losses.items():
        means = {key: float(np.mean([row[key] for row in each])) for key in each[0]}
        rows.append({"model": method, "pictures": len(each), **means})
    return rows, np.concatenate(lines, 0) if draw else lines[0]


@torch.inference_mode()
def _features_of(features: PictureFeatures, pixels: np.ndarray) -> list[Tensor]:
    return features(to_tensor(pixels))


def of_model(network: StyleModel, notify: Callable[[str], None]) -> Stylise:
    """A loaded model as the verb runs it."""
    from genkit.verbs.style.task import StyleOptions, Styles, style

    return lambda photo, manner: style(network, photo, None, StyleOptions(Styles([manner])), notify)[0]


def protocol(side: int, count: int, features: PictureFeatures, distance: Distance | None = None) -> str:
    return (
        f"{count} photographs (centre square of {2 * side} reduced to {side} by area) x styles (largest centre square at "
        f"{side}), 8-bit results; features: {features.title}; content = mean squared difference of {features.layers[-1]}; "
        f"style = mean squared difference of Gram matrices (over places) of {', '.join(features.layers)}, summed; means over "
        f"the pairs. Not to be compared with figures from other features{words_of(distance)}"
    )
