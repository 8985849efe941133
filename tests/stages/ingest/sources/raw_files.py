"""Small raw files in data/ and elsewhere, for the tests of where they are found."""

from __future__ import annotations

import io
import warnings
import zipfile
from pathlib import Path
from typing import Any

from pipeline.task import Sources
from stages.ingest.parameters import IngestParameters
from stages.ingest.sources.find import find_sources

BOTH = ("train.csv", "test.csv")
ALL = (*BOTH, "sample_submission.csv")


def put(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(zipped() if name.endswith(".zip") else b"a\n")


def zipped(*names: str, size: int = 2, **options: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", **options) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of doubled names
        for name in names or ALL:
            file.writestr(name, "a\n".zfill(size))
    return buffer.getvalue()


def find(folder: Path, **settings: Any) -> Sources:
    return find_sources(IngestParameters(**settings), folder)


def found(folder: Path, **settings: Any) -> dict[str, str]:
    """Each file's path below ``folder``, with its member in a zip."""
    return {
        file.name: file.path.relative_to(folder).as_posix() + (f":{file.member}" if file.member else "")
        for file in find(folder, **settings).files
    }
