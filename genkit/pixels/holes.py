"""Find the holes of a mask and gather near ones: (H, W) bools, True = hole.

Whole masks are looked at in cells only (blocks of pixels, a hole where any pixel is one), so that a picture of any size costs
little; pixels are counted where a hole is. Components are joined by union-find over the runs of each row (Rosenfeld and Pfaltz
1966), eight neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

CELL = 16  # pixels: holes nearer to each other than about this are one


@dataclass(frozen=True)
class Box:
    """Rows [top, bottom) and columns [left, right)."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def height(self) -> int:
        return self.bottom - self.top

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def slices(self) -> tuple[slice, slice]:
        return slice(self.top, self.bottom), slice(self.left, self.right)

    def grown(self, margin: int, shape: tuple[int, ...]) -> Box:
        """With a margin on all sides, as far as an array of this shape reaches."""
        return Box(
            max(0, self.top - margin),
            max(0, self.left - margin),
            min(shape[0], self.bottom + margin),
            min(shape[1], self.right + margin),
        )


def find_holes(mask: np.ndarray, fit: int) -> list[Box]:
    """Boxes around the connected holes, from the top down; those that lie in one square of `fit` pixels together share one."""
    cells = _cells(mask)
    labels, count = _label(cells)
    boxes = []
    rows, columns = np.nonzero(labels)
    holes_of = labels[rows, columns] - 1
    least_row, most_row = np.full(count, len(cells)), np.full(count, -1)
    least_column, most_column = np.full(count, cells.shape[1]), np.full(count, -1)
    np.minimum.at(least_row, holes_of, rows)
    np.maximum.at(most_row, holes_of, rows)
    np.minimum.at(least_column, holes_of, columns)
    np.maximum.at(most_column, holes_of, columns)
    for top, left, bottom, right in zip(least_row, least_column, most_row, most_column, strict=True):
        rough = Box(top * CELL, left * CELL, min((bottom + 1) * CELL, len(mask)), min((right + 1) * CELL, mask.shape[1]))
        boxes.append(box_of(mask, rough))
    return _gather(boxes, fit)


def box_of(mask: np.ndarray, within: Box | None = None) -> Box:
    """The smallest box around what is True (there is something), at most `within`."""
    within = within or Box(0, 0, *mask.shape[:2])
    part = mask[within.slices]
    rows, columns = np.flatnonzero(part.any(1)), np.flatnonzero(part.any(0))
    return Box(
        within.top + int(rows[0]),
        within.left + int(columns[0]),
        within.top + int(rows[-1]) + 1,
        within.left + int(columns[-1]) + 1,
    )


def distance(mask: np.ndarray, limit: int) -> np.ndarray:
    """Float32 Euclidean distance of each pixel (its centre) to the nearest True one; `limit` + 1 beyond `limit`."""
    height, width = mask.shape
    places = np.arange(width)
    far = limit + 1
    left = np.maximum.accumulate(np.where(mask, places, -far), axis=1)
    right = np.minimum.accumulate(np.where(mask, places, width + far)[:, ::-1], axis=1)[:, ::-1]
    along = np.minimum(np.minimum(places - left, right - places), far).astype(np.float32) ** 2
    best = along.copy()
    for step in range(1, min(limit, height - 1) + 1):
        np.minimum(best[step:], along[:-step] + step * step, out=best[step:])
        np.minimum(best[:-step], along[step:] + step * step, out=best[:-step])
    return np.minimum(np.sqrt(best), far)


def distance_in(mask: np.ndarray, box: Box, limit: int) -> np.ndarray:
    """`distance` for the pixels of a box, to what is True beyond its edge as well."""
    wide = box.grown(limit, mask.shape)
    own = slice(box.top - wide.top, box.bottom - wide.top), slice(box.left - wide.left, box.right - wide.left)
    return distance(mask[wide.slices], limit)[own]


def depth(mask: np.ndarray, most: int = 192) -> tuple[np.ndarray, int]:
    """How deep in the hole each place lies: chessboard distance to what is known, on a grid of at most `most` a side.

    The grid's cells (of the returned number of pixels a side) are holes where all their pixels are; beyond the edge of the
    picture nothing is known, so a hole there is as deep as it is wide. int32, in pixels.
    """
    step = max(1, -(-max(mask.shape) // most))
    padded = np.pad(mask, ((0, -mask.shape[0] % step), (0, -mask.shape[1] % step)), mode="edge")
    hole = padded.reshape(padded.shape[0] // step, step, padded.shape[1] // step, step).all((1, 3))
    deep = np.zeros(hole.shape, np.int32)
    while hole.any() and not hole.all():
        deep += hole
        around = np.pad(hole, 1, constant_values=True)
        hole = np.logical_and.reduce([around[y : y + hole.shape[0], x : x + hole.shape[1]] for y in range(3) for x in range(3)])
    return deep * step, step


def depth_of(hole: np.ndarray, box: Box, shape: tuple[int, ...]) -> int:
    """How deep a hole (h, w) in a box of a picture of `shape` is, in pixels; what lies around it, if anything, is known."""
    wide = box.grown(max(2, max(hole.shape) // 32), shape)
    whole = np.zeros((wide.height, wide.width), bool)
    whole[box.top - wide.top : box.bottom - wide.top, box.left - wide.left : box.right - wide.left] = hole
    return int(depth(whole)[0].max())


def _cells(mask: np.ndarray) -> np.ndarray:
    height, width = -(-mask.shape[0] // CELL), -(-mask.shape[1] // CELL)
    cells = np.zeros((height, width), bool)
    starts = np.arange(0, mask.shape[1], CELL)
    for row in range(height):
        strip = mask[row * CELL : (row + 1) * CELL].any(0)
        cells[row] = np.logical_or.reduceat(strip, starts)
    return cells


def _label(cells: np.ndarray) -> tuple[np.ndarray, int]:
    """Number the components of a small grid from 1; 0 is no hole."""
    parents: list[int] = [0]

    def root(label: int) -> int:
        while parents[label] != label:
            parents[label] = parents[parents[label]]
            label = parents[label]
        return label

    labels = np.zeros(cells.shape, np.int64)
    above: list[tuple[int, int, int]] = []
    for row, line in enumerate(cells):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
        here: list[tuple[int, int, int]] = []
        for start, stop in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
            touching = {root(label) for first, last, label in above if first <= stop and last >= start}
            label = min(touching) if touching else len(parents)
            if not touching:
                parents.append(label)
            for other in touching:
                parents[other] = label
            labels[row, start:stop] = label
            here.append((start, stop, label))
        above = here
    roots = np.array([root(label) for label in range(len(parents))])
    kept = np.unique(roots[1:])
    numbers = np.zeros(len(parents), np.int64)
    numbers[kept] = np.arange(1, len(kept) + 1)
    return numbers[roots[labels]], len(kept)


def _gather(boxes: list[Box], fit: int) -> list[Box]:
    """Join boxes as long as the joint one is no larger than `fit`, the nearest first; any that overlap are joined too."""
    waiting = np.array(sorted((box.top, box.left, box.bottom, box.right) for box in boxes))
    result = []
    while len(waiting):
        top, left, bottom, right = waiting[0]
        waiting = waiting[1:]
        while len(waiting):
            low = np.minimum(waiting[:, :2], (top, left))
            high = np.maximum(waiting[:, 2:], (bottom, right))
            sides = (high - low).max(1)
            overlap = (np.maximum(waiting[:, :2], (top, left)) < np.minimum(waiting[:, 2:], (bottom, right))).all(1)
            joined = np.where((sides <= fit) | overlap, np.where(overlap, 0, sides), fit + sides + 1)
            nearest = int(joined.argmin())
            if not (overlap[nearest] or sides[nearest] <= fit):
                break
            (top, left), (bottom, right) = low[nearest], high[nearest]
            waiting = np.delete(waiting, nearest, 0)
        result.append(Box(int(top), int(left), int(bottom), int(right)))
    return result
