"""What to do about a result that is not what a run would make now."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

from pipeline.errors import PipelineError
from pipeline.planning.current_result import find_current, why_stale
from pipeline.terminal.output import notify_stale
from stages.ingest.sources.find import SAMPLE_ORIGIN, find_sources

if TYPE_CHECKING:
    from pipeline.planning.current_result import Current
    from pipeline.planning.project import Project
    from stages.ingest.parameters import IngestParameters


def tell_if_stale(project: Project, result: Current, what: str) -> str:
    """Warn that a result, called ``what``, is not what a run would make now; return why, or an empty text if it is."""
    if stale := why_stale(project, result.stage):
        hint = hint_for_stale(project, result, f"pipeline run {result.stage} brings it up to date")
        notify_stale(what, stale, hint)
    return stale


def hint_for_stale(project: Project, result: Current, command: str) -> str:
    """The hint for a stale result: ``command``, which makes it anew, or how to get its raw data back.

    Without its raw data a run would stop, or take the bundled sample and make another result in its place.
    """
    ingest = find_current(project, "ingest")  # it may have read the same data in another place since
    origin = (result if ingest is None or is_of_sample(ingest) else ingest).receipt.origin
    found = origin_now(project)
    if is_of_sample(result) or found not in {"", SAMPLE_ORIGIN}:
        return command
    otherwise = ": without it, a run would take the bundled sample" if found else ""
    if not os.path.lexists(project.folder / origin):
        return f"put {origin} back{otherwise}"
    return f"name {origin} by ingest.archive, or by ingest.train and ingest.test{otherwise}"


def is_of_sample(result: Current) -> bool:
    """Whether a result was made from the bundled sample, whatever ingest has read since."""
    return result.receipt.origin == SAMPLE_ORIGIN


def origin_now(project: Project) -> str:
    """Where a run would find raw data; empty if it would find none."""
    try:
        return find_sources(cast("IngestParameters", project.config.parameters["ingest"]), project.folder).origin
    except PipelineError:
        return ""
