"""Runs that are compared: one after the other, several rounds, by their medians."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any

PIPELINE = str(Path(sys.executable).with_name("pipeline"))
# Seconds. A library's threads go on looking for work for a tenth of a second after its last product.
PAUSE = 0.3
# In a process of its own: the peak of a forked process is at least the memory of the one that forked it.
MEASURED = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
taken, usage = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps({"process": taken, "cpu": usage.ru_utime + usage.ru_stime, "MiB": usage.ru_maxrss / 1024}))
"""
Run = Callable[[], tuple[float, Any]]  # returns seconds, and something else that was found


def timed(job: Callable[[], object]) -> float:
    """The seconds that ``job`` takes."""
    started = time.perf_counter()
    job()
    return time.perf_counter() - started


def timed_command(*command: str, cwd: Path | None = None) -> float:
    """The seconds that a command takes, which must succeed; what it prints is dropped."""
    return timed(lambda: subprocess.run(command, cwd=cwd, check=True, capture_output=True))


def measured(*command: str, cwd: Path) -> dict[str, float]:
    """The seconds and processor seconds that a command takes, and the MiB of its largest process."""
    done = subprocess.run([sys.executable, "-c", MEASURED, *command], cwd=cwd, check=True, stdout=subprocess.PIPE)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def show(figure: str, value: float, target: str, *, reached: bool) -> None:
    print(f"  {figure:<58} {value:8.2f}   target {target:<10} {'reached' if reached else 'NOT REACHED'}", flush=True)


def medians(rounds: int, *runs: Callable[[], float]) -> list[float]:
    """The median of the seconds that each of ``runs`` returns, in turn ``rounds`` times."""
    taken = [[run() for run in runs] for _ in range(rounds)]
    return [median(of_run) for of_run in zip(*taken, strict=True)]


def in_turn(rounds: int, runs: dict[str, Run]) -> dict[str, tuple[float, Any]]:
    """The median of the seconds of each of ``runs``, in turn ``rounds`` times, and what its last run found.

    Each has a process of its own, since each library slows down the others: once PyTorch is imported, forking a process
    takes ten times as long.
    """
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
