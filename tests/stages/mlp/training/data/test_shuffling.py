"""Rows that do not fit into memory: every one once, well mixed, the same wherever they lie."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.mlp import Architecture, Dataset, Network, Recipe, RunOptions, fit, predict_proba
from stages.mlp.arrays import forget_pages
from stages.mlp.training.data.shuffling import RUN_ROWS, rows_of_window, shuffled


@given(n=st.integers(1, 3000), window=st.integers(1, 3000), seed=st.integers(0, 9))
def test_every_row_comes_once(n: int, window: int, seed: int) -> None:
    order = shuffled(n, window, np.random.default_rng(seed))
    assert np.sort(order).tolist() == list(range(n))


def test_a_small_training_set_is_permuted_as_a_whole() -> None:
    order = shuffled(500, 500, np.random.default_rng(3))
    np.testing.assert_array_equal(order, np.random.default_rng(3).permutation(500))


def test_a_window_holds_whole_runs_from_all_over_and_mixes_their_rows() -> None:
    n, window = 64_000, 6_400
    order = shuffled(n, window, np.random.default_rng(0))
    first = order[:window]
    assert len(np.unique(first // RUN_ROWS)) == window // RUN_ROWS
    # The rows of a window are a fair sample of the file: their mean is n / 2, give or take a few deviations of the
    # mean of 100 runs. And neighbours in the file are no neighbours in the order.
    assert abs(first.mean() - n / 2) < 4 * n / 12**0.5 / 10
    assert (np.abs(np.diff(first)) == 1).mean() < 0.01
    # A batch of 64 comes from about as many runs as there are to come from.
    runs = [len(np.unique(batch // RUN_ROWS)) for batch in order.reshape(-1, 64)]
    assert np.mean(runs) == pytest.approx(100 * (1 - 0.99**64), rel=0.05)


def test_a_window_is_a_number_of_whole_batches_and_never_none() -> None:
    assert rows_of_window(2**20, 784 * 4, 128) == 256
    assert rows_of_window(1, 784 * 4, 128) == 128


def write_problem(folder: Path, m: int, n_inputs: int) -> tuple[Path, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.random((m, n_inputs), dtype=np.float32)
    np.save(folder / "X.npy", X)
    return folder / "X.npy", X, np.eye(3, dtype=np.float32)[X[:, :3].argmax(axis=1)]


@pytest.mark.parametrize("chosen", [False, True])
@pytest.mark.parametrize("replicas", [1, 2])
def test_a_file_read_in_windows_trains_the_same_network_as_an_array_in_memory(
    tmp_path: Path, replicas: int, *, chosen: bool
) -> None:
    path, X, Y = write_problem(tmp_path, 2000, 512)  # 2 MiB a thousand rows: windows of 512
    rows = np.flatnonzero(np.arange(len(X)) % 7) if chosen else None
    recipe = Recipe(epochs=2, batch_size=64, window_mib=1, replicas=replicas)
    networks = []
    for source in (X, np.load(path, mmap_mode="r")):
        network = Network(Architecture(512, 3, (8,)))
        network.initialise(np.random.default_rng(0))
        fit(network, Dataset(source, Y, rows), recipe)
        networks.append(network)
    np.testing.assert_array_equal(networks[0].parameters, networks[1].parameters)
    whole = Network(Architecture(512, 3, (8,)))
    whole.initialise(np.random.default_rng(0))
    fit(whole, Dataset(X, Y, rows), Recipe(epochs=2, batch_size=64, replicas=replicas))
    assert not np.array_equal(whole.parameters, networks[0].parameters)


def resident_file_kib() -> int:
    status = Path("/proc/self/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssFile:"))


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells how much of a file is in memory")
def test_going_through_a_large_file_does_not_keep_it_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stages.mlp.arrays.KEPT_BYTES", 0)
    path, X, Y = write_problem(tmp_path, 40_000, 256)  # 40 MiB
    mapped = np.load(path, mmap_mode="r")
    network = Network(Architecture(256, 3, (4,)))
    network.initialise(np.random.default_rng(0))
    before = resident_file_kib()
    P = predict_proba(network, mapped)
    np.testing.assert_array_equal(P, predict_proba(network, X))
    fit(network, Dataset(mapped, Y), Recipe(epochs=1, window_mib=2), validation=Dataset(mapped, Y))
    assert resident_file_kib() - before < 20 * 1024 * 1.9  # 64 chunks of 512 rows a thread, and no more
    resident: list[int] = []
    options = RunOptions(on_step=lambda *_: resident.append(resident_file_kib()))
    fit(network, Dataset(mapped, Y), Recipe(epochs=1, window_mib=2, replicas=1), options=options)
    assert max(resident) - before < 20 * 1024  # training holds windows, and not the file's pages
    forget_pages(X)  # an ordinary array is left alone
    assert X.any()
