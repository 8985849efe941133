"""Scores and runs: which run made a file, and which scores the results of a run have."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipeline.fingerprint.digest_files import file_digest
from pipeline.logs.run_log import Run, read_runs
from pipeline.logs.score_log import Score, append_score, read_scores
from pipeline.store.receipt import bytes_part
from pipeline.store.store import Store


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file by the SHA-256 of its bytes, and what made it: the name of the stored result, and the run.

    ``result`` is empty for a file that was not made here, and ``run`` is None where the log does not have it.
    """

    digest: str
    result: str
    run: Run | None


def identify(store: Store, artifact: str, path: Path) -> KnownFile:
    """Find out what made the file at ``path``, which may be a copy of an ``artifact`` that is stored here.

    The current result comes before others that have the same bytes. If several runs had a result, it is the first one
    that ran the stage.
    """
    digest = file_digest(path)
    stage, _, name = artifact.partition("/")
    found = [item.receipt for item in (store.current(stage), *store.stored(stage)) if item and item.receipt]
    outputs = {receipt.generation: receipt.outputs.get(name) for receipt in found}
    made = [result for result, output in outputs.items() if output and output.bytes == digest]
    if not made:
        return KnownFile(digest, "", None)
    having = [run for run in read_runs(store.root) if run.results.get(stage) in made]
    having.sort(key=lambda run: (run.results[stage] != made[0], run.stages.get(stage) != "run"))
    return KnownFile(digest, having[0].results[stage], having[0]) if having else KnownFile(digest, made[0], None)


def record_score(
    store: Store,
    file: KnownFile,
    *,
    name: str,
    value: float | None,
    how: str,
    interval: tuple[float, float] | None = None,
    rows: int | None = None,
) -> Score:
    """Write a score of a file into the log; raises StoreError if that fails."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    run = file.run.id if file.run else None
    score = Score(file.digest, name, value, interval, rows, how, now, run, file.result)
    store.prepare()
    append_score(store.root, score)
    return score


def scores_by(store: Store, file: KnownFile, how: str) -> list[Score]:
    """Return a file's scores by one way of scoring, oldest first, those without a known value included."""
    return [score for score in read_scores(store.root).all if (score.digest, score.how) == (file.digest, how)]


def scores_of(run: Run, scores: Iterable[Score]) -> list[Score]:
    """Return the known scores of a run's results, the last one of each name and each way of scoring.

    Another run's result with the same bytes has the same scores.
    """
    parts = {bytes_part(result) for result in run.results.values()}
    mine = (score for score in scores if score.value is not None)
    return list({(score.name, score.how): score for score in mine if bytes_part(score.result) in parts}.values())


def by_run(runs: Sequence[Run], scores: Sequence[Score]) -> dict[int, list[Score]]:
    """Return the known scores of runs, by their numbers; a run without any is left out."""
    found = {run.id: scores_of(run, scores) for run in runs} if scores else {}
    return {number: mine for number, mine in found.items() if mine}
