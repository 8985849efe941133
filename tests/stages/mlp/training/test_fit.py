"""Training: the same weights on every run, whatever breaks it off; the best epoch kept; nothing in float64 unasked."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import IO

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_trainings import EVERYTHING, HEIGHT, RECIPE, WARP, WIDTH, M, make_network, problem, run
from threadpoolctl import threadpool_limits

from stages.images.augmentation import Augmentation, Warp
from stages.mlp import (
    Architecture,
    Dataset,
    DivergedError,
    Epoch,
    Network,
    Recipe,
    RunOptions,
    fit,
    predict_proba,
)
from stages.mlp.gradient_descent.optimisers import OPTIMISERS
from stages.mlp.gradient_descent.step import Step
from stages.mlp.gradient_descent.update import PIECE_SIZE
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.training.data.mini_batch import MiniBatch
from stages.mlp.training.online_sgd import BLOCK_ROWS
from stages.mlp.training.training_state import TrainingState


def test_equal_settings_give_equal_weights_however_many_threads_blas_has() -> None:
    first, _ = run()
    with threadpool_limits(1):
        second, _ = run()
    np.testing.assert_array_equal(first.parameters, second.parameters)
    np.testing.assert_array_equal(first.statistics, second.statistics)


def test_tables_and_lists_train_like_arrays(tmp_path: Path) -> None:
    expected, _ = run()
    X, Y = problem()
    network = make_network(**EVERYTHING)
    table, labels, path = pd.DataFrame(X), Y.tolist(), str(tmp_path / "checkpoint")
    data, validation = Dataset(table, labels), Dataset(table[:50], labels[:50])
    fit(network, data, RECIPE, validation=validation, augment=WARP, options=RunOptions(checkpoint=path))
    np.testing.assert_array_equal(network.parameters, expected.parameters)
    np.testing.assert_array_equal(predict_proba(network, table), predict_proba(expected, X))


def test_another_seed_gives_other_weights() -> None:
    first, _ = run()
    second, _ = run(Recipe(epochs=4, batch_size=32, learning_rate=0.02, ema=0.9, label_smoothing=0.1, seed=1))
    assert not np.array_equal(first.parameters, second.parameters)


@pytest.mark.parametrize("replicas", [2, 3])
def test_replicas_change_nothing_but_rounding_where_nothing_is_random(replicas: int) -> None:
    settings = {"activation": "tanh", "dtype": "float64"}
    recipe = {"epochs": 2, "batch_size": 32, "clip_norm": 0.5}
    one, _ = run(Recipe(**recipe, replicas=1), settings, augment=None)
    many, _ = run(Recipe(**recipe, replicas=replicas), settings, augment=None)
    np.testing.assert_allclose(many.parameters, one.parameters, rtol=0, atol=1e-9)


def test_more_replicas_than_rows_is_fine() -> None:
    X, Y = problem()
    trained = []
    for replicas in (1, 4):
        network = Network(Architecture(HEIGHT * WIDTH, 3, (), batch_norm=True, filters=(3,), image=(HEIGHT, WIDTH)))
        network.initialise(np.random.default_rng(0))
        fit(network, Dataset(X, Y), Recipe(epochs=2, batch_size=1, replicas=replicas))
        trained.append(network)
    one, many = trained
    np.testing.assert_array_equal(many.parameters, one.parameters)
    np.testing.assert_array_equal(many.statistics, one.statistics)  # not averaged with those of idle replicas


@pytest.mark.parametrize("epoch", [1, 3])
def test_a_killed_training_resumes_and_ends_with_the_same_weights(tmp_path: Path, epoch: int) -> None:
    whole, expected = run()

    def killed(step: int, *_: object) -> None:
        if step == epoch * 7 + 3:  # 7 steps an epoch
            raise KeyboardInterrupt

    path = tmp_path / "checkpoint.npz"
    with pytest.raises(KeyboardInterrupt):
        run(checkpoint=path, on_step=killed)
    steps: list[int] = []
    resumed, history = run(checkpoint=path, on_step=lambda step, *_: steps.append(step))
    assert steps[0] == epoch * 7 + 1
    assert history == expected
    np.testing.assert_array_equal(resumed.parameters, whole.parameters)
    np.testing.assert_array_equal(resumed.statistics, whole.statistics)


def test_a_checkpoint_that_is_damaged_or_of_something_else_is_ignored(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    expected, _ = run(Recipe(epochs=2))
    run(Recipe(epochs=2, seed=5), checkpoint=path)
    other, _ = run(Recipe(epochs=2), checkpoint=path)
    np.testing.assert_array_equal(other.parameters, expected.parameters)
    path.write_bytes(path.read_bytes()[:-300])
    again, _ = run(Recipe(epochs=2), checkpoint=path)
    np.testing.assert_array_equal(again.parameters, expected.parameters)


@pytest.mark.parametrize("other", ["pixels", "labels", "rows", "weights", "warps"])
def test_a_checkpoint_of_another_training_is_ignored(tmp_path: Path, other: str) -> None:
    X, Y = problem()
    recipe, path = Recipe(epochs=1), tmp_path / "checkpoint.npz"
    fit(make_network(), Dataset(X, Y, np.arange(M)), recipe, augment=WARP, options=RunOptions(checkpoint=path))
    network, augment, rows = make_network(), WARP, np.arange(M)
    if other == "pixels":
        X = X / 2
    elif other == "labels":
        Y = Y[::-1]
    elif other == "rows":
        rows[1] = 0  # the checksum has every second row of X, so not this one
    elif other == "weights":
        network.parameters[0] += 1
    else:
        augment = partial(Warp, Augmentation(rotation=6), HEIGHT, WIDTH)
    steps: list[int] = []
    options = RunOptions(checkpoint=path, on_step=lambda step, *_: steps.append(step))
    fit(network, Dataset(X, Y, rows), recipe, augment=augment, options=options)
    assert steps[0] == 1


def test_of_equal_epochs_the_earlier_is_kept() -> None:
    network = make_network()
    training = TrainingState(network, Recipe(), Dataset(*problem()))
    for number, accuracy in enumerate([0.5, 0.7, 0.7, 0.6], start=1):
        training.record_epoch(Epoch(number, 0.1, 1.0, 0.5, validation_loss=1.0, validation_accuracy=accuracy))
    assert training.best == 2


def test_a_checkpoint_is_replaced_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "checkpoint.npz"
    run(Recipe(epochs=1), checkpoint=path)
    before = path.read_bytes()

    def half(file: IO[bytes], *_: object, **__: object) -> None:
        file.write(b"half")
        raise OSError("no space left")

    monkeypatch.setattr(np.lib.format, "write_array", half)
    with pytest.raises(OSError, match="no space"):
        run(Recipe(epochs=1, seed=9), checkpoint=path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_what_a_killed_run_has_left_of_a_checkpoint_is_no_obstacle(tmp_path: Path) -> None:
    path, left = tmp_path / "checkpoint.npz", tmp_path / "checkpoint.npz.new"
    left.write_bytes(b"half")
    run(Recipe(epochs=1), checkpoint=path)
    assert path.exists()
    assert not left.exists()


def test_an_error_in_any_thread_ends_the_training() -> None:
    class Broken(Warp):
        def warp(self, X: np.ndarray, *_: object) -> None:
            raise FloatingPointError(f"{len(X)} rows")

    with pytest.raises(FloatingPointError, match="rows"):
        run(Recipe(epochs=1, replicas=3), augment=partial(Broken, Augmentation(rotation=5), HEIGHT, WIDTH))


def test_every_row_is_trained_on_in_every_epoch() -> None:
    X, Y = problem()
    seen: list[np.ndarray] = []

    class Spy:
        def __init__(self) -> None:
            seen.clear()  # a new epoch begins

        def warp(self, X: np.ndarray, rng: object, out: np.ndarray) -> None:  # noqa: ARG002 - as Warper has it
            out[...] = X
            seen.append(X.copy())

    fit(make_network(), Dataset(X, Y), Recipe(epochs=2, batch_size=32, replicas=1), augment=Spy)
    assert [len(batch) for batch in seen] == [32] * 6 + [11]
    rows = np.vstack(seen)
    assert not np.array_equal(rows, X)
    np.testing.assert_array_equal(rows[np.lexsort(rows.T)], X[np.lexsort(X.T)])


def test_every_epoch_and_every_replica_draws_other_random_numbers() -> None:
    drawn: list[float] = []

    class Spy:
        def warp(self, X: np.ndarray, rng: np.random.Generator, out: np.ndarray) -> None:
            out[...] = X
            drawn.append(rng.random())

    options = RunOptions(parallel="threads")
    fit(make_network(), Dataset(*problem()), Recipe(epochs=3, batch_size=M), augment=Spy, options=options)
    assert len(drawn) == len(set(drawn)) == 6


def test_the_best_epochs_weights_are_kept_and_measured_without_label_smoothing() -> None:
    X, Y = problem()
    recipe = Recipe(epochs=6, batch_size=32, learning_rate=0.2, schedule="constant", label_smoothing=0.1)
    network, history = run(recipe)
    best = max(history.epochs, key=lambda epoch: (epoch.validation_accuracy, -epoch.validation_loss, -epoch.epoch))
    assert history.best == best.epoch < 6
    P = predict_proba(network, X[:50])
    assert np.mean(P.argmax(1) == Y[:50].argmax(1)) == best.validation_accuracy
    assert -np.log(P[Y[:50] == 1]).mean() == pytest.approx(best.validation_loss, rel=1e-4)


@pytest.mark.parametrize(("batch_size", "optimiser"), [(M, "adam"), (1, "sgd")])
def test_the_rows_are_learned_with_label_smoothing(batch_size: int, optimiser: str) -> None:
    X, Y = problem()
    network = make_network()
    Z = network.logits(X)
    targets = 0.8 * Y + 0.2 / Y.shape[1]
    expected = -np.sum(targets * (Z - np.log(np.exp(Z).sum(axis=1, keepdims=True)))) / M
    barely = Recipe(epochs=1, batch_size=batch_size, optimiser=optimiser, learning_rate=1e-9, label_smoothing=0.2)
    history = fit(network, Dataset(X, Y), barely)
    assert history.epochs[0].train_loss == pytest.approx(expected, rel=1e-4)


def test_the_last_epochs_weights_are_kept_if_wanted() -> None:
    X, Y = problem()
    recipe = {"epochs": 6, "batch_size": 32, "learning_rate": 0.2, "schedule": "constant"}
    network, history = run(Recipe(**recipe, keep="last"))
    _, other = run(Recipe(**recipe))
    assert history.best == 6 != other.best
    accuracy = np.mean(predict_proba(network, X[:50]).argmax(1) == Y[:50].argmax(1))
    assert accuracy == history.epochs[-1].validation_accuracy


def test_patience_stops_when_nothing_gets_better() -> None:
    recipe = Recipe(epochs=200, batch_size=32, patience=2, schedule="constant", learning_rate=0.05)
    _, history = run(recipe, augment=None)
    assert history.stopped == "patience"
    assert len(history.epochs) == history.best + 2


def test_a_time_budget_ends_within_the_epoch_and_resuming_ends_at_once(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    steps: list[int] = []
    recipe = Recipe(epochs=50, batch_size=32, max_seconds=1e-9)
    network, history = run(recipe, checkpoint=path, on_step=lambda step, *_: steps.append(step))
    assert (history.stopped, len(history.epochs), steps) == ("max_seconds", 1, [1])
    again, history = run(recipe, checkpoint=path, on_step=lambda step, *_: steps.append(step))
    assert (history.stopped, steps) == ("max_seconds", [1])
    np.testing.assert_array_equal(network.parameters, again.parameters)


def test_seconds_before_an_interruption_count_and_the_checkpoint_is_written_before_on_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, told = [0.0], []
    monkeypatch.setattr("stages.mlp.training.epoch_loop.monotonic", lambda: now[0])

    def on_step(step: int, *_: object) -> None:
        if step % 7 == 0:  # the last of an epoch, which takes ten seconds
            now[0] += 10

    def on_epoch(epoch: Epoch) -> None:
        told.append(epoch.epoch)
        if len(told) == 1:
            raise KeyboardInterrupt

    recipe = Recipe(epochs=50, batch_size=32, max_seconds=25)
    options = {"checkpoint": tmp_path / "checkpoint.npz", "on_step": on_step, "on_epoch": on_epoch}
    with pytest.raises(KeyboardInterrupt):
        run(recipe, **options)
    now[0] += 1000
    _, history = run(recipe, **options)
    assert (told, history.stopped) == ([1, 2, 3], "max_seconds")


def test_a_time_budget_ends_an_epoch_of_single_rows_too() -> None:
    X, Y = (np.resize(each, (3 * BLOCK_ROWS, each.shape[1])) for each in problem())
    recipe = Recipe(epochs=2, batch_size=1, optimiser="sgd", schedule="constant", max_seconds=1e-9)
    steps: list[int] = []
    options = RunOptions(on_step=lambda step, *_: steps.append(step))
    history = fit(make_network(), Dataset(X, Y), recipe, options=options)
    assert (history.stopped, len(history.epochs), steps[-1]) == ("max_seconds", 1, BLOCK_ROWS)


def test_a_validation_loss_that_is_not_finite_stops() -> None:
    X, Y = problem()
    with pytest.raises(DivergedError, match=r"the validation loss is .* after epoch 1"):
        run(Recipe(epochs=3), {}, validation=Dataset(np.full_like(X, np.inf), Y))


def test_the_kept_network_has_the_running_averages_of_its_epoch() -> None:
    untrained = make_network(batch_norm=True).statistics
    network, _ = run(Recipe(epochs=1), {"batch_norm": True})
    assert (network.statistics != untrained).all()


def test_a_loss_that_is_not_finite_stops() -> None:
    with pytest.raises(DivergedError, match=r"the loss is .* at step"):
        run(Recipe(epochs=3, optimiser="sgd", learning_rate=1e30, schedule="constant"), {})


def test_averaged_weights_are_what_is_kept() -> None:
    X, Y = problem()
    decay = 0.75
    network = make_network(dtype="float64")
    averaged = network.parameters.copy()

    def follow(*_: object) -> None:
        nonlocal averaged
        averaged = decay * averaged + (1 - decay) * network.parameters

    recipe = Recipe(epochs=1, batch_size=32, ema=decay, replicas=1)
    fit(network, Dataset(X, Y), recipe, options=RunOptions(on_step=follow))
    np.testing.assert_allclose(network.parameters, averaged, rtol=1e-12)


def test_weight_decay_leaves_biases_alone() -> None:
    X, Y = problem()
    networks = []
    for weight_decay in (0.0, 0.5):
        network = make_network(dtype="float64")
        network.weights["b1"].fill(0.3)
        before = network.parameters.copy()
        recipe = Recipe(epochs=1, batch_size=M, optimiser="adamw", weight_decay=weight_decay, schedule="constant")
        fit(network, Dataset(X, Y), recipe)
        networks.append((network, before))
    (plain, before), (decayed, _) = networks
    n = sum(W.size for name, W in plain.weights.items() if name.startswith("W"))
    np.testing.assert_allclose(
        decayed.parameters[:n] - plain.parameters[:n], -0.5 * Recipe().learning_rate * before[:n], rtol=1e-9, atol=1e-15
    )
    np.testing.assert_array_equal(decayed.parameters[n:], plain.parameters[n:])


@pytest.mark.parametrize("optimiser", OPTIMISERS)
def test_float32_stays_float32(optimiser: str) -> None:
    recipe = Recipe(optimiser=optimiser, weight_decay=0.1, clip_norm=1.0, ema=0.5, label_smoothing=0.1)
    for name in ACTIVATIONS:
        network = make_network(activation=name, dropout=0.1, batch_norm=True)
        update = recipe.make_update(network)
        gradient, rng = np.empty_like(network.parameters), np.random.default_rng(0)
        step = Step(8, network.architecture, network.parameter_views(gradient), rng)
        X, Y = problem()
        batch = MiniBatch(8, X, Y, np.float32)
        inputs, targets = batch.load(X, Y, np.arange(8), rng, WARP())
        step.run(inputs, targets, 8)
        work = np.empty(PIECE_SIZE, np.float32)[: len(gradient)]
        update.apply(slice(None), gradient, work, 1, 0.1, decays=True)
        held = [
            values
            for owner in (batch, step, update, *step.layers, step.loss)
            for values in vars(owner).values()
            if isinstance(values, np.ndarray)
        ]
        assert {str(values.dtype) for values in (*held, work)} <= {"float32", "bool"}
        assert predict_proba(network, X).dtype == network.parameters.dtype == np.float32


def test_two_classes_train_one_logit() -> None:
    X, Y = problem(n_classes=2)
    network = make_network(n_classes=2)
    history = fit(network, Dataset(X, Y), Recipe(epochs=20, batch_size=32), validation=Dataset(X, Y))
    assert network.weights["W3"].shape == (6, 1)
    assert history.best_epoch.validation_accuracy > 0.98
    probabilities = predict_proba(network, X)
    assert probabilities.shape == (M, 2)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-6)
    assert np.mean(probabilities.argmax(1) == Y.argmax(1)) == history.best_epoch.validation_accuracy


@given(
    m=st.integers(1, 9),
    hidden=st.lists(st.integers(1, 5), max_size=3).map(tuple),
    n_classes=st.integers(2, 4),
    batch_size=st.integers(1, 10),
    replicas=st.integers(1, 3),
    batch_norm=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_any_shape_trains_and_replicas_agree(
    m: int, hidden: tuple[int, ...], n_classes: int, batch_size: int, replicas: int, *, batch_norm: bool
) -> None:
    rng = np.random.default_rng(m)
    X, Y = rng.random((m, 3)), np.eye(n_classes)[rng.integers(0, n_classes, m)]
    trained = []
    for count in sorted({1, replicas}):
        network = Network(Architecture(3, n_classes, hidden, batch_norm=batch_norm, dtype="float64"))
        network.initialise(np.random.default_rng(m))
        least = 2 * count if batch_norm else 1
        settings = {"optimiser": "momentum", "learning_rate": 0.1, "batch_size": max(batch_size, least)}
        recipe = Recipe(epochs=2, replicas=count, **settings)
        fit(network, Dataset(X, Y), recipe)
        trained.append(network)
    if not batch_norm:  # which takes its means over a replica's rows
        np.testing.assert_allclose(trained[-1].parameters, trained[0].parameters, rtol=0, atol=1e-8)
    assert np.isfinite(trained[-1].parameters).all()
    assert predict_proba(trained[-1], X).shape == (m, n_classes)


def test_a_network_that_was_copied_trains_like_the_first() -> None:
    X, Y = problem()
    network = make_network()
    copied = copy.deepcopy(network)
    for each in (network, copied):
        fit(each, Dataset(X, Y), Recipe(epochs=1, batch_size=32))
    np.testing.assert_array_equal(network.parameters, copied.parameters)


@pytest.mark.parametrize("options", [{}, {"batch_size": 1, "optimiser": "sgd", "schedule": "constant"}])
def test_training_on_chosen_rows_is_training_on_a_copy_of_them(options: dict[str, object]) -> None:
    rng = np.random.default_rng(3)
    X = rng.random((90, 5), dtype=np.float32)
    Y = np.eye(3, dtype=np.float32)[rng.integers(0, 3, 90)]
    rows = np.flatnonzero(rng.random(90) < 0.7)
    recipe = Recipe(**{"epochs": 2, "batch_size": 16, **options})
    trained = []
    for chosen in ({"rows": rows}, None):
        network = Network(Architecture(n_inputs=5, n_classes=3, hidden=(8,)))
        network.initialise(np.random.default_rng(0))
        history = fit(network, Dataset(X, Y, rows) if chosen else Dataset(X[rows], Y[rows]), recipe)
        trained.append((network.parameters.tobytes(), history))
    assert trained[0] == trained[1]
    with pytest.raises(ValueError, match="no rows to train on"):
        fit(network, Dataset(X, Y, rows[:0]), recipe)
