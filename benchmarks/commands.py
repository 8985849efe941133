"""How long the commands take: what a user waits for, beside a floor or a peer measured in the same run.

    python benchmarks/commands.py [ZIP]

The zip is Kaggle's digit-recognizer.zip, or DIGIT_RECOGNIZER_ZIP. Medians of alternating runs of whole processes.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from arguments import parser_with_zip, project_with
from in_turn import PIPELINE, medians, timed_command

TUTORIAL = str(Path(__file__).with_name("tutorial.py"))


def compare(what: str, ours: Callable[[], float], other: Callable[[], float], *, runs: int, at_most: float) -> None:
    mine, theirs = medians(runs, ours, other)
    print(f"{what:<58} {mine:8.3f} s {theirs:8.3f} s  ratio {mine / theirs:5.2f}  (at most {at_most})", flush=True)


def whole_run(archive: str) -> float:
    with project_with(archive) as folder:
        return timed_command(PIPELINE, "run", "all", cwd=folder)


def tutorial_training(archive: str) -> float:
    """The seconds that the tutorial says it trained, without its reading of the files."""
    text = subprocess.run((sys.executable, TUTORIAL, archive), check=True, capture_output=True, text=True).stdout
    print(text.strip().splitlines()[-1])
    found = re.search(r"([\d.]+) s", text)
    if found is None:
        raise SystemExit("the tutorial did not say how long it took")
    return float(found[1])


def main() -> None:
    archive, python = parser_with_zip(__doc__).parse_args().zip, sys.executable
    with project_with(archive) as folder:
        run = partial(timed_command, PIPELINE, "run", "all", "--set", "train.epochs=1", cwd=folder)
        run()
        compare(
            "pipeline run all, nothing to do / import numpy, pyarrow",
            run,
            partial(timed_command, python, "-c", "import numpy, pyarrow"),
            runs=9,
            at_most=2.4,
        )
    compare(
        "pipeline --help / import click",
        partial(timed_command, PIPELINE, "--help"),
        partial(timed_command, python, "-c", "import click"),
        runs=9,
        at_most=2.0,
    )
    compare(
        "pipeline run all, from zip to submission / tutorial's training",
        partial(whole_run, archive),
        partial(tutorial_training, archive),
        runs=3,
        at_most=0.5,
    )


if __name__ == "__main__":
    main()
