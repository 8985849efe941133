"""Make the bundled sample from scikit-learn's copy of the UCI optical digits.

Run ``python docs/scripts/make_sample.py`` where scikit-learn is installed (``pip install -e '.[bench]'``).
The same input gives the same rows, every time.
"""

from __future__ import annotations

import gzip
from importlib.resources import files
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

FOLDER = Path(__file__).parents[2] / "stages/sample"
SEED = 2026
TEST_SHARE = 0.2
LARGEST_VALUE = 16  # a value counts the black pixels among 4 x 4


def main() -> None:
    """Write train.csv.gz, test.csv.gz and answers.csv.gz into the sample's folder."""
    with files("sklearn.datasets.data").joinpath("digits.csv.gz").open("rb") as packed, gzip.open(packed) as lines:
        table = np.loadtxt(lines, delimiter=",")  # (1797, 65): 64 values, then the digit
    pixels = np.round(table[:, :-1] * 255 / LARGEST_VALUE).astype(np.int64)
    labels = table[:, -1].astype(np.int64)
    train, test = divide(labels, np.random.default_rng(SEED))
    names = [f"pixel{index}" for index in range(pixels.shape[1])]
    write("train.csv.gz", ["label", *names], np.column_stack([labels[train], pixels[train]]))
    write("test.csv.gz", names, pixels[test])
    write("answers.csv.gz", ["ImageId", "Label"], np.column_stack([np.arange(1, len(test) + 1), labels[test]]))


def divide(labels: NDArray[np.int64], generator: np.random.Generator) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers of the two parts, at random, with ``TEST_SHARE`` of every class in the second."""
    order = generator.permutation(len(labels))
    is_test = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels):
        of_class = order[labels[order] == label]
        is_test[of_class[: round(len(of_class) * TEST_SHARE)]] = True
    return order[~is_test[order]], order[is_test[order]]


def write(name: str, header: list[str], rows: NDArray[np.int64]) -> None:
    """Write ``rows`` as gzipped CSV, without the time of day that would change the bytes."""
    lines = [",".join(header), *(",".join(map(str, row)) for row in rows.tolist())]
    text = "\n".join(lines) + "\n"
    (FOLDER / name).write_bytes(gzip.compress(text.encode("ascii"), compresslevel=9, mtime=0))


if __name__ == "__main__":
    main()
