"""How much faster four members of an ensemble train on two processes than on one, each of one replica and one thread.

    python benchmarks/members.py [ZIP]

The zip is Kaggle's digit-recognizer.zip, or DIGIT_RECOGNIZER_ZIP. One process and two processes alternate; medians of
three runs each of `pipeline run train --force`, whole processes, start and certification included. With one process
one core is busy, with two processes two: train.replicas = 1, and one thread of the matrix library in each.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from arguments import parser_with_zip, project_with
from in_turn import PIPELINE, medians, timed_command

MEMBERS, EPOCHS, RUNS = 4, 15, 3


def train(folder: Path, epochs: int, processes: int) -> float:
    settings = {"members": MEMBERS, "replicas": 1, "processes": processes, "epochs": epochs}
    words = [word for name, value in settings.items() for word in ("--set", f"train.{name}={value}")]
    return timed_command(PIPELINE, "run", "train", "--force", "-q", *words, cwd=folder)


def main() -> None:
    with project_with(parser_with_zip(__doc__).parse_args().zip) as folder:
        train(folder, 1, 1)  # ingest, split and encode are not part of it
        two, one = medians(RUNS, partial(train, folder, EPOCHS, 2), partial(train, folder, EPOCHS, 1))
    print(f"{MEMBERS} members, {EPOCHS} epochs, one thread each: two processes {two:.1f} s, ", end="")
    print(f"one process {one:.1f} s, ratio {two / one:.2f} (at most 0.65)")


if __name__ == "__main__":
    main()
