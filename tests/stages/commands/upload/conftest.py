"""A finished run to send, which the tests of this folder share."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from calling import call

from stages.commands.upload import public_score
from stages.sample import SAMPLE_FOLDER


@pytest.fixture(scope="package")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a person's own files, which are those of the sample under another name."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "data").mkdir()
    for name in ("train", "test"):
        shutil.copy(SAMPLE_FOLDER / f"{name}.csv.gz", folder / "data")
    (folder / "pipeline.toml").write_text("[train]\nepochs = 2\nhidden = [16]\nreplicas = 1\n")
    call("run", folder, "all", "--quiet")
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, from which a score is looked for twice, at once."""
    monkeypatch.setattr(public_score, "DELAYS", (0, 0))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    shutil.copytree(finished, tmp_path / "project", symlinks=True)
    return tmp_path / "project"
