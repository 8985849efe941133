"""Fetch the small made set from mirrors on this machine, and see which files that makes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from made_mirror import TRAIN_IMAGES, Mirror, make_files, make_set

from pipeline.task import silent_progress
from stages.commands.fetch import competition_files
from stages.commands.fetch.competition_files import fetch_data_set

FILES = make_files()
SIZE = len(FILES[TRAIN_IMAGES])
PUT = ["data/answers/mnist.csv", "data/mnist.zip"]
UNREACHABLE = "http://127.0.0.1:9/mnist/"  # nothing listens at the port for discarding


def fetched(work: Path, *mirrors: Mirror | str, **others: Any) -> competition_files.Fetched:
    """Fetch the made set from these mirrors, in this order."""
    urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    others.setdefault("progress", silent_progress)
    return fetch_data_set(make_set(FILES, *urls), work / "data", **others)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
