"""The report in a real browser: it loads nothing, shows what was measured, fits every screen, knows drawn digits."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from every_layer import ARCHITECTURES, DESKEWS, HEIGHT, WIDTH, made_network
from made_report import make_findings, with_largest_pixel

from stages.evaluate.report import page as page_module
from stages.evaluate.report.canvas_network import FULL, drawing_model
from stages.evaluate.report.findings import Findings
from stages.evaluate.report.page import render
from stages.mlp import Architecture, load, predict_proba
from stages.train.images_of_model import images_of
from stages.train.predictor import Predictor

pytestmark = pytest.mark.browser

ZERO = [(0.5 + 0.2 * math.sin(turn / 12 * math.tau), 0.5 - 0.33 * math.cos(turn / 12 * math.tau)) for turn in range(13)]
ONE = [(0.52, 0.14), (0.48, 0.86)]
SEVEN = [(0.28, 0.2), (0.72, 0.2), (0.45, 0.85)]


def normal(text: str) -> str:
    """Text with plain spaces."""
    return " ".join(text.split())


def write_page(folder: Path, **findings: Any) -> tuple[Path, Any]:
    """A page about made findings, and these."""
    made = make_findings(**findings)
    path = folder / "report.html"
    path.write_text(render(made))
    return path, made


def test_the_page_asks_for_nothing_complains_of_nothing_and_shows_every_picture(finished: Path, open_page: Any) -> None:
    path = finished / "evaluate/report.html"
    tab = open_page(path)
    tab.draw(ZERO)
    assert {address for address in tab.requests if not address.startswith("data:image/png")} == {path.as_uri()}
    assert tab.complaints == []
    sizes = tab.page.evaluate(
        """() => [...document.querySelectorAll("img, svg, canvas")].map((each) => {
             const {width, height} = each.getBoundingClientRect();
             return [width, height, each.tagName === "IMG" ? each.naturalWidth : 1];
           })"""
    )
    assert len(sizes) > 100
    assert min(min(size) for size in sizes) > 0


@pytest.mark.parametrize("width", [360, 390, 500])
def test_every_column_about_the_classes_is_seen_on_a_phone(tmp_path: Path, open_page: Any, width: int) -> None:
    page = open_page(write_page(tmp_path, classes=tuple(range(10)))[0], width=width).page
    left = page.evaluate(
        """() => {
             const table = document.querySelector("#classes ~ .wide table");
             for (const row of table.tBodies[0].rows) {
               row.cells[1].textContent = row.cells[2].textContent = "4,684";
               [3, 4, 5].forEach((column) => { row.cells[column].textContent = "100.00\u00a0%"; });
             }
             return table.parentElement.clientWidth - table.scrollWidth;
           }"""
    )
    assert left >= 0


def test_the_figures_are_those_of_the_metrics(finished: Path, open_page: Any) -> None:
    metrics = json.loads((finished / "evaluate/metrics.json").read_text())
    page = open_page(finished / "evaluate/report.html").page
    assert normal(page.locator(".headline").inner_text()) == f"{100 * metrics['accuracy']:.2f} %"
    tiles = dict(zip(page.locator("dt").all_inner_texts(), page.locator("dd").all_inner_texts(), strict=True))
    low, high = metrics["accuracy_interval"]
    assert normal(tiles["95\N{NO-BREAK SPACE}% interval (Wilson)"]) == f"{100 * low:.2f} % to {100 * high:.2f} %"
    assert int(tiles["errors"]) == metrics["n_errors"]
    assert tiles["log loss"] == f"{metrics['log_loss']:.4f}"
    assert normal(tiles["mean F1"]) == f"{100 * metrics['macro_f1']:.2f} %"
    lines = page.locator("#classes ~ .wide tbody tr").all_inner_texts()
    shown = [[normal(cell) for cell in line.split("\t")] for line in lines]
    assert [[line[0], *line[2:]] for line in shown] == [
        [
            str(each["label"]),
            str(each["n_rows"]),
            *(f"{100 * each[name]:.2f} %" for name in ("precision", "recall", "f1")),
        ]
        for each in metrics["per_class"]
    ]
    confusion = page.locator(".confusion").first.locator("tbody tr").all_inner_texts()
    written = (finished / "evaluate/confusion.csv").read_text().splitlines()[1:]
    assert [normal(line).replace("·", "0").split() for line in confusion] == [line.split(",") for line in written]


@pytest.mark.usefixtures("no_charts")
def test_many_classes_with_long_names_fit_too(tmp_path: Path, open_page: Any) -> None:
    names = tuple(f"{letter}-{'unbroken' * 5}" for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    tab = open_page(write_page(tmp_path, classes=names, source="folder/" * 30 + "x" * 200)[0], width=390)
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= 390
    assert tab.draw(ONE) in names


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_every_window(finished: Path, open_page: Any, scheme: str) -> None:
    page = open_page(finished / "evaluate/report.html", color_scheme=scheme).page
    for width in (360, 390, 768, 1280):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    ink, ground = (
        page.evaluate(f"getComputedStyle(document.body).{name}.match(/\\d+/g).map(Number)")
        for name in ("color", "backgroundColor")
    )
    assert (sum(ground) > sum(ink)) == (scheme == "light")


def test_the_page_fits_paper_and_leaves_out_what_paper_cannot_do(finished: Path, open_page: Any) -> None:
    page = open_page(finished / "evaluate/report.html", width=700, color_scheme="dark").page
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 700
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not page.locator("#drawing").is_visible()
    assert page.locator(".headline").is_visible()
    pdf = page.pdf(format="A4")
    assert pdf.startswith(b"%PDF")


def test_digits_drawn_with_the_mouse_are_recognised(finished: Path, open_page: Any) -> None:
    tab = open_page(finished / "evaluate/report.html")
    for digit, stroke in ((0, ZERO), (1, ONE), (7, SEVEN)):
        assert tab.draw(stroke) == str(digit)
        percents = [float(text.removesuffix(" %")) for text in tab.page.locator("#bars .percent").all_inner_texts()]
        assert len(percents) == 10
        assert sum(percents) == pytest.approx(100, abs=0.6)
        assert percents.index(max(percents)) == digit
        tab.page.click("#clear")
        assert tab.answer() == ""
        assert set(tab.page.locator("#bars .percent").all_inner_texts()) == {""}


def test_a_small_digit_in_a_corner_drawn_with_a_finger_is_seen_in_the_middle(finished: Path, open_page: Any) -> None:
    tab = open_page(finished / "evaluate/report.html", width=390, has_touch=True, is_mobile=True)
    canvas = tab.page.locator("#drawing")
    canvas.scroll_into_view_if_needed()
    before, box = tab.page.evaluate("scrollY"), canvas.bounding_box()
    points = [(box["x"] + box["width"] * (0.5 + x / 2), box["y"] + box["height"] * y / 2) for x, y in SEVEN]
    fingers = tab.page.context.new_cdp_session(tab.page)
    for kind, point in [("touchStart", points[0]), *(("touchMove", point) for point in points[1:]), ("touchEnd", None)]:
        touches = [{"x": point[0], "y": point[1]}] if point else []
        fingers.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})
    assert tab.answer() == "7"
    assert tab.page.evaluate("scrollY") == before
    seen = tab.page.evaluate(
        """() => {
             const seen = document.getElementById("seen");
             const {data} = seen.getContext("2d").getImageData(0, 0, seen.width, seen.height);
             return [...data].filter((_, i) => i % 4 === 0);
           }"""
    )
    image = np.array(seen).reshape(8, 8)
    assert image[[0, -1]].max(axis=1).min() > 60  # from the top to the bottom, as the sample's images are


def forward(page: Any, X: np.ndarray) -> np.ndarray:
    """What the script of a report makes of rows."""
    return np.array(page.evaluate("(rows) => rows.map((row) => predict(row))", X.tolist()))


def test_the_script_says_what_numpy_says_of_200_rows(finished: Path, open_page: Any) -> None:
    X = np.load(finished / "split/X_train.npy")[:200]
    P = forward(open_page(finished / "evaluate/report.html").page, X)
    np.testing.assert_allclose(P, predict_proba(load(finished / "train/model.npz"), X), atol=1e-4)


def assert_script_agrees(script: Any, findings: Findings) -> None:
    """The script, with the networks as the page holds them, says what NumPy says of the findings' rows."""
    X = findings.predictions.rows.X.astype(np.float64)  # so a slant is measured in double precision, as in the script
    members = range(len(findings.networks))
    P = Predictor(findings.networks, images_of(findings.networks)).each(X, members).mean(axis=0)
    assert P.std(axis=0).min() > 0.002  # else any constant would do
    model = drawing_model(findings, FULL, largest=100_000)
    found = script.evaluate("([model, rows]) => rows.map(makePredictor(model))", [model, X.tolist()])
    np.testing.assert_allclose(np.array(found), P, atol=1e-5)


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_script_agrees_for_every_layer(script: Any, architecture: Architecture) -> None:
    made = make_findings(tuple(range(architecture.n_classes)), HEIGHT, WIDTH)
    assert_script_agrees(script, replace(made, networks=(made_network(architecture),)))


@pytest.mark.parametrize(
    "changes",
    [
        {"n_networks": 3, "dtype": "float64"},
        *({"deskew": name, "height": 12, "width": 9} for name in DESKEWS),
        {"deskew": "slant_and_width", "height": 9, "width": 12},
        {"filters": (4, 6), "kernel": 3, "height": 12, "width": 9},
        {"filters": (4, 6), "kernel": 3, "stride": 1, "height": 7, "width": 9, "activation": "gelu", "n_networks": 2},
        {"filters": (5,), "kernel": 4, "height": 3, "width": 8, "hidden": (), "classes": ("no", "yes")},
        {"filters": (4, 3), "kernel": (5, 3), "stride": (2, 1), "height": 9, "width": 6},
        {"filters": (3,), "kernel": 3, "stride": 1, "pool": 3, "height": 4},
        {"filters": (4,), "deskew": "slant", "height": 9, "width": 12, "batch_norm": False},
    ],
    ids=str,
)
def test_the_script_agrees_whatever_the_shapes(script: Any, changes: dict[str, Any]) -> None:
    assert_script_agrees(script, make_findings(**({"hidden": (9, 8), "batch_norm": True} | changes)))


@pytest.mark.usefixtures("no_charts")
def test_with_many_classes_the_most_probable_have_bars(tmp_path: Path, open_page: Any) -> None:
    path, _ = write_page(tmp_path, classes=tuple(f"class {k}" for k in range(70)))
    tab = open_page(path)
    answer = tab.draw(ONE)
    drawn = tab.page.evaluate("Array.from(predict(Array.from(frame(drawnInk(), canvas.width).map(asInput))))")
    order = np.argsort(-np.array(drawn))[:10]
    assert tab.page.locator("#bars .label").all_inner_texts() == [f"class {k}" for k in order]
    assert answer == f"class {order[0]}"
    percents = [f"{100 * drawn[k]:.1f} %" for k in order]
    assert tab.page.locator("#bars .percent").all_inner_texts() == percents


@pytest.mark.usefixtures("no_charts")
def test_a_drawing_gets_the_range_of_the_training_images(tmp_path: Path, open_page: Any) -> None:
    inputs = []
    for largest in (255, 16):
        made = make_findings(height=12, width=12)
        path = tmp_path / f"{largest}.html"
        path.write_text(render(with_largest_pixel(made, largest)))
        tab = open_page(path)
        tab.draw(SEVEN)
        inputs.append(np.array(tab.page.evaluate("Array.from(frame(drawnInk(), canvas.width).map(asInput))")))
    assert inputs[0].max() > 0.5
    np.testing.assert_allclose(inputs[1], inputs[0] * 16 / 255, atol=1e-6)


@pytest.mark.usefixtures("no_charts")
def test_half_precision_differs_by_thousandths_only(
    tmp_path: Path, open_page: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = {"hidden": (200,), "height": 16, "width": 16}
    size = write_page(tmp_path, **large)[0].stat().st_size
    monkeypatch.setattr(page_module, "LARGEST_PAGE", size - 100_000)
    path, findings = write_page(tmp_path, **large)
    X = findings.predictions.rows.X[:50]
    tab = open_page(path)
    assert "half precision" in tab.page.locator("section").first.inner_text()
    np.testing.assert_allclose(forward(tab.page, X), predict_proba(findings.networks[0], X), atol=5e-3)


@pytest.mark.usefixtures("no_charts")
def test_labels_with_markup_are_text_in_the_answer_too(tmp_path: Path, open_page: Any) -> None:
    labels = ("<script>alert(1)</script>", "<img src=x onerror=alert(2)>", "\"'&")
    tab = open_page(write_page(tmp_path, classes=labels, source="<script>alert(3)</script>")[0])
    assert tab.draw(ONE) in labels
    assert tab.complaints == []
    assert "<script>alert(3)</script>" in tab.page.locator("header").inner_text()
