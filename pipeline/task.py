"""What a stage's function is given, and what it returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from pipeline.figures import AnyFigure
from pipeline.stage import Parameters

P = TypeVar("P", bound=Parameters)


class Progress(Protocol):
    """How a stage reports how far it is. A call is cheap: at most a few a second are drawn."""

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        """Report ``done`` of ``total`` units; ``note`` is a short text beside it, such as the accuracy so far."""


def silent_progress(done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
    """Drop a report of progress."""


@dataclass(frozen=True, slots=True)
class Source:
    """A raw file from outside, or a member of an archive. It is never written to.

    ``identity`` is the ``file_identity`` of the file that the engine has fingerprinted, None before that. A stage
    compares it with that of the file that it opens: another file may have the name by then.
    """

    name: str
    path: Path
    member: str | None = None
    identity: tuple[int, ...] | None = None


def file_identity(status: os.stat_result) -> tuple[int, ...]:
    """Device, inode, size, and times of the last change in nanoseconds: equal only if nobody wrote to the file."""
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


@dataclass(frozen=True, slots=True)
class Sources:
    """The raw files that a stage reads; ``origin`` says where they come from, ``notice`` what to know of them."""

    files: tuple[Source, ...]
    origin: str
    notice: str = ""

    def __getitem__(self, name: str) -> Source:
        return next(source for source in self.files if source.name == name)

    def get(self, name: str) -> Source | None:
        """The source called ``name``, or None where it was not found."""
        return next((source for source in self.files if source.name == name), None)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage reports when it is done: a few figures to show, and warnings to repeat.

    The ``notice`` of a stage that reads raw files says what must not be overlooked of them. It goes into the receipts
    of all that is made from them.
    """

    figures: Mapping[str, AnyFigure] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    notice: str = ""


class PartialResults(Protocol):
    """Finished parts of a stage's work. They outlive a killed run, and a change of settings that they do not depend on.

    A part is known by a ``description`` of plain data: everything that it depends on besides the stage's code,
    libraries, inputs and raw files, which the engine adds. Equal descriptions must mean equal files.
    """

    def find(self, description: Mapping[str, Any]) -> Path | None:
        """Return the folder of a finished part, whole and undamaged, or None."""

    def make(self, description: Mapping[str, Any]) -> AbstractContextManager[Path]:
        """Give a folder to write a part's files in. It is kept if the block ends without an error.

        Raises StageError at the end if inputs or code have changed since the stage began.
        """


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job is given where it runs: in this process, in another one, or on another machine.

    Attributes
    ----------
    arrays : artifact path -> array, memory-mapped wherever its file can be seen
    scratch : a folder for checkpoints, None where nothing outlives the job
    progress : reports how far the job is
    log : shows one line to the person who watches
    """

    arrays: Mapping[str, Any]
    scratch: Path | None
    progress: Progress
    log: Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JobsRequest:
    """Independent jobs that a stage asks its workers for.

    Attributes
    ----------
    function : what is called with each job and a ``JobContext``, as ``module:function``
    jobs : name -> what the function is given; plain data that can be pickled, as the results are
    arrays : artifact path -> the file of an array that the jobs read
    scratch : a folder for checkpoints
    cores : how many cores a job keeps busy
    most : how many jobs run at the same time at most; 0 for as many as the machine has cores for
    """

    function: str
    jobs: Mapping[str, Any]
    arrays: Mapping[str, Path]
    scratch: Path
    cores: int
    most: int


class Workers(Protocol):
    """Runs independent jobs, in processes of this machine or on a cluster, as the user asked."""

    def run(self, request: JobsRequest) -> Generator[tuple[str, Any]]:
        """Call the function with each job and a ``JobContext``, and yield names and results as they come.

        An error in one job ends all of them and is raised here. Closing the generator ends them too.
        """


@dataclass(frozen=True, slots=True)
class Task(Generic[P]):
    """Everything that a stage's function may use: it reads ``inputs`` and writes ``outputs``.

    Attributes
    ----------
    inputs : artifact path (``split/X_train.npy``) -> file to read
    outputs : artifact path -> file to write; the folder exists, and is published after the checks
    parameters : the stage's own settings
    sources : what was found outside, for a stage that reads raw files
    origin : where the raw data came from, e.g. ``bundled sample`` or ``data/train.csv``
    scratch : a folder that outlives a killed run of the same work, for checkpoints
    report : a folder whose files are left in artifacts/<stage>/ if, and only if, the stage fails
    progress : reports how far the stage is
    log : shows one line to the person who watches
    partial_results : finished parts of this or earlier work
    workers : runs independent jobs side by side
    """

    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    parameters: P
    sources: Sources
    origin: str
    scratch: Path
    report: Path
    progress: Progress
    log: Callable[[str], None]
    partial_results: PartialResults
    workers: Workers
