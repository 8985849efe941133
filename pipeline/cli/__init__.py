"""The commands: each parses its words, calls the engine, and prints. Nothing is decided here."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from dataclasses import replace
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from pipeline.errors import ConfigError, ExitCode, PipelineError, nearest

if TYPE_CHECKING:
    from pipeline.planning.snapshot import Project

ARTIFACTS = "artifacts"
F = TypeVar("F", bound=Callable[..., Any])


OWN = {"sweep": "pipeline.cli.sweep:sweep"}  # the engine's commands that stand in files of their own


class Commands(click.Group):
    """The engine's commands and the project's own, which are imported when they are called or listed.

    Every command ends with an exit code and, if it fails, one block on standard error, never with a traceback.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        from stages import COMMANDS

        return sorted([*super().list_commands(ctx), *OWN, *COMMANDS])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command = super().get_command(ctx, cmd_name)
        if command is None:
            from pipeline.stage import resolve
            from stages import COMMANDS

            reference = {**OWN, **COMMANDS}.get(cmd_name)
            command = cast("click.Command", resolve(reference)) if reference else None
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            known = nearest(args[0], self.list_commands(ctx), "commands")
            raise ConfigError(f"there is no command '{args[0]}'", hint=known)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        from pipeline.execution.signals import interruptible

        try:
            with interruptible():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except PipelineError as error:
            self._end(ctx, str(error), error.exit_code)
        except KeyboardInterrupt:
            what = "the last good artifacts are in place, and the same command takes up what was unfinished"
            self._end(ctx, f"interrupted; {what}", ExitCode.INTERRUPTED)
        except BrokenPipeError:
            ctx.exit(ExitCode.FAILED)
        except Exception as error:  # noqa: BLE001 - the last resort: a mistake of ours is told in one block too
            what = f"{type(error).__name__}: {error}"
            self._end(
                ctx, f"this should not have happened: {what}\n  hint:  run it again with --debug", ExitCode.FAILED
            )

    @staticmethod
    def _end(ctx: click.Context, text: str, code: int) -> None:
        from pipeline.terminal.render import notify

        if ctx.meta.get("debug"):
            traceback.print_exc()
        notify(f"error: {text}")
        ctx.exit(code)


def common_options(command: F) -> F:
    """Add what every command takes: -C and --debug."""

    def remember(ctx: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
        ctx.meta["debug"] = value

    folder = click.option(
        "-C",
        "folder",
        type=click.Path(exists=True, file_okay=False, path_type=Path),
        default=".",
        metavar="DIR",
        help="Work in this folder.",
    )
    debug = click.option(
        "--debug", is_flag=True, expose_value=False, is_eager=True, callback=remember, help="Show tracebacks."
    )
    return folder(debug(command))


def settings_options(command: F) -> F:
    """Add --preset and --set."""
    preset = click.option("--preset", metavar="NAME", help="Start from a named set of settings.")
    sets = click.option("--set", "sets", multiple=True, metavar="STAGE.KEY=VALUE", help="Change one setting.")
    return preset(sets(command))


json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def selection_options(command: F) -> F:
    """Add what chooses the stages to run."""
    options = (
        click.option("--only", is_flag=True, help="Only the named stages, on the artifacts that lie there."),
        click.option("--force", is_flag=True, help="Run the named stages even if they are fresh."),
        click.option("--from", "first", metavar="STAGE", help="Leave what comes before this stage as it is."),
        click.option("--to", "last", metavar="STAGE", help="Leave what comes after this stage as it is."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def execution_options(command: F) -> F:
    """Add where independent jobs, such as an ensemble's members, are done."""
    options = (
        click.option(
            "--backend",
            type=click.Choice(["local", "dask"]),
            default="local",
            show_default=True,
            help="Train members in processes here, or on Dask.",
        ),
        click.option(
            "--scheduler", metavar="ADDRESS", help="Of a Dask cluster, tcp://host:port; else one is started here."
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


def load_project(folder: Path, preset: str | None = None, sets: tuple[str, ...] = ()) -> Project:
    """Bring the stages, the settings and the artifacts of a working folder together."""
    from pipeline.config import load_config
    from pipeline.fingerprint.parse_cache import CodeMemory
    from pipeline.planning.snapshot import CODE_MEMORY, Project
    from pipeline.store.store import Store
    from stages import STAGES
    from stages.presets import PRESETS

    config = load_config(STAGES, PRESETS, folder, preset=preset, sets=sets, environment=os.environ)
    store = Store(folder / ARTIFACTS)
    return Project(folder, STAGES, config, store, CodeMemory(store.recall(CODE_MEMORY)))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="digit-pipeline", prog_name="pipeline")
def main() -> None:
    """From a Kaggle image CSV to a submission you can trust."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a label in letters that a terminal lacks is no reason to fail
            stream.reconfigure(errors="backslashreplace")
    # What a notebook or a machine's own style tells matplotlib is meant for other pictures, and may be none of ours.
    os.environ.update(MPLBACKEND="svg", MATPLOTLIBRC=os.devnull)


@main.command()
@click.argument("stages", nargs=-1, required=True, metavar="all|STAGE...")
@selection_options
@settings_options
@click.option("--dry-run", is_flag=True, help="Show what would run and why, and run nothing.")
@click.option("--no-wait", is_flag=True, help="Fail at once if another pipeline is writing here.")
@click.option("--quiet", "-q", is_flag=True, help="Show nothing but warnings and errors.")
@execution_options
@json_option
@common_options
def run(
    folder: Path,
    stages: tuple[str, ...],
    preset: str | None,
    sets: tuple[str, ...],
    *,
    only: bool,
    force: bool,
    first: str | None,
    last: str | None,
    dry_run: bool,
    no_wait: bool,
    quiet: bool,
    backend: str,
    scheduler: str | None,
    as_json: bool,
) -> None:
    """Bring stages up to date, and first what they depend on."""
    from pipeline.execution.run import run as run_stages
    from pipeline.planning.plan import make_plan, select
    from pipeline.planning.snapshot import take_snapshot
    from pipeline.terminal import render
    from pipeline.terminal.progress import Terminal
    from pipeline.workers.local import Execution

    project = replace(load_project(folder, preset, sets), execution=Execution(backend, scheduler))
    selection = select(project.stages, stages, only=only, force=force, first=first, last=last)
    if dry_run:
        plan = make_plan(take_snapshot(project, selection.stages), selection)
        render.print_json(render.plan_data(plan)) if as_json else render.print_plan(plan)
        return
    with Terminal(quiet=quiet or as_json) as terminal:
        result = run_stages(project, selection, terminal, wait=not no_wait)
    if as_json:
        render.print_json(render.result_data(result, ARTIFACTS))
    else:
        render.print_result(result, project.stages, str(folder / ARTIFACTS), quiet=quiet)


@main.command()
@settings_options
@click.option("--check", is_flag=True, help="Exit with 3 if a run would do anything.")
@json_option
@common_options
def status(folder: Path, preset: str | None, sets: tuple[str, ...], *, check: bool, as_json: bool) -> None:
    """Show what is fresh, what is stale, and why."""
    from pipeline.planning.plan import make_plan, select
    from pipeline.planning.snapshot import take_snapshot
    from pipeline.store.lock import current_writer
    from pipeline.terminal import render

    project = load_project(folder, preset, sets)
    selection = select(project.stages, ["all"])
    plan = make_plan(take_snapshot(project, selection.stages), selection)
    render.print_json(render.plan_data(plan)) if as_json else render.print_plan(plan)
    if writer := current_writer(project.store.lock_path):
        render.notify(f"a pipeline is writing here: {writer}")
    if check and plan.stale:
        raise click.exceptions.Exit(ExitCode.STALE)


@main.command()
@json_option
@common_options
def dag(folder: Path, *, as_json: bool) -> None:
    """Show the stages, what they read and what they write."""
    from pipeline.terminal import render

    project = load_project(folder)
    render.print_json(render.dag_data(project.stages)) if as_json else render.print_dag(project.stages)


@main.command()
@settings_options
@json_option
@common_options
def config(folder: Path, preset: str | None, sets: tuple[str, ...], *, as_json: bool) -> None:
    """Show every setting and where its value comes from."""
    from pipeline.terminal import render

    project = load_project(folder, preset, sets)
    if as_json:
        render.print_json(render.config_data(project.config))
    else:
        render.print_config(project.config, project.stages)


@main.command()
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@common_options
def why(folder: Path, path: Path, *, as_json: bool) -> None:
    """Show how an artifact came to be, down to the raw files."""
    from pipeline.history.why import step_data, trace
    from pipeline.terminal import render

    steps = trace(load_project(folder), path)
    render.print_json([step_data(step) for step in steps]) if as_json else render.print_steps(steps)


@main.command()
@click.option("--rerun", is_flag=True, help="Repeat the stages in a scratch folder and compare.")
@json_option
@common_options
def verify(folder: Path, *, rerun: bool, as_json: bool) -> None:
    """Check every receipt, file and schema in the artifacts folder."""
    from dataclasses import asdict

    from pipeline.history.verify import verify as check
    from pipeline.history.verify import verify_by_rerun
    from pipeline.terminal import render
    from pipeline.terminal.progress import Terminal

    project = load_project(folder)
    findings = list(check(project))
    if rerun and not any(finding.problem for finding in findings):
        with Terminal(quiet=True) as terminal:
            findings += verify_by_rerun(project, terminal)
    render.print_json([asdict(item) for item in findings]) if as_json else render.print_findings(findings)
    if any(finding.problem for finding in findings):
        raise click.exceptions.Exit(ExitCode.FAILED)


@main.command()
@json_option
@common_options
def runs(folder: Path, *, as_json: bool) -> None:
    """List the runs, with their settings and figures."""
    from dataclasses import asdict

    from pipeline.store.run_log import read_runs
    from pipeline.terminal import render

    found = read_runs(folder / ARTIFACTS)
    render.print_json([asdict(run) for run in found]) if as_json else render.print_runs(found)


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("first", metavar="RUN")
@click.argument("second", metavar="RUN")
@json_option
@common_options
def diff(folder: Path, first: str, second: str, *, as_json: bool) -> None:
    """Show in what two runs differ: by number, or -1 for the last."""
    from dataclasses import asdict

    from pipeline.history.diff import compare
    from pipeline.store.run_log import find_run, read_runs
    from pipeline.terminal import render

    store = load_project(folder).store
    found = read_runs(store.root)
    differences = compare(find_run(found, first), find_run(found, second), store.code_of)
    render.print_json([asdict(item) for item in differences]) if as_json else render.print_differences(differences)


@main.command()
@click.option("--keep", default=3, show_default=True, type=click.IntRange(min=0), help="Results to keep of each stage.")
@click.option("--yes", is_flag=True, help="Remove them.")
@json_option
@common_options
def clean(folder: Path, keep: int, *, yes: bool, as_json: bool) -> None:
    """Remove earlier results; without --yes, show which.

    A current result is never among them.
    """
    from pipeline.store.clean import clean as remove
    from pipeline.terminal import render

    project = load_project(folder)
    found = remove(project.store, project.stages, keep, remove=yes, notify=render.notify)
    if as_json:
        render.print_json([{"path": str(path), "bytes": size, "removed": yes} for path, size in found])
    else:
        render.print_disposable(found, keep, done=yes)


if __name__ == "__main__":
    main()
