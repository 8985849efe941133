"""Remove what lies around a digit: specks, frames, margins, and the table under a sheet of paper."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from stages.shared.arrays import Inputs

SMALLEST_PART = 0.05  # of the largest part; smaller ones are specks
WHOLE_EDGE = 0.9  # of an edge of the picture
SMALLEST_SHEET = 0.23  # of the picture
SOLID = 0.7  # of a sheet's outline
FOUR_CORNERS = 0.1  # the share by which an outline's area may differ from its quadrilateral's; 0.36 for a circle
MOST_SIDE = 256  # pixels; in a larger picture, blocks of pixels are taken together


def without_specks(amount: Inputs) -> Inputs:
    """How much of each pixel is ink (height, width), without the parts that are no strokes.

    Left out are a part along a whole edge of the picture, parts with less than ``SMALLEST_PART`` of the pixels of the
    largest, and a frame around the others.
    """
    factor = -(-max(amount.shape) // MOST_SIDE)
    height, width = (-(-side // factor) for side in amount.shape)
    is_ink = np.zeros((height * factor, width * factor), dtype=bool)
    is_ink[: amount.shape[0], : amount.shape[1]] = amount > 0
    labels = connected_components(np.asarray(is_ink.reshape(height, factor, width, factor).any(axis=(1, 3))))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # the background
    margins = margins_in(labels)
    if np.delete(sizes, margins).max() >= SMALLEST_PART * sizes.max():  # else it may be the bar of a 7
        sizes[margins] = 0
    is_kept = sizes >= max(1, SMALLEST_PART * sizes.max())
    while frames := [part for part in np.flatnonzero(is_kept) if is_frame(labels == part, is_kept[labels])]:
        is_kept[frames] = False  # another frame may be inside
    kept = is_kept[labels].repeat(factor, axis=0).repeat(factor, axis=1)
    return np.where(kept[: amount.shape[0], : amount.shape[1]], amount, 0)


def margins_in(labels: NDArray[np.int64]) -> list[int]:
    """Which parts of ``labels`` (height, width) fill nearly all of an edge of the picture."""
    edges = (labels[0], labels[-1], labels[:, 0], labels[:, -1])
    parts = [(int(np.bincount(edge).argmax()), edge) for edge in edges]
    return [part for part, edge in parts if part and (edge == part).mean() > WHOLE_EDGE]


def sheet_of_paper(is_ink: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    """The inside of the sheet of paper that was taken for ink (height, width); None if the ink is no sheet.

    The outline is all pixels between the first and the last ink of their line, and of their column too. The ink is a
    sheet if it fills most of the outline and nearly all of the outline's edge. Also, the outline must be a good part of
    the picture, have four corners, and not reach from edge to edge as a large digit does. The blurred edge of the
    outline is left out.
    """
    spans = [
        np.logical_or.accumulate(is_ink, axis) & np.flip(np.logical_or.accumulate(np.flip(is_ink, axis), axis), axis)
        for axis in (0, 1)
    ]
    outline = spans[0] & spans[1]
    is_across = any(lines[0].any() and lines[-1].any() for lines in (outline, outline.T))
    if is_across or outline.mean() < SMALLEST_SHEET or is_ink[outline].mean() < SOLID or not has_four_corners(outline):
        return None
    width = 2 * (1 + max(is_ink.shape) // 100) + 1
    inside = np.asarray(Image.fromarray(outline.astype(np.uint8)).filter(ImageFilter.MinFilter(width))) > 0
    return inside if inside.any() and is_ink[outline & ~inside].mean() > WHOLE_EDGE else None


def has_four_corners(outline: NDArray[np.bool_]) -> bool:
    """Whether an outline (height, width) is nearly a quadrilateral: one through its outermost pixels has its area.

    The outermost pixels are those at the left, bottom, right and top, or those nearest to the picture's corners.
    """
    y, x = np.nonzero(outline)
    areas = []
    for u, v in ((x, y), (x + y, y - x)):
        corners = [u.argmin(), v.argmax(), u.argmax(), v.argmin()]
        across, down = x[corners], y[corners]
        areas.append(abs(np.sum(across * np.roll(down, 1) - down * np.roll(across, 1))) / 2)  # the shoelace formula
    return bool(np.abs(np.array(areas) / len(x) - 1).min() < FOUR_CORNERS)


def is_frame(is_part: NDArray[np.bool_], is_ink: NDArray[np.bool_]) -> bool:
    """Whether a part of the ink, both (height, width), has ink near all corners of its box, and the rest in the box."""
    box = box_of(is_part)
    rest = is_ink & ~is_part
    if not rest.any() or rest[box].sum() < rest.sum():
        return False
    ends = [(slice(-(-side // 8)), slice(-side // 8, None)) for side in is_part[box].shape]
    return all(is_part[box][rows, columns].any() for rows, columns in product(*ends))


def box_of(is_ink: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The lines and columns that ``is_ink`` (height, width) reaches, from the first to the last."""
    rows, columns = (np.flatnonzero(is_ink.any(axis=axis)) for axis in (1, 0))
    return slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)


def connected_components(is_ink: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each pixel of ``is_ink`` (height, width) the number of its part, from 1; 0 where there is none.

    Pixels that touch, at a corner too, belong to one part. The runs of each line are joined with those that they touch
    in the line above (Rosenfeld and Pfaltz, "Sequential operations in digital picture processing", 1966).
    """
    steps = np.diff(np.pad(is_ink, ((0, 0), (1, 1))).astype(np.int8), axis=1)  # (height, width + 1)
    lines, starts = np.nonzero(steps == 1)
    stops = np.nonzero(steps == -1)[1]
    parent = list(range(len(lines)))

    def root(run: int) -> int:
        while parent[run] != run:
            parent[run] = run = parent[parent[run]]
        return run

    runs = list(zip(lines.tolist(), starts.tolist(), stops.tolist(), strict=True))
    above = 0
    for run, (line, start, stop) in enumerate(runs):
        while runs[above][0] < line - 1 or (runs[above][0] == line - 1 and runs[above][2] < start):
            above += 1
        touched = above
        while runs[touched][0] == line - 1 and runs[touched][1] <= stop:
            parent[root(touched)] = root(run)
            touched += 1
    _, parts = np.unique([root(run) for run in range(len(runs))], return_inverse=True)
    changes = np.zeros((is_ink.shape[0], is_ink.shape[1] + 1), dtype=np.int64)
    changes[lines, starts] = parts + 1
    changes[lines, stops] -= parts + 1
    return changes.cumsum(axis=1)[:, :-1]
