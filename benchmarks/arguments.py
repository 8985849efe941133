"""The arguments that the benchmarks share."""

from __future__ import annotations

import argparse
import os

VARIABLE = "DIGIT_RECOGNIZER_ZIP"


def parser_with_zip(doc: str) -> argparse.ArgumentParser:
    """A parser that asks for Kaggle's zip, unless the environment names it; ``doc`` is the benchmark's docstring."""
    parser = argparse.ArgumentParser(description=doc.splitlines()[0])
    known = os.environ.get(VARIABLE)
    parser.add_argument(
        "zip", nargs="?" if known else None, default=known, help=f"Kaggle's digit-recognizer.zip, or {VARIABLE}"
    )
    return parser
