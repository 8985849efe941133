"""Run one stage's function on files in a temporary folder, as the engine would, with the checks of its artifacts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from made_receipt import make_receipt

from pipeline.fingerprint.values import digest
from pipeline.stage import Parameters, Stage, resolve
from pipeline.task import Outcome, Progress, Sources, Task, silent_progress
from pipeline.workers.local import LocalWorkers
from stages import STAGES
from stages.ingest.parameters import IngestParameters
from stages.ingest.sources.find import find_sources

RunStage = Callable[..., Outcome]


class FolderPartialResults:
    """Partial results in a folder, without the engine's care; ``made`` lists what was described, in order."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.made: list[dict[str, Any]] = []

    def find(self, description: Mapping[str, Any]) -> Path | None:
        folder = self.folder / digest(description)
        return folder if folder.exists() else None

    @contextmanager
    def make(self, description: Mapping[str, Any]) -> Iterator[Path]:
        unfinished = self.folder / "unfinished"
        unfinished.mkdir(parents=True)
        yield unfinished
        unfinished.rename(self.folder / digest(description))
        self.made.append(dict(description))


@pytest.fixture
def partial_results(tmp_path: Path) -> FolderPartialResults:
    """A place for partial results that outlives a run."""
    return FolderPartialResults(tmp_path / "partial_results")


@pytest.fixture
def run_stage(tmp_path: Path) -> RunStage:
    """``run_stage("split", SplitParameters())``: artifacts lie below ``folder``, by default tmp_path."""

    def run(
        name: str,
        parameters: Parameters | None = None,
        *,
        folder: Path = tmp_path,
        origin: str = "made in a test",
        sources: Sources | None = None,
        progress: Progress = silent_progress,
        partial_results: FolderPartialResults | None = None,
    ) -> Outcome:
        stage: Stage = next(each for each in STAGES if each.name == name)
        for below in (name, f"scratch/{name}", f"report/{name}"):
            (folder / below).mkdir(parents=True, exist_ok=True)
        task = Task(
            inputs={path: folder / path for path in stage.inputs},
            outputs={artifact.path: folder / artifact.path for artifact in stage.outputs},
            parameters=parameters or stage.parameters(),
            sources=sources or Sources((), origin),
            origin=sources.origin if sources else origin,
            scratch=folder / "scratch" / name,
            report=folder / "report" / name,
            progress=progress,
            log=lambda line: None,  # noqa: ARG005 - the protocol's name
            partial_results=partial_results or FolderPartialResults(folder / "partial_results" / uuid4().hex),
            workers=LocalWorkers(None, silent_progress, lambda line: None),  # noqa: ARG005 - the protocol's name
        )
        outcome: Outcome = resolve(stage.function)(task)
        for artifact in stage.outputs:
            if not artifact.optional or task.outputs[artifact.path].exists():
                resolve(artifact.check)(task.outputs[artifact.path])
        if any(f"{name}/receipt.json" in other.inputs for other in STAGES):
            (folder / name / "receipt.json").write_bytes(make_receipt(name, msgspec.to_builtins(task.parameters)))
        return outcome

    return run


@pytest.fixture
def ingest(run_stage: RunStage, tmp_path: Path) -> RunStage:
    """``ingest({"train.csv": text, "test.csv": text}, height=2)``: runs ingest on what is put into data/."""

    def run(files: dict[str, str | bytes], **settings: Any) -> Outcome:
        data = tmp_path / "data"
        data.mkdir(exist_ok=True)
        for name, content in files.items():
            (data / name).write_bytes(content.encode() if isinstance(content, str) else content)
        parameters = IngestParameters(**settings)
        return run_stage("ingest", parameters, sources=find_sources(parameters, tmp_path))

    return run
