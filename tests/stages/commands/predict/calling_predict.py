"""What the tests of `pipeline predict` share: the command, and the bundled sample's files."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from pipeline.cli import main
from stages.sample import SAMPLE_FOLDER

TRAIN, TEST = SAMPLE_FOLDER / "train.csv.gz", SAMPLE_FOLDER / "test.csv.gz"


def predict(folder: Path, *words: object, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["predict", *map(str, words), "-C", str(folder)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def answers(folder: Path, *words: object) -> list[dict[str, Any]]:
    document = json.loads(predict(folder, *words, "--json").stdout)
    rows: list[dict[str, Any]] = document["rows"]
    return rows


def lines_of(path: Path) -> list[str]:
    return gzip.decompress(path.read_bytes()).decode().splitlines()
