"""`pipeline model`: the current network as a table, alone or as an ensemble, and what it says where there is none."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from stages.mlp import layer_table, load, load_members

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


def model(folder: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["model", *words, "-C", str(folder)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(model(folder, "--json").stdout)
    return found


@pytest.fixture(scope="module")
def ensemble(sample_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project whose current model is an ensemble of three."""
    folder = tmp_path_factory.mktemp("ensemble") / "project"
    shutil.copytree(sample_run, folder, symlinks=True)
    (folder / "pipeline.toml").write_text(SETTINGS)
    result = CliRunner().invoke(main, ["run", "train", "--quiet", "-C", str(folder)])
    assert result.exit_code == 0, result.output
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


def test_of_an_ensemble_every_member_is_a_line_and_all_of_them_are_counted(ensemble: Path) -> None:
    networks = load_members(ensemble / "artifacts/train/model.npz")
    cost = sum(layer_table(network).multiply_adds for network in networks)
    text = model(ensemble).stdout
    assert "members: 3, whose probabilities are averaged" in text
    assert f"an image costs {cost:,} multiply-adds in prediction" in text
    assert [each["deskew"] for each in document(ensemble)["networks"]] == ["none", "slant", "none"]


def test_without_a_network_or_with_a_damaged_one_the_error_says_what_helps(sample_copy: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "hint:  pipeline run train" in model(tmp_path / "empty", code=1).stderr
    path = sample_copy / "artifacts/train/model.npz"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:5000])
    said = model(sample_copy, code=1).stderr
    assert "damaged" in said
    assert "hint:  pipeline run train" in said
