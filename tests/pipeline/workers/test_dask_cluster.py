"""Jobs on a real Dask cluster on this machine: the same results, and never a wait without end."""

from __future__ import annotations

import shutil
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_dask_cluster import PATIENCE, Cluster
from test_local import Told, end
from toy_project import Toy

from pipeline.errors import DataError, StageError
from pipeline.task import JobsRequest
from pipeline.workers import dask_cluster
from pipeline.workers import dask_connection as module
from pipeline.workers.dask_cluster import ClusterWorkers

distributed = pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
pytestmark = pytest.mark.dask
REACH = module.reach


@pytest.fixture(autouse=True)
def scheduler_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start no process that sees whether it is, but in the test that is about this."""
    monkeypatch.setattr(module, "reach", lambda _: None)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    made = Cluster(tmp_path_factory.mktemp("cluster"))
    yield made
    made.end(made.processes)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """A toy project shared by these tests, so that workers which can import it serve them all."""
    project = Toy(tmp_path_factory.mktemp("toy"))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(project.code))
        yield project


@pytest.fixture
def waiting(tmp_path: Path) -> Path:
    """Where a waiting job leaves its number."""
    (tmp_path / "waiting").mkdir()
    return tmp_path / "waiting"


def run(toy: Toy, address: str | None, jobs: dict[str, Any], told: Told | None = None) -> Any:
    place = toy.work / "numbers.npy"
    np.save(place, np.arange(10))
    return ClusterWorkers(address, told or Told(), print).run(
        JobsRequest(f"{toy.package}.jobs:work", jobs, arrays={"numbers": place}, scratch=toy.work, cores=1, most=2)
    )


def test_a_cluster_gives_the_results_of_this_machine_and_reads_shared_files_where_they_are(
    toy: Toy, cluster: Cluster
) -> None:
    address, jobs, told = cluster.has(2, toy.code), {str(number): number for number in range(4)}, Told()
    results = dict(run(toy, address, jobs, told))
    assert {name: result[:2] for name, result in results.items()} == {
        name: (45 * number, "memmap") for name, number in jobs.items()
    }
    assert told.progress[-1] == (4, 4, "jobs", "done on the cluster")
    assert not list(cluster.folder.rglob("pipeline-*.npy"))


def test_code_that_was_edited_since_the_workers_began_is_run_as_it_is_now(toy: Toy, cluster: Cluster) -> None:
    toy.edit("jobs.py", "job * int(array.sum())", "-job")
    try:
        assert dict(run(toy, cluster.has(2, toy.code), {"a": 3}))["a"][0] == -3
    finally:
        toy.edit("jobs.py", "-job", "job * int(array.sum())")


def test_an_error_on_the_cluster_is_the_same_error_here(toy: Toy, cluster: Cluster) -> None:
    with pytest.raises(DataError, match="it was told to fail") as caught:
        dict(run(toy, cluster.has(2, toy.code), {"a": ("fails", None)}))
    assert (caught.value.where, caught.value.hint) == ("here", "do not")


def test_files_that_the_workers_do_not_see_travel_to_each_once(
    toy: Toy, cluster: Cluster, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    send, hidden = ClusterWorkers._contents, tmp_path / "hidden"

    def hide_and_send(self: Any, client: Any, workers: Any, files: Any, digests: Any) -> Any:
        """The workers look for the file where it was; what is sent is read from where it is now."""
        next(iter(files.values())).rename(hidden)
        seen = module.ask_everyone(client, workers, PATIENCE, dask_cluster.look_at_files, files, digests)
        assert all(found == {"numbers": False} for found in seen.values())
        return send(self, client, workers, {"numbers": hidden}, {"numbers": "another"})

    monkeypatch.setattr(ClusterWorkers, "_contents", hide_and_send)
    results = dict(run(toy, cluster.has(2, toy.code), {str(number): number for number in range(5)}))
    assert [results[str(number)][:2] for number in range(5)] == [(45 * number, "memmap") for number in range(5)]
    copies = list(cluster.folder.rglob("pipeline-*.npy"))
    assert 1 <= len(copies) <= 2
    assert {copy.read_bytes() for copy in copies} == {hidden.read_bytes()}


def test_jobs_end_when_their_results_are_no_longer_wanted(toy: Toy, cluster: Cluster, waiting: Path) -> None:
    results = run(toy, cluster.has(2, toy.code), {"a": 1, "b": ("waits", waiting)})
    next(results)
    while not list(waiting.iterdir()):
        time.sleep(0.02)
    results.close()
    end([int(path.name) for path in waiting.iterdir()])


def test_a_worker_killed_in_mid_job_is_survived(toy: Toy, cluster: Cluster, tmp_path: Path) -> None:
    jobs = {"a": 1, "b": ("kills its parent", tmp_path / "once"), "c": 3}
    results = dict(run(toy, cluster.has(2, toy.code), jobs))
    assert (results["a"][0], results["b"], results["c"][0]) == (45, "alive", 135)
    assert (tmp_path / "killed").exists()


@pytest.mark.parametrize("nanny", [False, True], ids=["workers stay dead", "workers are started again"])
def test_a_job_that_kills_every_worker_ends_in_a_clear_error_within_a_minute(
    toy: Toy,
    cluster: Cluster,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    nanny: bool,  # noqa: FBT001 - pytest's way
) -> None:
    monkeypatch.setattr(module, "SECONDS_WITHOUT_WORKERS", 20 if nanny else 3)
    address, began = cluster.has(1 if nanny else 2, toy.code, nanny=nanny), time.monotonic()
    with pytest.raises(StageError, match="each of them died of it" if nanny else "has no worker"):
        dict(run(toy, address, {"a": ("kills its parent", tmp_path / "every")}))
    assert time.monotonic() - began < 60


def test_workers_of_another_version_are_refused_before_anything_is_done(
    toy: Toy, cluster: Cluster, tmp_path: Path
) -> None:
    shutil.copytree(toy.code / toy.package, tmp_path / toy.package)
    jobs = tmp_path / toy.package / "jobs.py"
    jobs.write_text(jobs.read_text().replace("job * int", "job + int"))
    with pytest.raises(StageError, match=r"run other software: this software's code \w+ there, \w+ here") as caught:
        dict(run(toy, cluster.has(1, tmp_path), {"a": 1}))
    assert "restart its workers" in caught.value.hint


def test_a_scheduler_that_is_not_there_or_has_no_workers_is_told_of(
    toy: Toy, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "reach", REACH)
    monkeypatch.setattr(module, "SECONDS_WITHOUT_WORKERS", 0.2)
    monkeypatch.setattr(module, "SECONDS_TO_CONNECT", 0.2)
    for address in ("tcp://127.0.0.1:9", "nonsense"):
        with pytest.raises(StageError, match=f"no Dask scheduler at {address}"):
            dict(run(toy, address, {"a": 1}))
    monkeypatch.setattr(module, "SECONDS_TO_REACH", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never says a word
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(StageError, match=r"what listens there does not answer for 0\.2 seconds"):
            dict(run(toy, address, {"a": 1}))
    monkeypatch.setattr(module, "SECONDS_TO_REACH", PATIENCE)
    monkeypatch.setattr(module, "SECONDS_TO_CONNECT", PATIENCE)
    cluster.end(cluster.workers)
    with pytest.raises(StageError, match="has no worker"):
        dict(run(toy, cluster.address, {"a": 1}))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=["dies", "hangs"])
def test_a_scheduler_that_goes_away_is_told_of_and_what_was_finished_is_kept(
    toy: Toy, tmp_path: Path, waiting: Path, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    cluster = Cluster(tmp_path)
    try:
        results = run(toy, cluster.has(1, toy.code), {"a": 1, "b": ("waits", waiting)})
        assert next(results)[0] == "a"
        monkeypatch.setattr(module, "SECONDS_WITHOUT_ANSWER", 1)  # a bound that a test can wait for
        cluster.scheduler.send_signal(number)
        with pytest.raises(StageError, match="scheduler went away"):
            next(results)
    finally:
        cluster.kill()  # a worker without its scheduler takes seconds to end by itself
    end([int(path.name) for path in waiting.iterdir()])  # with its worker, the job ends too


def test_without_an_address_a_cluster_is_made_for_the_occasion(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(toy.code))
    results = dict(run(toy, None, {"a": 1, "b": 2}))
    assert [results[name][0] for name in "ab"] == [45, 90]
