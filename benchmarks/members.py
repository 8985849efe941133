"""How much faster four members of an ensemble train on two processes than on one, each of one shard and one thread.

    python benchmarks/members.py [EPOCHS]

One process and two processes alternate; medians of three runs each of `pipeline run train --force`, whole processes,
on the bundled sample enlarged to 20,000 rows by repetition, so that training takes its usual share of the time. With
one process one core is used, with two processes two: shards = 1 and one thread of the matrix library in each.
"""

from __future__ import annotations

import csv
import gzip
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from stages.raw.sources import SAMPLE_FOLDER

PIPELINE = str(Path(sys.executable).with_name("pipeline"))
MEMBERS, ROWS, RUNS = 4, 20_000, 3


def make_data(folder: Path) -> None:
    folder.mkdir()
    with gzip.open(SAMPLE_FOLDER / "train.csv.gz", "rt", newline="") as file:
        header, *rows = csv.reader(file)
    with (folder / "train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([header, *(rows[index % len(rows)] for index in range(ROWS))])
    with gzip.open(SAMPLE_FOLDER / "test.csv.gz") as packed, (folder / "test.csv").open("wb") as plain:
        shutil.copyfileobj(packed, plain)


def seconds(folder: Path, epochs: int, processes: int) -> float:
    settings = {"members": MEMBERS, "shards": 1, "processes": processes, "epochs": epochs}
    words = [word for name, value in settings.items() for word in ("--set", f"train.{name}={value}")]
    started = time.perf_counter()
    subprocess.run([PIPELINE, "run", "train", "--force", "-q", *words, "-C", str(folder)], check=True)
    return time.perf_counter() - started


def main() -> None:
    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 8
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_data(folder / "data")
        seconds(folder, 1, 1)  # ingest, split and encode are not part of it
        pairs = [(seconds(folder, epochs, 2), seconds(folder, epochs, 1)) for _ in range(RUNS)]
    two, one = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{MEMBERS} members, {epochs} epochs of {ROWS:,} rows, one thread each: two processes {two:.1f} s, ", end="")
    print(f"one process {one:.1f} s, ratio {two / one:.2f} (at most 0.65)")


if __name__ == "__main__":
    main()
