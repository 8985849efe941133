"""What the benchmarks share: the argument that names Kaggle's zip, and folders with what is in it."""

from __future__ import annotations

import argparse
import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

VARIABLE = "DIGIT_RECOGNIZER_ZIP"


def parser_with_zip(doc: str) -> argparse.ArgumentParser:
    """A parser that asks for Kaggle's zip, unless the environment names it; ``doc`` is the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    known = os.environ.get(VARIABLE)
    parser.add_argument(
        "zip", nargs="?" if known else None, default=known, help=f"Kaggle's digit-recognizer.zip, or {VARIABLE}"
    )
    return parser


@contextmanager
def project_with(archive: str) -> Iterator[Path]:
    """The folder of a temporary project that has this zip in its ``data/``."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        shutil.copy(archive, Path(folder) / "data")
        yield Path(folder)


def unpack(archive: str, folder: Path) -> None:
    """Make ``folder``, and put the zip's train.csv and test.csv into it."""
    folder.mkdir(parents=True)
    with zipfile.ZipFile(archive) as file:
        for name in ("train.csv", "test.csv"):
            file.extract(name, folder)
