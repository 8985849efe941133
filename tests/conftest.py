"""What tests of several folders share: one finished run on the bundled sample, and copies of it to change."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from stages import STAGES


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `pipeline run all` has been run on the bundled sample; not to be written to."""
    folder = tmp_path_factory.mktemp("sample_run")
    result = CliRunner().invoke(main, ["run", "all", "--json", "-C", str(folder)])
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["stages"]) == len(STAGES)
    return folder


@pytest.fixture
def sample_copy(sample_run: Path, tmp_path: Path) -> Path:
    """A copy of such a folder, which a test may change."""
    shutil.copytree(sample_run, tmp_path / "project", symlinks=True)
    return tmp_path / "project"
