"""What a stage would do now: its settings, code, libraries and raw files, fingerprinted."""

from __future__ import annotations

import stat

from pipeline.config import plain
from pipeline.errors import DataError
from pipeline.fingerprint.code import Closure, CodeReader, code_closure
from pipeline.fingerprint.digest_files import file_digests
from pipeline.fingerprint.libraries import Installed, library_versions
from pipeline.fingerprint.values import digest
from pipeline.planning.project import Project
from pipeline.stage import Stage, resolve
from pipeline.store.receipt import LOCATION, Work
from pipeline.task import Sources

NO_SOURCES = Sources((), "")


def find_sources(project: Project, stage: Stage) -> Sources:
    """Ask a stage which raw files it reads, if any."""
    if stage.sources is None:
        return NO_SOURCES
    found: Sources = resolve(stage.sources)(project.config.parameters[stage.name], project.folder)
    return found


class Readers:
    """Readers of code and of library versions. Stages that share them read each file once."""

    def __init__(self, project: Project) -> None:
        self.code, self.installed = CodeReader(project.parse_cache.parse), Installed()


def current_work(project: Project, stage: Stage, readers: Readers | None = None) -> Work:
    """Fingerprint a stage's settings, code and libraries. Without ``readers``, new ones are made."""
    readers = readers or Readers(project)
    values = plain(project.config.parameters[stage.name])
    closure = _closure(project, stage, readers)
    return Work(
        stage=stage.name,
        parameters={key: value for key, value in values.items() if key not in stage.not_in_key},
        inputs={},
        sources={},
        code=dict(closure.digests),
        libraries=library_versions(closure.libraries, project.parse_cache, readers.installed),
        outputs=tuple(artifact.path for artifact in stage.outputs),
    )


def _closure(project: Project, stage: Stage, readers: Readers) -> Closure:
    """Follow a stage's code, or take it from the project's cache."""
    if project.closures is not None and stage.name in project.closures:
        return project.closures[stage.name]
    references = [stage.function, *(artifact.check for artifact in stage.outputs)]
    closure = code_closure(references, readers.code)
    if project.closures is not None:
        project.closures[stage.name] = closure
    return closure


def source_digests(sources: Sources) -> dict[str, str]:
    """Hash the raw files by name.

    Their place counts too, because results name it: the sample must not pass for real data.
    Raises DataError for anything but a plain file that may be read: reading a pipe could wait for ever.
    """
    try:
        for source in sources.files:
            if not stat.S_ISREG(source.path.stat().st_mode):
                hint = "name a CSV file or a zip that holds one"
                raise DataError("this is not a file", where=str(source.path), hint=hint)
        files = file_digests(source.path for source in sources.files)
    except OSError as error:
        raise DataError(
            f"a raw file cannot be read: {error.strerror}",
            where=str(error.filename),
            hint="make it a file that may be read",
        ) from error
    named = {
        source.name: digest([source.member, files[source.path]]) if source.member else files[source.path]
        for source in sources.files
    }
    return {**named, LOCATION: digest([sources.origin, sources.notice])} if named else {}
