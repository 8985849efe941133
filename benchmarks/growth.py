"""What grows with what is stored: a run with nothing to do, the log of runs, and a sweep that is asked again.

    python benchmarks/growth.py [--results 5000] [--runs 10000] [--trials 300]

Works on the bundled sample in a temporary folder. Medians of whole processes, each beside the same with next to nothing
stored. The sweep is of logistic regressions of one epoch, so that its trials take little themselves.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
from dataclasses import replace
from functools import partial
from pathlib import Path

from in_turn import PIPELINE, medians, show, timed_command

from pipeline.store.receipt import FILE_NAME, from_json, to_json

QUICK = ("--set", "train.epochs=1", "--set", "train.replicas=1")


def seconds(folder: Path, *words: str, times: int = 1) -> float:
    """The median time of a command of the pipeline."""
    return medians(times, partial(timed_command, PIPELINE, *words, cwd=folder))[0]


def store_results(folder: Path, count: int) -> None:
    """Store ``count`` more results of every stage: the present one, as if other settings had given it."""
    for stage in sorted((folder / "artifacts/.store").iterdir()):
        made = next((path for path in stage.glob("*/" + FILE_NAME)), None) if stage.is_dir() else None
        if made is None:
            continue
        receipt = from_json(made.read_bytes())
        for number in range(count):
            other = replace(receipt, work=replace(receipt.work, parameters={"number": number}))
            home = stage / other.generation
            home.mkdir()
            for name in receipt.outputs:
                os.link(made.parent / name, home / name)
            (home / FILE_NAME).write_bytes(to_json(other))


def log_runs(folder: Path, count: int) -> None:
    """Let the log hold ``count`` more runs, each like the last."""
    path = folder / "artifacts/runs.jsonl"
    last = json.loads(path.read_bytes().splitlines()[-1])
    with path.open("a", encoding="utf-8") as file:
        file.writelines(json.dumps({**last, "id": last["id"] + 1 + number}) + "\n" for number in range(count))


def sweep_words(count: int) -> tuple[str, ...]:
    rates = ",".join(f"{1e-3 * (1 + number / 1000):.6f}" for number in range(count))
    return ("sweep", "--grid", f"train.learning_rate={rates}", "--set", "train.hidden=[]", *QUICK)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("results", 5000), ("runs", 10_000), ("trials", 300)):
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        seconds(folder, "run", "all", *QUICK)
        store_results(folder, 10)
        few = seconds(folder, "run", "all", *QUICK, times=7)
        shutil.rmtree(folder / "artifacts")
        seconds(folder, "run", "all", *QUICK)
        store_results(folder, options.results)
        many = seconds(folder, "run", "all", *QUICK, times=7)
        what = f"times as long with nothing to do, {options.results} results against 10"
        show(what, many / few, "<= 1.2", reached=many <= 1.2 * few)
        log_runs(folder, options.runs)
        taken = seconds(folder, "runs", times=3)
        show(f"seconds of runs, with {options.runs} in the log", taken, "<= 1.5", reached=taken <= 1.5)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        dry = {
            count: seconds(folder, *sweep_words(count), "--dry-run") for count in (options.trials // 4, options.trials)
        }
        small, large = dry.values()
        show(
            "times as long for sweep --dry-run, four times the trials",
            large / small,
            "<= 5",
            reached=large <= 5 * small,
        )
        print(f"a sweep of {options.trials} trials: {seconds(folder, *sweep_words(options.trials)):.1f} s", flush=True)
        taken = seconds(folder, *sweep_words(options.trials))
        show("seconds of the same, asked again", taken, "<= 5", reached=taken <= 5)


if __name__ == "__main__":
    main()
