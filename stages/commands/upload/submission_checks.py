"""Check that the submission may be sent: up to date, intact, for this test set, and not trained on test images."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipeline.errors import PipelineError, StageError, first_few
from pipeline.figures import percent
from pipeline.files.leftovers import UPLOAD, system_folder
from pipeline.history.scores import KnownFile, identify
from pipeline.planning.current_result import Current, find_current, is_kept_by_settings, require_current, why_stale
from stages import SUBMISSION
from stages.commands.id_and_label import read_submission
from stages.commands.stale_result import hint_for_stale, is_of_sample
from stages.evaluate.documents import Metrics
from stages.ingest.documents import DataSource
from stages.shared.documents import read_document
from stages.shared.messages import counted, shortened
from stages.shared.parquet import open_table

if TYPE_CHECKING:
    from pipeline.planning.project import Project
    from stages.submit.parameters import SubmitParameters

MAKER, FILE = SUBMISSION.split("/")
MODEL = "train/model.npz"
EXAMPLES = 5
DIGITS = 12  # of the digest, in the name under which Kaggle lists the file


@dataclass(frozen=True, slots=True)
class Validation:
    """The accuracy of the network that made a submission, on rows that it has not seen, and its 95 % interval."""

    accuracy: float
    interval: tuple[float, float]
    n_rows: int

    @property
    def interval_text(self) -> str:
        low, high = self.interval
        return f"95 % interval {percent(low)} to {percent(high)}"

    def place_of(self, score: float) -> str | None:
        """Where a score lies: ``below`` the interval, ``within`` it or ``above``; None if it can be no accuracy."""
        low, high = self.interval
        return None if not 0 <= score <= 1 else "below" if score < low else "above" if score > high else "within"


@dataclass(frozen=True, slots=True)
class Checked:
    """A copy of the submission that passed all checks. A later run cannot change it.

    Its name holds the digest of its bytes, so that Kaggle's list says which submission a score belongs to. ``origin``
    is where the data came from, and ``is_counted`` says whether the ids are 1, 2, 3 and so on.
    """

    path: Path
    file: KnownFile
    origin: str
    n_rows: int
    is_counted: bool
    validation: Validation | None


@contextmanager
def checked_copy(project: Project) -> Iterator[Checked]:
    """Copy the submission into a temporary folder, and check the copy.

    Raises
    ------
    StageError, StoreError
        It has not been made, is damaged or not up to date, must not be sent, or cannot be copied.
    DataError
        A file that it is compared with cannot be read.
    """
    with system_folder(UPLOAD) as folder:
        try:
            checked = check(project, folder)
        except OSError as error:
            hint = "make room, or name another place by the variable TMPDIR"
            what = f"the submission cannot be copied: {error.strerror}"
            raise StageError(what, where=str(folder), hint=hint) from error
        yield checked


def check(project: Project, folder: Path) -> Checked:
    """Copy the submission into ``folder``, and check the copy; raises as ``checked_copy`` does, and OSError."""
    submit, ingest = require_current(project, MAKER), require_current(project, "ingest")
    require_not_of_sample(submit)
    if stale := why_stale(project, MAKER):
        raise StageError(
            f"the submission is not up to date ({stale})",
            where=f"artifacts/{SUBMISSION}",
            hint=hint_to_send_it_anyway(project, submit)
            + hint_for_stale(project, submit, "pipeline run all makes it anew"),
        )
    source = read_document(ingest.folder / "source.json", DataSource, stage="ingest")
    require_no_test_images(source)
    data = (submit.folder / FILE).read_bytes()
    path = folder / FILE
    path.write_bytes(data)
    file = identify(project.store, SUBMISSION, path)
    if file.digest != submit.receipt.outputs[FILE].bytes:  # it was intact a moment ago
        raise StageError(
            "the submission was changed meanwhile", where=f"artifacts/{SUBMISSION}", hint=f"pipeline run {MAKER}"
        )
    submission = read_submission(path, f"artifacts/{SUBMISSION}")
    parameters = cast("SubmitParameters", project.config.parameters[MAKER])
    require_ids(submission.ids, ids_of_test_set(ingest, parameters.first_id))
    path = path.rename(folder / f"submission-{file.digest[:DIGITS]}.csv")
    return Checked(
        path,
        file,
        source.source,
        n_rows=len(submission.ids),
        is_counted=submission.ids == [str(number) for number in range(1, len(submission.ids) + 1)],
        validation=find_validation(project, submit),
    )


def hint_to_send_it_anyway(project: Project, submit: Current) -> str:
    """The beginning of a hint: the command that sends this submission though it is not up to date; or an empty text."""
    run = identify(project.store, SUBMISSION, submit.folder / FILE).run
    if run is None or project.config.given == (("--like", str(run.id)),):  # then a run must restore it
        return ""
    with suppress(PipelineError):  # the error that is raised anyway has the reason
        if is_kept_by_settings(project, MAKER):
            return f"pipeline upload -m MESSAGE --like {run.id} sends this one; "
    return ""


def require_not_of_sample(submit: Current) -> None:
    """Raise StageError for a submission of the bundled sample."""
    if is_of_sample(submit):
        raise StageError(
            "this is the submission of the bundled sample, which no competition is about",
            where=f"artifacts/{SUBMISSION}",
            hint="pipeline fetch puts Kaggle's files into data/, unless they are there; then pipeline run all",
        )


def require_no_test_images(source: DataSource) -> None:
    """Raise StageError if the training set holds Kaggle's test images."""
    if source.holds_test_images:
        raise StageError(
            "the network was trained on Kaggle's own test images, so its score would say nothing",
            where=source.source,
            hint="train on Kaggle's files: pipeline fetch; then pipeline run all",
        )


def ids_of_test_set(ingest: Current, first_id: int | None) -> list[str]:
    """The ids of all test rows, in their order; numbered from ``first_id`` if that is set."""
    with open_table(ingest.folder / "ids.parquet", stage="ingest") as file:
        ids = file.read().column(0).to_pylist()
    return [str(each) for each in (ids if first_id is None else range(first_id, first_id + len(ids)))]


def require_ids(ids: list[str], expected: list[str]) -> None:
    """Raise StageError unless the submission's ids are those of the test set, in its order."""
    if ids == expected:
        return
    what = f"it has {counted(len(ids), 'row')}, and the test set has {len(expected):,}"
    if len(ids) == len(expected):
        pairs = [(row, own, known) for row, (own, known) in enumerate(zip(ids, expected, strict=True)) if own != known]
        shown = first_few(
            [f"row {row:,} has {shortened(own)} for {shortened(known)}" for row, own, known in pairs], EXAMPLES
        )
        what = f"its ids are others: {shown}"
    raise StageError(
        f"the submission is not for this test set: {what}", where=f"artifacts/{SUBMISSION}", hint="pipeline run all"
    )


def find_validation(project: Project, submit: Current) -> Validation | None:
    """The accuracy of the network that made the submission, None if evaluate has not measured it.

    With folds it is the accuracy of the whole ensemble, if there are validation rows.
    """
    evaluate = find_current(project, "evaluate")
    if evaluate is None or evaluate.receipt.work.inputs.get(MODEL) != submit.receipt.work.inputs.get(MODEL):
        return None
    metrics = read_document(evaluate.folder / "metrics.json", Metrics, stage="evaluate")
    measured = metrics.ensemble or metrics
    return Validation(measured.accuracy, measured.accuracy_interval, measured.n_rows)
