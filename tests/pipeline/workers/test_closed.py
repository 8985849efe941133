"""Others do not get in: no file of the current folder is executed, and a cluster of one's own opens no port."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from made_dask_cluster import Cluster
from test_local import Told
from toy_project import Toy

from pipeline.task import JobsRequest
from pipeline.workers.backends import Execution, make_workers
from pipeline.workers.dask_worker import do_in_process

DRIVER = """
import sys
import tempfile
from pathlib import Path

from pipeline.cli import main
from pipeline.task import JobsRequest
from pipeline.workers.backends import Execution, make_workers

main(["dag"], standalone_mode=False)  # as every command begins
workers = make_workers(Execution({backend!r}, {scheduler!r}), lambda *_, **__: None, print)
arrays = {{"numbers": Path({numbers!r})}}
request = JobsRequest({function!r}, {{"a": 1, "b": 2}}, arrays=arrays, scratch=Path({scratch!r}), cores=1, most=2)
results = workers.run(request)
print(sorted(result[0] for _, result in results))
"""


@pytest.mark.parametrize(
    "kind", ["local", pytest.param("dask", marks=pytest.mark.dask), pytest.param("scheduler", marks=pytest.mark.dask)]
)
def test_no_file_of_the_folder_where_the_user_stands_is_executed(toy: Toy, tmp_path: Path, kind: str) -> None:
    """The files are called as modules that somebody imports early: Python's own, joblib, Dask and NumPy."""
    if kind != "local":
        pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
    numbers, hostile = toy.work / "numbers.npy", tmp_path / "hostile"
    np.save(numbers, np.arange(10))
    hostile.mkdir()
    names = ("joblib", "signal", "distributed", "dask", "numpy", "json", "subprocess", "threading", "pickle", "socket")
    for name in names:
        (hostile / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')\n")
    cluster = Cluster(tmp_path) if kind == "scheduler" else None
    try:
        driver = DRIVER.format(
            backend="local" if kind == "local" else "dask",
            scheduler=cluster.has(1, toy.code) if cluster else None,
            numbers=str(numbers),
            function=f"{toy.package}.jobs:work",
            scratch=str(toy.work),
        )
        environment = {**os.environ, "PYTHONPATH": str(toy.code)}
        command = [sys.executable, "-P", "-c", driver]
        done = subprocess.run(command, cwd=hostile, env=environment, capture_output=True, text=True, check=False)
    finally:
        if cluster:
            cluster.kill()
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["[45, 90]"]), done.stderr
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


@pytest.mark.dask
def test_the_process_of_a_job_imports_nothing_from_the_folder_where_the_worker_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
    for name in ("pickle", "json", "numpy", "signal"):
        (tmp_path / f"{name}.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'a').write('{name} ')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    assert do_in_process(b".", lambda: True) != 0  # no job: the process ends at once
    assert not (tmp_path / "executed").exists(), (tmp_path / "executed").read_text()


def listening() -> set[str]:
    """The sockets of this process that wait for a connection, or take datagrams."""
    opened = {str(path.readlink()) for path in Path("/proc/self/fd").iterdir() if path.is_symlink()}
    found = set()
    for protocol, listens in (("tcp", "0A"), ("tcp6", "0A"), ("udp", "07"), ("udp6", "07")):
        for line in Path(f"/proc/self/net/{protocol}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == listens and f"socket:[{fields[9]}]" in opened:
                found.add(f"{protocol} {fields[1]}")
    return found


@pytest.mark.dask
def test_a_cluster_of_ones_own_opens_no_port_and_keeps_its_files_to_itself(
    toy: Toy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask imports modules from where it keeps its files, and would keep them where all users have theirs."""
    pytest.importorskip("distributed", reason="Dask is an extra: pip install -e '.[dev]'")
    monkeypatch.setenv("PYTHONPATH", str(toy.code))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    place, before = toy.work / "numbers.npy", listening()
    np.save(place, np.arange(10))
    jobs = {"a": 1, "b": 2}
    request = JobsRequest(f"{toy.package}.jobs:work", jobs, {"numbers": place}, toy.work, cores=1, most=2)
    results = make_workers(Execution("dask"), Told(), print).run(request)
    next(results)
    assert listening() <= before
    assert not list(tmp_path.iterdir())
    results.close()
    assert not (toy.work / "dask").exists()
