"""What is repainted: every source of a mask, its sizes, and the holes that are found in it."""

from __future__ import annotations

import numpy as np
import pytest

from genkit.errors import InputError, UsageError
from genkit.pixels import masks
from genkit.pixels.blending import lay_in, seam_weights
from genkit.pixels.holes import Box, depth, distance, find_holes
from genkit.pixels.masks import MaskPicture, MaskRule


def grey(*rows: list[int]) -> np.ndarray:
    return np.array(rows, np.uint8)[..., None]


@pytest.mark.parametrize("bits", [8, 16])
def test_half_counts_as_white_and_transparent_as_black(bits: int) -> None:
    scale, kind = (1, np.uint8) if bits == 8 else (257, np.uint16)
    pixels = (grey([0, 127, 128, 255, 255]).astype(np.uint32) * scale).astype(kind)
    alpha = (np.array([[255, 255, 255, 255, 0]], np.uint32) * scale).astype(kind)
    assert masks.from_picture(pixels, alpha, (5, 1), "m").tolist() == [[False, False, True, True, False]]


def test_a_coloured_mask_goes_by_its_luma() -> None:
    pixels = np.array([[[255, 255, 255], [255, 0, 0], [255, 255, 0]]], np.uint8)
    assert masks.from_picture(pixels, None, (3, 1), "m").tolist() == [[True, False, True]]


def test_a_mask_of_the_same_proportions_is_fitted_and_any_other_refused_with_both_sizes() -> None:
    mask = masks.from_picture(grey([0, 255], [0, 0]), None, (4, 4), "m.png")
    assert mask[:2, 2:].all() and mask.sum() == 4
    with pytest.raises(InputError, match=r"m\.png is 2x2, and the picture 4x3"):
        masks.from_picture(grey([0, 255], [0, 0]), None, (4, 3), "m.png")


def test_transparency_as_a_mask() -> None:
    assert masks.from_alpha(np.array([[0, 127, 128, 255]], np.uint8)).tolist() == [[True, True, False, False]]
    with pytest.raises(InputError, match="no transparency"):
        masks.from_alpha(None)


def test_a_colour_as_a_mask() -> None:
    pixels = np.array([[[255, 0, 255], [254, 2, 250], [0, 0, 0]]], np.uint8)
    magenta = masks.parse_color("#f0f")
    assert masks.from_color(pixels, magenta).tolist() == [[True, False, False]]
    assert masks.from_color(pixels, magenta, 5).tolist() == [[True, True, False]]
    assert masks.from_color(pixels.astype(np.uint16) * 257, magenta).tolist() == [[True, False, False]]
    with pytest.raises(UsageError, match="six hexadecimal"):
        masks.parse_color("pink")


def test_a_box_is_cut_at_the_edge_and_refused_outside() -> None:
    box = masks.parse_lengths("50%,2,100,1", "--mask-box", "X,Y,W,H")
    mask = masks.from_box(box, (10, 5))
    assert mask[2, 5:].all() and mask.sum() == 5
    with pytest.raises(InputError, match="nothing of the box lies in the picture, which is 10x5"):
        masks.from_box(masks.parse_lengths("10,0,2,2", "--mask-box", ""), (10, 5))


@pytest.mark.parametrize("text", ["1,2,3", "1,2,3,-4", "a,b,c,d", "", "1,2,3,4,5", "1.5,2,3,4"])
def test_lengths_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--outpaint"):
        masks.parse_lengths(text, "--outpaint", "LEFT,TOP,RIGHT,BOTTOM")


def test_outpainting_adds_mask_and_keeps_the_picture() -> None:
    pixels, alpha = np.arange(12, dtype=np.uint8).reshape(3, 4, 1), np.zeros((3, 4), np.uint8)
    rule = MaskRule(box=masks.parse_lengths("0,0,1,1", "", ""), outpaint=masks.parse_lengths("1,0,50%,2", "", ""))
    canvas, opaque, mask = masks.lay_out(rule, pixels, alpha, None)
    assert canvas.shape == (5, 7, 1) and (canvas[:3, 1:5] == pixels).all()
    assert opaque is not None and opaque[0, 0] == 255 and opaque[0, 1] == 0
    assert mask.sum() == 5 * 7 - 12 + 1 and mask[0, 1] and not mask[0, 2]


def test_inverting_turns_the_mask_and_not_the_new_canvas() -> None:
    drawn = MaskPicture(grey([255, 0]), None, "m")
    rule = MaskRule(outpaint=masks.parse_lengths("1,0,0,0", "", ""), invert=True)
    assert masks.lay_out(rule, grey([1, 2]), None, drawn)[2].tolist() == [[True, False, True]]


def test_distances_are_euclidean_up_to_their_limit() -> None:
    mask = np.zeros((40, 50), bool)
    mask[10, 7] = mask[30, 40] = True
    rows, columns = np.mgrid[:40, :50]
    exact = np.minimum(np.hypot(rows - 10, columns - 7), np.hypot(rows - 30, columns - 40))
    found = distance(mask, 12)
    assert np.allclose(found[exact <= 12], exact[exact <= 12]) and (found[exact > 12] > 12).all()


def test_depth_counts_to_what_is_known_and_not_to_the_edge() -> None:
    inside, at_edge = np.zeros((100, 100), bool), np.zeros((100, 100), bool)
    inside[40:60, 40:60] = True
    at_edge[:, :20] = True
    assert depth(inside)[0].max() == 10
    assert depth(at_edge)[0].max() == 20


def test_near_holes_share_a_box_and_far_ones_do_not() -> None:
    mask = np.zeros((1000, 1200), bool)
    mask[100:110, 100:110] = mask[130:140, 150:160] = mask[900:1000, 1100:1200] = True
    assert find_holes(mask, 128) == [Box(100, 100, 140, 160), Box(900, 1100, 1000, 1200)]
    assert find_holes(mask, 16)[0] == Box(100, 100, 110, 110)


def test_a_ring_a_spiral_and_a_diagonal_are_one_hole_each() -> None:
    mask = np.zeros((400, 400), bool)
    rows, columns = np.mgrid[:400, :400]
    mask[np.abs(np.hypot(rows - 200, columns - 200) - 150) < 2] = True
    assert find_holes(mask, 1) == [Box(49, 49, 352, 352)]
    assert len(find_holes(np.eye(400, dtype=bool), 1)) == 1


def test_thousands_of_specks_are_gathered_into_few_crops() -> None:
    mask = np.zeros((2000, 3000), bool)
    draw = np.random.default_rng(0)
    mask[draw.integers(0, 2000, 3000), draw.integers(0, 3000, 3000)] = True
    boxes = find_holes(mask, 192)
    assert len(boxes) < 500
    covered = np.zeros_like(mask)
    for box in boxes:
        covered[box.slices] = True
    assert not (mask & ~covered).any()


def test_seam_weights_are_full_in_the_mask_and_nothing_beyond() -> None:
    weights = seam_weights(np.arange(12.0), 3, 4)
    assert (weights[:4] == 1).all() and (weights[8:] == 0).all() and (np.diff(weights[3:9]) < 0).all()
    assert seam_weights(np.array([0.0, 1.0]), 0, 0).tolist() == [1, 0]


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
def test_where_a_weight_is_nothing_no_bit_changes(kind: type) -> None:
    peak = np.iinfo(kind).max
    target = np.random.default_rng(0).integers(0, peak, (9, 9, 3)).astype(kind)
    before, weights = target.copy(), np.zeros((9, 9), np.float32)
    weights[4, 4], weights[4, 5] = 1, 0.5
    lay_in(target, np.full_like(target, peak), weights)
    changed = (target != before).any(2)
    assert changed.sum() == 2 and (target[4, 4] == peak).all()
    assert np.allclose(target[4, 5], (before[4, 5].astype(float) + peak) / 2, atol=1)


def test_a_distance_in_a_box_counts_what_is_true_beyond_it() -> None:
    from genkit.pixels.holes import Box, distance_in

    mask = np.zeros((4, 30), bool)
    mask[:, 2] = mask[:, 20] = True  # the second lies beyond the box around the first, and one pixel from its edge
    found = distance_in(mask, Box(0, 0, 4, 19), 16)
    assert found[0, 18] == 2
    assert found[0, 3] == 1
