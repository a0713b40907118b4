"""`genkit eval cutout`: how well masks fit, on composites whose truth is known.

Subjects with transparency (icons, cut-outs) are put before photographs (`genkit.data.composites`), always the same way. Of the
subjects those are taken whose name is held out of training. Models go through the same task as `genkit cutout`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from genkit.data.composites import measured_composites, overlap, read_subjects
from genkit.data.pictures import read_pictures
from genkit.data.squares import chosen_names
from genkit.errors import UsageError

if TYPE_CHECKING:
    from genkit.models.shapes import MaskModel

Masker = Callable[[np.ndarray], np.ndarray]  # uint8 (S, S, 3) to float32 (S, S)
SCENES = 200


def composites(
    data: Sequence[Path], backgrounds: Path, *, names: Path | None, count: int, side: int, held: bool
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pictures uint8 (side, side, 3) and true masks float32 (side, side).

    Raises:
        UsageError: no subjects, or no backgrounds.
    """
    subjects = [subject for source in data for subject in read_subjects(source, held=held)]
    if not subjects:
        raise UsageError(
            f"{', '.join(map(str, data))}: no picture with transparency around something",
            "give pictures with alpha; --all takes names too that training may have seen" if held else None,
        )
    scenes = [pixels for _, pixels in read_pictures(backgrounds, chosen_names(backgrounds, names)[:SCENES])]
    if not scenes:
        raise UsageError(f"{backgrounds}: no pictures that can be read")
    return measured_composites(subjects, scenes, count, side)


def evaluate(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]],
    methods: dict[str, Masker],
    *,
    keep: Callable[[str, int, np.ndarray], None] = lambda method, number, mask: None,
    report: Callable[[str], None] = lambda name: None,
) -> list[dict[str, Any]]:
    """One row for each method: `iou` (intersection over union, masks cut at a half), `mae` (mean absolute error), means over
    pictures, and `lost`, the share of pictures whose IoU is below a half."""
    figures: dict[str, list[tuple[float, float]]] = {method: [] for method in methods}
    for number, (picture, truth) in enumerate(pairs):
        for method, masker in methods.items():
            mask = masker(picture)
            keep(method, number, mask)
            figures[method].append((overlap(mask, truth), float(np.abs(mask - truth).mean())))
        report(f"composite {number + 1}")
    rows = []
    for method, values in figures.items():
        overlaps, errors = np.array(values).T
        lost = float((overlaps < 0.5).mean())
        rows.append(
            {
                "model": method,
                "pictures": len(values),
                "iou": float(overlaps.mean()),
                "mae": float(errors.mean()),
                "lost": lost,
            }
        )
    return rows


def of_model(network: MaskModel, matte: bool = False) -> Masker:
    """A loaded model as the verb runs it."""
    from genkit.verbs.cutout.task import CutoutOptions, cutout

    options = CutoutOptions(mask_only=True, matte=matte)
    return lambda pixels: cutout(network, pixels, None, options)[0][..., 0].astype(np.float32) / 255


def rows_of_sheet(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], kept: dict[int, dict[str, np.ndarray]]
) -> list[list[np.ndarray]]:
    """The picture, each model's mask and the true one, uint8 (S, S, 3)."""

    def shown(mask: np.ndarray) -> np.ndarray:
        return np.repeat((mask[..., None] * 255).round().astype(np.uint8), 3, 2)

    return [[pairs[number][0], *map(shown, masks.values()), shown(pairs[number][1])] for number, masks in kept.items()]


def protocol(side: int, count: int, held: bool) -> str:
    which = "of held-out names (one in twenty)" if held else "of all names"
    return (
        f"{count} composites of subjects {which} before the centre squares of photographs, {side} pixels, drawn from seed 0; "
        "IoU of masks cut at one half, mean absolute error, means over pictures; lost: IoU below one half"
    )
