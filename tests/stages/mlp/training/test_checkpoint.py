"""The checkpoint: whatever has become of it, a training takes it up as it was or starts anew, and never fails."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_trainings import EVERYTHING, RECIPE, make_network, problem, run

from stages.mlp import Dataset, Epoch, Recipe, RunOptions, fit
from stages.mlp.archive import read_arrays, write_arrays
from stages.mlp.training.checkpoint import load_checkpoint, save_checkpoint
from stages.mlp.training.training_state import TrainingState

SHORT = Recipe(epochs=2, batch_size=64, ema=0.9)


def new_training() -> TrainingState:
    return TrainingState(make_network(**EVERYTHING), RECIPE, Dataset(*problem()))


def half_done() -> TrainingState:
    training = new_training()
    for values in training.arrays().values():
        values[...] = np.random.default_rng(values.size).random(values.shape)
    training.epochs = [Epoch(1, 0.01, 2.0, 0.3, 1.9, 0.4), Epoch(2, 0.01, 1.0, 0.5, 1.5, 0.6)]
    training.best, training.step, training.seconds = 2, 14, 3.5
    return training


def same(one: TrainingState, other: TrainingState) -> bool:
    figures = (one.epochs, one.best, one.step) == (other.epochs, other.best, other.step)
    return figures and all(np.array_equal(one.arrays()[name], other.arrays()[name]) for name in one.arrays())


def rewritten(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]) -> None:
    header, arrays = read_arrays(path)
    change(header, arrays)
    with path.open("wb") as file:
        write_arrays(file, header, arrays)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "checkpoint.npz"
    save_checkpoint(path, half_done())
    return path


def test_what_is_saved_is_loaded(saved: Path) -> None:
    training = new_training()
    assert load_checkpoint(saved, training)
    assert same(training, half_done())
    assert training.seconds == 3.5


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_flipped_bits_and_a_missing_end_lose_the_checkpoint_or_nothing(
    tmp_path: Path, saved: Path, data: st.DataObject
) -> None:
    content = bytearray(saved.read_bytes())
    at_the_end = st.integers(8 * (len(content) - 800), 8 * len(content) - 1)  # the directory of the archive
    anywhere = st.integers(0, 8 * len(content) - 1)
    for bit in data.draw(st.sets(st.one_of(at_the_end, anywhere), min_size=1, max_size=3)):
        content[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(content[: len(content) - data.draw(st.sampled_from([0, 0, 0, 1, 22, 500, 5000]))])
    training = new_training()
    assert same(training, half_done() if load_checkpoint(path, training) else new_training())


@pytest.mark.parametrize(
    "change",
    [
        lambda header, _: header.clear(),
        lambda header, _: header.update(identity=None),
        lambda header, _: header.update(epochs=None),
        lambda header, _: header.update(epochs=[]),
        lambda header, _: header.update(epochs=[1, 2]),
        lambda header, _: header["epochs"].reverse(),
        lambda header, _: header["epochs"][0].update(train_loss="nan"),
        lambda header, _: header["epochs"][0].update(train_loss=float("nan")),
        lambda header, _: header["epochs"][0].update(train_loss=[[]]),
        lambda header, _: header["epochs"][0].update(train_loss=None),
        lambda header, _: header["epochs"][0].update(train_accuracy=True),
        lambda header, _: header["epochs"][0].update(validation_loss="1"),
        lambda header, _: header["epochs"][0].update(epoch=True),
        lambda header, _: header["epochs"][0].update(more=1),
        lambda header, _: header.update(best=3),
        lambda header, _: header.update(best=0),
        lambda header, _: header.update(best="two"),
        lambda header, _: header.update(best="1"),
        lambda header, _: header.update(best=1.9),
        lambda header, _: header.update(best=True),
        lambda header, _: header.update(step=None),
        lambda header, _: header.update(step=float("inf")),
        lambda header, _: header.update(step=10**400),
        lambda header, _: header.update(seconds=[]),
        lambda header, _: header.update(seconds=10**400),
        lambda _, arrays: arrays.pop("optimiser_state"),
        lambda _, arrays: arrays.update(optimiser_state=arrays["optimiser_state"][0]),
        lambda _, arrays: arrays.update(optimiser_state=arrays["optimiser_state"].astype(np.float64)),
        lambda _, arrays: arrays.update(optimiser_state=arrays["optimiser_state"].astype("U9")),
        lambda _, arrays: arrays.update(parameters=np.full_like(arrays["parameters"], np.nan)),
    ],
)
def test_a_checkpoint_with_impossible_numbers_is_ignored(
    tmp_path: Path, saved: Path, change: Callable[[dict[str, Any], dict[str, Any]], object]
) -> None:
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(saved.read_bytes())
    rewritten(path, change)
    training = new_training()
    assert not load_checkpoint(path, training)
    assert same(training, new_training())


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_text("garbage"),
        lambda path: path.write_bytes(b"PK\x05\x06" + bytes(18)),
        lambda path: path.symlink_to(path.with_name("nowhere")),
        lambda path: path.symlink_to("/dev/zero"),
    ],
)
def test_a_file_that_is_not_a_checkpoint_has_no_effect_on_the_weights(
    tmp_path: Path, make: Callable[[Path], object]
) -> None:
    path = tmp_path / "checkpoint.npz"
    expected, _ = run(SHORT)
    make(path)
    network, history = run(SHORT, checkpoint=path)
    np.testing.assert_array_equal(network.parameters, expected.parameters)
    assert len(history.epochs) == 2
    assert path.is_file()
    assert not path.is_symlink()


@pytest.mark.parametrize("name", ["", "no/checkpoint.npz", "pipe"])
def test_a_checkpoint_that_cannot_become_a_file_is_refused_before_the_training(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ValueError, match="checkpoint must be a file in a folder that exists, not /"):
        run(SHORT, checkpoint=tmp_path / name, on_step=lambda *_: pytest.fail("it has been trained"))


def test_a_training_starts_anew_if_the_checkpoint_has_a_damaged_zip_directory(tmp_path: Path) -> None:
    path, steps = tmp_path / "checkpoint.npz", []
    expected, _ = run(SHORT, checkpoint=path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] ^= 64  # how the first member is compressed
    path.write_bytes(content)
    network, _ = run(SHORT, checkpoint=path, on_step=lambda step, *_: steps.append(step))
    assert steps[0] == 1
    np.testing.assert_array_equal(network.parameters, expected.parameters)


def test_a_checkpoint_holds_the_identity_of_its_training(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    fit(make_network(), Dataset(*problem()), SHORT, options=RunOptions(checkpoint=path))
    with np.load(path) as file:
        recipe, architecture, _ = json.loads(str(file["header"]))["identity"]
    assert (recipe["epochs"], architecture["n_inputs"]) == (2, 20)
