"""The convolution against plain loops, in training as in prediction, whole or shared, whatever the images' sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.mlp import (
    Architecture,
    Dataset,
    ModelFileError,
    Network,
    Recipe,
    RunOptions,
    fit,
    load,
    predict_proba,
    save,
)
from stages.mlp.layer_list import make_layers
from stages.mlp.layers.batch_norm import BatchNorm
from stages.mlp.layers.convolution import Convolution, PatchGrid
from stages.mlp.layers.feature_maps import FeatureMaps, MapsToRows, RowsToMaps
from stages.mlp.predict import chunks_of

sides = st.integers(1, 9)


def by_loops(X: np.ndarray, maps: FeatureMaps, size: int, stride: int, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The definition, one value at a time: (height, channels, width, m) -> the convolved maps, likewise."""
    images = np.pad(X.transpose(3, 0, 2, 1), ((0, 0), *[((size - 1) // 2, size // 2)] * 2, (0, 0)))
    kernels = W.reshape(size, size, maps.channels, len(b))
    Y = np.empty(((maps.height - 1) // stride + 1, len(b), (maps.width - 1) // stride + 1, X.shape[-1]))
    for y, f, x, row in np.ndindex(Y.shape):
        patch = images[row, y * stride : y * stride + size, x * stride : x * stride + size]
        Y[y, f, x, row] = np.sum(patch * kernels[..., f]) + b[f]
    return Y


def make_convolution(m: int, maps: FeatureMaps, size: int, stride: int) -> Convolution:
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((maps.channels * size**2, 3)), rng.standard_normal(3)
    return Convolution(W, b, np.empty_like(W), np.empty_like(b), PatchGrid(maps, size, stride), m)


@given(st.integers(1, 4), st.integers(1, 3), sides, sides, st.integers(1, 5), st.integers(1, 3))
def test_forward_and_predict_are_the_sum_over_every_patch(
    m: int, channels: int, height: int, width: int, size: int, stride: int
) -> None:
    maps = FeatureMaps(channels, height, width)
    layer = make_convolution(m, maps, size, stride)
    X = np.random.default_rng(1).standard_normal((height, channels, width, m))
    expected = by_loops(X, maps, size, stride, layer.W, layer.b)
    np.testing.assert_allclose(layer.forward(X), expected, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(layer.predict(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_become_maps_and_maps_become_rows_again(order: str) -> None:
    maps = FeatureMaps(1, 3, 4)
    X = np.array(np.random.default_rng(0).standard_normal((5, 12)), order=order)
    into, back = RowsToMaps(maps), MapsToRows(maps, 5, np.float64)
    np.testing.assert_array_equal(into.forward(X)[1, 0, 2], X[:, 1 * 4 + 2])
    np.testing.assert_array_equal(back.forward(into.forward(X)), X)
    np.testing.assert_array_equal(back.predict(into.predict(X)), X)
    np.testing.assert_array_equal(back.backward(X.copy()), into.forward(X))


def small(**settings: object) -> Network:
    known = {"filters": (3, 4), "kernel": 3, "image": (9, 8), "hidden": (6,), "activation": "tanh"}
    network = Network(Architecture(72, 4, **{**known, **settings}))
    network.initialise(np.random.default_rng(0))
    return network


def rows(m: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.random((m, 72)).astype(dtype), np.eye(4)[rng.integers(0, 4, m)]


POOLED = {"stride": 1, "pool": (2, 3), "pooling": "average"}


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}, {"hidden": ()}, {"activation": "gelu"}, POOLED])
def test_prediction_and_training_compute_the_same_logits(settings: dict) -> None:
    network = small(dtype="float64", **settings)
    X, _ = rows(5, "float64")
    views = network.parameter_views(np.empty_like(network.parameters))
    A = X
    for layer in make_layers(network.architecture, views, np.random.default_rng(0), 5):
        A = layer.forward(A)
        if isinstance(layer, BatchNorm):  # what training normalises with, prediction is to use too
            layer.variance[...] = layer.deviation**2 - layer.epsilon
            layer.mean /= layer.momentum  # it has moved from 0 towards the batch's by that share
    np.testing.assert_allclose(network.logits(X), A, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("settings", [{}, POOLED])
@pytest.mark.parametrize(("replicas", "parallel"), [(2, "threads"), (3, "threads"), (3, "processes")])
def test_replicas_find_the_gradient_of_the_whole_batch(replicas: int, parallel: str, settings: dict) -> None:
    """One step of plain gradient descent moves the parameters by their gradient."""
    X, Y = rows(7, "float64")
    found = []
    for count, kind in ((1, "threads"), (replicas, parallel)):
        network = small(dtype="float64", **settings)
        recipe = Recipe(epochs=1, batch_size=7, replicas=count, optimiser="sgd", schedule="constant", learning_rate=1.0)
        fit(network, Dataset(X, Y), recipe, options=RunOptions(parallel=kind))
        found.append(network.parameters.copy())
    assert not np.allclose(found[0], small(dtype="float64", **settings).parameters, atol=1e-3)
    np.testing.assert_allclose(found[1], found[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("m", [2, 33])
def test_a_training_is_the_same_in_processes_and_threads_and_stays_float32(m: int) -> None:
    X, Y = rows(m)
    found = []
    for kind in ("threads", "processes"):
        network = small(dropout=0.2)
        recipe = Recipe(epochs=2, batch_size=8, replicas=3)
        fit(network, Dataset(X, Y), recipe, options=RunOptions(parallel=kind))
        found.append(network.parameters.copy())
    np.testing.assert_array_equal(*found)
    assert found[0].dtype == np.float32


def test_a_small_network_recognises_strokes_at_any_place() -> None:
    rng = np.random.default_rng(0)
    X = np.zeros((400, 12, 12), np.float32)
    kinds = rng.integers(0, 2, 400)
    for image, kind, y, x in zip(X, kinds, *rng.integers(0, 9, (2, 400)), strict=True):
        line = np.arange(4)
        image[y + (line if kind else 0), x + (0 if kind else line)] = 1  # upright strokes and level ones
    X, Y = X.reshape(400, 144), np.eye(2)[kinds]
    network = Network(Architecture(144, 2, (16,), filters=(8,), kernel=4, image=(12, 12)))
    network.initialise(rng)
    fit(network, Dataset(X[:300], Y[:300]), Recipe(epochs=20, batch_size=20, learning_rate=1e-2))
    assert np.mean(predict_proba(network, X[300:]).argmax(axis=1) == kinds[300:]) > 0.98


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = small()
    save(network, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert loaded.architecture == network.architecture
    np.testing.assert_array_equal(predict_proba(loaded, rows(3)[0]), predict_proba(network, rows(3)[0]))


def test_a_model_file_of_version_1_is_refused_because_its_kernels_have_another_order(tmp_path: Path) -> None:
    save(small(), tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    header = str(arrays["header"]).replace('"version": 2', '"version": 1')
    np.savez(tmp_path / "old.npz", **{**arrays, "header": np.array(header)})
    with pytest.raises(ModelFileError, match="version 1; this reads"):
        load(tmp_path / "old.npz")


def maps_of(architecture: Architecture) -> list[tuple[FeatureMaps, ...]]:
    """Of each convolution: the maps before it, after it, and after pooling."""
    return [(block.grid.maps, block.convolved, block.pooled) for block in architecture.blocks]


def test_maps_are_as_large_as_there_are_strides_and_windows_in_the_image() -> None:
    architecture = Architecture(24, 3, (), filters=(2, 5), kernel=(5, 2), stride=(2, 3), image=(8, 3))
    image, first, second = FeatureMaps(1, 8, 3), FeatureMaps(2, 4, 2), FeatureMaps(5, 2, 1)
    assert maps_of(architecture) == [(image, first, first), (first, second, second)]
    assert architecture.shapes == {"W1": (25, 2), "W2": (8, 5), "W3": (10, 3), "b1": (2,), "b2": (5,), "b3": (3,)}
    architecture = Architecture(24, 3, (), filters=(2, 5), kernel=3, stride=1, pool=(2, 1), image=(8, 3))
    unpooled, pooled = FeatureMaps(2, 8, 3), FeatureMaps(2, 4, 2)
    assert maps_of(architecture) == [(image, unpooled, pooled), (pooled, FeatureMaps(5, 4, 2), FeatureMaps(5, 4, 2))]


def test_large_feature_maps_go_through_in_smaller_chunks() -> None:
    large = Architecture(2**14, 10, filters=(64,), image=(128, 128))
    assert chunks_of(large, 100)[0].stop * large.blocks[0].convolved.size <= 2**22
    large = Architecture(2**14, 10, filters=(32, 8), kernel=4, stride=1, image=(128, 128))
    assert chunks_of(large, 100)[0].stop * 131 * 4 * 32 * 128 <= 2**22
    assert chunks_of(Architecture(784, 10), 1000) == [slice(0, 512), slice(512, 1024)]


@pytest.mark.parametrize("pooling", ["max", "average"])
def test_a_window_larger_than_the_image_is_one_over_all_of_it(pooling: str) -> None:
    own, X = {"stride": 1, "pooling": pooling}, rows(3)[0]
    expected = predict_proba(small(**own, pool=9), X)
    np.testing.assert_array_equal(predict_proba(small(**own, pool=2**31 - 1), X), expected)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"filters": (3, 0)}, r"filters = \[3, 0\]"),
        ({"kernel": 0}, "kernel = 0"),
        ({"stride": (2, 0)}, r"stride = \[2, 0\]"),
        ({"pool": 0}, "pool = 0"),
        ({"pooling": "median"}, "pooling must be one of max, average"),
        ({"kernel": (3, 3, 3)}, "one for all convolutions or one for each"),
        ({"image": (-9, -8)}, r"image must be the height and width of 72 pixels, not \(-9, -8\)"),
        ({"image": (72,)}, r"image must be the height and width of 72 pixels, not \(72,\)"),
        ({"image": None}, r"image must be the height and width of 72 pixels, not None"),
        ({"image": (8, 8)}, r"image must be the height and width of 72 pixels, not \(8, 8\)"),
    ],
)
def test_filters_that_make_no_sense_are_refused(wrong: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small(**wrong)


def test_values_are_dropped_before_dense_layers_alone_and_never_pixels() -> None:
    network = small(dropout=0.2, batch_norm=True, pool=2)
    convolution = ["Convolution", "BatchNorm", "Tanh", "MaxPooling"]
    dense = ["Dropout", "Dense", "BatchNorm", "Tanh", "Dropout", "Dense"]
    assert [type(layer).__name__ for layer in network.layers()] == [
        "RowsToMaps",
        *convolution * 2,
        "MapsToRows",
        *dense,
    ]


def test_running_averages_are_of_means_and_unbiased_variances_over_all_places_and_rows() -> None:
    rng = np.random.default_rng(0)
    mean, variance = np.zeros(3), np.ones(3)
    layer = BatchNorm(np.ones(3), np.zeros(3), np.empty(3), np.empty(3), mean, variance, shape=(2, 3, 2, 5))
    X = 2 * rng.standard_normal((2, 3, 2, 5)) + 1
    expected = 0.1 * X.mean(axis=(0, 2, 3)), 0.9 + 0.1 * X.var(axis=(0, 2, 3), ddof=1)
    layer.forward(X)
    np.testing.assert_allclose((mean, variance), expected)


def test_a_single_value_does_not_change_the_running_averages() -> None:
    mean, variance = np.zeros(3), np.ones(3)
    layer = BatchNorm(np.ones(3), np.zeros(3), np.empty(3), np.empty(3), mean, variance, shape=(1, 3))
    layer.forward(np.full((1, 3), 7.0))
    assert (mean.tolist(), variance.tolist()) == ([0] * 3, [1] * 3)


def test_gradient_descent_row_by_row_trains_convolutions_too() -> None:
    X, Y = rows(6)
    network, recipe = small(), Recipe(epochs=1, batch_size=1, optimiser="sgd", schedule="constant")
    before = network.parameters.copy()
    fit(network, Dataset(X, Y), recipe)
    assert (network.weights["W1"] != before[: network.weights["W1"].size].reshape(network.weights["W1"].shape)).all()
