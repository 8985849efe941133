"""What the tests of `pipeline predict` share: the command, and the bundled sample's files."""

from __future__ import annotations

import gzip
import json
from functools import partial
from pathlib import Path
from typing import Any

from calling import call

from stages.sample import SAMPLE_FOLDER

predict = partial(call, "predict")

TRAIN, TEST = SAMPLE_FOLDER / "train.csv.gz", SAMPLE_FOLDER / "test.csv.gz"


def answers(folder: Path, *words: object) -> list[dict[str, Any]]:
    document = json.loads(predict(folder, *words, "--json").stdout)
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()
