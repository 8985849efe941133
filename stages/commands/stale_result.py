"""What to do about a result that is not what a run would make now."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from pipeline.errors import PipelineError
from stages.ingest.sources.find import SAMPLE_ORIGIN, find_sources

if TYPE_CHECKING:
    from pipeline.planning.current_result import Current
    from pipeline.planning.project import Project
    from stages.ingest.parameters import IngestParameters


def hint_for_stale(project: Project, result: Current, command: str) -> str:
    """The hint for a stale result: ``command``, which makes it anew, or how to get its raw data back.

    Without its raw data a run would take the bundled sample, so a command would make another result in its place.
    """
    origin = result.receipt.origin
    if is_of_sample(result) or not is_sample_read(project):
        return command
    otherwise = "without it, a run would take the bundled sample"
    if os.path.lexists(project.folder / origin):  # this call lacks the settings that named it
        return f"name {origin} by ingest.archive, or by ingest.train and ingest.test: {otherwise}"
    return f"put {origin} back: {otherwise}"


def is_of_sample(result: Current) -> bool:
    """Whether a result was made from the bundled sample, whatever ingest has read since."""
    return result.receipt.origin == SAMPLE_ORIGIN


def is_sample_read(project: Project) -> bool:
    """Whether a run would read the bundled sample."""
    with suppress(PipelineError):  # a run would stop there
        parameters = cast("IngestParameters", project.config.parameters["ingest"])
        return find_sources(parameters, project.folder).origin == SAMPLE_ORIGIN
    return False
