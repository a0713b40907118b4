"""`genkit eval upscale`: PSNR and SSIM on Y and on RGB, of models and of bicubic enlargement beside them.

Data is a folder or a zip. Pairs are taken as they are where it holds folders `HR_x<scale>` and `LR_x<scale>` (or `HR` and `LR`)
with equally many pictures; otherwise every picture is a sharp one, cropped to a multiple of the scale and reduced here.
The pictures go through the same task and the same tiles as `genkit upscale`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.degradation import clean, web_photo
from genkit.data.pictures import list_pictures, read_pictures
from genkit.errors import UsageError
from genkit.evaluate.fidelity import crop_border, luma, psnr, ssim
from genkit.evaluate.lpips import Distance, words_of

if TYPE_CHECKING:
    from genkit.models.shapes import TransformModel

Enlarge = Callable[[np.ndarray], np.ndarray]
METRICS = ("psnr_y", "ssim_y", "psnr_rgb", "ssim_rgb")


@dataclass(frozen=True)
class Pair:
    group: str
    name: str
    sharp: np.ndarray
    small: np.ndarray


def pairs(data: Path, scale: int, degradation: str) -> Iterator[Pair]:
    """Yield (sharp, small) pictures, uint8 RGB, grouped by the first folder of their name.

    `degradation` is `given` (the data's own small pictures), `clean` or `web-photo`; noise comes from one generator
    `default_rng(0)` over the sorted sharp pictures.

    Raises:
        UsageError: `given` is asked for and the data has no pairs at this scale, or the two sides differ in number or size.
    """
    names = list_pictures(data)
    sharp_names, small_names = _sides(names, scale)
    if degradation == "given" and not small_names:
        raise UsageError(f"{data}: no HR_x{scale} and LR_x{scale} folders in it", "give --degradation clean or web-photo")
    chosen = sharp_names or names
    rng = np.random.default_rng(0)
    partners = dict(zip(chosen, small_names, strict=True)) if degradation == "given" else {}
    for name, sharp in read_pictures(data, chosen):
        height, width = sharp.shape[0] // scale * scale, sharp.shape[1] // scale * scale
        sharp = sharp[:height, :width]
        if partners:
            partner = next(read_pictures(data, [partners[name]]), None)
            if partner is None:  # as a sharp picture that cannot be read
                continue
            small_name, small = partner
            if (small.shape[0] * scale, small.shape[1] * scale) != (height, width):
                raise UsageError(f"{data}: {small_name} is not {name} reduced by {scale}")
        else:
            small = clean(sharp, scale) if degradation == "clean" else web_photo(sharp, scale, rng)
        yield Pair(PurePosixPath(name).parts[0] if "/" in name else data.stem, name, sharp, small)


def has_pairs(data: Path, scale: int) -> bool:
    """Whether the data holds its own small pictures for this scale."""
    return bool(_sides(list_pictures(data), scale)[1])


def _sides(names: Sequence[str], scale: int) -> tuple[list[str], list[str]]:
    for sharp_folder, small_folder in ((f"HR_x{scale}", f"LR_x{scale}"), ("HR", "LR")):
        sharp = [name for name in names if sharp_folder in PurePosixPath(name).parts[:-1]]
        small = [name for name in names if small_folder in PurePosixPath(name).parts[:-1]]
        if sharp and len(sharp) == len(small):
            return sharp, small
        if sharp:
            return sharp, []
    return [], []


def bicubic(scale: int) -> Enlarge:
    """Pillow's bicubic enlargement (a = -0.5, as MATLAB's)."""
    from PIL import Image

    def enlarge(small: np.ndarray) -> np.ndarray:
        size = (small.shape[1] * scale, small.shape[0] * scale)
        return np.asarray(Image.fromarray(small).resize(size, Image.Resampling.BICUBIC))

    return enlarge


def of_model(network: TransformModel, scale: int, notify: Callable[[str], None]) -> Enlarge:
    """A loaded model as the verb runs it."""
    from genkit.verbs.upscale.task import UpscaleOptions, upscale

    return lambda small: upscale(network, small, None, UpscaleOptions(scale=scale), notify)[0]


def score(result: np.ndarray, sharp: np.ndarray, border: int, distance: Distance | None = None) -> dict[str, float]:
    """The figures of one picture, with their perceptual `distance` if it is given; both uint8 (H, W, 3)."""
    perceptual = {} if distance is None else {distance.key: distance.between(result, sharp)}
    result, sharp = crop_border(result, border), crop_border(sharp, border)
    result_y, sharp_y = luma(result), luma(sharp)
    figures = (psnr(result_y, sharp_y), ssim(result_y, sharp_y), psnr(result, sharp), ssim(result, sharp))
    return dict(zip(METRICS, figures, strict=True)) | perceptual


def evaluate(
    data: Path,
    methods: dict[str, Enlarge],
    scale: int,
    *,
    degradation: str = "given",
    border: int | None = None,
    distance: Distance | None = None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """Measure every method on every picture; return one row a (group, method) with its means and the number of pictures."""
    border = scale if border is None else border
    sums: dict[tuple[str, str], list[dict[str, float]]] = {}
    for pair in pairs(data, scale, degradation):
        for name, enlarge in methods.items():
            sums.setdefault((pair.group, name), []).append(score(enlarge(pair.small), pair.sharp, border, distance))
        report(pair.name)
    return [
        {"set": group, "model": name, "pictures": len(rows)}
        | {metric: float(np.mean([row[metric] for row in rows])) for metric in rows[0]}
        for (group, name), rows in sums.items()
    ]


def protocol(scale: int, degradation: str, border: int | None = None, distance: Distance | None = None) -> str:
    how = {
        "given": "the data's own small pictures",
        "clean": "reduced by Pillow's bicubic",
        "web-photo": "blur sigma 1, bicubic reduction, noise sigma 5 of 255, JPEG quality 40 (4:2:0)",
    }[degradation]
    return (
        f"x{scale}; {how}; 8-bit results; border of {scale if border is None else border} pixels left out; "
        f"Y of BT.601, 16 to 235; mean over pictures{words_of(distance)}"
    )
