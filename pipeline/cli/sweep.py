"""The command `pipeline sweep`: parses its words, calls, and prints."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli import common_options, execution_options, json_option, settings_options
from pipeline.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.config import Config


@click.command()
@click.argument("ranges", nargs=-1, metavar="[STAGE.KEY=RANGE]...")
@click.option("--grid", multiple=True, metavar="STAGE.KEY=V,V,...", help="Try each of these values; may be repeated.")
@click.option(
    "--random", "count", type=click.IntRange(min=1), metavar="N", help="Draw N times from every STAGE.KEY=RANGE."
)
@click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the draws.")
@click.option("--folds", type=click.IntRange(min=2), metavar="K", help="Judge by K folds, not by the validation rows.")
@click.option("--objective", metavar="MEASURE", help="What decides: accuracy, or else log_loss, a lower one.")
@click.option(
    "--halving", is_flag=True, help="Begin with short runs; only the best third goes on to three times as much."
)
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Write the best settings here too, say to pipeline.toml.",
)
@click.option("--force", is_flag=True, help="Let --output write over a file.")
@settings_options
@execution_options
@click.option("--dry-run", is_flag=True, help="List the trials, and run nothing.")
@click.option("--no-wait", is_flag=True, help="Fail at once if another pipeline is writing here.")
@click.option("--quiet", "-q", is_flag=True, help="Show no trial before the table.")
@json_option
@common_options
def sweep(
    folder: Path,
    ranges: tuple[str, ...],
    grid: tuple[str, ...],
    count: int | None,
    seed: int,
    folds: int | None,
    objective: str | None,
    output: Path | None,
    preset: str | None,
    sets: tuple[str, ...],
    backend: str,
    scheduler: str | None,
    *,
    halving: bool,
    force: bool,
    dry_run: bool,
    no_wait: bool,
    quiet: bool,
    as_json: bool,
) -> None:
    """Try settings, and say which are best.

    \b
    pipeline sweep --grid train.learning_rate=1e-3,3e-3 --grid train.hidden=[256,64],[512,128]
    pipeline sweep --random 30 train.learning_rate=log:1e-4..1e-2 train.dropout=0.0..0.5

    A RANGE is LOW..HIGH, log:LOW..HIGH, or V,V,... The artifacts stay as they are: --dry-run shows the trials,
    sweeps/ takes the table, a picture, and the best settings. The same sweep again does what is missing.
    """  # noqa: D301 - click takes the character itself: the next lines stay as they are
    from dataclasses import replace
    from functools import partial

    from pipeline import cli
    from pipeline.config import takes_fractions, toml_text
    from pipeline.sweep.files import require_new, write_files
    from pipeline.sweep.run_sweep import find_done, run_sweep
    from pipeline.sweep.search_space import combine, parse_choice, parse_random
    from pipeline.sweep.trials import best_of, make_sweep
    from pipeline.terminal import render
    from pipeline.terminal.sweep_view import SweepTerminal, print_results, print_trials, results_data, trials_data
    from pipeline.workers.local import Execution
    from stages import OBJECTIVE

    if bool(ranges) != (count is not None) or not (ranges or grid):
        raise ConfigError(
            "a sweep takes --grid STAGE.KEY=V,V,... or --random N and STAGE.KEY=RANGE",
            hint="for example pipeline sweep --random 30 train.learning_rate=log:1e-4..1e-2",
        )
    if folds is not None:
        sets = (*sets, f"{OBJECTIVE.folds}={folds}")
    if output is not None:
        output = folder / output
        require_new(output, force=force)
    project = replace(cli.load_project(folder, preset, sets), execution=Execution(backend, scheduler))

    def configure(settings: Mapping[str, Any]) -> Config:
        own = (f"{name}={toml_text(value)}" for name, value in settings.items())
        return cli.load_project(folder, preset, (*sets, *own)).config

    fractions = partial(takes_fractions, project.stages)
    space = [parse_choice(text) for text in grid], [parse_random(text, takes_fractions=fractions) for text in ranges]
    trials = combine(*space, count or 0, seed)
    planned = make_sweep(project, OBJECTIVE, trials, configure, objective=objective, halving=halving)
    if dry_run:
        done = find_done(project, planned)
        render.print_json(trials_data(planned, done)) if as_json else print_trials(planned, done)
        return
    screen = SweepTerminal(quiet=quiet or as_json)
    try:
        results = run_sweep(project, planned, screen, wait=not no_wait)
    except KeyboardInterrupt:
        render.notify(f"trials finished and kept: {screen.n_finished}; the same sweep goes on from there")
        raise
    files = write_files(folder, project.stages, planned, results, output)
    if as_json:
        render.print_json(results_data(planned, results, files))
    else:
        print_results(planned, results, files, screen.notices)
    if best_of(results) is None:
        raise click.exceptions.Exit(ExitCode.FAILED)
