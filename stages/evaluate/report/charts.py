"""The report's charts, drawn by matplotlib and put into the page as SVG elements.

Matplotlib writes style attributes, which the page's content policy forbids, and fixed colours, which suit either the
light or the dark page. So every drawing is read back: styles become plain attributes, and the colours used here become
the page's own. No text in a chart comes from the data.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any

from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, PercentFormatter, StrMethodFormatter

from pipeline.figures import percent
from stages.evaluate.report.calibration import Bin

FAINT, LINE, FIRST, SECOND = "#000001", "#000002", "#000003", "#000004"
PAGE_COLOURS = {
    FAINT: "var(--faint)",
    LINE: "var(--line)",
    FIRST: "var(--first)",
    SECOND: "var(--second)",
}
RULES = {
    "svg.fonttype": "none",  # text stays text
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.color": FAINT,
    "axes.edgecolor": LINE,
    "axes.labelcolor": FAINT,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": FAINT,
    "ytick.labelcolor": FAINT,
    "ytick.major.size": 0,
    "lines.linewidth": 1.8,
    "legend.frameon": False,
    "legend.labelcolor": FAINT,
    "figure.constrained_layout.use": True,
}
CURVES = {"train": (SECOND, "--"), "validation": (FIRST, "-"), "": (FIRST, "-")}  # by the rows that were measured
STYLED = re.compile(r"\s*([\w-]+)\s*:\s*([^;]+)")


def learning_curves(history: Mapping[str, Sequence[float]], kept: int | None) -> list[tuple[str, Markup]]:
    """Title and chart of each learning curve: loss, accuracy and learning rate.

    ``history`` are columns as in history.parquet; the epoch ``kept``, if any, is marked.
    """
    endings = {"Loss": "loss", "Accuracy": "accuracy", "Learning rate": "learning_rate"}
    return [(title, _curve(title, ending, history, kept)) for title, ending in endings.items()]


def _curve(title: str, ending: str, history: Mapping[str, Sequence[float]], kept: int | None) -> Markup:
    """One chart of the columns with this ending over the epochs. The marked epoch has a ring on each line of rows."""
    series = {name.removesuffix(ending).strip("_"): name for name in history if name.endswith(ending)}
    epochs = history["epoch"]
    with _our_style(title):
        figure = Figure(figsize=(3.5, 2.45))
        axes = figure.subplots()
        for rows, name in series.items():
            colour, dashes = CURVES[rows]
            marker = "o" if len(epochs) == 1 else None
            axes.plot(epochs, history[name], marker=marker, label=rows or None, color=colour, linestyle=dashes)
            if kept is not None and rows:
                at = history[name][epochs.index(kept)]
                axes.plot(kept, at, "o", markersize=7, markerfacecolor="none", markeredgecolor=colour)
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
        axes.set_xlabel("epoch")
        if title == "Accuracy":
            _percent(axes.yaxis)
        elif title == "Learning rate":
            axes.set_ylim(bottom=0)
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:.3g}"))
        if any(series):
            axes.legend(loc="best", handlelength=1.8)
        ends = ", ".join(f"{rows or title} {history[name][-1]:.4g}" for rows, name in series.items())
        return _inline(figure, f"{title} after every epoch; at the end: {ends}")


def reliability_chart(bins: tuple[Bin, ...], error: float) -> Markup:
    """Accuracy over confidence with its 95 % interval, bin by bin, and below it the number of rows in each bin."""
    with _our_style("reliability"):
        figure = Figure(figsize=(4.6, 4.3))
        upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        upper.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--")
        for each in bins:
            upper.plot([each.confidence] * 2, each.interval, color=FIRST, linewidth=1.2, alpha=0.55)
        upper.plot([each.confidence for each in bins], [each.accuracy for each in bins], "o", color=FIRST, markersize=5)
        upper.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), ylabel="accuracy")
        lower.bar(
            [(each.low + each.high) / 2 for each in bins],
            [each.n_rows for each in bins],
            width=[0.9 * (each.high - each.low) for each in bins],
            color=FIRST,
        )
        lower.set_yscale("log")
        lower.set_ylim(bottom=0.7)
        lower.set(xlabel="confidence", ylabel="rows")
        for axes in (upper, lower):
            _percent(axes.xaxis)
        _percent(upper.yaxis)
        lower.yaxis.set_major_locator(LogLocator(numticks=4))
        lower.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        lower.minorticks_off()
        return _inline(figure, f"Reliability curve; the expected calibration error is {percent(error)}")


def _percent(axis: Any) -> None:
    axis.set_major_formatter(PercentFormatter(1, symbol=" %"))


def _our_style(salt: str) -> Any:
    """Matplotlib's default style with our rules. A matplotlibrc is ignored, and the salt makes ids repeatable."""
    return style.context(["default", RULES | {"svg.hashsalt": salt}])


def _inline(figure: Figure, description: str) -> Markup:
    """``figure`` as an SVG element for the page; screen readers read the ``description``."""
    file = StringIO()
    nothing: dict[str, Any] = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(file, format="svg", transparent=True, metadata=nothing)
    root = ET.fromstring(file.getvalue().encode())  # noqa: S314 - matplotlib has just written it
    used = set(re.findall(r"#([\w-]+)", " ".join(value for part in root.iter() for value in part.attrib.values())))
    for part in list(root.iter()):
        for child in [child for child in part if child.tag.endswith(("}style", "}metadata"))]:
            part.remove(child)
        part.tag = part.tag.rpartition("}")[2]
        attributes = {name.rpartition("}")[2]: value for name, value in part.attrib.items()}
        attributes |= dict(STYLED.findall(attributes.pop("style", "")))
        if font := attributes.pop("font", ""):
            attributes["font-size"] = font.partition("px")[0].split()[-1]
        if attributes.get("id") not in used:
            attributes.pop("id", None)
        part.attrib.clear()
        part.attrib.update({name: PAGE_COLOURS.get(value, value) for name, value in attributes.items()})
    width, height = (round(float(value)) for value in root.attrib["viewBox"].split()[2:])
    kept = {"viewBox": root.attrib["viewBox"], "width": str(width), "height": str(height)}
    root.attrib.clear()
    root.attrib.update({**kept, "role": "img", "aria-label": description})
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - our own drawing, not data
