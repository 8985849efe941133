"""Run one stage's function, check and fingerprint what it wrote, and publish it if nothing changed meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from pipeline.errors import DataError, PipelineError, StageError, StoreError, failure, first_few
from pipeline.fingerprint.digest_files import no_garbage_collection
from pipeline.fingerprint.environment import loaded_environment
from pipeline.fingerprint.source_import import import_from_source
from pipeline.planning.current_work import current_work, find_sources, source_digests
from pipeline.planning.project import Project
from pipeline.planning.reasons import Reason, ReasonKind, reason_of
from pipeline.planning.staleness import differences
from pipeline.printable_text import readable
from pipeline.stage import Artifact, Parameters, Stage, maker_of, resolve
from pipeline.store.partial_results import StagePartialResults, fingerprint_files
from pipeline.store.receipt import Output, Receipt, Work
from pipeline.store.store import Store
from pipeline.task import Outcome, Progress, Source, Sources, Task, file_identity
from pipeline.workers.backends import make_workers

UNDECLARED = "let the stage's function write what its list of outputs names"


@dataclass(frozen=True, slots=True)
class StageRun:
    """One stage to be run, its work with all inputs known, and the receipts it builds on.

    ``origin`` and ``notice`` say where the raw data lies now, and ``settings`` what the run was asked for, in words. A
    ``forced`` stage uses no earlier partial results.
    """

    stage: Stage
    work: Work
    upstream: Mapping[str, Receipt]
    origin: str
    notice: str
    settings: str
    forced: bool


def run_stage(project: Project, run: StageRun, progress: Progress, log: Callable[[str], None]) -> Receipt:
    """Run a stage in a folder of its own and publish the result.

    Raises PipelineError if the stage fails, writes something that is not valid, or if its inputs, raw
    files or code changed since the plan was made. Nothing is published then, and the report that the
    stage may have written about its failure is left in artifacts/<stage>/.
    """
    store, stage = project.store, run.stage
    folder, report = store.begin(stage.name), store.begin(f"{stage.name}-report")
    clock = time.monotonic()

    def require_same() -> None:
        reasons = [*_changed_work(project, run), *_exchanged(task.sources), *_changed_inputs(project, run)]
        _require_unchanged(project, run, list(dict.fromkeys(reasons)))

    try:
        partial_results = StagePartialResults(store, run.work, require_same, forced=run.forced)
        task = _task(project, run, folder, report, progress, log, partial_results)
        if run.upstream:  # it may have changed while earlier stages ran
            _require_unchanged(project, run, _changed_work(project, run))
        import_from_source(stage.function)
        try:
            with _stage_errors(stage, folder, store):
                outcome: Outcome = resolve(stage.function)(task)
                outputs = _read_back(stage, folder)
        except BaseException:
            with suppress(PipelineError):  # the first error is the one to show
                if _is_changed(project, run):  # then its checkpoints belong to other work
                    store.forget_scratch(stage.name, run.work.key)
            raise
        require_same()  # only now, because the checks above are code too
        receipt = Receipt(
            work=run.work,
            outputs=outputs,
            figures=dict(outcome.figures),
            warnings=tuple(map(readable, outcome.warnings)),  # so that it equals what will be read back
            origin=readable(run.origin),
            notice=readable("\n".join(filter(None, [run.notice, outcome.notice]))),
            finished=datetime.now(UTC).isoformat(timespec="milliseconds"),
            seconds=round(time.monotonic() - clock, 3),
            environment=loaded_environment(),
            partial_results=tuple(sorted(partial_results.used)),
        )
        return store.publish(folder, receipt)
    except BaseException as error:
        store.discard(folder)
        if isinstance(error, PipelineError):
            with suppress(StoreError):  # the first error is the one to show
                store.leave_report(stage.name, report)
        raise
    finally:
        store.discard(report)


def _task(
    project: Project,
    run: StageRun,
    folder: Path,
    report: Path,
    progress: Progress,
    log: Callable[[str], None],
    partial_results: StagePartialResults,
) -> Task[Parameters]:
    """Return a stage's task. Its inputs are in the real folders, because the links may be switched."""
    stage, store = run.stage, project.store
    folders = {name: store.folder(name).resolve() for name in run.upstream}
    return Task(
        inputs={path: folders[maker_of(path)] / Path(path).name for path in stage.inputs},
        outputs={artifact.path: folder / artifact.file_name for artifact in stage.outputs},
        parameters=project.config.parameters[stage.name],
        sources=_with_identities(find_sources(project, stage)),
        origin=run.origin,
        scratch=store.scratch(stage.name, run.work.key, readable(run.settings)),
        report=report,
        progress=progress,
        log=log,
        partial_results=partial_results,
        workers=(project.workers or partial(make_workers, project.execution))(progress, log),
    )


def _read_back(stage: Stage, folder: Path) -> dict[str, Output]:
    """Read back every file that a stage wrote; check it and fingerprint it."""
    written = {path.name for path in folder.iterdir()}
    needed = {artifact.file_name for artifact in stage.outputs if not artifact.optional}
    declared = {artifact.file_name for artifact in stage.outputs}
    if missing := needed - written:
        raise StageError(f"{stage.name} did not write {', '.join(sorted(missing))}", hint=UNDECLARED)
    if surplus := written - declared:
        names = ", ".join(sorted(surplus))
        raise StageError(f"{stage.name} wrote files that it does not declare: {names}", hint=UNDECLARED)
    with no_garbage_collection(), ThreadPoolExecutor(4) as pool:  # hashing and Parquet release the interpreter's lock
        outputs = pool.submit(fingerprint_files, folder)
        checks = [
            pool.submit(check_file, artifact, folder / artifact.file_name)
            for artifact in stage.outputs
            if artifact.file_name in written
        ]
    for check in checks:  # of several wrong files, the first that the stage declares is named
        check.result()
    return outputs.result()


def check_file(artifact: Artifact, path: Path) -> None:
    """Validate one file by its artifact's check; raises StageError that names the artifact."""
    try:
        resolve(artifact.check)(path)
    except DataError as error:
        raise StageError(f"{artifact.path} is not valid: {error.what}", where=error.places, hint=error.hint) from error


def _changed_work(project: Project, run: StageRun) -> list[Reason]:
    """Fingerprint raw files and code once more, and name what has changed since the plan was made."""
    sources = source_digests(find_sources(project, run.stage))
    now = replace(current_work(project, run.stage), inputs=run.work.inputs, sources=sources)
    return list(differences(run.work, now))


def _is_changed(project: Project, run: StageRun) -> bool:
    """Whether raw files or code have changed since the plan was made, or are gone."""
    try:
        return bool(_changed_work(project, run))
    except PipelineError:
        return True


def _with_identities(sources: Sources) -> Sources:
    """Note each file's identity before it is hashed: a stage must read the very file that is hashed."""
    return replace(
        sources,
        files=tuple(replace(source, identity=file_identity(source.path.stat())) for source in sources.files),
    )


def _exchanged(sources: Sources) -> list[Reason]:
    """Name the raw files that were written to or replaced, even if they hold the same bytes again."""

    def is_the_same(source: Source) -> bool:
        try:
            return source.identity == file_identity(source.path.stat())
        except OSError:
            return False

    return [Reason(ReasonKind.SOURCE_CHANGED, source.name) for source in sources.files if not is_the_same(source)]


def _changed_inputs(project: Project, run: StageRun) -> list[Reason]:
    """Name the inputs that were switched or damaged since the plan was made."""
    reasons: list[Reason] = []
    for name, expected in run.upstream.items():
        current = project.store.current(name)
        if current is None or current.receipt != expected:
            reasons.append(Reason(ReasonKind.INPUT_CHANGED, name))
        else:
            reasons += map(reason_of, project.store.damage([current])[current.folder])
    return reasons


def _require_unchanged(project: Project, run: StageRun, reasons: list[Reason]) -> None:
    """Refuse a result if what it was made from changed meanwhile; its checkpoints go too."""
    if not reasons:
        return
    project.store.forget_scratch(run.stage.name, run.work.key)
    named = first_few([str(reason) for reason in reasons], separator="; ")
    raise StageError(
        f"something changed while {run.stage.name} ran, so its result is not certified: {named}",
        hint=f"pipeline run {run.stage.name}",
    )


@contextmanager
def _stage_errors(stage: Stage, folder: Path, store: Store) -> Iterator[None]:
    """Turn any error of a stage's function into one that names the stage; ``folder`` is where the stage writes."""
    try:
        yield
    except PipelineError:
        raise
    except Exception as error:
        raise failure(stage.name, error, partial(store.room, folder)) from error
