"""Ingest beside its peers, on Kaggle's own files: time in process and as a whole process, and memory.

    python benchmarks/ingest.py path/to/digit-recognizer.zip

Every figure is a ratio within this run: the contestants take turns, and medians are compared. The peers:

* polars reads both files with a given schema and writes Parquet; it validates nothing.
* pandas reads both files, pandera validates every column, and pandas writes Parquet.

``pipeline`` is the stage's function and the checks that the engine calls on the written bytes before it
publishes them; the whole command is ``pipeline run ingest``. Needs polars: ``pip install -e '.[bench]'``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import Any, cast

from arguments import parser_with_zip, unpack
from in_turn import PIPELINE, measured

NAMES = ("train", "test")
COMMAND = "whole command"


def main() -> None:
    parser = parser_with_zip(__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.contestant:
        print(json.dumps(run_here(arguments.contestant, Path(arguments.zip))))
    else:
        compare(arguments.zip, arguments.rounds)


def compare(archive: str, n_rounds: int) -> None:
    with tempfile.TemporaryDirectory() as below:
        once, tenfold = Path(below, "once"), Path(below, "tenfold")
        unpack(archive, once)
        repeat(once, tenfold, times=10)
        runs: dict[str, list[dict[str, float]]] = {name: [] for name in (*CONTESTANTS, COMMAND)}
        for _ in range(n_rounds):
            for name in CONTESTANTS:
                runs[name].append(run_apart(name, once))
            runs[COMMAND].append(run_command(once))
        figures = {name: {key: median(run[key] for run in each) for key in each[0]} for name, each in runs.items()}
        print(f"medians of {n_rounds} alternating runs on both files")
        for name, each in figures.items():
            print(f"  {name:16} " + "  ".join(f"{key} {value:8.2f}" for key, value in each.items()))
        ours, polars, pandera, command = figures.values()
        show("time in process, against polars", ours["seconds"] / polars["seconds"], "at most 1.5")
        show("whole process, against polars", ours["process"] / polars["process"], "at most 1.6")
        show("  and with all that the engine does", command["process"] / polars["process"], "at most 1.6")
        show("speed in process, against pandas + pandera", pandera["seconds"] / ours["seconds"], "at least 3")
        show("peak memory in MiB", ours["MiB"], "at most 350")
        show("  and with all that the engine does", command["MiB"], "at most 350")
        large = run_apart("pipeline", tenfold)
        show("time for ten times the rows", large["seconds"] / ours["seconds"], "at most 10.5")
        show("memory for ten times the rows", large["MiB"] / ours["MiB"], "at most 1.2")
        print("the same as processor time, which minds busy neighbours less")
        show("in process, against polars", ours["cpu"] / polars["cpu"])
        show("speed in process, against pandas + pandera", pandera["cpu"] / ours["cpu"])
        show("for ten times the rows", large["cpu"] / ours["cpu"])


def show(what: str, figure: float, goal: str = "no goal set") -> None:
    print(f"{what:48} {figure:8.2f}   ({goal})")


def repeat(source: Path, folder: Path, times: int) -> None:
    """Both files again in ``folder``, with their rows so many times."""
    folder.mkdir()
    for name in NAMES:
        header, rows = (source / f"{name}.csv").read_bytes().split(b"\n", 1)
        with (folder / f"{name}.csv").open("wb") as file:
            file.write(header + b"\n")
            for _ in range(times):
                file.write(rows)


def run_apart(contestant: str, folder: Path) -> dict[str, float]:
    """Run a contestant in a process of its own; ``process`` is what that took with its imports."""
    start = time.perf_counter()
    command = [sys.executable, __file__, str(folder), "--contestant", contestant]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    return {**json.loads(done.stdout), "process": seconds}


def run_command(folder: Path) -> dict[str, float]:
    """``pipeline run ingest``: the contestant ``pipeline``, and hashing, fingerprints of code, locks and receipts."""
    with tempfile.TemporaryDirectory() as project:
        settings = [f"--set=ingest.{name}={folder / name}.csv" for name in NAMES]
        return measured(PIPELINE, "run", "ingest", "--quiet", *settings, cwd=Path(project))


def run_here(contestant: str, folder: Path) -> dict[str, float]:
    """Run a contestant in this process; ``seconds`` leaves its imports out."""
    import resource

    work = CONTESTANTS[contestant]()
    with tempfile.TemporaryDirectory() as out:
        start, cpu_start = time.perf_counter(), time.process_time()
        work(folder, Path(out))
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu_start
    return {"seconds": seconds, "cpu": cpu, "MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def with_pipeline() -> Any:
    from pipeline.stage import resolve
    from pipeline.task import PartialResults, Task, Workers
    from stages import STAGES
    from stages.ingest.ingest import ingest
    from stages.ingest.parameters import IngestParameters
    from stages.ingest.sources.find import find_sources

    stage = STAGES[0]

    def work(folder: Path, out: Path) -> None:
        parameters = IngestParameters(train=str(folder / "train.csv"), test=str(folder / "test.csv"))
        sources = find_sources(parameters, folder)
        task = Task(
            inputs={},
            outputs={artifact.path: out / artifact.file_name for artifact in stage.outputs},
            parameters=parameters,
            sources=sources,
            origin=sources.origin,
            scratch=out,
            report=out,
            progress=lambda *_, **__: None,
            log=print,
            partial_results=cast(PartialResults, None),  # ingest makes none, and has no jobs to give away
            workers=cast(Workers, None),
        )
        ingest(task)
        with ThreadPoolExecutor(4) as pool:  # as the engine does
            written = [artifact for artifact in stage.outputs if task.outputs[artifact.path].exists()]
            checks = [pool.submit(resolve(each.check), task.outputs[each.path]) for each in written]
        for check in checks:
            check.result()

    return work


def with_polars() -> Any:
    import polars as pl

    def work(folder: Path, out: Path) -> None:
        for name in NAMES:
            with (folder / f"{name}.csv").open() as file:
                columns = file.readline().strip().split(",")
            table = pl.read_csv(folder / f"{name}.csv", schema=dict.fromkeys(columns, pl.UInt8))
            table.write_parquet(out / f"{name}.parquet")

    return work


def with_pandera() -> Any:
    import pandas as pd
    import pandera.pandas as pandera

    with suppress(ImportError):  # pandera's first validation would import it; imports count in whole processes only
        import hypothesis  # noqa: F401

    def work(folder: Path, out: Path) -> None:
        for name in NAMES:
            table = pd.read_csv(folder / f"{name}.csv")
            column = pandera.Column("int64", pandera.Check.in_range(0, 255))
            pandera.DataFrameSchema(dict.fromkeys(table.columns, column), strict=True).validate(table, lazy=True)
            table.to_parquet(out / f"{name}.parquet")

    return work


CONTESTANTS = {"pipeline": with_pipeline, "polars": with_polars, "pandas + pandera": with_pandera}


if __name__ == "__main__":
    main()
