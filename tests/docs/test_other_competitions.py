"""docs/other-competitions.md: each competition's pipeline.toml reads files of that competition's layout."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.cli import main

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

PAGE = (Path(__file__).parents[2] / "docs/other-competitions.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", PAGE, flags=re.MULTILINE | re.DOTALL))


@dataclass(frozen=True)
class Shape:
    """A competition's layout: its files, the columns before the pixels, the first pixel's number (None: no header)."""

    train: str
    test: str
    labels: Sequence[int | str]
    test_columns: tuple[str, ...] = ()
    first: int | None = 1
    n_pixels: int = 784
    label: str = "label"
    submission: str = "ImageId,Label"


SHAPES = {
    "Digit Recognizer": Shape("train.csv", "test.csv", range(10), first=0),
    "Kannada-MNIST": Shape("train.csv", "test.csv", range(10), ("id",), first=0, submission="id,label"),
    "Fashion-MNIST": Shape("fashion-mnist_train.csv", "fashion-mnist_test.csv", range(10), ("label",)),
    "Sign Language MNIST": Shape(
        "sign_mnist_train.csv", "sign_mnist_test.csv", [*range(9), *range(10, 25)], ("label",)
    ),
    "A-Z handwritten alphabet": Shape("A_Z_train.csv", "A_Z_test.csv", range(26), first=None),
    "EMNIST": Shape("emnist-letters-train.csv", "emnist_test.csv", range(1, 27), first=None),
    "Semeion": Shape("semeion_train.csv", "semeion_test.csv", range(10), n_pixels=256, first=0),
    "Labels that are texts, images that are not square, other names": Shape(
        "train.csv", "test.csv", ["ka", "kha", "ga"], ("image",), n_pixels=640, label="character",
        submission="image,label",
    ),
    "Columns that are something else, a sample submission that does not fit": Shape(
        "train.csv", "test.csv", range(10), ("writer",), n_pixels=64,
    ),
}  # fmt: skip


def write(path: Path, shape: Shape, columns: tuple[str, ...], labels: Sequence[int | str]) -> None:
    rng = np.random.default_rng(0)
    lines = []
    if shape.first is not None:
        lines.append(",".join([*columns, *(f"pixel{shape.first + i}" for i in range(shape.n_pixels))]))
    for row, label in enumerate(labels):
        values = {shape.label: str(label), "id": str(row), "image": f"image-{row}", "writer": "somebody"}
        pixels = rng.integers(0, 256, shape.n_pixels)
        lines.append(",".join([*(values[name] for name in columns), *map(str, pixels)]))
    path.write_text("\n".join(lines) + "\n")


def toml_of(section: str) -> str:
    return "".join(re.findall(r"```toml\n(.*?)```", SECTIONS[section], flags=re.DOTALL))


def test_every_competition_of_the_page_is_tested() -> None:
    assert SECTIONS.keys() == SHAPES.keys()
    for section in SECTIONS:
        tomllib.loads(toml_of(section))


@pytest.mark.parametrize("section", SHAPES)
def test_files_of_that_layout_are_read_with_these_settings(section: str, tmp_path: Path) -> None:
    shape = SHAPES[section]
    (tmp_path / "data").mkdir()
    (tmp_path / "pipeline.toml").write_text(toml_of(section))
    write(tmp_path / "data" / shape.train, shape, (shape.label,), [*shape.labels] * 2)
    write(tmp_path / "data" / shape.test, shape, shape.test_columns, shape.labels)
    result = CliRunner().invoke(main, ["run", "ingest", "--quiet", "-C", str(tmp_path)])
    assert result.exit_code == 0, result.output
    profile = json.loads((tmp_path / "artifacts/ingest/profile.json").read_text())
    assert [each["label"] for each in profile["classes"]] == sorted(shape.labels)
    assert (profile["n_train"], profile["n_test"]) == (2 * len(shape.labels), len(shape.labels))
    assert profile["height"] * profile["width"] == shape.n_pixels
    assert f"{profile['submission']['id_name']},{profile['submission']['label_name']}" == shape.submission
    assert CliRunner().invoke(main, ["config", "-C", str(tmp_path)]).exit_code == 0
