"""`genkit eval inpaint`: how near fillings come to the truth and how rough they are, with the classical methods beside.

Pictures are measured as centre squares (`genkit.data.squares`) with given masks, or with holes drawn from seed 0. They go
through the same task as `genkit inpaint`, and once more without its added texture. Telea 2004 and Navier-Stokes (Bertalmio et
al. 2001) are OpenCV's, radius 3, where OpenCV is installed; the smooth filling is the one that our own network starts from.
(scikit-image's biharmonic filling was tried: version 0.26 fails on some masks with indices out of bounds.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.masks import HOLES, draw_hole
from genkit.data.pictures import list_pictures, read_pictures
from genkit.data.squares import centre_square, chosen_names
from genkit.data.tensors import to_tensor
from genkit.errors import UsageError
from genkit.evaluate.fidelity import psnr
from genkit.evaluate.lpips import Distance, words_of
from genkit.evaluate.perceptual import PictureFeatures, distance_words
from genkit.nets import vgg
from genkit.nets.luma import LUMA
from genkit.nets.pyramid import fill_smoothly
from genkit.pixels import holes
from genkit.pixels.holes import Box, box_of

if TYPE_CHECKING:
    from genkit.models.shapes import FillModel

Fill = Callable[[np.ndarray, np.ndarray], np.ndarray]

AROUND, NARROWEST = 32, 64  # pixels around a hole that are looked at with it, and in all
FLAT = 0.5  # of 255 squared: surroundings that are no rougher have no texture
LARGEST = 0.5  # of the square


def evaluate(
    data: Path,
    methods: dict[str, Fill],
    *,
    names: Path | None = None,
    masks: Path | str = "strokes",
    side: int = 256,
    features: PictureFeatures | None = None,
    distance: Distance | None = None,
    keep: Callable[[str, str, np.ndarray], None] = lambda method, name, pixels: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method, uint8 (side, side, 3) and bool mask (side, side) in; one row each.

    A row holds `psnr` (dB over the masked pixels, RGB), `unmasked_error` (largest difference outside the mask), `energy` and
    `seam` (`_texture`), with `features` their `distance` over the whole square, and with `distance` that measure of the hole's
    surroundings. Means over pictures, `energy` and `seam` medians.

    Raises:
        UsageError: not as many masks as pictures, or one of another size.
    """
    chosen = chosen_names(data, names)
    drawn = _holes(masks, len(chosen), side) if isinstance(masks, Path) else _drawn(masks, len(chosen), side)
    figures: dict[str, list[dict[str, float]]] = {method: [] for method in methods}
    for (name, pixels), hole in zip(read_pictures(data, chosen), drawn, strict=True):
        square = centre_square(pixels, side)
        masked = np.where(hole[..., None], np.uint8(0), square)
        truth = None if features is None else _features(features, square)
        near = _near(hole)
        for method, fill in methods.items():
            result = fill(masked, hole)
            keep(method, name, result)
            difference = np.abs(result.astype(np.int16) - square)[~hole]
            row = {"psnr": psnr(result[hole], square[hole]), "unmasked_error": float(difference.max(initial=0))}
            row |= _texture(result, hole)
            if features is not None and truth is not None:
                row["distance"] = float(vgg.distance(_features(features, result), truth))
            if distance is not None:
                row[distance.key] = distance.between(result[near.slices], square[near.slices])
            figures[method].append(row)
        report(name)
    ways: dict[str, Callable[[list[float]], Any]] = {"unmasked_error": max, "energy": np.median, "seam": np.median}
    return [
        {
            "model": method,
            "pictures": len(rows),
            **{key: float(ways.get(key, np.mean)([row[key] for row in rows])) for key in rows[0]},
        }
        for method, rows in figures.items()
    ]


def _near(hole: np.ndarray) -> Box:
    """The box around a hole with `AROUND` pixels of context, `NARROWEST` a side at least, as far as the picture reaches."""
    box = box_of(hole) if hole.any() else Box(0, 0, *hole.shape)
    return box.grown(max(AROUND, (NARROWEST - min(box.height, box.width) + 1) // 2), hole.shape)


def _texture(result: np.ndarray, hole: np.ndarray) -> dict[str, float]:
    """Squared gradients of luma in the hole over those of a ring of `AROUND` pixels (`energy`), and the squared steps across
    its rim over those of the same ring (`seam`): 1 where the filling is as rough as what surrounds it."""
    luma = result.astype(np.float32) @ LUMA
    ring = (holes.distance(hole, AROUND) <= AROUND) & ~hole
    kinds: dict[str, list[np.ndarray]] = {"hole": [], "ring": [], "rim": []}
    for axis in (0, 1):
        steps = np.diff(luma, axis=axis) ** 2
        ends = [mask.take(range(start, mask.shape[axis] - 1 + start), axis) for mask in (hole, ring) for start in (0, 1)]
        kinds["hole"].append(steps[ends[0] & ends[1]])
        kinds["ring"].append(steps[ends[2] & ends[3]])
        kinds["rim"].append(steps[ends[0] != ends[1]])
    inside, around, across = (float(np.concatenate(steps).mean()) if any(map(len, steps)) else 0.0 for steps in kinds.values())
    return {"energy": inside / max(around, FLAT), "seam": across / max(around, FLAT)}


def _drawn(kind: str, count: int, side: int) -> list[np.ndarray]:
    """Holes drawn from seed 0, `box:10` is one box of 10 % of the square."""
    name, _, percent = kind.partition(":")
    share = float(percent or 10) / 100 if re.fullmatch(r"(\d+(\.\d+)?)?", percent) else 0
    if name not in HOLES or not 0 < share <= LARGEST or (percent and name not in ("box", "blob")):
        raise UsageError(f"--holes {kind}: expected {', '.join(HOLES)}, or box:N and blob:N per cent (at most {LARGEST:.0%})")
    rng = np.random.default_rng(0)
    return [draw_hole(rng, side, name, share) for _ in range(count)]


def _holes(masks: Path, count: int, side: int) -> list[np.ndarray]:
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
    if find_spec("cv2"):
        import cv2

        def opencv(pixels: np.ndarray, mask: np.ndarray, kind: int) -> np.ndarray:
            return np.asarray(cv2.inpaint(pixels, mask.astype(np.uint8) * 255, 3, kind))

        methods |= {"telea": partial(opencv, kind=cv2.INPAINT_TELEA), "navier-stokes": partial(opencv, kind=cv2.INPAINT_NS)}
    return methods


def of_model(network: FillModel, notify: Callable[[str], None], *, texture: float | None = None) -> Fill:
    """A loaded model as the verb runs it, the mask as it is."""
    from genkit.verbs.inpaint.task import InpaintOptions, inpaint

    options = InpaintOptions(grow=0, feather=0, texture=texture)
    return lambda pixels, mask: inpaint(network, pixels, None, mask, options, notify)[0]


def protocol(side: int, masks: Path | str, features: PictureFeatures | None, distance: Distance | None) -> str:
    holes = "given masks" if isinstance(masks, Path) else f"{masks} drawn from seed 0"
    around = f", of the hole and {AROUND} pixels around it" if distance is not None else ""
    return (
        f"centre square of {2 * side}, or the largest, reduced to {side} by area; {holes}; PSNR over the masked pixels, RGB, "
        f"8-bit results, mean over pictures; energy: squared gradients of luma in the hole over those {AROUND} pixels around "
        f"it, seam: those across its rim, medians{distance_words(features)}{words_of(distance)}{around}"
    )
