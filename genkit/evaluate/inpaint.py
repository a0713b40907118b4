"""`genkit eval inpaint`: PSNR inside the hole and a distance of features, with the classical methods beside.

Pictures are measured as centre squares (`genkit.data.squares`) with given masks, or with strokes drawn from seed 0. They go
through the same task as `genkit inpaint`. Telea 2004 and Navier-Stokes (Bertalmio et al. 2001) are OpenCV's, radius 3, where
OpenCV is installed; the smooth filling is the one that our own network starts from.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.masks import draw_mask
from genkit.data.pictures import list_pictures, read_pictures
from genkit.data.squares import centre_square, chosen_names
from genkit.data.tensors import to_tensor
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.lpips import Distance, words_of
from genkit.evaluate.perceptual import PictureFeatures, distance_words
from genkit.nets import vgg
from genkit.nets.pyramid import fill_smoothly

if TYPE_CHECKING:
    from genkit.models.shapes import FillModel

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]


def evaluate(
    data: Path,
    methods: dict[str, Fill],
    *,
    names: Path | None = None,
    masks: Path | None = None,
    side: int = 256,
    features: PictureFeatures | None = None,
    distance: Distance | None = None,
    keep: Callable[[str, str, np.ndarray], None] = lambda method, name, pixels: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method, uint8 (side, side, 3) and bool mask (side, side) in; one row each.

    A row holds `psnr` (dB over the masked pixels, RGB, mean over pictures), `unmasked_error` (largest difference outside the
    mask) and with `features` their `distance`.

    Raises:
        UsageError: not as many masks as pictures, or one of another size.
    """
    chosen = chosen_names(data, names)
    holes = _holes(masks, len(chosen), side)
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    for (name, pixels), hole in zip(read_pictures(data, chosen), holes, strict=True):
        square = centre_square(pixels, side)
        masked = np.where(hole[..., None], np.uint8(0), square)
        truth = None if features is None else _features(features, square)
        for method, fill in methods.items():
            result = fill(masked, hole)
            keep(method, name, result)
            difference = np.abs(result.astype(np.int16) - square)[~hole]
            row = {"psnr": psnr(result[hole], square[hole]), "unmasked_error": float(difference.max(initial=0))}
            if features is not None and truth is not None:
                row["distance"] = float(vgg.distance(_features(features, result), truth))
            if distance is not None:
                row[distance.key] = distance.between(result, square)
            figures[method].append(row)
        report(name)
    rows = []
    for method, pictures in figures.items():
        means = {key: float(np.mean([row[key] for row in pictures])) for key in pictures[0] if key != "unmasked_error"}
        worst = max(row["unmasked_error"] for row in pictures)
        rows.append({"model": method, "pictures": len(pictures), **means, "unmasked_error": worst})
    return rows


def _holes(masks: Path | None, count: int, side: int) -> list[np.ndarray]:
    if masks is None:
        rng = np.random.default_rng(0)
        return [draw_mask(rng, side) for _ in range(count)]
    holes = [pixels[..., 0] > 127 for _, pixels in read_pictures(masks, list_pictures(masks))]
    if len(holes) != count:
        raise UsageError(f"{masks}: {len(holes)} masks for {count} pictures", "one for each, in the order of the names")
    if any(hole.shape != (side, side) for hole in holes):
        raise UsageError(f"{masks}: a mask is not {side}x{side}", f"measure at the masks' size: --side {holes[0].shape[0]}")
    return holes


def _features(network: PictureFeatures, pixels: np.ndarray) -> Any:
    import torch

    with torch.inference_mode():
        return network(to_tensor(pixels))


def smooth(pixels: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The filling by averages over ever larger neighbourhoods."""
    import torch

    images = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float()
    filled = fill_smoothly(images, torch.from_numpy(mask)[None, None].float())[0].permute(1, 2, 0)
    return np.where(mask[..., None], filled.round().clamp(0, 255).byte().numpy(), pixels)


def classical() -> dict[str, Fill]:
    """OpenCV's two methods where it is installed, and the smooth filling."""
    methods: dict[str, Fill] = {"smooth": smooth}
    try:
        import cv2
    except ImportError:
        return methods

    def opencv(pixels: np.ndarray, mask: np.ndarray, kind: int) -> np.ndarray:
        return np.asarray(cv2.inpaint(pixels, mask.astype(np.uint8) * 255, 3, kind))

    return methods | {"telea": partial(opencv, kind=cv2.INPAINT_TELEA), "navier-stokes": partial(opencv, kind=cv2.INPAINT_NS)}


def of_model(network: FillModel, notify: Callable[[str], None]) -> Fill:
    """A loaded model as the verb runs it, the mask as it is."""
    from genkit.verbs.inpaint.task import InpaintOptions, inpaint

    return lambda pixels, mask: inpaint(network, pixels, None, mask, InpaintOptions(grow=0, feather=0), notify)[0]


def protocol(side: int, own_masks: bool, features: PictureFeatures | None, distance: Distance | None = None) -> str:
    holes = "given masks" if own_masks else "strokes drawn from seed 0"
    return (
        f"centre square of {2 * side} reduced to {side} by area; {holes}; PSNR over the masked pixels, RGB, 8-bit results, "
        f"mean over pictures{distance_words(features)}{words_of(distance)}"
    )
