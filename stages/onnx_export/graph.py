"""What a graph of ONNX is made of, while it grows: nodes, and the arrays that they use."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike

TYPES: dict[str, type] = {"f": np.float32, "i": np.int64, "U": object}  # by NumPy's kind of number or text


class Graph:
    """Nodes in the order in which they are computed, and constant arrays. A value is known by its name, a text.

    Examples
    --------
    >>> graph = Graph()
    >>> graph.node("Mul", graph.node("Add", "X", 1.0), [[2.0, 3.0]], name="Y")
    'Y'
    """

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def node(self, operator: str, *inputs: str | ArrayLike, name: str = "", **attributes: Any) -> str:
        """Add a node of one output, and give the output's name: ``name``, or a new one.

        An input is the name of a value, or a constant: numbers with a point become float32, whole numbers int64.
        """
        names = [each if isinstance(each, str) else self._constant(each) for each in inputs]
        output = name or f"{operator}_{len(self.nodes)}"
        self.nodes.append(onnx.helper.make_node(operator, names, [output], **attributes))
        return output

    def _constant(self, values: ArrayLike) -> str:
        name, array = f"constant_{len(self.constants)}", np.asarray(values)
        array = np.ascontiguousarray(array, TYPES[array.dtype.kind]).reshape(array.shape)
        self.constants.append(onnx.numpy_helper.from_array(array, name))
        return name
