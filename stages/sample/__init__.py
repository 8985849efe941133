"""A small real data set, so that a fresh clone runs: see README.md beside this file."""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
