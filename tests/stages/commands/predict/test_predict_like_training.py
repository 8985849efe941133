"""Pictures and tables are predicted alike, whatever range and polarity the training images have."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from calling import call
from PIL import Image

from stages.sample import SAMPLE_FOLDER

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

CHANGES = {
    "0 to 16": lambda pixels: np.rint(pixels * 16 / 255),
    "dark on light": lambda pixels: 255 - pixels,
    "dark on light, 50 to 200": lambda pixels: np.rint(200 - pixels * 150 / 255),
}


def read(name: str) -> tuple[list[str], np.ndarray]:
    with gzip.open(SAMPLE_FOLDER / name, "rt") as file:
        header, *rows = csv.reader(file)
    return header, np.array(rows, int)


def write(path: Path, header: list[str], *columns: np.ndarray) -> None:
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, np.column_stack(columns).astype(int), "%d", ",", header=",".join(header), comments="")


@pytest.fixture(scope="module", params=CHANGES)
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project that was trained on the bundled sample with other pixels."""
    folder, change = tmp_path_factory.mktemp("trained"), CHANGES[request.param]
    header, table = read("train.csv.gz")
    write(folder / "data/train.csv", header, table[:, 0], change(table[:, 1:]))
    header, pixels = read("test.csv.gz")
    write(folder / "data/test.csv", header, change(pixels))
    (folder / "pipeline.toml").write_text("[train]\nepochs = 12\n")
    call("run", folder, "train")
    return folder


@pytest.mark.parametrize("is_dark", [False, True])
def test_pictures_of_any_polarity_are_recognised(trained: Path, tmp_path: Path, *, is_dark: bool) -> None:
    pixels, answers = read("test.csv.gz")[1][:100], read("answers.csv.gz")[1][:100, 1]
    paths = [tmp_path / f"{row}.png" for row in range(100)]
    for path, row in zip(paths, pixels, strict=True):
        small = Image.fromarray((255 - row if is_dark else row).astype(np.uint8).reshape(8, 8))
        small.resize((80, 80), Image.Resampling.NEAREST).save(path)
    rows = json.loads(call("predict", trained, *paths, "--json").stdout)["rows"]
    assert sum(row["predicted"] == answer for row, answer in zip(rows, answers, strict=True)) >= 97


def test_a_table_of_another_range_or_polarity_is_warned_of(trained: Path, tmp_path: Path) -> None:
    assert "warning" not in call("predict", trained, "data/test.csv").stderr
    header, pixels = read("test.csv.gz")
    write(tmp_path / "other.csv", header, pixels)
    warnings = call("predict", trained, tmp_path / "other.csv").stderr
    assert "of other.csv " in warnings
    assert "the predictions may be wrong" in warnings


def test_shown_copies_are_warped_with_the_background_that_the_images_have(trained: Path) -> None:
    shown = json.loads(call("show", trained, 0, "--augmented", "--json").stdout)
    image, copies = np.array(shown["pixels"]), np.array(shown["augmented"])
    assert image.min() <= copies.min()
    assert copies.max() <= image.max()
    assert np.abs(np.median(copies) - np.median(image)) <= (image.max() - image.min()) / 2
