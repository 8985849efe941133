"""Every derivative against central differences in float64, and the check against errors planted on purpose."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.convolution import Convolution, FeatureMaps
from stages.mlp.layers.dense import BatchNorm, Dense, Dropout, Layer
from stages.mlp.layers.wide_first import WideFirst
from stages.mlp.network import Architecture, Network
from stages.mlp.parallel.replicas import Shard, Threads
from stages.mlp.training.losses import BinaryCrossEntropy, Loss, SoftmaxCrossEntropy
from stages.mlp.training.recipe import Recipe
from stages.mlp.training.step import State, Step

STEP = 1e-6
SHAPES = [(1, 3, 2), (2, 1, 4), (5, 4, 3)]  # rows, inputs, outputs
# Rows, what they hold, side of the kernel, stride: even and odd kernels, one of them larger than the image.
CONVOLUTIONS = [
    (1, FeatureMaps(1, 4, 4), 2, 1),
    (2, FeatureMaps(2, 6, 5), 3, 2),
    (3, FeatureMaps(3, 2, 6), 4, 3),
]


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


def assert_gradients_agree(
    layer: Layer, X: np.ndarray, parameters: dict[str, np.ndarray], n_out: int, *, asks_dX: bool = True
) -> None:
    """The layer's backward and gradient, against differences of sum(output * weights)."""
    m = len(X)
    weights = np.random.default_rng(1).standard_normal((m, n_out))
    shard = Shard(0, m, Threads(1))

    def value() -> float:
        shard.rng = np.random.default_rng(2)  # a dropout mask that is held
        return float(np.sum(layer.forward(X.copy(), shard) * weights))

    value()
    dX = layer.backward(weights.copy(), shard).copy()
    layer.gradient(shard)
    if asks_dX:
        np.testing.assert_allclose(dX, differences(value, X), rtol=1e-6, atol=1e-8)
    for name, parameter in parameters.items():
        found = getattr(layer, f"d{name}")
        np.testing.assert_allclose(found, differences(value, parameter), rtol=1e-6, atol=1e-8, err_msg=name)


def make_dense(m: int, n_in: int, n_out: int) -> tuple[Dense, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    parameters = {"W": rng.standard_normal((n_in, n_out)), "b": rng.standard_normal(n_out)}
    layer = Dense(m, *parameters.values(), *(np.empty_like(each) for each in parameters.values()))
    return layer, parameters


def make_batch_norm(m: int, n: int, places: int) -> tuple[BatchNorm, dict[str, np.ndarray]]:
    rng = np.random.default_rng(0)
    parameters = {"gamma": rng.standard_normal(n), "beta": rng.standard_normal(n)}
    gradients = [np.empty(n), np.empty(n)]
    return BatchNorm(m, *parameters.values(), *gradients, np.zeros(n), np.ones(n), places=places), parameters


def inputs(m: int, n: int) -> np.ndarray:
    """Values on both sides of every kink, and none within a step of it."""
    X = np.random.default_rng(3).standard_normal((m, n))
    return X + 0.1 * np.sign(X)


@pytest.mark.parametrize(("m", "n_in", "n_out"), SHAPES)
def test_dense(m: int, n_in: int, n_out: int) -> None:
    layer, parameters = make_dense(m, n_in, n_out)
    assert_gradients_agree(layer, inputs(m, n_in), parameters, n_out)


@pytest.mark.parametrize(("m", "n_in", "n_out"), SHAPES)
def test_wide_first(m: int, n_in: int, n_out: int) -> None:
    """With as many dead inputs as alive ones; it finds no gradient by its input, which are data."""
    _, parameters = make_dense(m, 2 * n_in, n_out)
    layer = WideFirst(m, *parameters.values(), *(np.empty_like(each) for each in parameters.values()))
    X = np.hstack([inputs(m, n_in), np.zeros((m, n_in))])
    assert_gradients_agree(layer, X, parameters, n_out, asks_dX=False)


@pytest.mark.parametrize(("m", "maps", "size", "stride"), CONVOLUTIONS)
def test_convolution(m: int, maps: FeatureMaps, size: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    parameters = {"W": rng.standard_normal((maps.channels * size**2, 4)), "b": rng.standard_normal(4)}
    gradients = (np.empty_like(each) for each in parameters.values())
    layer = Convolution(m, maps, size, stride, *parameters.values(), *gradients)
    assert_gradients_agree(layer, inputs(m, maps.size), parameters, layer.maps_out.size)


@pytest.mark.parametrize("name", ACTIVATIONS)
@pytest.mark.parametrize(("m", "n", "_"), SHAPES)
def test_activations(name: str, m: int, n: int, _: int) -> None:
    assert_gradients_agree(ACTIVATIONS[name](m, n, np.float64), inputs(m, n), {}, n)


@pytest.mark.parametrize(("m", "places"), [(1, 1), (2, 1), (5, 1), (1, 4), (3, 2)])
def test_batch_norm(m: int, places: int) -> None:
    layer, parameters = make_batch_norm(m, 3, places)
    assert_gradients_agree(layer, inputs(m, 3 * places), parameters, 3 * places)


@pytest.mark.parametrize("m", [1, 5])
def test_dropout_with_its_mask_held(m: int) -> None:
    assert_gradients_agree(Dropout(m, 8, 0.4, np.float64), inputs(m, 8), {}, 8)


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
    softmax = SoftmaxCrossEntropy(m, 4, smoothing, np.float64)
    assert_loss_gradient_agrees(softmax, rng.standard_normal((m, 4)), np.eye(4)[rng.integers(0, 4, m)])
    binary = BinaryCrossEntropy(m, smoothing, np.float64)
    assert_loss_gradient_agrees(binary, rng.standard_normal((m, 1)), np.eye(2)[rng.integers(0, 2, m)])


def off_by_a_thousandth(method: Callable) -> Callable:
    """``method`` with a small error in the array that it computes."""

    def wrong(self: object, *arguments: object) -> object:
        result = method(self, *arguments)
        array = arguments[2] if result is None else result
        array *= 1.001
        return result

    return wrong


PLANTED = {
    "Dense": lambda: test_dense(5, 4, 3),
    "Convolution": lambda: test_convolution(*CONVOLUTIONS[1]),
    "WideFirst": lambda: test_wide_first(5, 4, 3),
    "BatchNorm": lambda: test_batch_norm(5, 1),
    "Dropout": lambda: test_dropout_with_its_mask_held(5),
    "SoftmaxCrossEntropy": lambda: test_losses(6, 0.0),
    "BinaryCrossEntropy": lambda: test_losses(6, 0.0),
    **{kind.__name__: (lambda name=name: test_activations(name, 5, 4, 3)) for name, kind in ACTIVATIONS.items()},
}
CLASSES = {each.__name__: each for each in [Dense, WideFirst, Convolution, BatchNorm, Dropout]} | {
    each.__name__: each for each in [SoftmaxCrossEntropy, BinaryCrossEntropy, *ACTIVATIONS.values()]
}


@pytest.mark.parametrize("name", [name for name in PLANTED if name != "WideFirst"])  # whose backward finds nothing
def test_an_error_of_a_thousandth_in_backward_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = CLASSES[name]
    method = "backward" if hasattr(kind, "backward") else "gradient"
    PLANTED[name]()
    monkeypatch.setattr(kind, method, off_by_a_thousandth(getattr(kind, method)))
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        PLANTED[name]()


@pytest.mark.parametrize(
    ("kind", "parameter"),
    [
        (Dense, "dW"),
        (Dense, "db"),
        (WideFirst, "dW"),
        (WideFirst, "db"),
        (Convolution, "dW"),
        (Convolution, "db"),
        (BatchNorm, "dgamma"),
        (BatchNorm, "dbeta"),
    ],
)
def test_an_error_in_a_parameters_gradient_is_caught(
    kind: type[Layer], parameter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    right = kind.gradient

    def wrong(self: Layer, shard: Shard) -> None:
        right(self, shard)
        array = getattr(self, parameter)
        array *= 1.001

    monkeypatch.setattr(kind, "gradient", wrong)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        PLANTED[kind.__name__]()


def whole_network(
    activation: str, n_classes: int, *, dropout: float, batch_norm: bool, filters: tuple[int, ...] = ()
) -> tuple[float, float]:
    """The network's derivative along a random direction: by backpropagation, and by differences."""
    architecture = Architecture(
        20,
        n_classes,
        (5, 4),
        activation,
        dropout,
        batch_norm,
        "float64",
        filters,
        kernel=2,
        stride=(2, 1)[: len(filters)],
        image=(5, 4),
    )
    network = Network(architecture)
    rng = np.random.default_rng(4)
    network.parameters[...] = rng.standard_normal(network.parameters.shape) * 0.5
    X, Y = rng.standard_normal((7, 20)), np.eye(n_classes)[rng.integers(0, n_classes, 7)]
    state = State(network, Recipe().update)
    step = Step(7, network, state, Recipe().update, workers=Threads(1), label_smoothing=0.1, x_dtype=X.dtype)

    def loss() -> float:
        step.shards[0].rng = np.random.default_rng(5)
        step.forward_and_backward(0, X, Y, np.arange(7))
        return step.loss / 7

    loss()
    direction = rng.standard_normal(network.parameters.shape)
    analytic = float(state.gradient @ direction)
    start = network.parameters.copy()
    network.parameters[...] = start + STEP * direction
    above = loss()
    network.parameters[...] = start - STEP * direction
    return analytic, (above - loss()) / (2 * STEP)


@pytest.mark.parametrize("activation", ["gelu", "tanh", "elu", "sigmoid", "relu", "leaky_relu"])
@pytest.mark.parametrize(("dropout", "batch_norm"), [(0.0, False), (0.3, False), (0.0, True), (0.3, True)])
@pytest.mark.parametrize(("n_classes", "filters"), [(2, ()), (4, ()), (4, (3,)), (2, (3, 2))])
def test_the_whole_network_along_a_direction(
    activation: str, n_classes: int, filters: tuple[int, ...], *, dropout: float, batch_norm: bool
) -> None:
    analytic, numeric = whole_network(activation, n_classes, dropout=dropout, batch_norm=batch_norm, filters=filters)
    assert analytic == pytest.approx(numeric, rel=1e-6, abs=1e-9)


def test_a_layer_left_out_of_backpropagation_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Dropout, "backward", lambda self, dY, shard: dY)  # noqa: ARG005 - as Layer has it
    analytic, numeric = whole_network("tanh", 4, dropout=0.3, batch_norm=False)
    assert analytic != pytest.approx(numeric, rel=1e-3)
