"""The program `pipeline` itself: the list of its commands, and how every command ends."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Any, NoReturn, cast

import click

from pipeline.cli.options import debug_option, folder_option
from pipeline.cli.usage import click_errors_as_ours, is_to_run
from pipeline.errors import (
    SHOW_WHERE,
    ConfigError,
    PipelineError,
    nearest,
    no_thread,
    refused_by_system,
    shortage,
    shortened,
)
from pipeline.exit_codes import ExitCode

# name -> what runs it, imported when it is called or listed; the project adds its own in stages.COMMANDS
COMMANDS = {
    "run": "pipeline.cli.run:run",
    "status": "pipeline.cli.project_commands:status",
    "dag": "pipeline.cli.project_commands:dag",
    "config": "pipeline.cli.project_commands:config",
    "why": "pipeline.cli.artifact_commands:why",
    "verify": "pipeline.cli.artifact_commands:verify",
    "clean": "pipeline.cli.artifact_commands:clean",
    "runs": "pipeline.cli.history_commands:runs",
    "diff": "pipeline.cli.history_commands:diff",
    "sweep": "pipeline.cli.sweep:sweep",
}
# Commands that need little memory, or check the limit themselves, as a run does once it has work.
NO_MEMORY_WARNING = frozenset(COMMANDS) - {"verify"}


class Commands(click.Group):
    """The engine's commands and the project's own.

    Every command ends with an exit code and, if it fails, one block on standard error, never with a traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        from stages import COMMANDS as OF_STAGES

        return sorted([*COMMANDS, *OF_STAGES])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - click's signature
        from pipeline.stage import resolve
        from stages import COMMANDS as OF_STAGES

        reference = {**COMMANDS, **OF_STAGES}.get(cmd_name)
        return cast("click.Command", resolve(reference)) if reference else None

    def main(self, *args: Any, **extra: Any) -> Any:
        from pipeline.execution.signals import interruptible
        from pipeline.terminal.output import notify_error
        from pipeline.terminal.streams import use_streams

        is_program = use_streams()
        with interruptible(for_good=is_program):
            try:
                try:
                    return super().main(*args, obj=is_program, **extra)
                finally:
                    sys.stdout.flush()
            except PipelineError as error:  # a wrong word before the command, or standard output cannot be written to
                notify_error(error)
                sys.exit(error.exit_code)
            except BrokenPipeError:
                sys.exit(ExitCode.FAILED)
            except MemoryError:  # no memory was left to report the first one
                os.write(2, b"error: memory ran out\n")
                _exit_at_once(ExitCode.FAILED, is_program=is_program)

    def make_context(self, info_name: str | None, args: list[str], *more: Any, **extra: Any) -> click.Context:
        try:
            with click_errors_as_ours(words=args):
                return super().make_context(info_name, args, *more, **extra)
        except KeyboardInterrupt:
            raise click.exceptions.Exit(ExitCode.INTERRUPTED) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        is_unknown = not args[0].startswith("-") and self.get_command(ctx, args[0]) is None
        if is_unknown and not ctx.resilient_parsing:  # completion asks about half-typed words too
            known = nearest(args[0], self.list_commands(ctx), "commands")
            if args[0] in {"help", "version"}:
                known = f"did you mean {shortened(shlex.join([ctx.command_path, *args[1:], f'--{args[0]}']))}?"
            if is_to_run(args[0]):
                known = f"did you mean {shortened(shlex.join([ctx.command_path, 'run', *args]))}?"
            raise ConfigError(f"there is no command '{shortened(args[0])}'", hint=known)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        from pipeline.execution.signals import uninterrupted

        try:
            with click_errors_as_ours(ctx):
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except PipelineError as error:
            self._end(ctx, error.lines(), error.exit_code, error)
        except KeyboardInterrupt:
            what = "the last good artifacts are in place, and the same command takes up what was unfinished"
            with uninterrupted():
                if refused := no_thread():
                    self._end(ctx, refused.lines(), ExitCode.FAILED)
                self._end(ctx, [f"interrupted; {what}"], ExitCode.INTERRUPTED)
        except BrokenPipeError:
            ctx.exit(ExitCode.FAILED)
        except Exception as error:  # noqa: BLE001 - the last resort: a mistake of ours is shown as one block too
            what = f"this should not have happened: {type(error).__name__}: {error}"
            told = shortage(error) or refused_by_system(error) or PipelineError(what, hint=SHOW_WHERE)
            self._end(ctx, told.lines(), ExitCode.FAILED, error)

    @staticmethod
    def _end(ctx: click.Context, lines: Sequence[str], code: int, error: Exception | None = None) -> None:
        from pipeline.terminal.commands_as_typed import remembered
        from pipeline.terminal.output import notify

        if remembered("debug"):
            import traceback

            notify(*traceback.format_exc().splitlines())  # it quotes names from outside
        notify(f"error: {lines[0]}", *lines[1:])
        if error and shortage(error):
            _exit_at_once(code, is_program=ctx.find_root().obj)
        ctx.exit(code)


def _exit_at_once(code: int, *, is_program: bool) -> NoReturn:
    """End this process without clean-up: a library that got no memory may crash there, and change the exit code."""
    if is_program:
        sys.stdout.flush()
        os._exit(code)
    sys.exit(code)


@click.group(
    "pipeline", cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(None, "-V", "--version", package_name="digit-pipeline", prog_name="pipeline")
@folder_option
@debug_option
@click.pass_context
def main(ctx: click.Context) -> None:
    """From a Kaggle image CSV to a submission you can trust."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a terminal may be unable to show a label's letters
            stream.reconfigure(errors="backslashreplace")
    # The environment may set a backend and a style for matplotlib. The pictures made here use neither.
    os.environ.update(MPLBACKEND="svg", MATPLOTLIBRC=os.devnull)
    # Processes that are started from here must not import modules from the current folder.
    os.environ["PYTHONSAFEPATH"] = "1"
    if ctx.invoked_subcommand not in NO_MEMORY_WARNING:
        _warn_of_little_memory()


def _warn_of_little_memory() -> None:
    """Warn if the memory limit is so low that a library may end this process before an error can be shown."""
    from pipeline.execution.memory_limit import memory_notices
    from pipeline.terminal.output import notify_banner

    for notice in memory_notices(is_run=False):
        notify_banner(notice)
