"""A real process on a terminal, and what it writes there."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import termios

DECIDING = {"NO_COLOR", "COLUMNS", "TERM", "CI"}  # variables that decide how a terminal is written to


def on_a_terminal(code: str, *words: str, columns: int = 80, **environment: str) -> str:
    """What Python code with these arguments writes on a terminal of that width, control sequences and all."""
    master, terminal = pty.openpty()
    termios.tcsetwinsize(terminal, (40, columns))
    kept = {key: value for key, value in os.environ.items() if key not in DECIDING}
    with subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=terminal, stderr=terminal,
        env={**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", **environment},
    ) as process:  # fmt: skip
        os.close(terminal)
        written = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # how Linux tells that the other end has been closed
                break
            if not piece:
                break
            written += piece
        assert process.wait() == 0, written.decode()
    os.close(master)
    return written.decode()
