"""The files that a sweep leaves in sweeps/<its id>/: the table, the best settings, and a picture.

They are the user's own, like pipeline.toml: nothing reads them, and the same sweep writes the same files again.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Collection, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.config import Config, plain
from pipeline.errors import ConfigError, StoreError, disk_full, shortened
from pipeline.files.safe_files import replacing
from pipeline.planning.output_place import require_output
from pipeline.planning.project import Project
from pipeline.printable_text import readable, visible
from pipeline.stage import Stage
from pipeline.sweep.objective import Metric
from pipeline.sweep.results import TrialResult, best_of, metrics_text, result_data
from pipeline.sweep.trials import Sweep
from pipeline.write_toml import setting_text, toml_text

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FOLDER = "sweeps"
LOGARITHMIC_FROM = 20  # an axis is logarithmic if its largest value is at least so many times its smallest
LABEL = 40  # letters of a value at its axis
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#999999"  # safe for the colour-blind: Okabe and Ito


def require_new(project: Project, name: Path, base: Path, *, force: bool) -> Path:
    """Return the place for the best settings, relative to ``base``.

    Raises ConfigError if no file may be written there, or if one exists and ``force`` is not set.
    """
    path = require_output(project, name, base)
    if os.path.lexists(path) and not force:
        raise ConfigError(f"{path} exists", hint="another --output, or --force to write over it")
    return path


def sweep_folder(folder: Path, sweep: Sweep) -> Path:
    """Return the folder for a sweep's files; raises StoreError if something else has its place."""
    place = folder / FOLDER / sweep.id
    for each in (place.parent, place):
        if os.path.lexists(each) and (each.is_symlink() or not each.is_dir()):
            raise StoreError("something else stands where a folder should be", where=str(each), hint="move it away")
    return place


def write_files(
    folder: Path, stages: Sequence[Stage], sweep: Sweep, results: Sequence[TrialResult], output: Path | None
) -> dict[str, Path]:
    """Write the table, and if any trial succeeded the picture and the best settings; return the files by their kind.

    A single trial, which is compared with nothing, leaves no file but ``output``.
    """
    place = sweep_folder(folder, sweep)
    contents: dict[str, tuple[Path, str]] = {}
    if len(results) > 1:
        contents["table"] = place / "trials.csv", table(sweep, results)
    if best := best_of(results):
        comment = f"# trial {best.trial.number} of sweep {sweep.id}: {metrics_text(sweep, best)}\n"
        settings = comment + settings_toml(sweep.config(best.trial, sweep.rungs[best.rung]), stages, sweep.names)
        if len(results) > 1:
            contents["picture"] = place / "picture.svg", picture(sweep, results)
            contents["best"] = place / "best.toml", settings
        if output:
            contents["output"] = output, settings
    try:
        if len(results) > 1:
            place.mkdir(parents=True, exist_ok=True)
        for path, text in contents.values():
            with replacing(path) as file:
                file.write(readable(text).encode())
    except OSError as error:
        _, what_to_do = disk_full(error) or ("", "run the sweep again")
        hint = f"{what_to_do}; its trials are kept"
        where = str(error.filename or place)
        raise StoreError(f"cannot write what was found: {error.strerror}", where=where, hint=hint) from error
    return {kind: path for kind, (path, _) in contents.items()}


def settings_toml(config: Config, stages: Sequence[Stage], tried: Collection[str]) -> str:
    """Write settings as a pipeline.toml that needs no preset: all that were tried or differ from the defaults."""
    lines = []
    for stage in stages:
        defaults = plain(stage.parameters())
        changed = {
            key: value
            for key, value in config.values(stage.name).items()
            if f"{stage.name}.{key}" in tried or value != defaults[key]
        }
        if changed:
            lines += ["", f"[{stage.name}]"]
        for key, value in changed.items():
            if value is None and defaults[key] is None:
                lines.append(f"# {key} is left out: none, the default")
            elif value is None:  # which TOML cannot say
                lines.append(f"# also needed: --set {stage.name}.{key}=none")
            else:
                lines.append(f"{key} = {toml_text(value)}")
    return "\n".join(lines).lstrip("\n") + "\n"


def table(sweep: Sweep, results: Sequence[TrialResult]) -> str:
    """Return all trials as CSV, the best first."""
    best = best_of(results)
    metrics = [metric.name for metric in sweep.metrics]
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    budgets = [] if sweep.budget in sweep.names else [sweep.budget]
    others = ["within_noise_of_best", "seconds", "problem"]
    writer.writerow(["trial", *sweep.names, "outcome", *budgets, *metrics, "low", "high", *others])
    for result in results:
        data = result_data(sweep, result, best)
        low, high = result.interval or ("", "")
        writer.writerow(
            [
                result.trial.number,
                *(setting_text(value) for value in result.trial.settings.values()),
                data["outcome"],
                *(data[name] for name in budgets),
                *(data.get(name, "") for name in metrics),
                low,
                high,
                *(data[name] for name in others),
            ]
        )
    return text.getvalue()


def picture(sweep: Sweep, results: Sequence[TrialResult]) -> str:
    """Draw the objective against each setting that was tried, as SVG; trials that were stopped are hollow."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    metric = sweep.metrics[0]
    good = [result for result in results if not result.problem]
    n_columns = min(3, len(sweep.names))
    n_rows = -(-len(sweep.names) // n_columns)
    with mpl.rc_context(
        {
            "svg.hashsalt": sweep.id,  # the same sweep draws the same bytes
            "svg.fonttype": "none",
            "text.parse_math": False,  # a value with dollar signs is not a formula
        }
    ):
        figure = Figure(figsize=(4.2 * n_columns, 3.2 * n_rows), layout="constrained")
        FigureCanvasSVG(figure)
        for number, name in enumerate(sweep.names):
            axes = figure.add_subplot(n_rows, n_columns, number + 1)
            _draw_panel(axes, name, [result.trial.settings[name] for result in good], good, metric)
        legend = ["orange: the best", *(["hollow: stopped early"] if len(sweep.rungs) > 1 else [])]
        legend += ["lines: 95 % intervals"] if metric.interval else []
        figure.suptitle(f"{metric.name} of {len(good)} trials ({', '.join(legend)})", fontsize="medium")
        text = StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _draw_panel(axes: Axes, name: str, values: Sequence[Any], results: Sequence[TrialResult], metric: Metric) -> None:
    """Draw one setting: numbers along an axis, other values side by side. The best trial, the first, stands out."""
    is_numeric = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    if is_numeric:
        x = [float(value) for value in values]
        if min(x) > 0 and max(x) >= LOGARITHMIC_FROM * min(x):
            axes.set_xscale("log")
    else:
        labels = sorted({setting_text(value) for value in values})
        x = [float(labels.index(setting_text(value))) for value in values]
        axes.set_xticks(range(len(labels)), [visible(shortened(label, LABEL)) for label in labels])
        axes.margins(x=0.2)
    for place, result in reversed(list(zip(x, results, strict=True))):
        value = result.values[metric.name]
        colour = ORANGE if result is results[0] else BLUE if result.is_final else GREY
        if result.interval and metric.interval:
            axes.vlines(place, *result.interval, color=colour, linewidth=0.8, alpha=0.4)
        axes.plot(place, value, "o", color=colour, fillstyle="full" if result.is_final else "none", markersize=6)
    axes.set_xlabel(name)
    axes.set_ylabel(metric.name)
    axes.grid(alpha=0.3)
