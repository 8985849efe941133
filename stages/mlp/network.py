"""The network: its architecture, its parameters in one flat vector, and prediction.

Parameters come in pairs W1, b1 ... WL, bL, and gamma1, beta1 ... where there is batch normalisation. All
weights lie first in the vector, then everything else, so that weight decay is a matter of one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from stages.mlp.deskew import POSTURES, in_posture
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.convolution import FeatureMaps, Patches, convolve
from stages.mlp.layers.dense import BatchNorm, by_channel
from stages.mlp.parallel.memory import forget_pages, shared_zeros
from stages.mlp.parallel.replicas import Threads, channels_of

Floats = npt.NDArray[np.floating[Any]]
Initialisation = Literal["he", "tutorial"]

# Prediction goes through this many rows at a time, whatever the number of threads: bounded memory, and
# the same rounding everywhere.
CHUNK_ROWS = 512
CHUNK_VALUES = 2**22  # after a layer, or in a line of patches; large images have more, and chunks then fewer rows

# After so many chunks the memory that a mapped file was read into is given back.
KEPT_CHUNKS = 64


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the network is made of.

    Attributes
    ----------
    n_inputs : values per row
    n_classes : at least 2; with exactly 2 the network has one output, the logit of the second class
    hidden : width of each hidden layer; without any, and without filters, it is multinomial logistic regression
    activation : relu, leaky_relu, elu, gelu, tanh or sigmoid
    dropout : probability with which each value that a dense layer is handed, pixels aside, is dropped in training
    batch_norm : normalise before every activation, whatever a convolution makes channel by channel
    dtype : float32 or float64
    filters : number of filters of each convolution in front of the hidden layers
    kernel, stride : side of their kernels, and by how many pixels these move on; one for all, or one for each
    image : height and width of the image that a row holds, where there are convolutions
    """

    n_inputs: int
    n_classes: int
    hidden: tuple[int, ...] = (256, 64)
    activation: str = "relu"
    dropout: float = 0.0
    batch_norm: bool = False
    dtype: str = "float32"
    filters: tuple[int, ...] = ()
    kernel: int | tuple[int, ...] = 5
    stride: int | tuple[int, ...] = 2
    image: tuple[int, int] | None = None

    def __post_init__(self) -> None:
        if self.n_inputs < 1 or self.n_classes < 2 or min(self.hidden, default=1) < 1:
            raise ValueError(
                "a network needs an input, two classes and no empty layer, not "
                f"n_inputs={self.n_inputs}, n_classes={self.n_classes}, hidden={self.hidden}"
            )
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation must be one of {', '.join(ACTIVATIONS)}, not {self.activation!r}")
        if not 0.0 <= self.dropout < 1.0:
            raise ValueError(f"dropout must be at least 0 and below 1, not {self.dropout}")
        if self.dtype not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, not {self.dtype!r}")
        given = ", ".join(
            f"{name} = {list(value) if isinstance(value, tuple) else value}"
            for name, value in (("filters", self.filters), ("kernel", self.kernel), ("stride", self.stride))
        )
        if min((*self.filters, *self.kernels, *self.strides), default=1) < 1:
            raise ValueError(f"filters, kernel and stride must be 1 or more, not {given}")
        if not len(self.filters) == len(self.kernels) == len(self.strides):
            raise ValueError(f"kernel and stride must be one for all convolutions or one for each, not {given}")
        sides = self.image or ()
        if self.filters and (len(sides) != 2 or min(sides) < 1 or prod(sides) != self.n_inputs):
            raise ValueError(f"filters look at images, and image={self.image} is none of {self.n_inputs} values")

    @property
    def kernels(self) -> tuple[int, ...]:
        """The side of each convolution's kernels."""
        return for_each(self.kernel, self.filters)

    @property
    def strides(self) -> tuple[int, ...]:
        """By how many pixels each convolution moves on."""
        return for_each(self.stride, self.filters)

    @property
    def maps(self) -> tuple[FeatureMaps, ...]:
        """What the rows hold before the first convolution and after each; nothing where there is none."""
        if self.image is None or not self.filters:
            return ()
        found = [FeatureMaps(1, *self.image)]
        for n_filters, stride in zip(self.filters, self.strides, strict=True):
            found.append(found[-1].convolved(n_filters, stride))
        return tuple(found)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Values per row at the input, after each convolution and hidden layer, and at the output."""
        convolved = (maps.size for maps in self.maps[1:])
        return (self.n_inputs, *convolved, *self.hidden, 1 if self.n_classes == 2 else self.n_classes)

    @property
    def description(self) -> str:
        """The layers in words, from the input to the output: ``28 x 28 - 16 filters of 5 x 5 - 128 - 10``."""
        if not self.maps:
            return " - ".join(map(str, self.sizes))
        filters = [
            f"{n} filter{'' if n == 1 else 's'} of {kernel} x {kernel}"
            for n, kernel in zip(self.filters, self.kernels, strict=True)
        ]
        image = " x ".join(map(str, self.image or ()))
        return " - ".join([image, *filters, *map(str, self.sizes[len(self.maps) :])])

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Every parameter's shape by name, in the order of the flat vector."""
        matrices = [
            (before.channels * kernel**2, after.channels)
            for (before, after), kernel in zip(pairwise(self.maps), self.kernels, strict=True)
        ]
        matrices += pairwise(self.sizes[len(self.filters) :])
        shapes: dict[str, tuple[int, ...]] = {f"W{i}": shape for i, shape in enumerate(matrices, start=1)}
        shapes |= {f"b{i}": (n_out,) for i, (_, n_out) in enumerate(matrices, start=1)}
        if self.batch_norm:
            shapes |= self._by_channel("gamma", "beta")
        return shapes

    @property
    def statistics_shapes(self) -> dict[str, tuple[int, ...]]:
        """The running averages of batch normalisation, in the same way."""
        return self._by_channel("mean", "variance") if self.batch_norm else {}

    def _by_channel(self, *names: str) -> dict[str, tuple[int, ...]]:
        channels = enumerate((*self.filters, *self.hidden), start=1)
        return {f"{name}{i}": (n,) for i, n in channels for name in names}


def for_each(setting: int | tuple[int, ...], filters: tuple[int, ...]) -> tuple[int, ...]:
    """A setting of every convolution, of which there may be one for all; without convolutions it says nothing."""
    if isinstance(setting, int):
        return (setting,) * len(filters)
    return setting if filters else ()


@dataclass(frozen=True, slots=True)
class Images:
    """What the rows are: the label of every class, the image's size, and how pixels became inputs.

    An input is ``(pixel - offset) / scale``, clipped to [0, 1]; then the image is brought into its ``posture``.
    """

    classes: tuple[int | str, ...]
    height: int
    width: int
    offset: float = 0.0
    scale: float = 255.0
    posture: str = "as_written"

    def __post_init__(self) -> None:
        if self.posture not in POSTURES:
            raise ValueError(f"posture must be one of {', '.join(POSTURES)}, not {self.posture!r}")


class Network:
    """A multilayer perceptron, behind convolutions if the architecture has any.

    Attributes
    ----------
    parameters : the flat vector, (n_parameters,); ``weights["W1"]`` and so on are views into it
    statistics : running averages of batch normalisation, flat, with the views ``averages``
    images : what the rows are, or None

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=64, n_classes=10, hidden=(32,)))
    >>> network.initialise(np.random.default_rng(0))
    >>> network.weights["W1"].shape, network.parameters.shape
    ((64, 32), (2410,))
    """

    def __init__(self, architecture: Architecture, images: Images | None = None) -> None:
        self.architecture, self.images = architecture, images
        self.parameters = shared_zeros(flat_size(architecture.shapes), architecture.dtype)
        self.weights = views(self.parameters, architecture.shapes)
        self.statistics = shared_zeros(flat_size(architecture.statistics_shapes), architecture.dtype)
        self.averages = views(self.statistics, architecture.statistics_shapes)
        for name, values in (self.weights | self.averages).items():
            if name.startswith(("gamma", "variance")):
                values.fill(1)

    @property
    def n_layers(self) -> int:
        """L, the number of layers with weights."""
        return len(self.architecture.sizes) - 1

    def initialise(self, rng: np.random.Generator, how: Initialisation = "he") -> None:
        """Draw every weight afresh; biases become 0.

        ``he``: normal with variance 2 / n_in (He and others, 2015), and 1 / n_in for the last layer.
        ``tutorial``: W2 as in He, every other weight normal with standard deviation 0.1. The numbers are
        drawn in float64, layer after layer, so both dtypes start from the same weights.
        """
        if how not in ("he", "tutorial"):
            raise ValueError(f"initialisation must be he or tutorial, not {how!r}")
        for i in range(1, self.n_layers + 1):
            W = self.weights[f"W{i}"]
            deviation = (2 / len(W)) ** 0.5
            if how == "tutorial" and i != 2:
                deviation = 0.1
            elif how == "he" and i == self.n_layers:
                deviation = (1 / len(W)) ** 0.5
            W[...] = rng.standard_normal(W.shape) * deviation
            self.weights[f"b{i}"].fill(0)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickled and copied as what it is made of, so that the views stay views and the memory stays shared."""
        return rebuild, (self.architecture, self.images, self.parameters, self.statistics)

    def prepare(self, X: Floats) -> Floats:
        """Rows (m, n_inputs) in the posture in which the network was shown its training rows."""
        if self.images is None:
            return X
        return in_posture(X, self.images.height, self.images.width, self.images.posture)

    def logits(self, X: Floats) -> Floats:
        """Prepared rows (m, n_inputs) -> (m, n_outputs), as in prediction: nothing is dropped, nothing is kept."""
        activation = ACTIVATIONS[self.architecture.activation]
        Z = np.asarray(X, self.architecture.dtype)
        for i in range(1, self.n_layers + 1):
            if i <= len(self.architecture.filters):
                Z = self._convolved(i, Z)
            else:
                Z = Z @ self.weights[f"W{i}"]  # (m, n_out)
                Z += self.weights[f"b{i}"]
            if f"mean{i}" in self.averages:
                self._normalise(i, Z)
            if i < self.n_layers:
                activation.apply(Z, scratch_like(Z, activation.n_buffers))
        return Z

    def _convolved(self, i: int, X: Floats) -> Floats:
        """What convolution ``i``, from 1, makes of the rows (m, n_in): (m, n_out)."""
        architecture, W, b = self.architecture, self.weights[f"W{i}"], self.weights[f"b{i}"]
        before, after = architecture.maps[i - 1 : i + 1]
        patches = Patches(len(X), before, architecture.kernels[i - 1], architecture.strides[i - 1], X.dtype)
        np.copyto(patches.X, before.view(X))
        Y = np.empty((after.size, len(X)), X.dtype).T
        convolve(patches, W, b, np.empty((len(b), after.width * len(X)), X.dtype), after.view(Y))
        return Y

    def _normalise(self, i: int, Z: Floats) -> None:
        """Batch normalisation behind layer ``i``, from 1, by its running averages; in place."""
        gamma, beta = self.weights[f"gamma{i}"], self.weights[f"beta{i}"]
        scale = gamma / np.sqrt(self.averages[f"variance{i}"] + BatchNorm.epsilon)
        channels = channels_of(Z, len(gamma))  # (n_channels, places, m)
        channels -= by_channel(self.averages[f"mean{i}"])
        channels *= by_channel(scale)
        channels += by_channel(beta)


def rebuild(architecture: Architecture, images: Images | None, parameters: Floats, statistics: Floats) -> Network:
    """A network with these values."""
    network = Network(architecture, images)
    network.parameters[...] = parameters
    network.statistics[...] = statistics
    return network


def predict_proba(network: Network, X: Floats, *, threads: int = 2) -> Floats:
    """The probability of every class for every row: (m, n_inputs) -> (m, n_classes).

    ``X`` may be memory-mapped; it is read in chunks. What is no array, as a table of pandas, is made one. The result
    does not depend on ``threads``.

    Raises
    ------
    ValueError
        ``X`` is not a matrix of ``n_inputs`` columns, or there are no threads.

    Examples
    --------
    >>> import numpy as np
    >>> network = Network(Architecture(n_inputs=4, n_classes=3))
    >>> predict_proba(network, np.ones((2, 4)))
    array([[0.33333334, 0.33333334, 0.33333334],
           [0.33333334, 0.33333334, 0.33333334]], dtype=float32)
    """
    architecture, X = network.architecture, np.asanyarray(X)  # a mapped file stays one
    if X.ndim != 2 or X.shape[1] != architecture.n_inputs:
        raise ValueError(f"X must have the shape (m, {architecture.n_inputs}), not {X.shape}")
    if threads < 1:
        raise ValueError(f"threads must be 1 or more, not {threads}")
    probabilities = np.empty((len(X), architecture.n_classes), architecture.dtype)
    chunks = chunks_of(architecture, len(X))

    def predict(index: int) -> None:
        for k in range(index, len(chunks), threads):
            chunk = chunks[k]
            Z = network.logits(network.prepare(X[chunk]))
            if architecture.n_classes == 2:
                probabilities[chunk, 1:] = np.exp(-np.logaddexp(0, -Z))
                probabilities[chunk, :1] = np.exp(-np.logaddexp(0, Z))
            else:
                Z -= Z.max(axis=1, keepdims=True)
                np.exp(Z, out=Z)
                np.divide(Z, Z.sum(axis=1, keepdims=True), out=probabilities[chunk])
            if k % KEPT_CHUNKS < threads:
                forget_pages(X)

    with Threads(threads) as workers:
        workers.run(predict)
    return probabilities


def chunks_of(architecture: Architecture, n_rows: int) -> list[slice]:
    """The chunks in which ``n_rows`` go through the network; how many rows each has depends on it alone."""
    lines = (
        before.channels * kernel**2 * after.width
        for (before, after), kernel in zip(pairwise(architecture.maps), architecture.kernels, strict=True)
    )
    rows = max(1, min(CHUNK_ROWS, CHUNK_VALUES // max(*architecture.sizes, *lines)))
    return [slice(start, start + rows) for start in range(0, n_rows, rows)]


def scratch_like(Y: Floats, n_buffers: int) -> Floats:
    """(n_buffers, *Y.shape), each lying in memory in the same order as ``Y``."""
    if Y.flags.c_contiguous:
        return np.empty((n_buffers, *Y.shape), Y.dtype)
    return np.empty((n_buffers, *Y.T.shape), Y.dtype).transpose(0, 2, 1)


def flat_size(shapes: dict[str, tuple[int, ...]]) -> int:
    """How many numbers arrays of these shapes hold together."""
    return sum(int(np.prod(shape)) for shape in shapes.values())


def views(vector: Floats, shapes: dict[str, tuple[int, ...]]) -> dict[str, Floats]:
    """Views into the flat ``vector``, one after the other, in the given shapes."""
    found: dict[str, Floats] = {}
    start = 0
    for name, shape in shapes.items():
        stop = start + int(np.prod(shape))
        found[name] = vector[start:stop].reshape(shape)
        start = stop
    return found
