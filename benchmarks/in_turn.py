"""Runs that are compared: each in a process of its own, one after the other, several rounds.

A process of its own, since each library slows down the others: once PyTorch is imported, forking a process takes ten
times as long, and a library's threads go on looking for work for a while.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from statistics import median
from typing import Any

# Seconds. A library's threads go on looking for work for a tenth of a second after its last product.
PAUSE = 0.3
Run = Callable[[], tuple[float, Any]]  # returns seconds, and something else that was found


def in_turn(rounds: int, runs: dict[str, Run]) -> dict[str, tuple[float, Any]]:
    """The median of the seconds of each of ``runs``, in turn ``rounds`` times, and what its last run found."""
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    found = {}
    with ExitStack() as stack:
        processes = {
            name: stack.enter_context(ProcessPoolExecutor(1, mp_context=get_context("spawn"))) for name in runs
        }
        for name, run in runs.items():
            processes[name].submit(run).result()  # warms up
        for _ in range(rounds):
            for name, run in runs.items():
                time.sleep(PAUSE)
                taken, found[name] = processes[name].submit(run).result()
                seconds[name].append(taken)
    return {name: (median(seconds[name]), found[name]) for name in runs}
