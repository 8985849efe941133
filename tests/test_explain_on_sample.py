"""`pipeline diff --explain` on the real stages: a change that does all, one that does nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from pipeline.cli import main

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

SMALL = ("train.hidden=[8]", "train.replicas=1")


def invoke(folder: Path, *words: str, code: int = 0) -> Any:
    result = CliRunner().invoke(main, [*words, "-C", str(folder)])
    assert result.exit_code == code, result.output
    return result


def run(folder: Path, *settings: str) -> None:
    invoke(folder, "run", "all", "-q", *(word for each in (*SMALL, *settings) for word in ("--set", each)))


@pytest.fixture
def project(sample_run: Path, tmp_path: Path) -> Path:
    """A folder with the sample ingested, and no run in the log."""
    shutil.copytree(sample_run, tmp_path / "project", symlinks=True)
    (tmp_path / "project/artifacts/runs.jsonl").unlink()
    return tmp_path / "project"


def test_a_change_that_does_all_gets_all_and_one_that_does_nothing_gets_nothing(project: Path) -> None:
    run(project, "train.epochs=1")
    run(project, "train.epochs=6", "evaluate.examples=1")
    found = json.loads(invoke(project, "diff", "1", "2", "--explain", "--seeds", "2", "--json").stdout)
    of = {name: each for each in found["changes"] for name in each["after"]}
    assert of["evaluate.examples"]["share"] == 0
    assert of["evaluate.examples"]["interval"] == [0, 0]
    assert of["train.epochs"]["share"] == pytest.approx(found["movement"]["share"])
    assert found["movement"]["share"] > 0.1
    assert found["notes"] == []
    assert "train.epochs" in invoke(project, "diff", "1", "2", "--explain", "--seeds", "2").stdout


def test_settings_that_fit_only_together_are_one_change(project: Path) -> None:
    """Two filters need two kernels and two strides."""
    run(project, "train.epochs=1", "train.filters=[2]", "train.kernel=[3]", "train.stride=[2]")
    run(project, "train.epochs=1", "train.filters=[2, 3]", "train.kernel=[3, 3]", "train.stride=[2, 1]")
    found = json.loads(invoke(project, "diff", "1", "2", "--explain", "--dry-run", "--json").stdout)
    assert [set(each["after"]) for each in found["changes"]] == [{"train.filters", "train.kernel", "train.stride"}]
    assert (found["runs"], found["stored"]) == (6, 2)


def test_a_run_is_said_to_take_as_long_as_the_longest_that_made_the_results(project: Path) -> None:
    """Run 3 makes only the last of the results of run 2 again, run 4 has other results."""
    for epochs in (1, 2):
        run(project, f"train.epochs={epochs}")
    invoke(project, "run", "evaluate", "--only", "--force", "-q")
    run(project, "train.epochs=3")
    log = project / "artifacts/runs.jsonl"
    runs = [json.loads(line) for line in log.read_text().splitlines()]
    lines = [json.dumps({**each, "seconds": seconds}) for each, seconds in zip(runs, (4, 18, 1, 99), strict=True)]
    log.write_text("".join(f"{line}\n" for line in lines))
    cost = json.loads(invoke(project, "diff", "1", "3", "--explain", "--dry-run", "--json").stdout)
    assert (cost["seconds_each"], cost["runs"] - cost["stored"]) == (18, 4)
    told = invoke(project, "diff", "1", "3", "--explain", "--dry-run").stderr
    assert "4 will be made; a run took 18 seconds before, so about 72 seconds\n" in told
