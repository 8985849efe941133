"""Two small good CSV files, and ways of damaging them, for the tests of ingest."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError, PipelineError
from pipeline.task import Outcome

Ingest = Callable[..., Outcome]

HEADER = "label," + ",".join(f"pixel{index}" for index in range(16))
PIXELS = np.random.default_rng(3).integers(0, 256, (12, 16))
ROWS = [f"{index % 3}," + ",".join(map(str, row)) for index, row in enumerate(PIXELS)]
TRAIN = "\n".join([HEADER, *ROWS]) + "\n"
TEST = "\n".join(line.split(",", 1)[1] for line in [HEADER, *ROWS[:5]]) + "\n"


def changed(row: int, column: int, value: str) -> str:
    """TRAIN with another value in a cell; the header is row 0, the label column 0."""
    lines = [line.split(",") for line in TRAIN.splitlines()]
    lines[row][column] = value
    return "\n".join(",".join(line) for line in lines) + "\n"


def renamed(old: str, new: str) -> str:
    return TRAIN.replace(old, new, 1)


def without_column(text: str, column: int) -> str:
    lines = [line.split(",") for line in text.splitlines()]
    return "\n".join(",".join(line[:column] + line[column + 1 :]) for line in lines) + "\n"


def moved_column(column: int) -> str:
    lines = [line.split(",") for line in TRAIN.splitlines()]
    return "\n".join(",".join([*line[:column], *line[column + 1 :], line[column]]) for line in lines) + "\n"


def quoted_pair(row: str) -> str:
    first, second, rest = row.split(",", 2)
    return f'"{first},{second}",{rest}'


def relabelled(*labels: int) -> str:
    rows = [f"{label}," + row.split(",", 1)[1] for label, row in zip(labels, ROWS, strict=True)]
    return "\n".join([HEADER, *rows]) + "\n"


def zip_of_both(train: str = TRAIN) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in (("train.csv", train), ("test.csv", TEST)):
            file.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def assert_is_short(error: PipelineError) -> None:
    text = str(error)
    assert error.hint
    assert len(text.splitlines()) <= 12
    assert len(text) < 2000


def refusal(ingest: Ingest, train: str | bytes = TRAIN, test: str = TEST, **settings: Any) -> DataError:
    """The error that these files give."""
    with pytest.raises(DataError) as error:
        ingest({"train.csv": train, "test.csv": test}, **settings)
    assert_is_short(error.value)
    return error.value
