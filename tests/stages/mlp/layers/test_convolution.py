"""The convolution against plain loops, in training as in prediction, whole or shared, whatever the images' sides."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.mlp import Architecture, Network, Recipe, fit, load, predict_proba, save
from stages.mlp.layers.convolution import Convolution, FeatureMaps, blocks_of
from stages.mlp.layers.dense import BatchNorm
from stages.mlp.network import chunks_of
from stages.mlp.parallel.replicas import Kind, Shard, Threads, make_team
from stages.mlp.training.step import State, Step, make_layers

sides = st.integers(1, 9)


def by_loops(X: np.ndarray, maps: FeatureMaps, size: int, stride: int, W: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The definition, one value at a time: (m, maps.size) -> (m, convolved maps' size)."""
    images = X.reshape(len(X), maps.channels, maps.height, maps.width)
    images = np.pad(images, ((0, 0), (0, 0), *[((size - 1) // 2, size // 2)] * 2))
    kernels = W.reshape(maps.channels, size, size, len(b))
    Y = np.empty((len(X), len(b), (maps.height - 1) // stride + 1, (maps.width - 1) // stride + 1))
    for row, f, y, x in np.ndindex(Y.shape):
        patch = images[row, :, y * stride : y * stride + size, x * stride : x * stride + size]
        Y[row, f, y, x] = np.sum(patch * kernels[..., f]) + b[f]
    return Y.reshape(len(X), -1)


def make_convolution(m: int, maps: FeatureMaps, size: int, stride: int, shards: int = 1) -> Convolution:
    rng = np.random.default_rng(0)
    W, b = rng.standard_normal((maps.channels * size**2, 3)), rng.standard_normal(3)
    return Convolution(m, maps, size, stride, W, b, np.empty_like(W), np.empty_like(b), shards=shards)


@given(st.integers(1, 4), st.integers(1, 3), sides, sides, st.integers(1, 5), st.integers(1, 3), st.sampled_from("CF"))
def test_forward_is_the_sum_over_every_patch(
    m: int, channels: int, height: int, width: int, size: int, stride: int, order: str
) -> None:
    maps = FeatureMaps(channels, height, width)
    layer = make_convolution(m, maps, size, stride)
    X = np.random.default_rng(1).standard_normal((m, maps.size))
    Y = layer.forward(np.array(X, order=order), Shard(0, m, Threads(1)))
    np.testing.assert_allclose(Y, by_loops(X, maps, size, stride, layer.W, layer.b), rtol=1e-12, atol=1e-12)
    assert Y.shape == (m, layer.maps_out.size)


def small(**settings: object) -> Network:
    known = {"filters": (3, 4), "kernel": 3, "image": (9, 8), "hidden": (6,), "activation": "tanh"}
    network = Network(Architecture(72, 4, **{**known, **settings}))
    network.initialise(np.random.default_rng(0))
    return network


def rows(m: int, dtype: str = "float32") -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.random((m, 72)).astype(dtype), np.eye(4)[rng.integers(0, 4, m)]


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}, {"hidden": ()}, {"activation": "gelu"}])
def test_prediction_and_training_compute_the_same_logits(settings: dict) -> None:
    network = small(dtype="float64", **settings)
    X, _ = rows(5, "float64")
    shard = Shard(0, 5, Threads(1))
    A = X
    for layer in make_layers(5, network, np.empty_like(network.parameters)):
        A = layer.forward(A, shard)
        if isinstance(layer, BatchNorm):  # what training normalises with, prediction is to use too
            layer.variance[...] = layer.scale**-2 - layer.epsilon
            layer.mean /= layer.momentum  # it has moved from 0 towards the batch's by that share
    np.testing.assert_allclose(network.logits(X), A, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("shards", "workers"), [(2, "threads"), (3, "threads"), (3, "processes")])
def test_shards_find_the_gradient_of_the_whole_batch(shards: int, workers: Kind) -> None:
    X, Y = rows(7, "float64")
    gradients = []
    for count, kind in ((1, "threads"), (shards, workers)):
        network, recipe = small(dtype="float64"), Recipe()
        state = State(network, recipe.update)
        team = make_team(count, kind)
        step = Step(7, network, state, recipe.update, workers=team, x_dtype=X.dtype)
        with team:
            team.run(lambda index, step=step: step.forward_and_backward(index, X, Y, np.arange(7)))
        gradients.append(state.gradient.copy())
    np.testing.assert_allclose(gradients[0], gradients[1], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("m", [2, 33])
def test_a_training_is_the_same_in_processes_and_threads_and_stays_float32(m: int) -> None:
    X, Y = rows(m)
    found = []
    for kind in ("threads", "processes"):
        network = small(dropout=0.2)
        fit(network, X, Y, Recipe(epochs=2, batch_size=8, shards=3), workers=kind)
        found.append(network.parameters.copy())
    np.testing.assert_array_equal(*found)
    assert found[0].dtype == np.float32


def test_what_it_learns_is_the_same_wherever_the_stroke_is() -> None:
    rng = np.random.default_rng(0)
    X = np.zeros((400, 12, 12), np.float32)
    kinds = rng.integers(0, 2, 400)
    for image, kind, y, x in zip(X, kinds, *rng.integers(0, 9, (2, 400)), strict=True):
        line = np.arange(4)
        image[y + (line if kind else 0), x + (0 if kind else line)] = 1  # upright strokes and level ones
    X, Y = X.reshape(400, 144), np.eye(2)[kinds]
    network = Network(Architecture(144, 2, (16,), filters=(8,), kernel=4, image=(12, 12)))
    network.initialise(rng)
    fit(network, X[:300], Y[:300], Recipe(epochs=20, batch_size=20, learning_rate=1e-2))
    assert np.mean(predict_proba(network, X[300:]).argmax(axis=1) == kinds[300:]) > 0.98


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    network = small()
    save(network, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert loaded.architecture == network.architecture
    np.testing.assert_array_equal(predict_proba(loaded, rows(3)[0]), predict_proba(network, rows(3)[0]))


def test_a_model_file_from_before_there_were_convolutions_is_read(tmp_path: Path) -> None:
    network = Network(Architecture(4, 3))
    save(network, tmp_path / "model.npz")
    with np.load(tmp_path / "model.npz") as file:
        arrays = dict(file)
    without = str(arrays["header"]).replace(', "filters": [], "kernel": 5, "stride": 2, "image": null', "")
    assert len(without) < len(str(arrays["header"]))
    np.savez(tmp_path / "old.npz", **{**arrays, "header": np.array(without)})
    assert load(tmp_path / "old.npz").architecture == network.architecture


def test_maps_are_as_large_as_there_are_strides_in_the_image() -> None:
    architecture = Architecture(24, 3, (), filters=(2, 5), kernel=(5, 2), stride=(2, 3), image=(8, 3))
    assert architecture.maps == (FeatureMaps(1, 8, 3), FeatureMaps(2, 4, 2), FeatureMaps(5, 2, 1))
    assert architecture.shapes == {"W1": (25, 2), "W2": (8, 5), "W3": (10, 3), "b1": (2,), "b2": (5,), "b3": (3,)}


@pytest.mark.parametrize(("m", "line_bytes"), [(1, 1), (7, 2**15), (128, 2**14), (129, 2**20)])
@pytest.mark.parametrize("shards", [1, 3])
def test_blocks_are_every_row_once_in_at_most_two_sizes(m: int, line_bytes: int, shards: int) -> None:
    blocks = [list(blocks_of(m, shard, shards, line_bytes)) for shard in range(shards)]
    assert [row for each in blocks for block in each for row in range(m)[block]] == list(range(m))
    for each in blocks:
        assert len({block.stop - block.start for block in each}) <= 2
        assert all((block.stop - block.start) <= max(16, 2**20 // line_bytes) for block in each)


def test_large_feature_maps_go_through_in_smaller_chunks() -> None:
    large = Architecture(2**14, 10, filters=(64,), image=(128, 128))
    assert chunks_of(large, 100)[0].stop * max(large.sizes) <= 2**22
    large = Architecture(2**14, 10, filters=(32, 8), kernel=20, stride=1, image=(128, 128))
    assert chunks_of(large, 100)[0].stop * large.maps[1].channels * 20**2 * large.maps[2].width <= 2**22
    assert chunks_of(Architecture(784, 10), 1000) == [slice(0, 512), slice(512, 1024)]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"filters": (3, 0)}, r"filters = \[3, 0\]"),
        ({"kernel": 0}, "kernel = 0"),
        ({"stride": (2, 0)}, r"stride = \[2, 0\]"),
        ({"kernel": (3, 3, 3)}, "one for all convolutions or one for each"),
        ({"image": (-9, -8)}, r"image=\(-9, -8\) is none of 72 values"),
        ({"image": (72,)}, r"image=\(72,\) is none of 72 values"),
        ({"image": None}, "image=None is none of 72 values"),
        ({"image": (8, 8)}, r"image=\(8, 8\) is none of 72 values"),
    ],
)
def test_filters_that_make_no_sense_are_refused(wrong: dict, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        small(**wrong)


def test_values_are_dropped_before_dense_layers_alone_and_never_pixels() -> None:
    network = small(dropout=0.2, batch_norm=True)
    kinds = [type(layer).__name__ for layer in make_layers(5, network, np.empty_like(network.parameters))]
    convolution = ["Convolution", "BatchNorm", "Tanh"]
    assert kinds == [*convolution, *convolution, "Dropout", "Dense", "BatchNorm", "Tanh", "Dropout", "Dense"]


def test_batch_normalisation_remembers_means_and_unbiased_variances_of_all_places_and_rows() -> None:
    rng = np.random.default_rng(0)
    mean, variance = np.zeros(3), np.ones(3)
    layer = BatchNorm(5, np.ones(3), np.zeros(3), np.empty(3), np.empty(3), mean, variance, places=4)
    X = 2 * rng.standard_normal((5, 3 * 4)) + 1
    values = X.reshape(5, 3, 4).transpose(1, 0, 2).reshape(3, -1)
    expected = 0.1 * values.mean(axis=1), 0.9 + 0.1 * values.var(axis=1, ddof=1)
    layer.forward(np.asfortranarray(X), Shard(0, 5, Threads(1)))
    np.testing.assert_allclose((mean, variance), expected)


def test_gradient_descent_row_by_row_trains_convolutions_too() -> None:
    X, Y = rows(6)
    network, recipe = small(), Recipe(epochs=1, batch_size=1, optimiser="sgd", schedule="constant")
    before = network.parameters.copy()
    fit(network, X, Y, recipe)
    assert (network.weights["W1"] != before[: network.weights["W1"].size].reshape(network.weights["W1"].shape)).all()
