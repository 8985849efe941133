"""What a stage is: a name, what it reads and writes, its parameters, and the function that does the work.

Nothing here runs anything. A list of ``Stage`` is the whole pipeline as data; the engine plans with it,
and a stage's function is handed a ``Task`` and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from pipeline.figures import AnyFigure


class Parameters(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of every stage's settings: strict, immutable, and refusing unknown keys."""


@dataclass(frozen=True, slots=True)
class ChoicesOf:
    """An annotation of a setting: its value is a key of a table elsewhere, ``module:TABLE``.

    ``Annotated[str, ChoicesOf("stages.mlp.layers.activations:ACTIVATIONS")]``. The table is a ``dict`` written out
    with texts as keys. Its names are read from its source when they are needed; the module is not imported.
    """

    table: str


P = TypeVar("P", bound=Parameters)


class Progress(Protocol):
    """How a stage says how far it is. Calling it is cheap; it draws at most a few times a second."""

    def __call__(self, done: float, total: float, *, unit: str = "rows", note: str = "") -> None:
        """Report ``done`` of ``total`` units, and in ``note`` what moves, e.g. the accuracy so far."""


@dataclass(frozen=True, slots=True)
class Source:
    """A raw file from outside, or a member of an archive; never written to.

    ``identity`` is the ``file_identity`` of the file that the engine has fingerprinted, None where it has not yet. A
    stage compares it with that of the file that it has opened: it may be another one by then, under the same name.
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
    """What a stage reads from outside, and what to tell people about where that came from."""

    files: tuple[Source, ...]
    origin: str
    notice: str = ""

    def __getitem__(self, name: str) -> Source:
        return next(source for source in self.files if source.name == name)

    def get(self, name: str) -> Source | None:
        """The source called ``name``, or None where it was not found."""
        return next((source for source in self.files if source.name == name), None)


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file that a stage writes, and the check that reads it back before it is published.

    ``path`` is relative to artifacts/: ``split/X_train.npy``. ``check`` names a function
    ``module:function`` that takes the file's path and raises ``DataError`` if it is not what it
    should be. An ``optional`` artifact is one that a stage writes only when there is a reason.
    """

    path: str
    check: str
    optional: bool = False

    @property
    def file_name(self) -> str:
        return self.path.split("/", 1)[1]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a stage has to say when it is done: a few figures to show, and warnings to repeat."""

    figures: Mapping[str, AnyFigure] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()


class PartialResults(Protocol):
    """Finished pieces of a stage's work, which outlive a killed run, and settings that do not concern them.

    A piece is known by a ``description`` of plain data: everything that it depends on besides the stage's code,
    libraries, inputs and raw files, which the engine adds. Equal descriptions must mean equal files.
    """

    def find(self, description: Mapping[str, Any]) -> Path | None:
        """Return the folder of a finished piece, whole and undamaged, or None."""

    def make(self, description: Mapping[str, Any]) -> AbstractContextManager[Path]:
        """Give a folder to write a piece's files in; it is kept when the block ends well, and else is not.

        Raises StageError at the end if inputs or code have changed since the stage began.
        """


@dataclass(frozen=True, slots=True)
class JobContext:
    """What a job finds where it is done: in this process, in another one, or on another machine.

    Attributes
    ----------
    arrays : artifact path -> array, memory-mapped wherever its file can be seen
    scratch : a folder for checkpoints, None where nothing outlives the job
    progress : tells how far the job is
    say : shows one line to the person who watches
    """

    arrays: Mapping[str, Any]
    scratch: Path | None
    progress: Progress
    log: Callable[[str], None]


class Workers(Protocol):
    """Who does independent jobs: processes of this machine or of a cluster, as the user asked for."""

    def run(
        self,
        function: str,
        jobs: Mapping[str, Any],
        *,
        arrays: Mapping[str, Path],
        scratch: Path,
        cores: int,
        most: int,
    ) -> Generator[tuple[str, Any]]:
        """Call ``function`` (``module:function``) with each job and a ``Workplace``, and yield results as they come.

        ``jobs`` maps names to what the function is given; both jobs and results must be plain data that can be
        pickled. A job keeps ``cores`` cores busy; ``most`` so many are done at the same time, 0 for as many as
        the machine has cores for. An error of a job ends all of them and is raised here;
        closing the generator ends them too.
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
    progress : tells how far the stage is
    say : shows one line to the person who watches
    pieces : finished pieces of this or earlier work
    workers : does independent jobs side by side
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
    pieces: PartialResults
    workers: Workers


@dataclass(frozen=True, slots=True)
class Stage:
    """One step of the pipeline, as data.

    Functions are named ``module:function`` and imported only when they are called, so that planning
    costs no imports. ``sources`` names a function ``(parameters, folder) -> Sources``.
    ``not_in_key`` lists parameters that say where or how fast, but not what: changing one reruns nothing.
    ``inputs`` are artifacts, and receipts (``train/receipt.json``) where a stage tells how its inputs were
    made: it then runs again when they were made otherwise, even if they came out the same, and may use all of
    a receipt but its ``finished``, ``seconds``, ``figures``, ``warnings``, ``origin`` and ``notice``.
    """

    name: str
    summary: str
    function: str
    parameters: type[Parameters]
    inputs: tuple[str, ...]
    outputs: tuple[Artifact, ...]
    sources: str | None = None
    not_in_key: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ("numpy",)

    def output(self, path: str) -> Artifact:
        """The artifact at ``path`` (``split/X_train.npy``)."""
        return next(artifact for artifact in self.outputs if artifact.path == path)


def resolve(reference: str) -> Callable[..., Any]:
    """The function that ``module:function`` names, imported now."""
    module, _, name = reference.partition(":")
    function: Callable[..., Any] = getattr(import_module(module), name)
    return function


def upstream(stage: Stage, stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    """The stages that write what ``stage`` reads, in the order of ``stages``."""
    wanted = {path.split("/", 1)[0] for path in stage.inputs}
    return tuple(other for other in stages if other.name in wanted)
