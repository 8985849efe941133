"""Deskewing as nodes of ONNX: line by line what stages/images/deskew.py does, and under the same names.

A function takes the graph, the name of images (rows, height, width), their height and their width, and gives the name
of the deskewed images.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import onnx
from numpy.typing import NDArray

from stages.images.deskew import EPSILON, MAX_FACTOR, MAX_SLANT, MIN_FACTOR, TARGET_SPREAD
from stages.onnx_export.graph import Graph
from stages.onnx_export.layers import NoOnnxFormError


def add_deskewing(graph: Graph, X: str, height: int, width: int, deskew: str) -> str:
    """Rows (rows, height * width) deskewed as ``deskew`` says; NoOnnxFormError if it is not in ``DESKEWS``."""
    if deskew not in DESKEWS:
        raise NoOnnxFormError(f"the deskewing {deskew!r} has no form in ONNX")
    images = graph.node("Reshape", X, [-1, height, width])
    return graph.node("Flatten", DESKEWS[deskew](graph, images, height, width))


def remove_slant(graph: Graph, images: str, height: int, width: int) -> str:
    """Shear the images until the ink's columns and rows are uncorrelated."""
    y, x = centred_coordinates(height), centred_coordinates(width)
    total, centre_y, centre_x = ink_centre(graph, images, height, width)
    variance = minus_product(graph, mean(graph, ink(graph, images, axis=2), y * y, total), centre_y, centre_y)
    moments = graph.node("MatMul", images, x)  # (rows, height)
    covariance = minus_product(graph, mean(graph, moments, y, total), centre_y, centre_x)
    slant = graph.node("Div", covariance, graph.node("Max", variance, EPSILON))
    slant = graph.node("Clip", slant, -MAX_SLANT, MAX_SLANT)  # (rows, 1)
    shift = graph.node("Mul", slant, graph.node("Sub", y, centre_y))  # (rows, height)
    return sample_columns(graph, images, graph.node("Add", x, graph.node("Reshape", shift, [-1, height, 1])), width)


def remove_slant_and_scale_width(graph: Graph, images: str, height: int, width: int) -> str:
    """Remove the slant, then stretch or squeeze the columns, and move the centre of the ink to the middle."""
    images = remove_slant(graph, images, height, width)
    x = centred_coordinates(width)
    total, _, centre_x = ink_centre(graph, images, height, width)
    variance = minus_product(graph, mean(graph, ink(graph, images, axis=1), x * x, total), centre_x, centre_x)
    spread = graph.node("Sqrt", graph.node("Max", variance, 0.0))
    factor = graph.node("Sqrt", graph.node("Div", spread, TARGET_SPREAD * width))
    factor = graph.node("Clip", factor, MIN_FACTOR, MAX_FACTOR)  # (rows, 1)
    places = graph.node("Add", centre_x, graph.node("Mul", x, factor))  # (rows, width)
    places = graph.node("Reshape", places, [-1, 1, width])
    places = graph.node("Add", places, np.zeros((height, 1)))  # the same in every row of an image
    return sample_columns(graph, images, places, width)


def ink_centre(graph: Graph, images: str, height: int, width: int) -> tuple[str, str, str]:
    """How much ink there is in each image, and its centre's row and column from the middle, each (rows, 1)."""
    rows, columns = ink(graph, images, axis=2), ink(graph, images, axis=1)
    total = graph.node("Max", graph.node("ReduceSum", rows, [1], keepdims=1), EPSILON)
    return (
        total,
        mean(graph, rows, centred_coordinates(height), total),
        mean(graph, columns, centred_coordinates(width), total),
    )


def centred_coordinates(side: int) -> NDArray[np.float32]:
    """Where rows or columns lie, counted from the middle: (side,)."""
    return np.arange(side, dtype=np.float32) - np.float32((side - 1) / 2)


def ink(graph: Graph, images: str, *, axis: int) -> str:
    """How much ink there is in each row or column of each image, (rows, height) or (rows, width)."""
    return graph.node("ReduceSum", images, [axis], keepdims=0)


def mean(graph: Graph, amounts: str, values: NDArray[np.float32], total: str) -> str:
    """The mean of ``values`` (n,), weighted by ``amounts`` (rows, n), which sum to ``total`` (rows, 1): (rows, 1)."""
    return graph.node("Div", graph.node("MatMul", amounts, values[:, None]), total)


def minus_product(graph: Graph, value: str, first: str, second: str) -> str:
    """A value minus the product of two others."""
    return graph.node("Sub", value, graph.node("Mul", first, second))


def sample_columns(graph: Graph, images: str, places: str, width: int) -> str:
    """Each pixel's value at another column of its row, ``places`` (rows, height, width), interpolated linearly."""
    places = graph.node("Add", places, (width - 1) / 2)
    before = graph.node("Floor", places)
    padded = graph.node("Pad", images, [0, 0, 1, 0, 0, 1])
    first = graph.node("Add", graph.node("Cast", before, to=onnx.TensorProto.INT64), 1)
    left, right = (
        graph.node("GatherElements", padded, graph.node("Clip", index, 0, width + 1), axis=2)
        for index in (first, graph.node("Add", first, 1))
    )
    step = graph.node("Mul", graph.node("Sub", right, left), graph.node("Sub", places, before))
    return graph.node("Add", left, step)


DESKEWS: Mapping[str, Callable[[Graph, str, int, int], str]] = {
    "slant": remove_slant,
    "slant_and_width": remove_slant_and_scale_width,
}
