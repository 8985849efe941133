"""The program ``pipeline``; ``python -m pipeline`` starts it too."""

import os
import sys


def main() -> None:
    """Run the command that the command line names, and end the process with its exit code."""
    drop_relative_folders()
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        # Until a command handles Ctrl-C, it ends this process silently: no traceback from the middle of an import.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pipeline.cli import main as commands

    commands(prog_name="pipeline")


def drop_relative_folders() -> None:
    """Import no module and start no program from the current folder, here and in the processes that are started.

    ``python -m`` puts the current folder first on the module path, and so does an empty or relative part of
    ``PYTHONPATH``: a file json.py or click.py there would be run. The folder of this package stays on the path. An
    empty or relative part of ``PATH`` does the same for programs: matplotlib starts ``fc-list``, Python ``uname``.
    """
    home = _real_path(f"{__file__}/../..")
    if sys.path and not sys.flags.safe_path and _real_path(sys.path[0]) != home:
        del sys.path[0]
    if variable := os.environ.get("PYTHONPATH"):
        parts = variable.split(os.pathsep)
        kept = [part for part in parts if os.path.isabs(part) or _real_path(part) == home]  # noqa: PTH117 - pathlib is not imported yet
        left = {_real_path(part) for part in parts} - {_real_path(part) for part in kept}
        sys.path[:] = [folder for folder in sys.path if _real_path(folder) not in left]
        os.environ["PYTHONPATH"] = os.pathsep.join(kept)
    if variable := os.environ.get("PATH"):
        programs = filter(os.path.isabs, variable.split(os.pathsep))
        os.environ["PATH"] = os.pathsep.join(programs) or os.defpath  # an empty one would be the current folder


def _real_path(folder: str) -> str:
    """Return the real path of a folder, or the path itself if the current folder has been removed."""
    try:
        return os.path.realpath(folder)
    except OSError:
        return folder


if __name__ == "__main__":
    main()
