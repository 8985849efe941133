"""An ensemble as a user trains it: the same bytes here, in processes and on a cluster, and nothing trained twice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from made_dask_cluster import Cluster

import pipeline
from pipeline.cli import main

SETTINGS = ("train.hidden=[16]", "train.epochs=2", "train.folds=2", "train.members=2", "train.replicas=1")
QUICK = tuple(word for setting in SETTINGS for word in ("--set", setting))


def run(folder: Path, *words: str) -> dict[str, Any]:
    folder.mkdir(exist_ok=True)
    result = CliRunner().invoke(main, ["run", "train", *QUICK, *words, "--json", "-C", str(folder)])
    assert result.exit_code == 0, result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def written(folder: Path) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes() for path in (folder / "artifacts/train").iterdir() if path.name != "receipt.json"
    }


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder where the members were trained in this process, one after the other."""
    folder = tmp_path_factory.mktemp("here")
    run(folder, "--set", "train.processes=1")
    return folder


def partial_results(folder: Path) -> set[str]:
    return {path.name for path in (folder / "artifacts/.store/train/partial_results").iterdir()}


@pytest.mark.dask
def test_a_cluster_trains_the_ensemble_that_this_machine_trains_to_the_bit(here: Path, tmp_path: Path) -> None:
    pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
    cluster = Cluster(tmp_path)
    try:
        address = cluster.has(2, Path(pipeline.__file__).parent.parent)
        run(tmp_path / "there", "--backend", "dask", "--scheduler", address)
    finally:
        cluster.end(cluster.processes)
    assert written(tmp_path / "there") == written(here)
    assert partial_results(tmp_path / "there") == partial_results(here)


def test_another_number_of_processes_reruns_nothing_and_more_members_train_what_is_new(here: Path) -> None:
    assert [stage["action"] for stage in run(here, "--set", "train.processes=2")["stages"]] == ["fresh"] * 4
    before = partial_results(here)
    run(here, "--set", "train.members=3", "--set", "train.processes=2")
    assert len(partial_results(here) - before) == 2
    assert before < partial_results(here)
