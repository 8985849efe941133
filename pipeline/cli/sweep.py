"""The command `pipeline sweep`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.completion import complete_objectives, complete_settings
from pipeline.cli.options import (
    OutputOptions,
    execution_options,
    option_group,
    output_options,
    project_options,
    settings_options,
)
from pipeline.errors import ConfigError
from pipeline.exit_codes import ExitCode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pipeline.cli.project import ProjectOptions
    from pipeline.config import Config
    from pipeline.workers.backends import Execution


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What to try, how it is judged, and where the best settings go."""

    ranges: tuple[str, ...]
    grid: tuple[str, ...]
    count: int | None
    seed: int
    folds: int | None
    objective: str | None
    halving: bool
    best: Path | None
    force: bool

    def __post_init__(self) -> None:
        if bool(self.ranges) != (self.count is not None) or not (self.ranges or self.grid):
            raise ConfigError(
                "a sweep takes --grid STAGE.KEY=V,V,... or --random N and STAGE.KEY=RANGE",
                hint="for example pipeline sweep --random 30 train.learning_rate=log:1e-4..1e-2",
            )


sweep_options = option_group(
    "options",
    SweepOptions,
    click.argument("ranges", nargs=-1, metavar="[STAGE.KEY=RANGE]...", shell_complete=complete_settings),
    click.option(
        "--grid",
        multiple=True,
        metavar="STAGE.KEY=V,V,...",
        shell_complete=complete_settings,
        help="Try each of these values; may be repeated.",
    ),
    click.option(
        "--random", "count", type=click.IntRange(min=1), metavar="N", help="Draw N times from every STAGE.KEY=RANGE."
    ),
    click.option("--seed", default=0, show_default=True, type=click.IntRange(min=0), help="Seed of the draws."),
    click.option(
        "--folds",
        type=click.IntRange(min=2),
        metavar="K",
        help="Judge trials by K folds instead of the validation rows.",
    ),
    click.option(
        "--objective",
        metavar="METRIC",
        shell_complete=complete_objectives,
        help="The metric that decides, in place of the first one.",
    ),
    click.option(
        "--halving",
        is_flag=True,
        help="Begin with short runs; the best third of them goes on to runs three times as long, and so on.",
    ),
    click.option(
        "--output",
        "-o",
        "best",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="Write the best settings into this file too, for example pipeline.toml.",
    ),
    click.option("--force", is_flag=True, help="Let --output replace a file."),
)


@click.command()
@sweep_options
@settings_options
@execution_options
@output_options(dry_run="List the trials, and run nothing.", quiet="Show nothing before the table.")
@project_options
def sweep(place: ProjectOptions, options: SweepOptions, execution: Execution, output: OutputOptions) -> None:
    """Try settings, and show which are best.

    \b
    pipeline sweep --grid train.learning_rate=1e-3,3e-3 --grid 'train.hidden=[256,64],[512,128]'
    pipeline sweep --random 30 train.learning_rate=log:1e-4..1e-2 train.dropout=0.0..0.5

    A RANGE is LOW..HIGH, log:LOW..HIGH, or V,V,... The table, a picture and the best settings are written below
    sweeps/; the artifacts stay as they are. The same sweep again runs only what is missing.
    """  # noqa: D301 - click takes the character itself: the next lines stay as they are
    from pipeline.config import takes_fractions
    from pipeline.sweep.results import best_of
    from pipeline.sweep.run_sweep import find_done, run_sweep
    from pipeline.sweep.search_space import combine, parse_choice, parse_random
    from pipeline.sweep.sweep_files import require_new, sweep_folder, write_files
    from pipeline.sweep.trials import make_sweep
    from pipeline.terminal.output import notify, print_json
    from pipeline.terminal.sweep_view import SweepTerminal, print_results, print_trials, results_data, trials_data
    from pipeline.write_toml import toml_text
    from stages import OBJECTIVE

    if options.folds is not None:
        place = replace(place, sets=(*place.sets, f"{OBJECTIVE.folds}={options.folds}"))
    project = replace(place.load(), execution=execution)
    best = require_new(project, options.best, place.base, force=options.force) if options.best else None

    def configure(settings: Mapping[str, Any]) -> Config:
        return place.load(*(f"{name}={toml_text(value)}" for name, value in settings.items())).config

    fractions = partial(takes_fractions, project.stages)
    grid = [parse_choice(text) for text in options.grid]
    ranges = [parse_random(text, takes_fractions=fractions) for text in options.ranges]
    trials = combine(grid, ranges, options.count or 0, options.seed)
    planned = make_sweep(project, OBJECTIVE, trials, configure, metric=options.objective, halving=options.halving)
    if output.dry_run:
        done = find_done(project, planned)
        print_json(trials_data(planned, done)) if output.as_json else print_trials(planned, done)
        return
    sweep_folder(place.folder, planned)  # refuses a link in its place before anything runs
    screen = SweepTerminal(quiet=output.is_quiet)
    try:
        results = run_sweep(project, planned, screen, wait=not output.no_wait)
    except KeyboardInterrupt:
        notify(f"trials finished and kept: {screen.n_finished}; the same sweep goes on from there")
        raise
    files = write_files(place.folder, project.stages, planned, results, best)
    if output.as_json:
        print_json(results_data(planned, results, files))
    else:
        print_results(planned, results, files, () if output.quiet else screen.notices)
    if best_of(results) is None:
        raise click.exceptions.Exit(ExitCode.FAILED)
