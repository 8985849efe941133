"""A copy of one artifact at a place that the user names, such as a notebook's folder of results.

What is copied is the result that the run has certified, and the copy is there whole or not at all.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.config import FILE_NAME
from pipeline.errors import ConfigError, StageError, StoreError, disk_full
from pipeline.execution.run import RunResult
from pipeline.files.safe_files import replacing
from pipeline.planning.current_result import require_current
from pipeline.planning.output_place import require_output
from pipeline.planning.project import Project
from pipeline.planning.selection import Selection
from pipeline.stage import maker_of

OPTION = "--submission"


def plan_copy(project: Project, artifact: str, name: Path, base: Path, selection: Selection) -> Path:
    """Return where the user wants a copy of an artifact (``submit/submission.csv``); ``name`` is relative to ``base``.

    Raises ConfigError if no file may be written there, or if no selected stage makes the artifact.
    """
    maker = maker_of(artifact)
    if maker not in selection.stages:
        raise ConfigError(
            f"{OPTION} copies {artifact}, and {maker} is not among the stages to run",
            hint=f"name {maker} too, as in pipeline run all {OPTION} {name}",
        )
    return require_output(project, name, base, OPTION, inputs=[project.folder / FILE_NAME])


def copy_result(project: Project, result: RunResult, artifact: str, path: Path) -> None:
    """Copy what a run has made or found fresh; an earlier file at ``path`` stays until the new one is whole.

    Raises
    ------
    StageError
        Another run has made another result meanwhile, or the file is not what its receipt certifies.
    StoreError
        It cannot be written.
    """
    maker, name = maker_of(artifact), Path(artifact).name
    current = require_current(project, maker)
    if current.receipt not in [done.receipt for done in result.stages]:
        raise StageError(
            f"another run has replaced the result of {maker}", hint="run it again, to copy what is there now"
        )
    try:
        content = (current.folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != current.receipt.outputs[name].bytes:
            raise StageError(f"{artifact} has changed while it was copied", hint=f"pipeline run {maker}")
        with replacing(path) as file:
            file.write(content)
    except OSError as error:
        what, hint = disk_full(error) or (error.strerror or str(error), "name another place, and run again")
        raise StoreError(f"{artifact} cannot be copied: {what}", where=str(path), hint=hint) from error
