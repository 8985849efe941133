"""Click's errors about the command line, turned into errors of this program."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from shlex import join, quote

import click

from pipeline.errors import ConfigError, close_matches, first_few, shortened

NEAR = 0.75  # from 0 to 1: how similar to an option's name a word must be to count as a mistyped one
NEGATIVE = re.compile(r"-\d+")
KINDS = {  # click's words for kinds of numbers, and ours
    "is not a valid integer range": "is not a whole number",
    "is not a valid integer": "is not a whole number",
    "is not a valid float": "is not a number",
}
UNREADABLE = "is not readable"  # click's words for a path that exists and may not be read


class TakesNegativeNumbers(click.Command):
    """A command whose arguments may be ``-1``. Click then ignores unknown options, so they are refused here."""

    ignore_unknown_options = True

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {name for param in self.get_params(ctx) for name in (*param.opts, *param.secondary_opts)}
        for word in [] if ctx.resilient_parsing else args[: [*args, "--"].index("--")]:
            name = word.partition("=")[0] if word.startswith("--") else word[:2]  # -C takes its value without a space
            if len(name) > 1 and name.startswith("-") and name not in known and not NEGATIVE.fullmatch(word):
                raise click.NoSuchOption(name, ctx=ctx)
        return super().parse_args(ctx, args)


@contextmanager
def click_errors_as_ours(ctx: click.Context | None = None, words: Sequence[str] = ()) -> Iterator[None]:
    """Raise click's errors as ConfigError with a hint.

    ``ctx`` is the group's context while a command is parsed; ``words`` is the command line while the group is parsed.
    """
    words = tuple(ctx.args if ctx else words)  # click empties the list
    try:
        yield
    except click.exceptions.NoArgsIsHelpError:  # it shows the help
        raise
    except click.UsageError as error:
        if isinstance(error, click.BadParameter) and error.message.rstrip(".").endswith(UNREADABLE):
            raise _unreadable(error) from error
        what = error.message if isinstance(error, click.NoSuchOption) else error.format_message()
        for words_of_click, ours in KINDS.items():
            what = what.replace(words_of_click, ours)
        raise ConfigError(what[:1].lower() + what[1:].removesuffix("."), hint=_hint(error, ctx, words)) from error


def _unreadable(error: click.BadParameter) -> ConfigError:
    """Return the error for a path that is there and may not be read."""
    path = re.sub(rf"^.*?'(.*)' {UNREADABLE}.*$", r"\1", error.message, flags=re.DOTALL)
    return ConfigError(f"you may not read '{path}'", where=path, hint=f"allow it: chmod u+r {quote(path)}")


def _hint(error: click.UsageError, group: click.Context | None, words: Sequence[str]) -> str:
    """Name the nearest option, what an option means, or the command's syntax; then where its help is."""
    if error.ctx is None:
        name = group.invoked_subcommand if group else None
        return f"see pipeline {name} --help" if name else "see pipeline --help"
    command, path = error.ctx.command, error.ctx.command_path
    if isinstance(command, click.Group) and isinstance(error, click.NoSuchOption):
        written = _with_command_first(error, error.ctx, command, words)
        return f"options of a command come after its name{written or f'; see {path} COMMAND --help'}"
    if isinstance(error, click.NoSuchOption):
        advice = _meant_by(error.option_name, error.ctx, words)
    elif isinstance(error, click.BadParameter) and isinstance(error.param, click.Option):
        name, is_folder = error.param.opts[0], isinstance(error.param.type, click.Path)
        advice = f"name a folder that is there: {name} DIR" if is_folder else f"{name}: {error.param.help or ''}"
        advice = advice.removesuffix(".")
    else:
        advice = "write " + " ".join([path, *command.collect_usage_pieces(error.ctx)])
    return f"{advice}{'' if advice.endswith('?') else ';'} see {path} --help"


def _with_command_first(error: click.NoSuchOption, ctx: click.Context, group: click.Group, words: Sequence[str]) -> str:
    """Write the same words with the command before its options; an empty text if no command has such an option."""
    for index, word in enumerate(words):
        command = group.get_command(ctx, word)
        if command and any(error.option_name in param.opts for param in command.params):
            return f": {shortened(join([ctx.command_path, *words[index:], *words[:index]]))}"
    return ""


def is_to_run(word: str) -> bool:
    """Whether a word names what ``pipeline run`` can run: a stage, or all of them."""
    from stages import STAGES

    return word in {"all", *(stage.name for stage in STAGES)}


def _meant_by(option: str, ctx: click.Context, words: Sequence[str]) -> str:
    """Say what an unknown option may be meant for: a stage, a setting, another option; or list the options."""
    from stages import STAGES

    params, name = {param.name: param for param in ctx.command.params}, option.lstrip("-")
    if "names" in params and is_to_run(name):
        return f"did you mean {ctx.command_path} {name}?"
    if ctx.parent and any(option in param.opts for param in ctx.parent.command.params):
        return f"{option} comes before the command: {ctx.parent.command_path} {option}"
    options = {each.lstrip("-"): each for param in params.values() for each in param.opts if each.startswith("-")}
    close = close_matches(name, options, cutoff=NEAR)
    settings = [(stage.name, key) for stage in STAGES for key in stage.parameters.__struct_fields__ if "sets" in params]
    keys = [key for _, key in settings]
    key = name.replace("-", "_").casefold()
    value = _value_of(option, words)
    meant = [key] if key in keys else close_matches(key, keys, cutoff=NEAR) if value and not close else []
    if meant:
        sets = [f"--set {stage}.{key}={value or 'VALUE'}" for stage, key in settings if key in meant]
        return f"did you mean {' or '.join(sets)}?"
    return f"did you mean '{options[close[0]]}'?" if close else f"options: {first_few(list(options.values()), 20)}"


def _value_of(option: str, words: Sequence[str]) -> str:
    """Return the value that was written after an option; an empty text if none was."""
    for word, after in zip(words, [*words[1:], ""], strict=True):
        name, equals, value = word.partition("=")
        if name == option and (value if equals else after and not after.startswith("--")):
            return shortened(value if equals else after)
    return ""
