"""A small real data set, so that a fresh clone runs: see README.md beside this file.

May import: the standard library.
"""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
