"""The table of backends is the one list of their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

import pipeline
from pipeline.cli import main
from pipeline.errors import ConfigError
from pipeline.workers.backends import BACKENDS, Execution

PAGE = Path(next(iter(pipeline.__path__))).parent / "docs" / "scaling.md"


@pytest.mark.parametrize("name", BACKENDS)
def test_every_backend_is_an_option_and_documented(name: str) -> None:
    shown = " ".join(CliRunner().invoke(main, ["run", "--help"], env={"COLUMNS": "300"}).stdout.split())
    assert f"{BACKENDS[name].summary} ({name})" in shown
    assert f"--backend {name}" in PAGE.read_text(encoding="utf-8")


def test_an_address_without_a_cluster_is_a_mistake() -> None:
    with pytest.raises(ConfigError, match="--scheduler names a Dask cluster") as caught:
        Execution("local", "tcp://host:1")
    assert caught.value.hint == "--backend dask --scheduler tcp://host:1"
    with pytest.raises(ConfigError, match="--scheduler is empty"):
        Execution("dask", " ")
