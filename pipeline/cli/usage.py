"""Wrong words of the command line, which click finds, told as every other error is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from pipeline.errors import ConfigError, nearest


@contextmanager
def told_as_ours(ctx: click.Context | None = None) -> Iterator[None]:
    """Raise click's errors as ConfigError with a hint; ``ctx`` is that of the group whose command is read."""
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # it shows the help
        raise
    except click.UsageError as error:
        what = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
        raise ConfigError(what[:1].lower() + what[1:].removesuffix("."), hint=_hint(error, ctx)) from error


def _hint(error: click.UsageError, group: click.Context | None) -> str:
    """Name the nearest option, what an option means, or how the command is written, and where its help is."""
    if error.ctx is None:
        name = group.invoked_subcommand if group else None
        return f"see pipeline {name} --help" if name else "see pipeline --help"
    command, path = error.ctx.command, error.ctx.command_path
    if isinstance(command, click.Group) and isinstance(error, click.NoSuchOption):
        return f"options of a command stand behind its name; see {path} COMMAND --help"
    if isinstance(error, click.NoSuchOption):
        options = [name for option in command.params for name in option.opts if name.startswith("-")]
        advice = nearest(error.option_name, options, "options")
    elif isinstance(error, click.BadParameter) and isinstance(error.param, click.Option):
        advice = f"{error.param.opts[0]}: {error.param.help or ''}".removesuffix(".")
    else:
        advice = "write " + " ".join([path, *command.collect_usage_pieces(error.ctx)])
    return f"{advice}{'' if advice.endswith('?') else ';'} see {path} --help"
