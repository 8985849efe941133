"""The options that several commands take. A group of options reaches its command as one frozen object."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline.cli.completion import complete_presets, complete_settings
from pipeline.cli.project import ProjectOptions, locate, settings_of_run
from pipeline.terminal.commands_as_typed import remember, remembered
from pipeline.workers.backends import BACKENDS, DEFAULT, Execution
from stages.presets import PRESETS

F = TypeVar("F", bound=Callable[..., Any])
Decorator = Callable[[F], F]


@dataclass(frozen=True, slots=True)
class OutputOptions:
    """What a run shows, and whether it runs at all."""

    dry_run: bool
    no_wait: bool
    quiet: bool
    as_json: bool

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is shown while it runs."""
        return self.quiet or self.as_json


def option_group(name: str, kind: Callable[..., Any], *options: Decorator[Any]) -> Decorator[Any]:
    """Return a decorator that adds ``options`` to a command and gives it their values as ``kind``, a dataclass."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass; mypy has no type for one

    def decorate(command: F) -> F:
        @wraps(command)
        def grouped(**values: Any) -> Any:
            return command(**{name: kind(**{each: values.pop(each) for each in names})}, **values)

        for option in reversed(options):
            grouped = option(grouped)
        return grouped  # type: ignore[return-value]  # wraps() keeps what click needs of it

    return decorate


# -C and --debug may come before the command or after it; the last one counts


def _remember(_: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value:
        remember(str(parameter.name), value)


class Folder(click.Path):
    """An existing folder. Click's own message would replace each byte of a name that is not UTF-8."""

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        if not os.path.lexists(value):
            self.fail(f"Directory '{os.fspath(value)}' does not exist.", param, ctx)
        return super().convert(value, param, ctx)


folder_option = click.option(
    "-C",
    "folder",
    type=Folder(exists=True, file_okay=False, path_type=Path),
    metavar="DIR",
    expose_value=False,
    callback=_remember,
    help="Work in this folder.  [default: the project that the current folder lies in]",
)
debug_option = click.option(
    "--debug", is_flag=True, expose_value=False, is_eager=True, callback=_remember, help="Show tracebacks."
)
preset_option = click.option(
    "--preset",
    metavar="NAME",
    shell_complete=complete_presets,
    help=f"Start from a named set of settings: {', '.join(PRESETS)}.",
)
set_option = click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="STAGE.KEY=VALUE",
    shell_complete=complete_settings,
    help="Change one setting; may be repeated.",
)
like_option = click.option(
    "--like",
    metavar="RUN",
    help="Start from the settings of an earlier run, and not from pipeline.toml: its number, or -1 for the last "
    "that is no trial of a sweep.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def project_options(command: F) -> F:
    """Add -C and --debug, which every command takes, and pass the project that they name as ``place``."""

    @wraps(command)
    def placed(**values: Any) -> Any:
        given: Path | None = remembered("folder")
        settings = {name: values.pop(name) for name in ("preset", "sets") if name in values}
        place, number = ProjectOptions(*locate(given), **settings), values.pop("like", None)
        if number is not None:
            place = replace(place, like=settings_of_run(place.artifacts, number))
        return command(place=place, **values)

    return folder_option(debug_option(placed))  # type: ignore[return-value]  # wraps() keeps what click needs of it


def settings_options(command: F) -> F:
    """Add --preset, --like and --set; they reach the command in its ``place``."""
    return preset_option(like_option(set_option(command)))


execution_options: Decorator[Any] = option_group(
    "execution",
    Execution,
    click.option(
        "--backend",
        type=click.Choice(list(BACKENDS)),
        default=DEFAULT,
        show_default=True,
        help=f"Do independent jobs {', or '.join(f'{each.summary} ({name})' for name, each in BACKENDS.items())}.",
    ),
    click.option(
        "--scheduler",
        metavar="ADDRESS",
        help="A Dask scheduler, tcp://host:port. Without it a cluster is started here.",
    ),
)


def output_options(*, dry_run: str, quiet: str) -> Decorator[Any]:
    """Add --dry-run, --no-wait, --quiet and --json, with help texts for two of them."""
    return option_group(
        "output",
        OutputOptions,
        click.option("--dry-run", is_flag=True, help=dry_run),
        click.option("--no-wait", is_flag=True, help="Fail at once if another pipeline is writing here."),
        click.option("--quiet", "-q", is_flag=True, help=quiet),
        json_option,
    )
