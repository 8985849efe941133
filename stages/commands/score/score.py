"""`pipeline score [SUBMISSION] --answers FILE`: the accuracy of a submission, by known answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pipeline.cli.options import json_option, project_options
from pipeline.figures import percent
from stages import SUBMISSION

if TYPE_CHECKING:
    from pathlib import Path

    from pipeline.cli.project import ProjectOptions
    from pipeline.planning.current_result import Current
    from pipeline.planning.project import Project
    from stages.commands.score.compare import Answers, Result

SHOWN = 20  # wrong rows in the table; --json and --output have them all
CLASSES = 12  # of which a table has a column each
CONFUSIONS = 12  # the most frequent ones, where there are more classes


@click.command()
@click.argument("submission", required=False, type=click.Path())
@click.option(
    "--answers",
    type=click.Path(),
    metavar="FILE",
    help="A CSV or .csv.gz with the right labels; of the bundled sample they are known.",
)
@click.option("--output", "-o", type=click.Path(), metavar="FILE", help="Write all wrong rows to this .csv file.")
@json_option
@project_options
def score(
    place: ProjectOptions, submission: str | None, answers: str | None, output: str | None, *, as_json: bool
) -> None:
    """Compare a submission with the right answers.

    SUBMISSION is artifacts/submit/submission.csv, if none is given. The answers have an id and a label in each row,
    and perhaps more; or only labels, in the submission's order. The accuracy is kept, and pipeline runs shows it.
    """
    from dataclasses import astuple, fields

    from pipeline.history.scores import identify, record_score
    from pipeline.printable_text import readable
    from pipeline.terminal.output import HINT, notify, print_json
    from stages.commands.id_and_label import read_submission
    from stages.commands.named_file import find_file
    from stages.commands.score.compare import (
        NAME_ANSWERS,
        Wrong,
        compare,
        find_answers,
        like_sample_submission,
        read_answers,
        require_different_files,
        unknown_labels,
    )
    from stages.commands.write_output import require_file, write_csv

    project = place.load()
    path, name, maker = find_submission(project, submission, place.base)
    answers_path = find_file(answers, place.base) if answers else find_answers(maker)
    if not answers:
        notify("no --answers are named: these are the bundled sample's own")
    require_different_files(path, name, answers_path)
    target = require_file(project, output, place.base, [".csv"], inputs=[path, answers_path]) if output else None
    given = read_submission(path, "" if submission else name)
    right = read_answers(answers_path, given)
    result, file = compare(given, right), identify(project.store, SUBMISSION, path)
    run = file.run.id if file.run else None
    if target:
        write_csv(target, [field.name for field in fields(Wrong)], map(astuple, result.wrong))
    doubt = like_sample_submission(right, result)
    if doubt:
        notify(f"warning: {doubt}", f"{HINT}{NAME_ANSWERS}")
    if unknown := unknown_labels(given, result):
        notify(f"warning: {unknown}")
    is_kept = False
    try:
        if not doubt:
            record_score(
                project.store,
                file,
                name="accuracy",
                value=result.accuracy,
                interval=result.interval,
                rows=result.n_rows,
                how=f"answers {readable(answers) if answers else 'of the bundled sample'}",
            )
            is_kept = True
    finally:  # print the result even if it cannot be recorded
        if as_json:
            about = {"submission": name, "digest": file.digest, "run": run}
            print_json(about | result_data(result, right, answers or str(answers_path)) | {"is_kept": is_kept})
        else:
            print_result(result, right, f"{name}, {'made by hand' if run is None else f'of run {run}'}", output)


def find_submission(project: Project, named: str | None, folder: Path) -> tuple[Path, str, Current | None]:
    """Find the submission that is ``named``, relative to ``folder``, or else the current one.

    Beside its path stand its name in messages, and the result whose test set it is probably about, if there is one.
    Raises ConfigError if there is no file of that name, and StageError if none is named, and none has been made.
    """
    from pathlib import Path

    from pipeline.planning.current_result import find_current, require_current
    from pipeline.printable_text import readable
    from stages.commands.named_file import find_file

    if named:
        return find_file(named, folder), readable(named), find_current(project, "ingest")
    submit = require_current(project, "submit")
    return submit.folder / Path(SUBMISSION).name, f"artifacts/{SUBMISSION}", submit


def result_data(result: Result, right: Answers, answers: str) -> dict[str, Any]:
    """The result as --json prints it; ``answers`` is the name of their file."""
    from dataclasses import asdict

    from pipeline.printable_text import readable

    return {
        "answers": readable(answers),
        "matched_by": right.id_name,
        "rows": result.n_rows,
        "errors": len(result.wrong),
        "accuracy": result.accuracy,
        "accuracy_interval": result.interval,
        "classes": result.classes,
        "confusion": result.confusion.tolist(),
        "wrong": [asdict(each) for each in result.wrong],
    }


def print_result(result: Result, answers: Answers, name: str, output: str | None) -> None:
    """Print the accuracy, the confusion of classes, and the first wrong rows, or how many were written to a file."""
    from pipeline.printable_text import readable
    from pipeline.terminal.output import echo, print_table
    from stages.shared.messages import counted

    low, high = result.interval
    matched = f"matched by {answers.id_name}" if answers.id_name else "matched by their order"
    n_wrong = len(result.wrong)
    echo(
        f"{name}: {counted(result.n_rows, 'row')}, {matched}",
        f"accuracy {percent(result.accuracy)} (95 % interval {percent(low)} to {percent(high)}), {n_wrong:,} wrong",
    )
    if not n_wrong:
        return
    echo("")
    print_confusion(result)
    echo("")
    if output:
        echo(f"{counted(n_wrong, 'wrong row')} written to {readable(output)}")
        return
    rows = [(f"{each.row:,}", each.id, each.label, each.predicted) for each in result.wrong[:SHOWN]]
    print_table(("wrong row", "id", "label", "predicted"), rows, numbers=("wrong row",))
    if n_wrong > SHOWN:
        echo(f"and {counted(n_wrong - SHOWN, 'more wrong row')}: --output FILE writes all, --json prints them")


def print_confusion(result: Result) -> None:
    """Print the confusion matrix; of many classes only the most frequent confusions."""
    from pipeline.terminal.output import print_table
    from stages.evaluate.report.confusion import frequent_confusions

    if len(result.classes) <= CLASSES:
        columns = ("label", *(f"as {each}" for each in result.classes))
        counts = [[f"{count:,}" if count else "." for count in line] for line in result.confusion.tolist()]
        rows = [(label, *line) for label, line in zip(result.classes, counts, strict=True)]
        print_table(columns, rows, numbers=columns[1:])
        return
    table = [
        (result.classes[each.actual], result.classes[each.predicted], f"{each.n_rows:,}", percent(each.share))
        for each in frequent_confusions(result.confusion, CONFUSIONS)
    ]
    print_table(("label", "predicted", "rows", "of the class"), table, numbers=("rows", "of the class"))
