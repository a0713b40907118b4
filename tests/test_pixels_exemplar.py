"""Texture from the same picture: where it comes from, that it repeats, and that it meets what is around it."""

from __future__ import annotations

import numpy as np
import pytest

from genkit.pixels.exemplar import gradients, synthesise
from genkit.pixels.membrane import spread_inwards


def woven(height: int = 96, width: int = 120) -> np.ndarray:
    """A weave with a period of 8 pixels, and noise."""
    rows, columns = np.mgrid[:height, :width]
    grey = 128 + 50 * np.sin(rows * np.pi / 4) * np.cos(columns * np.pi / 4)
    noise = np.random.default_rng(1).normal(0, 6, (height, width, 3))
    return np.clip(grey[..., None] + noise, 0, 255).astype(np.float32)


def hole_in(picture: np.ndarray, side: int = 40) -> np.ndarray:
    mask = np.zeros(picture.shape[:2], bool)
    mask[30 : 30 + side, 40 : 40 + side] = True
    return mask


def blank(picture: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """The picture with a flat grey where the hole is: a guide without texture."""
    return np.where(hole[..., None], np.float32(128), picture)


def painted(picture: np.ndarray, hole: np.ndarray, unknown: np.ndarray | None = None, *, seed: int = 0, threads: int = 1):
    result = synthesise(blank(picture, hole), hole if unknown is None else unknown, hole, 40, seed, threads)
    assert result is not None
    return result


def test_a_flat_guide_becomes_the_weave_around_it() -> None:
    picture = woven()
    hole = hole_in(picture)
    result = painted(picture, hole)
    assert (result[~hole] == picture[~hole]).all()
    strong = np.abs(gradients(result)).mean(2)
    assert 0.6 < strong[hole].mean() / strong[~hole].mean() < 1.3
    assert np.corrcoef(result[hole].mean(1), picture[hole].mean(1))[0, 1] > 0.7, "it is not in step with what is around it"


def test_the_same_seed_gives_the_same_pixels_in_any_number_of_threads_and_another_others() -> None:
    picture = woven(160, 200)
    hole = hole_in(picture, 80)
    once, again = painted(picture, hole, threads=1), painted(picture, hole, threads=3)
    assert (once == again).all()
    assert (painted(picture, hole, seed=1) != once).any()


def test_nothing_is_taken_from_what_is_masked() -> None:
    picture = woven()
    hole, unknown = hole_in(picture), hole_in(picture)
    unknown[:, 90:] = True
    marked = picture.copy()
    marked[:, 90:] = (255, 0, 0)
    result = painted(marked, hole, unknown)
    saturation = (result.max(2) - result.min(2))[hole]
    assert saturation.max() < 60, "red came from under the mask"
    open_to_it = painted(marked, hole)
    assert (open_to_it != result).any(), "the mask changed nothing"


def test_where_there_is_too_little_to_take_nothing_is_made() -> None:
    picture = woven(20, 20)
    assert synthesise(picture, np.ones((20, 20), bool), np.ones((20, 20), bool), 20, 0) is None
    narrow = np.zeros((20, 20), bool)
    narrow[:, 6:] = True
    assert synthesise(picture, narrow, narrow, 20, 0) is None


@pytest.mark.parametrize("place", [(slice(0, 40), slice(0, 40)), (slice(60, 96), slice(0, 120)), (slice(50, 51), slice(3, 90))])
def test_holes_at_the_edge_across_and_thin(place: tuple[slice, slice]) -> None:
    picture = woven()
    hole = np.zeros(picture.shape[:2], bool)
    hole[place] = True
    result = synthesise(blank(picture, hole), hole, hole, 40, 0)
    assert result is not None and np.isfinite(result).all()
    assert np.abs(gradients(result)).mean(2)[hole].mean() > 5


def test_a_step_at_the_rim_fades_into_the_hole() -> None:
    hole = np.zeros((60, 60), bool)
    hole[10:50, 10:50] = True
    rim = np.zeros_like(hole)
    rim[9, 10:50] = True
    surface = spread_inwards(np.full((60, 60, 1), 20, np.float32), rim, hole, 6.0)[..., 0]
    middle = surface[10:50, 30]
    assert middle[0] > 15 and (np.diff(middle) <= 1e-3).all() and middle[-1] < 0.2
    assert (surface[~hole & ~rim] == 0).all()
    equal = (surface[:-2, 1:-1] + surface[2:, 1:-1] + surface[1:-1, :-2] + surface[1:-1, 2:]) / (4 + 1 / 36)
    inner = hole[1:-1, 1:-1] & hole[:-2, 1:-1] & hole[2:, 1:-1] & hole[1:-1, :-2] & hole[1:-1, 2:]
    assert np.abs(equal - surface[1:-1, 1:-1])[inner].max() < 0.05, "it does not solve the equation"
