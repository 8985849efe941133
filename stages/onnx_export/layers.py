"""Each layer of the network as nodes of ONNX. Feature maps are (rows, channels, height, width) there.

A function takes the graph, the layer, and the name of the layer's input, and gives the name of its output. To add one,
write it and put it into ``LAYERS`` under the layer's class; a test fails for a layer that is not there.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from stages.mlp.layers.activations import ELU, GELU, LeakyReLU, ReLU, Sigmoid, Tanh
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.dropout import Dropout
from stages.mlp.layers.feature_maps import FeatureMaps, MapsToRows, RowsToMaps
from stages.mlp.layers.layer import Layer
from stages.mlp.layers.pooling import AveragePooling, MaxPooling, Pooling
from stages.onnx_export.graph import Graph


class NoOnnxFormError(ValueError):
    """ONNX cannot express a part of the model; the message names the part."""


def add_layer(graph: Graph, layer: Layer, X: str) -> str:
    """Add the nodes of ``layer``; NoOnnxFormError if its class is not in ``LAYERS``."""
    if type(layer) not in LAYERS:
        raise NoOnnxFormError(f"the layer {type(layer).__name__} has no form in ONNX")
    return LAYERS[type(layer)](graph, layer, X)


def rows_to_maps(graph: Graph, layer: RowsToMaps, X: str) -> str:
    """Images (rows, height * width) become maps of one channel."""
    maps = layer.maps
    return graph.node("Reshape", X, [-1, maps.channels, maps.height, maps.width])


def maps_to_rows(graph: Graph, layer: MapsToRows, X: str) -> str:  # noqa: ARG001 - one signature for all
    """Maps become rows, channel by channel."""
    return graph.node("Flatten", X)


def dense(graph: Graph, layer: Dense, X: str) -> str:
    """Y = X W + b."""
    return graph.node("Gemm", X, layer.W, layer.b)


def convolution(graph: Graph, layer: Convolution, X: str) -> str:
    """A convolution with a border of zeros; ONNX wants the filters first, and the border's width on each side."""
    grid, kernel, stride, before = layer.grid, layer.grid.kernel, layer.grid.stride, layer.grid.border
    by_place = layer.W.reshape(kernel, kernel, grid.maps.channels, -1)
    behind = [
        max(0, stride * (n_places - 1) + kernel - before - side)
        for n_places, side in zip(sides(grid.maps_out(len(layer.b))), sides(grid.maps), strict=True)
    ]
    return graph.node(
        "Conv",
        X,
        by_place.transpose(3, 2, 0, 1),  # (filters, channels, kernel, kernel)
        layer.b,
        kernel_shape=[kernel, kernel],
        strides=[stride, stride],
        pads=[before, before, *behind],
    )


def batch_norm(graph: Graph, layer: BatchNorm, X: str) -> str:
    """Normalisation by the running averages, channel by channel."""
    values = (layer.gamma, layer.beta, layer.mean, layer.variance)
    return graph.node("BatchNormalization", X, *values, epsilon=layer.epsilon)


def pooling(operator: str, **attributes: Any) -> Callable[[Graph, Pooling, str], str]:
    """A pooling whose windows at the lower and the right edge are smaller, as ours are."""

    def add(graph: Graph, layer: Pooling, X: str) -> str:
        window = [layer.window, layer.window]
        behind = [-side % layer.window for side in sides(layer.maps)]
        return graph.node(operator, X, kernel_shape=window, strides=window, pads=[0, 0, *behind], **attributes)

    return add


def dropout(graph: Graph, layer: Dropout, X: str) -> str:  # noqa: ARG001 - one signature for all
    """Nothing: in prediction no value is dropped."""
    return X


def elementwise(operator: str, **attributes: Any) -> Callable[[Graph, Layer, str], str]:
    """An activation that is an operator of ONNX."""
    return lambda graph, layer, X: graph.node(operator, X, **attributes)  # noqa: ARG005 - one signature for all


def gelu(graph: Graph, layer: GELU, X: str) -> str:  # noqa: ARG001 - one signature for all
    """0.5 x (1 + tanh(c (x + a x**3))): ONNX has it as one operator only in newer versions."""
    c, a = (2 / np.pi) ** 0.5, 0.044715
    square = graph.node("Mul", X, X)
    inner = graph.node("Add", graph.node("Mul", square, a * c), c)
    tanh = graph.node("Tanh", graph.node("Mul", inner, X))
    return graph.node("Mul", graph.node("Mul", X, 0.5), graph.node("Add", tanh, 1.0))


def sides(maps: FeatureMaps) -> tuple[int, int]:
    """Height and width of feature maps."""
    return maps.height, maps.width


LAYERS: Mapping[type[Any], Callable[[Graph, Any, str], str]] = {
    RowsToMaps: rows_to_maps,
    MapsToRows: maps_to_rows,
    Dense: dense,
    Convolution: convolution,
    BatchNorm: batch_norm,
    Dropout: dropout,
    MaxPooling: pooling("MaxPool"),
    AveragePooling: pooling("AveragePool", count_include_pad=0),
    ReLU: elementwise("Relu"),
    LeakyReLU: elementwise("LeakyRelu", alpha=LeakyReLU.slope),
    ELU: elementwise("Elu"),
    GELU: gelu,
    Tanh: elementwise("Tanh"),
    Sigmoid: elementwise("Sigmoid"),
}
