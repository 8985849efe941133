"""The program: ``pipeline``, and ``python -m pipeline``, which is the same."""

import os
import signal
import sys


def main() -> None:
    """Run the command that the command line names, and end the process with its exit code."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command deals with Ctrl-C, it ends this process without a word: no traceback of a half-done import.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Python puts the folder where one stands first on the path: a file json.py or click.py there would be run.
    # It stays if this package lies there, for then it is the software's own folder.
    home = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH120, PTH100 - pathlib is not imported yet
    if sys.path and not sys.flags.safe_path and os.path.realpath(sys.path[0]) != os.path.realpath(home):
        del sys.path[0]
    from pipeline.cli import main as commands  # the path comes first

    commands(prog_name="pipeline")


if __name__ == "__main__":
    main()
