"""`genkit eval style`: how near results are to the style and to the photograph, by VGG-19 features.

Content: relu3_1, mean squared difference, before any normalisation. Style: Gram matrices of relu1_1, relu2_1 and relu3_1
(Gatys et al. 2015, arXiv 1508.06576; here divided by the number of places), mean squared difference, summed over the three.
The features are those of `genkit.nets.vgg`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from genkit.evaluate.squares import centre_square, chosen_names
from genkit.media.datasets import read_pictures
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


def evaluate(
    contents: Path,
    styles: Path,
    methods: dict[str, Stylise],
    *,
    features: vgg.Features,
    names: Path | None = None,
    style_names: Sequence[str] | None = None,
    count: int = 12,
    side: int = 256,
    keep: Callable[[str, str, str, np.ndarray], None] = lambda method, content, style, pixels: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method, photograph and style uint8 (side, side, 3) in and the same out, over all pairs; one row each.

    A row holds `style` and `content`, the losses' means over the pairs. The first `count` photographs and styles are taken, as
    centre squares: a photograph's of twice the side reduced by area, a style's largest one.

    Raises:
        UsageError: a listed picture is missing.
    """
    photos = [(name, centre_square(p, side)) for name, p in read_pictures(contents, chosen_names(contents, names)[:count])]
    chosen = list(style_names or chosen_names(styles, None))[:count]
    manners = [(name, _largest(pixels, side)) for name, pixels in read_pictures(styles, chosen)]
    wanted = {name: _see(features, pixels)[2] for name, pixels in photos}
    aims = {name: grams(_see(features, pixels)) for name, pixels in manners}
    found: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
    for style_name, manner in manners:
        for name, photo in photos:
            for method, stylise in methods.items():
                result = stylise(photo, manner)
                keep(method, name, style_name, result)
                seen = _see(features, result)
                losses = style_loss(grams(seen), aims[style_name]), content_loss(seen[2], wanted[name])
                found[method].append((float(losses[0]), float(losses[1])))
        report(style_name)
    rows = []
    for method, each in found.items():
        style, content = np.mean(each, 0)
        rows.append({"model": method, "pictures": len(each), "style": float(style), "content": float(content)})
    return rows


def _largest(pixels: np.ndarray, side: int) -> np.ndarray:
    """The largest centre square, reduced to `side` by area."""
    return centre_square(pixels, side, -(-max(pixels.shape[:2]) // side))


@torch.inference_mode()
def _see(features: vgg.Features, pixels: np.ndarray) -> list[Tensor]:
    return features(torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255)


def protocol(side: int, count: int) -> str:
    return (
        f"{count} photographs (centre square of {2 * side} reduced to {side} by area) x styles (largest centre square at "
        f"{side}), 8-bit results; VGG-19 features: content = mean squared difference of relu3_1; style = mean squared "
        "difference of Gram matrices (over places) of relu1_1, relu2_1, relu3_1, summed; means over the pairs"
    )
