"""The program: ``pipeline``, and ``python -m pipeline``, which is the same."""

import os
import sys


def main() -> None:
    """Run the command that the command line names, and end the process with its exit code."""
    leave_relative_folders()
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command deals with Ctrl-C, it ends this process without a word: no traceback of a half-done import.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pipeline.cli import main as commands

    commands(prog_name="pipeline")


def leave_relative_folders() -> None:
    """Run nothing of the folder where one stands: no module, here and in all processes that are started; no program.

    Python puts that folder first on the path for ``python -m``, and wherever ``PYTHONPATH`` has an empty or relative
    part: a file json.py or click.py there would be run. The folder of this package stays, wherever one stands. In the
    same way programs are looked for in ``PATH``, as by matplotlib ``fc-list`` and by the library of Python ``uname``.
    """
    home = _whole(f"{__file__}/../..")
    if sys.path and not sys.flags.safe_path and _whole(sys.path[0]) != home:
        del sys.path[0]
    if variable := os.environ.get("PYTHONPATH"):
        parts = variable.split(os.pathsep)
        kept = [part for part in parts if os.path.isabs(part) or _whole(part) == home]  # noqa: PTH117 - pathlib is not imported yet
        left = {_whole(part) for part in parts} - {_whole(part) for part in kept}
        sys.path[:] = [folder for folder in sys.path if _whole(folder) not in left]
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    if variable := os.environ.get("PATH"):
        programs = filter(os.path.isabs, variable.split(os.pathsep))
        os.environ["PATH"] = os.pathsep.join(programs) or os.defpath  # an empty one would be the current folder


def _whole(folder: str) -> str:
    """The whole path of a folder, links followed; unchanged if one stands in a folder that has been removed."""
    try:
        return os.path.realpath(folder)
    except OSError:
        return folder


if __name__ == "__main__":
    main()
