"""Every derivative against central differences in float64, and the check against errors planted on purpose."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from every_layer import layer_classes

from stages.mlp.architecture import Architecture
from stages.mlp.gradient_descent.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy, smoothed
from stages.mlp.gradient_descent.step import Step
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution, PatchGrid
from stages.mlp.layers.dense import Dense
from stages.mlp.layers.dropout import Dropout
from stages.mlp.layers.feature_maps import FeatureMaps, MapsToRows, RowsToMaps
from stages.mlp.layers.layer import Layer
from stages.mlp.layers.pooling import POOLINGS
from stages.mlp.network import Network

LOSSES = (BinaryCrossEntropy, SoftmaxCrossEntropy)
STEP = 1e-6
SHAPES = [(1, 3, 2), (2, 1, 4), (5, 4, 3)]  # rows, inputs, outputs
# Rows, what they hold, side of the kernel, stride: even and odd kernels, one larger than the image, one than which the
# stride is longer.
CONVOLUTIONS = [
    (1, FeatureMaps(1, 4, 4), 2, 1),
    (2, FeatureMaps(2, 6, 5), 3, 2),
    (3, FeatureMaps(3, 2, 6), 4, 3),
    (2, FeatureMaps(2, 5, 4), 1, 2),
]


@pytest.fixture(autouse=True)
def nothing_in_new_buffers_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ``np.empty`` makes of floats holds NaN, so that a value that nobody has written is seen."""

    def nans(shape: tuple[int, ...], dtype: npt.DTypeLike = float) -> np.ndarray:
        return np.full(shape, np.nan if np.dtype(dtype).kind == "f" else 1, dtype)

    monkeypatch.setattr(np, "empty", nans)


def differences(f: Callable[[], float], x: np.ndarray) -> np.ndarray:
    """The derivative of ``f()`` by each value of ``x``, which it reads."""
    found = np.empty_like(x)
    for i in np.ndindex(x.shape):
        kept = x[i]
        x[i] = kept + STEP
        above = f()
        x[i] = kept - STEP
        found[i] = (above - f()) / (2 * STEP)
        x[i] = kept
    return found


def assert_gradients_agree(layer: Layer, X: np.ndarray, parameters: dict[str, np.ndarray]) -> None:
    """The layer's backward, against differences of sum(output * weights)."""
    rng = np.random.default_rng(1)
    weights = rng.standard_normal(layer.forward(X.copy()).shape)

    def value() -> float:
        if isinstance(layer, Dropout):
            layer.rng = np.random.default_rng(2)  # a mask that is held
        return float(np.sum(layer.forward(X.copy()) * weights))

    value()
    dX = layer.backward(weights.copy()).copy()
    found = {name: getattr(layer, f"d{name}").copy() for name in parameters}
    np.testing.assert_allclose(dX, differences(value, X), rtol=1e-6, atol=1e-8)
    for name, parameter in parameters.items():
        np.testing.assert_allclose(found[name], differences(value, parameter), rtol=1e-6, atol=1e-8, err_msg=name)


def make_parameters(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


def gradients_like(parameters: dict[str, np.ndarray]) -> list[np.ndarray]:
    return [np.empty_like(each) for each in parameters.values()]


def inputs(*shape: int) -> np.ndarray:
    """Values on both sides of every kink, and none within a step of it."""
    X = np.random.default_rng(3).standard_normal(shape)
    return X + 0.1 * np.sign(X)


@pytest.mark.parametrize(("m", "n_in", "n_out"), SHAPES)
def test_dense(m: int, n_in: int, n_out: int) -> None:
    parameters = make_parameters(W=(n_in, n_out), b=(n_out,))
    layer = Dense(*parameters.values(), *gradients_like(parameters), m)
    assert_gradients_agree(layer, inputs(m, n_in), parameters)


@pytest.mark.parametrize(("m", "maps", "size", "stride"), CONVOLUTIONS)
def test_convolution(m: int, maps: FeatureMaps, size: int, stride: int) -> None:
    parameters = make_parameters(W=(maps.channels * size**2, 4), b=(4,))
    layer = Convolution(*parameters.values(), *gradients_like(parameters), PatchGrid(maps, size, stride), m)
    assert_gradients_agree(layer, inputs(maps.height, maps.channels, maps.width, m), parameters)


@pytest.mark.parametrize("name", POOLINGS)
@pytest.mark.parametrize(("sides", "window"), [((4, 4), 2), ((5, 3), 2), ((7, 5), 3), ((2, 2), 5)])
def test_pooling(name: str, sides: tuple[int, int], window: int) -> None:
    maps = FeatureMaps(2, *sides)
    assert_gradients_agree(POOLINGS[name](maps, window, 3, np.float64), inputs(sides[0], 2, sides[1], 3), {})


@pytest.mark.parametrize("m", [1, 3])
def test_maps_to_rows(m: int) -> None:
    assert_gradients_agree(MapsToRows(FeatureMaps(2, 3, 4), m, np.float64), inputs(3, 2, 4, m), {})


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize("shape", [(1, 3), (2, 1), (5, 4), (3, 2, 4, 5)])
def test_activations(name: str, shape: tuple[int, ...]) -> None:
    assert_gradients_agree(ACTIVATIONS[name](shape, np.float64), inputs(*shape), {})


@pytest.mark.parametrize("shape", [(1, 3), (2, 3), (5, 3), (2, 3, 2, 1), (3, 3, 1, 4)])
def test_batch_norm(shape: tuple[int, ...]) -> None:
    parameters = make_parameters(gamma=(3,), beta=(3,))
    layer = BatchNorm(*parameters.values(), *gradients_like(parameters), np.zeros(3), np.ones(3), shape=shape)
    assert_gradients_agree(layer, inputs(*shape), parameters)


@pytest.mark.parametrize("m", [1, 5])
def test_dropout_with_a_fixed_mask(m: int) -> None:
    assert_gradients_agree(Dropout(m, 8, 0.4, np.random.default_rng(2), np.float64), inputs(m, 8), {})


def test_prediction_drops_and_scales_nothing() -> None:
    X = inputs(3, 8)
    np.testing.assert_array_equal(Dropout(3, 8, 0.4, np.random.default_rng(2), np.float64).predict(X.copy()), X)


def assert_loss_gradient_agrees(loss: Loss, Z: np.ndarray, Y: np.ndarray) -> None:
    loss.measure(Z.copy(), Y)
    dZ = np.empty_like(Z)
    loss.gradient(Y, 7, dZ)
    expected = differences(lambda: loss.measure(Z.copy(), Y)[0] / 7, Z)
    np.testing.assert_allclose(dZ, expected, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("m", [1, 6])
def test_losses(m: int, smoothing: float) -> None:
    rng = np.random.default_rng(0)
    softmax = SoftmaxCrossEntropy(m, 4, np.float64)
    assert_loss_gradient_agrees(
        softmax, rng.standard_normal((m, 4)), smoothed(np.eye(4)[rng.integers(0, 4, m)], smoothing)
    )
    binary = BinaryCrossEntropy(m, np.float64)
    assert_loss_gradient_agrees(
        binary, rng.standard_normal((m, 1)), smoothed(np.eye(2)[rng.integers(0, 2, m)], smoothing)
    )


# Of each class a test that its errors must fail.
TESTS: dict[type, Callable[[], None]] = {
    Dense: lambda: test_dense(5, 4, 3),
    Convolution: lambda: test_convolution(*CONVOLUTIONS[1]),
    MapsToRows: lambda: test_maps_to_rows(3),
    BatchNorm: lambda: test_batch_norm((5, 3)),
    Dropout: lambda: test_dropout_with_a_fixed_mask(5),
    **dict.fromkeys(LOSSES, lambda: test_losses(6, 0.0)),
    **{kind: lambda name=name: test_pooling(name, (5, 3), 2) for name, kind in POOLINGS.items()},
    **{kind: lambda name=name: test_activations(name, (5, 4)) for name, kind in ACTIVATIONS.items()},
}
# Nobody asks RowsToMaps, the first layer, for derivatives: those by the pixels.
CLASSES = sorted(layer_classes() - {RowsToMaps}, key=lambda kind: kind.__name__)
LEARNED = [  # a class that takes both W and dW writes the gradient by W
    (kind, f"d{name}")
    for kind in CLASSES
    for name in inspect.signature(kind).parameters
    if f"d{name}" in inspect.signature(kind).parameters
]


def off_by_a_thousandth(method: Callable, parameter: str | None = None) -> Callable:
    """``method`` with a small error in the array that it computes, or in the gradient by a parameter."""

    def wrong(self: object, *arguments: object) -> object:
        result = method(self, *arguments)
        array = getattr(self, parameter) if parameter else arguments[2] if result is None else result
        array *= 1.001
        return result

    return wrong


@pytest.mark.parametrize(
    ("kind", "method", "parameter"),
    [
        *((kind, "gradient", None) for kind in LOSSES),
        *((kind, "backward", None) for kind in CLASSES),
        *((kind, "backward", parameter) for kind, parameter in LEARNED),
    ],
)
def test_an_error_of_a_thousandth_in_a_gradient_is_caught(
    kind: type, method: str, parameter: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new layer fails here, until ``TESTS`` has it."""
    TESTS[kind]()
    monkeypatch.setattr(kind, method, off_by_a_thousandth(getattr(kind, method), parameter))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        TESTS[kind]()


def whole_network(n_classes: int, **settings: object) -> tuple[float, float]:
    """The network's derivative along a random direction: by backpropagation, and by differences."""
    sides = {"kernel": 2, "stride": (2, 1)[: len(settings.get("filters", ()))]}
    network = Network(Architecture(20, n_classes, (5, 4), dtype="float64", image=(5, 4), **{**sides, **settings}))
    rng = np.random.default_rng(4)
    network.parameters[...] = rng.standard_normal(network.parameters.shape) * 0.5
    X, Y = rng.standard_normal((7, 20)), smoothed(np.eye(n_classes)[rng.integers(0, n_classes, 7)], 0.1)
    gradient, statistics, drops = np.empty_like(network.parameters), network.statistics.copy(), np.random.default_rng(5)
    state = drops.bit_generator.state
    views = network.parameter_views(gradient, statistics)
    step = Step(7, network.architecture, views, drops)

    def loss() -> float:
        drops.bit_generator.state = state  # the same values are dropped
        return step.run(X, Y, 7)[0] / 7

    loss()
    direction = rng.standard_normal(network.parameters.shape)
    analytic = float(gradient @ direction)
    start = network.parameters.copy()
    network.parameters[...] = start + STEP * direction
    above = loss()
    network.parameters[...] = start - STEP * direction
    return analytic, (above - loss()) / (2 * STEP)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("dropout", "batch_norm"), [(0.0, False), (0.3, False), (0.0, True), (0.3, True)])
@pytest.mark.parametrize(("n_classes", "filters"), [(2, ()), (4, ()), (4, (3,)), (2, (3, 2))])
def test_the_whole_network_along_a_direction(
    activation: str, n_classes: int, filters: tuple[int, ...], *, dropout: float, batch_norm: bool
) -> None:
    settings = {"activation": activation, "dropout": dropout, "batch_norm": batch_norm, "filters": filters}
    analytic, numeric = whole_network(n_classes, **settings)
    assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradient_of_a_network_with_pooling_along_a_direction(pooling: str) -> None:
    settings = {"filters": (3, 2), "kernel": 3, "stride": 1, "pool": (2, 3), "pooling": pooling, "activation": "tanh"}
    analytic, numeric = whole_network(4, **settings)
    assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-9)


def test_a_layer_left_out_of_backpropagation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dropout, "backward", lambda self, dY: dY)  # noqa: ARG005 - as Layer has it
    analytic, numeric = whole_network(4, activation="tanh", dropout=0.3)
    assert analytic != pytest.approx(numeric, rel=1e-3)
