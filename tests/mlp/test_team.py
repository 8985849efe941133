"""Threads that work together: everybody waits for everybody, and an error in one ends all."""

from __future__ import annotations

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from stages.mlp.team import Barrier, Shard, team


@pytest.mark.parametrize("count", [1, 2, 5])
def test_nobody_passes_the_barrier_before_all_have_come(count: int) -> None:
    barrier = Barrier(count)
    arrived = np.zeros((200, count), bool)

    def work(index: int) -> None:
        for turn in arrived:
            turn[index] = True
            barrier.wait(index)
            assert turn.all()
            barrier.wait(index)

    with team(count) as workers:
        workers.run(work, barrier)
    assert arrived.all()


@pytest.mark.parametrize("failing", [0, 1, 3])
def test_the_error_of_one_thread_ends_all_and_is_the_one_that_is_raised(failing: int) -> None:
    barrier = Barrier(4)

    def work(index: int) -> None:
        for turn in range(10):
            if (index, turn) == (failing, 5):
                raise KeyboardInterrupt("stop")
            barrier.wait(index)

    with team(4) as workers, pytest.raises(KeyboardInterrupt, match="stop"):
        workers.run(work, barrier)


def test_blas_has_one_thread_within_a_team_and_numpys_settings_come_back() -> None:
    outside, size = [(each["internal_api"], each["num_threads"]) for each in threadpool_info()], np.getbufsize()
    seen: list[set[int]] = []

    def work(_: int) -> None:
        seen.append({each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"})

    with team(2) as workers:
        workers.run(work, Barrier(2))
    assert seen == [{1}, {1}]
    assert [(each["internal_api"], each["num_threads"]) for each in threadpool_info()] == outside
    assert np.getbufsize() == size


@pytest.mark.parametrize("n", [0, 1, 7, 64])
def test_parts_are_disjoint_and_complete(n: int) -> None:
    shards = [Shard(index, 3, n, Barrier(3)) for index in range(3)]
    assert np.concatenate([np.arange(n)[shard.rows] for shard in shards]).tolist() == list(range(n))
    for shape in ((n, 2), (n, 100_000)):
        parts = [np.arange(n)[shard.part_of_matrix(shape)] for shard in shards]
        assert np.concatenate(parts).tolist() == list(range(n))
