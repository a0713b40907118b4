"""`genkit eval colorize`: RGB PSNR against the original, what that gains on the grey picture, and colourfulness.

Pictures are measured as centre squares (`genkit.data.squares`). Those without any colour have no error to gain on and are
left out of the figures. They go through the same task as `genkit colorize`.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.pictures import read_pictures
from genkit.data.squares import centre_square, chosen_names
from genkit.errors import UsageError
from genkit.evaluate.colour import colourfulness, grey_of
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.lpips import Distance, words_of
from genkit.nets.lab import rgb_to_lab

if TYPE_CHECKING:
    from genkit.models.shapes import ColorizeModel

Colour = Callable[[np.ndarray], np.ndarray]


def evaluate(
    data: Path,
    methods: dict[str, Colour],
    *,
    names: Path | None = None,
    side: int = 256,
    distance: Distance | None = None,
    keep: Callable[[str, str, np.ndarray], None] = lambda method, name, pixels: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method, uint8 grey (side, side, 1) in and (side, side, 3) out; one row each, the grey picture first.

    `names` is a text file with the pictures to take; `keep` gets every result. A row holds `psnr`, `gain` (dB above grey),
    `colourfulness` (mean), `share` (of the originals' mean), `lightness_error` (largest |L difference|, 8-bit results) and the
    perceptual `distance`, if it is given.

    Raises:
        UsageError: no picture with colours.
    """
    methods = {"grey": lambda grey: grey.repeat(3, 2), **methods}
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    originals: list[float] = []
    for name, pixels in read_pictures(data, chosen_names(data, names)):
        square = centre_square(pixels, side)
        grey = grey_of(square)
        base = psnr(grey, square)
        if not np.isfinite(base):
            report(f"{name}: has no colour, left out")
            continue
        originals.append(colourfulness(square))
        for method, colour in methods.items():
            result = colour(grey[..., :1])
            keep(method, name, result)
            figures[method].append(
                {
                    "psnr": psnr(result, square),
                    "gain": psnr(result, square) - base,
                    "colourfulness": colourfulness(result),
                    "lightness_error": float(np.abs(_lightness(result) - _lightness(grey)).max()),
                }
                | ({} if distance is None else {distance.key: distance.between(result, square)})
            )
        report(name)
    if not originals:
        raise UsageError(f"{data}: no picture with colours to measure on")
    rows = []
    for method, pictures in figures.items():
        means = {key: float(np.mean([row[key] for row in pictures])) for key in pictures[0] if key != "lightness_error"}
        worst = max(row["lightness_error"] for row in pictures)
        share = means["colourfulness"] / float(np.mean(originals))
        rows.append({"model": method, "pictures": len(pictures), **means, "share": share, "lightness_error": worst})
    return rows


def of_model(network: ColorizeModel, notify: Callable[[str], None]) -> Colour:
    """A loaded model as the verb runs it."""
    from genkit.verbs.colorize.task import ColorizeOptions, colorize

    return lambda grey: colorize(network, grey, None, ColorizeOptions(), notify)[0]


def _lightness(pixels: np.ndarray) -> np.ndarray:
    import torch

    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].double() / 255
    return rgb_to_lab(images)[0, 0].numpy()


def protocol(side: int, distance: Distance | None = None) -> str:
    return (
        f"centre square of {2 * side} reduced to {side} by area; RGB PSNR, 8-bit results, mean over pictures; gain over the "
        "grey picture of the same L; colourfulness after Hasler and Süsstrunk 2003, and its share of the originals'"
        f"{words_of(distance)}"
    )
