"""The report: figures that can be worked out by hand, a page that is safe, whole and the same every time."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_report import HISTORY, N_ROWS, N_TRAIN, make_findings, make_network, with_largest_pixel
from msgspec.structs import replace as replace_struct
from PIL import Image

from stages.evaluate.checks import check_report
from stages.evaluate.report.calibration import calibration_error, reliability
from stages.evaluate.report.charts import learning_curves
from stages.evaluate.report.confusion import Confusion, confusion_tables, frequent_confusions
from stages.evaluate.report.findings import Findings, least_confident, worst_mistakes
from stages.evaluate.report.page import render
from stages.evaluate.report.png import grey_picture, weight_picture
from stages.evaluate.report.sections import COPIES, warp_pictures
from stages.evaluate.report.weights import strongest_units


class Page(HTMLParser):
    """A page's tags with their attributes, and its text by the tag that holds it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside == "script":
            self.scripts.append(data)
            self.inside = ""
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def decoded(address: str) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(base64.b64decode(address.removeprefix("data:image/png;base64,")))))


# the whole page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes",
    [
        {"classes": tuple(range(10)), "height": 28, "width": 28, "hidden": (32, 16)},
        {"classes": ("no", "yes"), "height": 16, "width": 16, "hidden": ()},
        {"classes": tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ"), "height": 64, "width": 64, "hidden": (300,)},
        {"height": 9, "width": 4, "batch_norm": True, "activation": "gelu", "dtype": "float64"},
        {"height": 1, "width": 30, "hidden": (), "n_networks": 3},
        {"height": 8, "width": 7, "filters": (70, 3), "kernel": 3, "n_networks": 2, "batch_norm": True},
        {"height": 2, "width": 9, "filters": (1,), "kernel": 20, "hidden": (), "classes": ("no", "yes")},
    ],
    ids=lambda changes: f"{changes.get('height')}x{changes.get('width')}",
)
def test_the_page_is_whole_for_every_kind_of_image_label_and_network(tmp_path: Path, changes: dict[str, Any]) -> None:
    findings = make_findings(**changes)
    path = tmp_path / "report.html"
    path.write_text(render(findings))
    check_report(path)
    page = Page(path.read_text())
    pictures = page.all("img")
    assert all(int(each["width"]) and int(each["height"]) and each["alt"] for each in pictures)
    assert sum(each["alt"].startswith("Weights of") for each in pictures) <= 64
    assert len([each for each in page.all("svg") if each["aria-label"]]) == 4
    ids = [attributes["id"] for _, attributes in page.tags if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert "nan" not in page.text.lower().replace("banana", "").split()
    assert not [attributes for _, attributes in page.tags if "style" in attributes]  # the content policy forbids them


def test_the_same_findings_give_the_same_page_whatever_a_matplotlibrc_says(monkeypatch: pytest.MonkeyPatch) -> None:
    import matplotlib as mpl

    before = render(make_findings())
    monkeypatch.setitem(mpl.rcParams, "axes.facecolor", "red")
    monkeypatch.setitem(mpl.rcParams, "font.size", 30)
    assert render(make_findings()) == before


NASTY = ("<script>alert(1)</script>", "\"quoted\" & 'more'", "</script><b>", "$x$ {{ 7 * 7 }}")


@pytest.mark.usefixtures("no_charts")
def test_labels_and_file_names_with_markup_show_as_text() -> None:
    page = Page(render(make_findings(NASTY, source='data/<script>"a".csv', hidden=())))
    for label in NASTY:
        assert label in page.text
    assert 'data/<script>"a".csv' in page.text
    assert [attributes.get("type") for attributes in page.all("script")] == ["application/json", None, None]
    model = json.loads(page.scripts[0])
    assert model["labels"] == list(NASTY)
    assert model["networks"][0]["layers"] == [{"kind": "Dense", "arrays": [["W", 60], ["b", 4]]}]


@pytest.mark.usefixtures("no_charts")
def test_the_page_shows_nothing_that_differs_when_the_same_work_is_done_again() -> None:
    text = render(make_findings())
    assert "2026-11-23" not in text
    for shown in ("ingest-key-00000", "numpy 2.4.6", "b" * 64, "on_error", "batch_norm", "learning_rate"):
        assert shown in text


@pytest.mark.usefixtures("no_charts")
def test_as_many_mistakes_as_set_are_drawn_the_most_confident_first() -> None:
    findings = make_findings(examples=4)
    P, rows = findings.predictions.P, findings.predictions.rows
    wrong = np.flatnonzero(P.argmax(axis=1) != rows.actual)
    surest = wrong[np.argsort(-P[wrong].max(axis=1))][:4]
    page = Page(render(findings))
    drawn = [each for each in page.all("img") if "predicted" in each["alt"]]
    assert [each["alt"].split(":")[0] for each in drawn] == [f"Row {1199 - at}" for at in surest]
    assert {(each["width"], each["height"]) for each in drawn} == {("84", "50")}
    assert np.array_equal(decoded(drawn[0]["src"]), np.rint(rows.X[surest[0]].reshape(3, 5) * 255))
    assert not [each for each in Page(render(make_findings(examples=0))).all("img") if each["alt"].startswith("Row")]


def other_pixels(findings: Findings, pixel_range: tuple[int, int], offset: float, scale: float) -> Findings:
    """The same findings, of a training file with other pixels; ``offset`` and ``scale`` are the normaliser's."""
    train = replace_struct(findings.profile.train, pixel_range=pixel_range)
    normaliser = replace_struct(findings.images.normaliser, offset=offset, scale=scale)
    return replace(
        findings,
        profile=replace_struct(findings.profile, train=train),
        images=replace_struct(findings.images, normaliser=normaliser),
    )


@pytest.mark.usefixtures("no_charts")
def test_images_of_few_grey_levels_are_drawn_from_black_to_white() -> None:
    findings = make_findings()
    few = with_largest_pixel(findings, 16)
    assert few.input_range == pytest.approx((0, 16 / 255))
    drawn, usual = (
        [each["src"] for each in Page(render(made)).all("img") if each["alt"].startswith("Row")]
        for made in (few, findings)
    )
    assert all(np.abs(decoded(a).astype(int) - decoded(b)).max() <= 1 for a, b in zip(drawn, usual, strict=True))


def test_the_inputs_of_background_and_ink_are_found_whichever_is_darker() -> None:
    findings = make_findings()
    assert findings.input_range == (0, 1)
    assert other_pixels(findings, (0, 255), 255, -255).input_range == (0, 1)  # dark on light, turned by the normaliser
    assert other_pixels(findings, (3, 16), 3, 13).input_range == (0, 1)
    assert other_pixels(findings, (7, 7), 0, 255).input_range == (0, 1)  # every image is blank
    assert other_pixels(findings, (155, 255), 255, -255).input_range == pytest.approx((0, 100 / 255))


@pytest.mark.usefixtures("no_charts")
def test_a_network_without_a_mistake_is_said_to_have_none() -> None:
    findings = make_findings()
    P = np.full((N_ROWS, 3), 0.05, np.float32)
    P[np.arange(N_ROWS), findings.predictions.rows.actual] = 0.9
    predictions = replace(findings.predictions, P=P)
    metrics = replace_struct(findings.metrics, n_errors=0, accuracy=1.0, accuracy_interval=(0.98, 1.0))
    assert "There are none." in render(replace(findings, predictions=predictions, metrics=metrics))


@pytest.mark.usefixtures("no_charts")
def test_without_augmentation_the_page_says_so() -> None:
    off = {"rotation": 0.0, "scale": 0.0, "shear": 0.0, "shift": 0.0, "elastic": 0.0}
    assert "No augmentation" in render(make_findings(training=off))
    assert "No augmentation" not in render(make_findings(training=off | {"shift": 0.1}))


def test_warped_copies_are_drawn_with_the_runs_own_seed() -> None:
    def warps(**training: Any) -> list[str]:
        pictures = warp_pictures(make_findings(training=training))
        return [each["picture"] for each in pictures if each["description"].endswith("warped")]

    assert len(warps()) == 3 * COPIES
    assert warps(seed=1) == warps(seed=1) != warps(seed=2)


def test_a_warped_image_is_named_by_the_number_of_its_training_row() -> None:
    findings = make_findings()
    training = replace(findings.training, numbers=np.arange(N_TRAIN)[::-1])
    named = [each["description"] for each in warp_pictures(replace(findings, training=training))[:: 1 + COPIES]]
    assert named == ["training row 59, a 3", "training row 58, a 7", "training row 57, a 20"]


def test_the_kept_epoch_has_a_ring_on_each_line_of_rows() -> None:
    history = {"epoch": [1, 2, 3], "train_loss": [0.9, 0.6, 0.4], "validation_loss": [0.8, 0.5, 0.7]}
    _, chart = learning_curves(history | {"train_accuracy": [0, 1, 0.9], "learning_rate": [2, 1, 0]}, 2)[0]
    rings = re.findall(r'x="([\d.]+)" y="([\d.]+)" fill-opacity="0"', chart)
    assert len(set(rings)) == 2
    assert all(f"  L {x} {y}  L " in chart for x, y in rings)  # the second of a line's three points


def test_the_best_epochs_weights_are_marked_only_where_they_were_kept() -> None:
    findings = make_findings(is_unbiased=False)
    assert findings.kept_epoch == 2
    assert replace(findings, history=HISTORY | {"kept": [True, False]}).kept_epoch == 1
    assert make_findings().kept_epoch is None  # the last one is kept, and no row chose it
    assert make_findings(n_networks=2, is_unbiased=False).kept_epoch is None


@pytest.mark.usefixtures("no_charts")
def test_the_header_says_whether_the_accuracy_is_unbiased() -> None:
    biased, unbiased = render(make_findings(is_unbiased=False)), render(make_findings(is_unbiased=True))
    assert "The best epoch was chosen on these rows" in biased
    assert "so the accuracy is unbiased" not in biased
    assert "The last epoch was kept, not the best one on these rows, so the accuracy is unbiased." in unbiased
    assert "chosen on these rows" not in unbiased


# its figures ---------------------------------------------------------------------------------------------------------


def test_the_calibration_error_is_that_worked_out_by_hand() -> None:
    # bins of a fifth: (0.4, 0.6] holds two rows, sure by 0.55 on average and once right; (0.8, 1] one, sure by 0.9
    P = np.array([[0.6, 0.4], [0.5, 0.5], [0.1, 0.9]])
    bins = reliability(P, np.array([0, 1, 1]), n_bins=5)
    assert [(each.low, each.high, each.n_rows) for each in bins] == [(0.4, 0.6, 2), (0.8, 1.0, 1)]
    assert [each.confidence for each in bins] == pytest.approx([0.55, 0.9])
    assert [each.accuracy for each in bins] == [0.5, 1.0]
    assert calibration_error(bins) == pytest.approx((2 * 0.05 + 1 * 0.1) / 3)


def test_mistakes_and_unsure_rows_are_ordered_by_confidence_then_by_row() -> None:
    P = np.array([[0.6, 0.4], [0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
    rows = np.array([8, 7, 6, 5])
    assert worst_mistakes(P, np.array([1, 1, 0, 1]), rows).tolist() == [1, 2, 0]
    assert least_confident(P, rows).tolist() == [2, 0, 3, 1]


def test_confusions_are_counts_and_percents_of_each_line_shaded_by_weight() -> None:
    (_, counts), (_, percents) = confusion_tables(np.array([[1990, 10, 0], [5, 5, 0], [0, 0, 0]]))
    assert [[cell["text"] for cell in line] for line in counts] == [["1,990", "10", "·"], ["5", "5", "·"], ["·"] * 3]
    assert [cell["text"] for cell in percents[0]] == ["99.5", "0.5", "·"]
    assert [cell["shade"] for cell in counts[0]] == ["right depth10", "wrong depth10", ""]
    assert [cell["shade"] for cell in counts[1]] == ["wrong depth5", "right depth5", ""]
    assert [cell["text"] for cell in confusion_tables(np.diag([3, 3]))[1][1][0]] == ["100", "·"]


def test_the_most_frequent_confusions_come_first_with_their_share_of_the_label() -> None:
    confusion = np.array([[2, 0, 1], [3, 5, 2], [2, 0, 0]])
    found = [Confusion(1, 0, 3, 0.3), Confusion(1, 2, 2, 0.2), Confusion(2, 0, 2, 1.0), Confusion(0, 2, 1, 1 / 3)]
    assert frequent_confusions(confusion, 9) == found
    assert frequent_confusions(confusion, 2) == found[:2]
    assert frequent_confusions(np.diag([3, 3]), 2) == []


@pytest.mark.usefixtures("no_charts")
def test_with_many_classes_the_page_shows_the_worst_and_names_the_files_that_have_all() -> None:
    text = " ".join(Page(render(make_findings(tuple(range(60)), hidden=()))).text.split())
    assert "These are the 50 most frequent confusions; the file confusion.csv has all of them." in text
    assert "The 50 classes with the lowest F1, of 60. The file metrics.json has all of them." in text
    assert "The 10 most probable of 60 classes." in text
    few = " ".join(Page(render(make_findings(tuple(range(50)), hidden=()))).text.split())
    assert "confusion.csv" not in few
    assert "metrics.json" not in few


@pytest.mark.usefixtures("no_charts")
def test_the_page_does_not_grow_with_the_square_of_the_classes() -> None:
    def size(n_classes: int) -> int:
        return len(render(make_findings(tuple(range(n_classes)), hidden=(2,), examples=40)).encode())

    assert size(2000) - size(1000) < 1000 * 60  # a label, and the weights of one output in base64


# its pictures --------------------------------------------------------------------------------------------------------


def test_a_picture_is_a_png_with_the_images_own_pixels() -> None:
    image = np.array([[0.0, 1.0, 0.5], [1.0, 0.2, 0.0]], dtype=np.float32)
    assert decoded(grey_picture(image)).tolist() == [[0, 255, 128], [255, 51, 0]]


def test_weights_are_orange_or_blue_and_transparent_where_they_are_0() -> None:
    pixels = decoded(weight_picture(np.array([[-2.0, 0.0, 1.0]])))
    assert pixels[0, :, 3].tolist() == [255, 0, 128]
    assert (pixels[0, 0, :3].argmax(), pixels[0, 2, :3].argmax()) == (2, 0)
    assert not decoded(weight_picture(np.zeros((2, 2))))[..., 3].any()


def test_a_few_of_many_units_are_shown_the_strongest_first() -> None:
    network = make_network((0, 1, 2), 3, 5, hidden=(200,))
    lengths = np.linalg.norm(network.weights["W1"], axis=0)[strongest_units(network)]
    assert len(lengths) == 64
    assert (np.diff(lengths) <= 0).all()
    assert strongest_units(make_network((0, 1, 2), 3, 5, hidden=())).tolist() == [0, 1, 2]


@pytest.mark.usefixtures("no_charts")
def test_the_filters_of_a_convolution_are_shown_as_large_as_images_and_named() -> None:
    findings = make_findings(height=7, width=6, filters=(4, 5), kernel=3, n_networks=2)
    page = Page(render(findings))
    shown = [each for each in page.all("img") if each["alt"].startswith("Weights of")]
    order = strongest_units(findings.networks[0]).tolist()
    assert [each["alt"] for each in shown] == [f"Weights of filter {at}" for at in order]
    assert {(each["width"], each["height"]) for each in shown} == {("84", "84")}
    W = findings.networks[0].weights["W1"]  # (9, 4)
    for each, at in zip(shown, order, strict=True):
        assert each["src"] == weight_picture(W[:, at].reshape(3, 3))
    text = " ".join(page.text.split())
    assert "4 filters in the first convolution of the first network, the strongest first. A filter is 3 x 3 w" in text
    assert "2 networks: 7 x 6 - 4 filters of 3 x 3 - 5 filters of 3 x 3 - 6 - 3; " in text


def test_matplotlibs_settings_in_the_environment_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "style").mkdir()
    (tmp_path / "style/matplotlibrc").write_text("axes.formatter.use_locale: True\nfigure.dpi: 7\n")
    hostile = {"MPLCONFIGDIR": str(tmp_path / "style"), "MPLBACKEND": "module://matplotlib_inline.none", "LC_ALL": "xx"}
    code = "from pipeline.cli import main; main(standalone_mode=False, args=['dag'])"
    code += "; import stages.evaluate.report.charts"
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env={**os.environ, **hostile}, capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stderr
