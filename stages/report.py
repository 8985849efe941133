"""The report: one self-contained HTML page that shows what a network learned and where it errs.

It loads nothing from anywhere and holds no time, so the same run gives the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import math
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import jinja2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from stages.documents import Images, Metrics
from stages.report_page import STYLE, TEMPLATE

PICTURE_SIDE = 84  # the longer side of a picture, in CSS pixels


def render_report(
    *,
    metrics: Metrics,
    confusion: NDArray[np.int64],
    history: Mapping[str, Sequence[float]],
    X: NDArray[np.float32],
    P: NDArray[np.float32],
    actual: NDArray[np.int64],
    rows: NDArray[np.int64],
    images: Images,
    n_examples: int,
) -> str:
    """The page for validation images ``X`` (m, n_pixels) and what the network says of them, ``P`` (m, n_classes).

    ``actual`` (m,) are the right classes' indices, ``rows`` (m,) the images' numbers in train.parquet, and
    ``history`` the columns of history.parquet: of those, the ones that end in ``loss`` and ``accuracy`` are drawn.
    """
    labels = [each.label for each in metrics.per_class]
    scale = PICTURE_SIDE / max(images.height, images.width)
    mistakes = [
        {
            "picture": png_address(X[index].reshape(images.height, images.width)),
            "row": int(rows[index]),
            "label": labels[actual[index]],
            "predicted": labels[P[index].argmax()],
            "confidence": float(P[index].max()),
        }
        for index in worst_mistakes(P, actual, rows)[:n_examples]
    ]
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(TEMPLATE).render(
        metrics=metrics,
        images=images,
        style=Markup(STYLE),  # noqa: S704 - our own constant, not data
        policy=content_policy(STYLE),
        percent=lambda share: f"{100 * share:.2f} %",
        charts=[draw_chart(title, history, ending) for title, ending in (("Loss", "loss"), ("Accuracy", "accuracy"))],
        confusion=shade(confusion),
        mistakes=mistakes,
        picture_width=round(images.width * scale),
        picture_height=round(images.height * scale),
    )


def content_policy(style: str) -> str:
    """A content security policy that allows this very style sheet, pictures inside the page, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def worst_mistakes(P: NDArray[np.float32], actual: NDArray[np.int64], rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The positions of the wrong predictions, the surest first; equally sure ones by row number."""
    wrong = np.flatnonzero(P.argmax(axis=1) != actual)
    return wrong[np.lexsort((rows[wrong], -P[wrong].max(axis=1)))]


def png_address(image: NDArray[np.float32]) -> str:
    """A data: address of ``image`` (height, width), in [0, 1], as an 8-bit grey PNG (W3C, PNG specification)."""
    height, width = image.shape
    grey = np.rint(image * 255).astype(np.uint8)
    lines = np.insert(grey, 0, 0, axis=1).tobytes()  # each line starts with its filter: 0, none

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(png).decode()


def shade(confusion: NDArray[np.int64]) -> list[list[dict[str, Any]]]:
    """Each cell's count and the class of its colour: right ones by share of the line, wrong ones by the worst cell."""
    wrong = confusion - np.diag(np.diag(confusion))
    most_wrong, line_totals = max(int(wrong.max()), 1), confusion.sum(axis=1)

    def cell(line: int, column: int) -> dict[str, Any]:
        count = int(confusion[line, column])
        kind, whole = ("right", int(line_totals[line])) if line == column else ("wrong", most_wrong)
        return {"count": count, "shade": f"{kind}{math.ceil(10 * count / whole)}" if count else ""}

    return [[cell(line, column) for column in range(len(confusion))] for line in range(len(confusion))]


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark on an axis: where it lies in the drawing, and what it says."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Line:
    """A series as an SVG polyline, and where it ends."""

    name: str
    points: str
    last: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Chart:
    """Everything the template draws of one chart, in the drawing's own units."""

    title: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    width: ClassVar = 440
    height: ClassVar = 240
    left_edge: ClassVar = 50
    right_edge: ClassVar = 430
    bottom_edge: ClassVar = 214
    inner_width: ClassVar = 380
    inner_height: ClassVar = 190


def draw_chart(title: str, history: Mapping[str, Sequence[float]], ending: str) -> Chart:
    """A chart of the columns of ``history`` that end in ``ending``, over ``epoch``; what isn't finite is left out."""
    series = {
        name.removesuffix(ending).strip("_") or ending: np.asarray(values, dtype=np.float64)
        for name, values in history.items()
        if name.endswith(ending)
    }
    epochs = np.asarray(history["epoch"], dtype=np.float64)
    finite = [value for values in series.values() for value in values[np.isfinite(values)].tolist()]
    y_marks = round_marks(min(finite, default=0.0), max(finite, default=1.0))
    x_low, x_high = float(epochs.min()), float(epochs.max())

    def x_at(epoch: float) -> float:
        return round(Chart.left_edge + (epoch - x_low) / max(x_high - x_low, 1.0) * Chart.inner_width, 1)

    def y_at(value: float) -> float:
        return round(Chart.bottom_edge - (value - y_marks[0]) / (y_marks[-1] - y_marks[0]) * Chart.inner_height, 1)

    lines = []
    for name, values in series.items():
        seen = np.isfinite(values)
        points = [(x_at(x), y_at(y)) for x, y in zip(epochs[seen].tolist(), values[seen].tolist(), strict=True)]
        if points:
            lines.append(Line(name, " ".join(f"{x},{y}" for x, y in points), last=points[-1]))
    x_marks = epochs[np.unique(np.linspace(0, len(epochs) - 1, num=min(len(epochs), 6)).astype(int))]
    return Chart(
        title=title,
        lines=tuple(lines),
        x_ticks=tuple(Tick(x_at(mark), f"{mark:g}") for mark in x_marks.tolist()),
        y_ticks=tuple(Tick(y_at(mark), f"{mark:g}") for mark in y_marks),
    )


def round_marks(low: float, high: float) -> list[float]:
    """Three to eight round numbers at equal distances, the first at or below ``low``, the last at or above ``high``."""
    span = max(high - low, 1e-6 * max(abs(high), 1.0))
    power = 10.0 ** math.floor(math.log10(span / 4))
    step = next(factor * power for factor in (1, 2, 5, 10) if span / (factor * power) <= 5)
    first, last = math.floor(low / step), max(math.ceil(high / step), math.floor(low / step) + 1)
    return [round(index * step, 12) for index in range(first, last + 1)]
