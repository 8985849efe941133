"""How long the commands take: what a user waits for, beside a floor or a peer measured in the same run.

    python benchmarks/commands.py [ZIP]

The zip is Kaggle's digit-recognizer.zip, or DIGIT_RECOGNIZER_ZIP. Medians of alternating runs of whole processes.
"""

from __future__ import annotations

import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from arguments import parser_with_zip

PIPELINE = str(Path(sys.executable).with_name("pipeline"))
HERE = Path(__file__).parent


def seconds(*command: str, cwd: str | None = None) -> float:
    started = time.perf_counter()
    subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return time.perf_counter() - started


def compare(what: str, ours: Callable[[], float], other: Callable[[], float], *, runs: int, at_most: float) -> None:
    pairs = [(ours(), other()) for _ in range(runs)]
    mine, theirs = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(f"{what:<58} {mine:8.3f} s {theirs:8.3f} s  ratio {mine / theirs:5.2f}  (at most {at_most})", flush=True)


def whole_run(archive: str) -> float:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        shutil.copy(archive, Path(folder) / "data")
        return seconds(PIPELINE, "run", "all", cwd=folder)


def tutorial_training(archive: str) -> float:
    """The seconds that the tutorial says it trained, without its reading of the files."""
    command = (sys.executable, str(HERE / "tutorial.py"), archive)
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    print(text.strip().splitlines()[-1])
    found = re.search(r"([\d.]+) s", text)
    if found is None:
        raise SystemExit("the tutorial did not say how long it took")
    return float(found[1])


def main() -> None:
    archive = str(Path(parser_with_zip(__doc__).parse_args().zip).resolve())
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").mkdir()
        shutil.copy(archive, Path(folder) / "data")
        seconds(PIPELINE, "run", "all", "--set", "train.epochs=1", cwd=folder)
        compare(
            "pipeline run all, nothing to do / import numpy, pyarrow",
            lambda: seconds(PIPELINE, "run", "all", "--set", "train.epochs=1", cwd=folder),
            lambda: seconds(python, "-c", "import numpy, pyarrow"),
            runs=9,
            at_most=2.4,
        )
    compare(
        "pipeline --help / import click",
        lambda: seconds(PIPELINE, "--help"),
        lambda: seconds(python, "-c", "import click"),
        runs=9,
        at_most=2.0,
    )
    compare(
        "pipeline run all, from zip to submission / tutorial's training",
        lambda: whole_run(archive),
        lambda: tutorial_training(archive),
        runs=3,
        at_most=0.5,
    )


if __name__ == "__main__":
    main()
