"""The architecture of a network, as an immutable value."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from numbers import Integral

from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.convolution import PatchGrid
from stages.mlp.layers.feature_maps import FeatureMaps
from stages.mlp.layers.pooling import POOLINGS

DTYPES = ("float32", "float64")

PerConvolution = int | tuple[int, ...]  # one value for all convolutions, or one value for each


@dataclass(frozen=True, slots=True)
class ConvolutionalBlock:
    """A convolution, then pooling. ``window`` is the side of the pooling windows; with 1 there is no pooling."""

    grid: PatchGrid
    n_filters: int
    window: int

    @property
    def convolved(self) -> FeatureMaps:
        return self.grid.maps_out(self.n_filters)

    @property
    def pooled(self) -> FeatureMaps:
        return self.convolved.pooled(self.window)


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes and the kinds of all layers.

    Attributes
    ----------
    n_inputs : values per row
    n_classes : at least 2; with exactly 2 the network has one output, the logit of the second class
    hidden : width of each hidden layer; with neither hidden layers nor filters, this is multinomial logistic regression
    activation : the activation after each convolution and each hidden layer, a name in ``ACTIVATIONS``
    dropout : probability of dropping an input of a dense layer in training; pixels are never dropped
    batch_norm : whether batch normalisation precedes every activation
    dtype : float32 or float64
    filters : number of filters of each convolution; the convolutions come before the hidden layers
    kernel, stride : side of the kernels, and the distance from one patch to the next, in places
    pool : side of the pooling windows after each convolution; 1: no pooling
    pooling : a name in ``POOLINGS``
    image : height and width of the images; needed only for convolutions
    """

    n_inputs: int
    n_classes: int
    hidden: tuple[int, ...] = (256, 64)
    activation: str = "relu"
    dropout: float = 0.0
    batch_norm: bool = False
    dtype: str = "float32"
    filters: tuple[int, ...] = ()
    kernel: PerConvolution = 5
    stride: PerConvolution = 2
    pool: PerConvolution = 1
    pooling: str = "max"
    image: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        for name in ("n_inputs", "n_classes", "hidden", "filters", "kernel", "stride", "pool"):
            value = getattr(self, name)
            value = list(value) if isinstance(value, tuple) else value
            if not all(map(is_size, value if isinstance(value, list) else [value])):
                raise ValueError(f"{name} = {value} is wrong: sizes are whole numbers of at least 1")
        if self.n_classes < 2:
            raise ValueError(f"n_classes must be at least 2, not {self.n_classes}")
        for name, known in (("activation", ACTIVATIONS), ("dtype", DTYPES), ("pooling", POOLINGS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}")
        sides = (self.kernel, self.stride, self.pool)
        if any(len(per_convolution(each, self.filters)) != len(self.filters) for each in sides):
            raise ValueError(
                "kernel, stride and pool must be one for all convolutions or one for each, not "
                f"filters={self.filters}, kernel={self.kernel}, stride={self.stride}, pool={self.pool}"
            )
        image = self.image or ()
        is_image = len(image) == 2 and all(map(is_size, image)) and prod(image) == self.n_inputs
        if (self.filters or self.image is not None) and not is_image:
            raise ValueError(f"image must be the height and width of {self.n_inputs} pixels, not {self.image}")

    @property
    def blocks(self) -> tuple[ConvolutionalBlock, ...]:
        """The convolutions, each with its pooling."""
        blocks, maps = [], FeatureMaps(1, *(self.image or (1, 1)))
        sides = (per_convolution(each, self.filters) for each in (self.kernel, self.stride, self.pool))
        for n_filters, kernel, stride, window in zip(self.filters, *sides, strict=True):
            blocks.append(ConvolutionalBlock(PatchGrid(maps, kernel, stride), n_filters, window))
            maps = blocks[-1].pooled
        return tuple(blocks)

    @property
    def n_outputs(self) -> int:
        """Logits per row."""
        return 1 if self.n_classes == 2 else self.n_classes

    @property
    def dense_sizes(self) -> tuple[int, ...]:
        """The width of the first dense layer's input, and of each dense layer's output."""
        return (self.blocks[-1].pooled.size if self.filters else self.n_inputs, *self.hidden, self.n_outputs)

    @property
    def n_layers(self) -> int:
        """L, the number of convolutions and dense layers."""
        return len(self.filters) + len(self.hidden) + 1

    @property
    def max_row_values(self) -> int:
        """The largest number of values per row in any layer, including the patches of a convolution."""
        block_values = (max(block.convolved.size, prod(block.grid.shape)) for block in self.blocks)
        return max(self.n_inputs, *self.dense_sizes, *block_values)

    @property
    def description(self) -> str:
        """The layers from the input to the output, such as ``28 x 28 - 16 filters of 5 x 5 - 128 - 10``."""
        if not self.filters:
            return " - ".join(map(str, self.dense_sizes))
        parts = [" x ".join(map(str, self.image or ()))]
        for block in self.blocks:
            n, kernel, window = block.n_filters, block.grid.kernel, block.window
            pooled = f", {self.pooling} of {window} x {window}" if window > 1 else ""
            parts.append(f"{n} filter{'' if n == 1 else 's'} of {kernel} x {kernel}{pooled}")
        return " - ".join([*parts, *map(str, self.dense_sizes[1:])])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every parameter, in the order of the flat vector: W1 ... WL, b1 ... bL, gamma1, beta1, ..."""
        matrices = [(block.grid.patch_size, block.n_filters) for block in self.blocks]
        matrices += pairwise(self.dense_sizes)
        shapes: dict[str, tuple[int, ...]] = {f"W{i}": shape for i, shape in enumerate(matrices, start=1)}
        shapes |= {f"b{i}": (n_out,) for i, (_, n_out) in enumerate(matrices, start=1)}
        return shapes | self._batch_norm_shapes("gamma", "beta")

    @property
    def n_weights(self) -> int:
        """How many numbers at the start of the flat vector are weights. Weight decay applies only to these."""
        return sum(prod(shape) for name, shape in self.shapes.items() if name.startswith("W"))

    @property
    def statistics_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of every running average of batch normalisation: mean1, variance1, ..."""
        return self._batch_norm_shapes("mean", "variance")

    def _batch_norm_shapes(self, *names: str) -> dict[str, tuple[int, ...]]:
        channels = enumerate((*self.filters, *self.hidden) if self.batch_norm else (), start=1)
        return {f"{name}{i}": (n,) for i, n in channels for name in names}


def is_size(value: object) -> bool:
    """Whether ``value`` is a whole number of at least 1 and below 2**31."""
    return isinstance(value, Integral) and not isinstance(value, bool) and 1 <= int(value) < 2**31


def per_convolution(setting: PerConvolution, filters: tuple[int, ...]) -> tuple[int, ...]:
    """The value for each convolution."""
    if not isinstance(setting, tuple):
        return (int(setting),) * len(filters)
    return setting if filters else ()
