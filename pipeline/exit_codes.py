"""The exit codes of the command line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What the command line returns; scripts outside rely on these numbers."""

    DONE = 0  # also if there was nothing to do
    FAILED = 1  # every PipelineError but ConfigError; what verify, sweep, predict and upload found; see cli/group.py
    USAGE = 2  # ConfigError in pipeline/errors.py: a setting, a preset or a word on the command line is wrong
    STALE = 3  # `status --check` found a stale stage: cli/project_commands.py
    INTERRUPTED = 130  # Ctrl-C, SIGTERM or SIGHUP: cli/group.py; 128 + 2, the number of SIGINT, as shells have it
