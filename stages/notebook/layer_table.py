"""The table of a network: its layers, the shape of their outputs, their parameters, and their multiply-adds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from stages.mlp.layers.activations import ACTIVATIONS, Activation
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.dropout import Dropout
from stages.mlp.layers.feature_maps import FeatureMaps, MapsToRows, RowsToMaps
from stages.mlp.layers.layer import Layer
from stages.mlp.layers.pooling import POOLINGS, Pooling
from stages.notebook.text_table import text_table

if TYPE_CHECKING:
    from stages.mlp.network import Network


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer.

    Attributes
    ----------
    layer : what it is, in words
    output : what it makes of one row, (n,) or (channels, height, width)
    parameters : how many numbers it learns
    multiply_adds : how many products it adds up for one row, in prediction
    """

    layer: str
    output: tuple[int, ...]
    parameters: int = 0
    multiply_adds: int = 0


@dataclass(frozen=True, slots=True)
class LayerTable:
    """All layers of a network, from the inputs to the logits; printed, it is a table."""

    rows: tuple[LayerRow, ...]

    @property
    def parameters(self) -> int:
        """How many numbers the network learns."""
        return sum(row.parameters for row in self.rows)

    @property
    def multiply_adds(self) -> int:
        """How many products are added up to predict one row."""
        return sum(row.multiply_adds for row in self.rows)

    @property
    def step_multiply_adds(self) -> int:
        """The multiply-adds for one row of a training step.

        Backpropagation costs a layer as much again for the gradient by its parameters, and once more for that by its
        input, which the first layer with parameters does not need.
        """
        first = next(row.multiply_adds for row in self.rows if row.multiply_adds)
        return 3 * self.multiply_adds - first

    @property
    def cells(self) -> list[tuple[str, str, str, str]]:
        """Every layer as texts for ``COLUMNS``, nothing in place of 0, and the sums."""
        lines = [(row.layer, " x ".join(map(str, row.output)), row.parameters, row.multiply_adds) for row in self.rows]
        lines.append(("sum", "", self.parameters, self.multiply_adds))
        return [(name, shape, f"{n:,}" if n else "", f"{cost:,}" if cost else "") for name, shape, n, cost in lines]

    def __str__(self) -> str:
        return text_table(COLUMNS, self.cells)


COLUMNS = ("layer", "output", "parameters", "multiply-adds")


def layer_table(network: Network) -> LayerTable:
    """The table of ``network``.

    Examples
    --------
    >>> from stages.mlp import Architecture, Network
    >>> print(layer_table(Network(Architecture(n_inputs=64, n_classes=10, hidden=(32,)))))
    layer   output  parameters  multiply-adds
    inputs      64
    dense       32       2,080          2,048
    relu        32
    dense       10         330            320
    sum                  2,410          2,368
    """
    rows = [LayerRow("inputs", (network.architecture.n_inputs,))]
    deskew = network.images.get("deskew", "none")
    if deskew != "none":
        rows.append(LayerRow(f"deskewing, {deskew}", rows[0].output))
    for layer in network.layers():
        rows.append(row_of(layer, rows[-1].output))
    return LayerTable(tuple(rows))


def row_of(layer: Layer, before: tuple[int, ...]) -> LayerRow:
    """The row of a layer whose input has the shape ``before``; TypeError for an unknown kind."""
    match layer:
        case RowsToMaps(maps=maps):
            return LayerRow("rows to maps", shape_of(maps))
        case MapsToRows(maps=maps):
            return LayerRow("maps to rows", (maps.size,))
        case Dense(W=W, b=b):
            return LayerRow("dense", b.shape, W.size + b.size, W.size)
        case Convolution(W=W, b=b, grid=grid):
            maps = grid.maps_out(len(b))
            name = f"convolution {grid.kernel} x {grid.kernel}" + (f", stride {grid.stride}" if grid.stride > 1 else "")
            return LayerRow(name, shape_of(maps), W.size + b.size, W.size * maps.height * maps.width)
        case BatchNorm(gamma=gamma, beta=beta):
            return LayerRow("batch normalisation", before, gamma.size + beta.size, prod(before))
        case Activation():
            return LayerRow(name_in(ACTIVATIONS, layer), before)
        case Pooling(window=window, maps_out=maps):
            return LayerRow(f"{name_in(POOLINGS, layer)} of {window} x {window}", shape_of(maps))
        case Dropout(rate=rate):
            return LayerRow(f"dropout {rate:g}, in training only", before)
    raise TypeError(f"the table of a network does not know the layer {type(layer).__name__}")


def shape_of(maps: FeatureMaps) -> tuple[int, int, int]:
    """Feature maps as channels, height and width."""
    return maps.channels, maps.height, maps.width


def name_in(table: Mapping[str, type], layer: Layer) -> str:
    """The name of the class of ``layer`` in a table."""
    return next(name for name, kind in table.items() if type(layer) is kind)
