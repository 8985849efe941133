"""The commands of `pipeline`: each parses its words, calls the engine, and prints. Nothing is decided here.

May import: every room of the engine, and the lists of ``stages``. The script ``pipeline`` calls ``main``.
"""

from pipeline.cli.group import main

__all__ = ["main"]
