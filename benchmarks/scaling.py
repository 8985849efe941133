"""What grows how: the whole pipeline on Kaggle's rows, and on many times as many, warped from them.

    python benchmarks/scaling.py [ZIP] [--rows 1000000] [--epochs 3] [--set KEY=VALUE ...]

The zip is Kaggle's digit-recognizer.zip, or DIGIT_RECOGNIZER_ZIP. A run of ``pipeline run all`` on the 42,000 rows
and one on the larger set are compared: seconds and microseconds a row of every stage, and the most memory that any
one process held. Needs some 12 GB of disk for a million rows.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from arguments import parser_with_zip, unpack
from in_turn import PIPELINE, measured
from pyarrow import csv

from stages import STAGES
from stages.images.augmentation import Augmentation, Warp

STRENGTH = Augmentation(rotation=10, scale=0.1, shear=0.1, shift=0.03, elastic=0.04)


def main() -> None:
    parser = parser_with_zip(__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="handed to both runs")
    options = parser.parse_args()
    settings = [f"train.epochs={options.epochs}", *options.set]
    with tempfile.TemporaryDirectory() as below:
        small, large = Path(below, "small"), Path(below, "large")
        unpack(options.zip, small / "data")
        enlarge(small, large, options.rows)
        n_small, n_large = count_rows(small), count_rows(large)
        first, second = run(small, settings), run(large, settings)
        print(f"{'':12}{f'{n_small:,} rows':>24}{f'{n_large:,} rows':>24}   time a row")
        for name in first["stages"]:
            show(name, first["stages"][name], second["stages"][name], n_small, n_large)
        show("whole run", first["process"], second["process"], n_small, n_large)
        print(f"{'peak MiB':12}{first['MiB']:24.0f}{second['MiB']:24.0f}   at most 1,430 (1.5 GB)")


def show(name: str, small: float, large: float, n_small: int, n_large: int) -> None:
    texts = [f"{seconds:8.1f} s {1e6 * seconds / n:9.1f} us" for seconds, n in ((small, n_small), (large, n_large))]
    ratio = (large / n_large) / (small / n_small)
    print(f"{name:12}{texts[0]:>24}{texts[1]:>24}   {ratio:.2f} times" + ("  (at most 1.15)" if " " in name else ""))


def enlarge(source: Path, folder: Path, n_rows: int) -> None:
    """Write a training set of ``n_rows`` warped copies of the rows of ``source``, and the same test set."""
    (folder / "data").mkdir(parents=True)
    os.link(source / "data/test.csv", folder / "data/test.csv")
    table = pd.read_csv(source / "data/train.csv", dtype=np.uint8)
    labels, X = table["label"].to_numpy(), table.iloc[:, 1:].to_numpy(np.float32)
    rng, warp = np.random.default_rng(0), Warp(STRENGTH, 28, 28)
    warped = np.empty_like(X)
    schema = pa.schema([(name, pa.uint8()) for name in table.columns])
    with csv.CSVWriter(folder / "data/train.csv", schema, write_options=csv.WriteOptions(quoting_style="none")) as file:
        for first in range(0, n_rows, len(X)):
            warp.warp(X, rng, out=warped)
            count = min(len(X), n_rows - first)
            pixels = np.clip(np.rint(warped[:count]), 0, 255).astype(np.uint8)
            columns = [labels[:count], *np.ascontiguousarray(pixels.T)]
            file.write_table(pa.Table.from_arrays([pa.array(column) for column in columns], schema=schema))


def count_rows(folder: Path) -> int:
    with (folder / "data/train.csv").open("rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(2**24), b"")) - 1


def run(folder: Path, settings: list[str]) -> dict:
    """What the whole run takes, as ``measured`` has it, and the seconds of every stage."""
    taken = measured(PIPELINE, "run", "all", *(f"--set={setting}" for setting in settings), cwd=folder)
    receipts = {stage.name: folder / "artifacts" / stage.name / "receipt.json" for stage in STAGES}
    return {**taken, "stages": {name: json.loads(path.read_bytes())["seconds"] for name, path in receipts.items()}}


if __name__ == "__main__":
    main()
