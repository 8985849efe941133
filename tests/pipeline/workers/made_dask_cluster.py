"""A Dask cluster of real processes on this machine, for tests to use and to break."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

PATIENCE = 60  # seconds after which something that should happen at once is taken not to happen


class Cluster:
    """A scheduler and workers, each a process of its own, as one starts them on several machines."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[bytes]] = []
        self.logs: dict[subprocess.Popen[bytes], Path] = {}
        place = folder / "scheduler.json"
        words = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(place))
        self.scheduler = self._start({}, "scheduler", *words)
        deadline = time.monotonic() + PATIENCE
        while not (place.exists() and place.stat().st_size) and time.monotonic() < deadline:
            time.sleep(0.05)
        self.address = json.loads(place.read_text())["address"]
        self.workers: list[subprocess.Popen[bytes]] = []
        self.kind: tuple[Path, bool] | None = None

    def _start(self, environment: dict[str, str], kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words]
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environment}
        with (self.folder / f"{kind}-{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(command, env=environment, cwd=self.folder, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def has(self, count: int, code: Path, *, nanny: bool = False) -> str:
        """See that there are so many workers which import from ``code``; a ``nanny`` replaces a dead one."""
        if self.kind != (code, nanny):
            self.end(self.workers)
            self.workers, self.kind = [], (code, nanny)
        self.workers = [worker for worker in self.workers if worker.poll() is None]
        words = ("--host", "127.0.0.1", "--nthreads", "1", "--no-dashboard")
        words += ("--local-directory", str(self.folder / "local"))
        if not nanny:
            words += ("--no-nanny",)
        for _ in range(count - len(self.workers)):
            number = len(self.processes)
            self.workers.append(self._start({"PYTHONPATH": str(code)}, "worker", self.address, *words))
            self.logs[self.workers[-1]] = self.folder / f"worker-{number}.log"
        deadline = time.monotonic() + PATIENCE
        while not all(b"Registered to" in self.logs[worker].read_bytes() for worker in self.workers):
            assert time.monotonic() < deadline, "the workers do not find the scheduler"
            time.sleep(0.05)
        return self.address

    def end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        for process in reversed(processes):
            process.send_signal(signal.SIGTERM)  # a nanny takes its worker along
        for process in processes:
            try:
                process.wait(timeout=PATIENCE / 10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def kill(self) -> None:
        """End all processes at once."""
        for process in self.processes:
            process.kill()
            process.wait()
