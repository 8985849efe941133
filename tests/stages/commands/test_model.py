"""`pipeline model`: the current network as a table, or exported; and what it says where there is none."""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from calling import call

from pipeline.errors import pip_install
from stages.commands.model.model import in_a_list
from stages.mlp import load, load_members, model_file
from stages.notebook import layer_table
from stages.sample import SAMPLE_FOLDER

model = partial(call, "model")

SETTINGS = """
[train]
epochs = 1
folds = 3
replicas = 1
processes = 1
hidden = [8]
[[train.variants]]
[[train.variants]]
deskew = "slant"
"""


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(model(folder, "--json").stdout)
    return found


@pytest.fixture(scope="module")
def ensemble(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose current model is an ensemble of three."""
    folder = tmp_path_factory.mktemp("ensemble") / "project"
    shutil.copytree(sample_run, folder, symlinks=True)
    (folder / "pipeline.toml").write_text(SETTINGS)
    call("run", folder, "train", "--quiet")
    return folder


def test_the_table_is_that_of_the_network_in_artifacts(sample_run: Path) -> None:
    network = load(sample_run / "artifacts/train/model.npz")
    table = layer_table(network)
    text = model(sample_run).stdout
    for row in table.rows:
        assert row.layer in text
    assert f"an image costs {table.multiply_adds:,} multiply-adds in prediction" in text
    found = document(sample_run)
    assert found["networks"][0]["parameters"] == network.parameters.size
    assert [layer["layer"] for layer in found["networks"][0]["layers"]] == [row.layer for row in table.rows]
    assert found["classes"] == list(range(10))
    assert found["inputs"] == {"height": 8, "width": 8, "offset": 0, "scale": 255}


def test_a_name_that_could_be_read_as_two_is_quoted() -> None:
    labels = (0, "two, too", "three", 'four "4"', " five", "")
    shown = ["0", '"two, too"', "three", r'"four \"4\""', '" five"', '""']
    assert [in_a_list(label) for label in labels] == shown


def test_of_an_ensemble_every_member_is_a_line_and_all_of_them_are_counted(ensemble: Path) -> None:
    networks = load_members(ensemble / "artifacts/train/model.npz")
    cost = sum(layer_table(network).multiply_adds for network in networks)
    text = model(ensemble).stdout
    assert "members: 3, whose probabilities are averaged" in text
    assert f"an image costs {cost:,} multiply-adds in prediction" in text
    assert [each["deskew"] for each in document(ensemble)["networks"]] == ["none", "slant", "none"]


def test_a_model_of_another_version_is_named(sample_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_file, "VERSION", model_file.VERSION + 1)
    said = model(sample_run, code=1).stderr
    assert f"version {model_file.VERSION - 1}; this reads" in said
    assert f"hint:  pipeline -C {sample_run} run train --force" in said


def test_the_exported_model_says_what_predict_says(ensemble: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    text = model(ensemble, "--export", "digits.onnx").stdout
    assert "input:   pixels, float32 (rows, 8 x 8 = 64)" in text
    train = SAMPLE_FOLDER / "train.csv.gz"
    rows = json.loads(call("predict", ensemble, train, "--json").stdout)["rows"]
    with gzip.open(train) as file:
        pixels = np.loadtxt(file, np.float32, delimiter=",", skiprows=1)[:, 1:]
    session = onnxruntime.InferenceSession(str(ensemble / "digits.onnx"))
    probabilities, label = session.run(None, {"pixels": pixels})
    expected = [list(row["probabilities"].values()) for row in rows]
    np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
    assert label.tolist() == [row["predicted"] for row in rows]


def test_an_export_replaces_the_earlier_file_whole_or_not_at_all(
    ensemble: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    export = pytest.importorskip("stages.onnx_export.export")
    path = tmp_path / "digits.onnx"
    path.write_bytes(b"an earlier model")
    with monkeypatch.context() as patch:
        patch.setattr(export, "MOST_BYTES", 0)
        said = model(ensemble, "--export", str(path), code=1).stderr
    assert "this model cannot be exported: an ONNX file holds at most 2 GiB" in said
    assert "hint:" in said
    assert path.read_bytes() == b"an earlier model"
    found = json.loads(model(ensemble, "--export", str(path), "--json").stdout)
    assert found["exported"] == str(path)
    assert found["bytes"] == path.stat().st_size > 1000
    assert [each.name for each in tmp_path.iterdir()] == ["digits.onnx"]


@pytest.mark.parametrize("name", ["digits.pb", "artifacts/digits.onnx", "nowhere/digits.onnx"])
def test_a_place_where_no_model_can_be_written_is_refused_at_once(ensemble: Path, name: str) -> None:
    said = model(ensemble, "--export", name, code=2).stderr
    assert f"--export {name} " in said
    assert "hint:" in said


def test_without_the_package_onnx_the_error_says_what_to_install(
    ensemble: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in sys.modules if each.startswith("stages.onnx_export")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "onnx", None)
    said = model(ensemble, "--export", "digits.onnx", code=2).stderr
    assert "--export needs the package onnx" in said
    assert f"hint:  {pip_install('onnx')}\n" in said
