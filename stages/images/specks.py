"""Specks and frames around a digit are left out: only the parts of the ink that may be strokes stay."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from stages.shared.arrays import Inputs

SMALLEST_PART = 0.05  # of the largest part; smaller ones are specks
MOST_SIDE = 256  # pixels; in a larger picture, blocks of pixels are taken together


def without_specks(amount: Inputs) -> Inputs:
    """How much of each pixel is ink (height, width), without the parts that are no strokes.

    Left out are parts with less than ``SMALLEST_PART`` of the pixels of the largest, and a frame around the others.
    """
    factor = -(-max(amount.shape) // MOST_SIDE)
    height, width = (-(-side // factor) for side in amount.shape)
    is_ink = np.zeros((height * factor, width * factor), dtype=bool)
    is_ink[: amount.shape[0], : amount.shape[1]] = amount > 0
    labels = connected_components(np.asarray(is_ink.reshape(height, factor, width, factor).any(axis=(1, 3))))
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0  # what is no ink
    is_kept = sizes >= max(1, SMALLEST_PART * sizes.max())
    for part in np.flatnonzero(is_kept):
        is_kept[part] = not is_frame(labels == part, is_kept[labels])
    kept = is_kept[labels].repeat(factor, axis=0).repeat(factor, axis=1)
    return np.where(kept[: amount.shape[0], : amount.shape[1]], amount, 0)


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
