"""What tests of several folders share: one finished run on the bundled sample, and copies of it to change."""

from __future__ import annotations

import fcntl
import gc
import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.cli import main
from pipeline.fingerprint import environment, libraries, parse_cache
from pipeline.store import receipt
from stages import STAGES

os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "8")  # idle threads sleep at once, and do not spin on the other's core


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no garbage among what is collected: there is none, it is much, and it stays to the end.

    Nor later: a look that goes through all tests each time takes long, and copies its memory in each forked process.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(scope="session", autouse=True)
def parsed_once() -> Iterator[None]:
    """Parse each source and list what is installed and loaded once: each project of a test begins with empty caches."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parse_cache, "parse_module", cache(parse_cache.parse_module))
        patch.setattr(environment, "matrix_kernels", cache(environment.matrix_kernels))
        patch.setattr(receipt, "from_json", cache(receipt.from_json))
        patch.setattr(libraries, "_distributions", cache(libraries._distributions))
        yield


@pytest.fixture(scope="session", autouse=True)
def signals_as_in_a_terminal() -> Iterator[None]:
    """Let Ctrl-C and SIGHUP count for programs that tests start: in the background or with nohup they are ignored."""
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    earlier = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in earlier.items():
        signal.signal(number, handler)


@contextmanager
def without_charts() -> Iterator[None]:
    """Leave out the report's charts, which take longer than a training on the sample."""
    from stages.evaluate.report import sections

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "learning_curves", lambda history, kept: [])  # noqa: ARG005 - as it is called
        patch.setattr(sections, "reliability_chart", lambda bins, error: "")  # noqa: ARG005 - the same
        yield


@pytest.fixture
def no_charts() -> Iterator[None]:
    """For a test of something else than the charts."""
    with without_charts():
        yield


@pytest.fixture(scope="module")
def no_charts_in_module() -> Iterator[None]:
    """For a module of such tests, and the runs that it makes for all of them."""
    with without_charts():
        yield


@pytest.fixture(scope="session")
def sample_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `pipeline run all` has been run on the bundled sample; not to be written to.

    Where pytest-xdist shares the tests among processes, the first that needs the folder makes it for all.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "sample_run"
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "artifacts/submit").exists():
            run_on_sample(folder)
    return folder


def run_on_sample(folder: Path) -> None:
    """Run all stages, with the charts, even if the first test to need the folder has left them out."""
    from stages.evaluate.report import charts, sections

    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sections, "learning_curves", charts.learning_curves)
        patch.setattr(sections, "reliability_chart", charts.reliability_chart)
        result = CliRunner().invoke(main, ["run", "all", "--json", "-C", str(folder)])
    assert result.exit_code == 0, result.output
    assert len(json.loads(result.stdout)["stages"]) == len(STAGES)


@pytest.fixture
def sample_copy(sample_run: Path, tmp_path: Path) -> Path:
    """A copy of such a folder, which a test may change."""
    shutil.copytree(sample_run, tmp_path / "project", symlinks=True)
    return tmp_path / "project"
