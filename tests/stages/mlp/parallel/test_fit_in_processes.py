"""Training shared by processes: the weights that threads give, and one fork a worker for all epochs."""

from __future__ import annotations

import os
import sys
from threading import Thread

import numpy as np
import pytest
from small_trainings import make_network, problem, run

from stages.mlp import Dataset, Recipe, RunOptions, fit
from stages.mlp.parallel.make_group import GROUPS, make_group
from stages.mlp.parallel.processes import Processes
from stages.mlp.parallel.threads import Threads
from stages.mlp.predict import CHUNK_ROWS

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are for Linux")


def test_processes_and_threads_end_with_the_same_weights() -> None:
    settings = {"dropout": 0.2, "batch_norm": True}
    recipe = Recipe(epochs=2, batch_size=32, replicas=3, clip_norm=1.0, ema=0.9, weight_decay=0.01)
    (network, history), (other, other_history) = (
        run(recipe, settings, parallel=kind) for kind in ("threads", "processes")
    )
    np.testing.assert_array_equal(network.parameters, other.parameters)
    np.testing.assert_array_equal(network.statistics, other.statistics)
    assert history == other_history


def test_processes_share_the_measurements_of_all_validation_rows() -> None:
    X, Y = (np.tile(values, (6, 1)) for values in problem())
    assert len(X) > 2 * CHUNK_ROWS
    histories = [run(Recipe(epochs=1, replicas=2), {}, validation=Dataset(X, Y), parallel=kind)[1] for kind in GROUPS]
    assert histories[0] == histories[1]


def test_a_worker_that_is_slow_to_read_the_last_epoch_still_stops_with_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wait = Processes.wait

    def slow(self: Processes, index: int) -> None:
        """Let the other worker come to the end of the second epoch, which it needs nobody for, before going on."""
        wait(self, index)
        while index == 1 and self._n_waits[1][0] == 1 and self._n_waits[0][0] == 1:
            os.sched_yield()

    monkeypatch.setattr(Processes, "wait", slow)
    X, Y = problem()
    recipe = Recipe(epochs=2, batch_size=1, optimiser="sgd", schedule="constant", replicas=2)
    history = fit(make_network(), Dataset(X[:1], Y[:1]), recipe, options=RunOptions(parallel="processes"))
    assert len(history.epochs) == 2


def test_processes_are_started_once_for_all_epochs(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, forks = os.fork, []

    def counted() -> int:
        forks.append(None)
        return fork()

    monkeypatch.setattr(os, "fork", counted)
    _, history = run(Recipe(epochs=3, replicas=3), parallel="processes")
    assert len(history.epochs) == 3
    assert len(forks) == 2


def test_a_training_outside_the_main_thread_uses_threads() -> None:
    """Another thread may be in BLAS, whose lock a forked process would find taken for ever."""
    found = [type(make_group(2))]
    thread = Thread(target=lambda: found.append(type(make_group(2))))
    thread.start()
    thread.join()
    assert found == [Processes, Threads]
