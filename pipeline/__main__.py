"""``python -m pipeline`` is the same as ``pipeline``."""

import os
import sys

# Python puts the folder where one stands first on the path: a file json.py or click.py there would be run.
# It stays if this package lies there, for then it is the software's own folder.
_home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH120, PTH100 - pathlib is not imported yet
if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) != os.path.realpath(_home):
    del sys.path[0]

from pipeline.cli import main  # noqa: E402 - the path comes first

main(prog_name="pipeline")
