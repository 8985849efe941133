"""A small real data set, so that a first run needs no files: see README.md beside this file.

May import: the standard library.
"""

from pathlib import Path

SAMPLE_FOLDER = Path(__file__).parent
