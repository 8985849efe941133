"""`pipeline upload`, with a program in Kaggle's place: what is sent, and what is kept of it."""

from __future__ import annotations

import json
from pathlib import Path
from shlex import join

import pytest
from calling import call
from click.testing import CliRunner
from made_kaggle import Kaggle, answer
from made_upload import SENT, listing, logged, run_upload, sent_name

from pipeline.cli import main
from pipeline.errors import StageError
from pipeline.figures import percent
from pipeline.fingerprint.digest_files import file_digest
from pipeline.history.scores import KnownFile
from stages.commands.upload import upload
from stages.commands.upload.choose_competition import competition_of, require_matching_test_set
from stages.commands.upload.submission_checks import Checked, Validation

pytestmark = pytest.mark.usefixtures("no_charts_in_module")


def test_the_submission_is_sent_and_its_score_is_kept_beside_the_run(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", listing(project, "", "SubmissionStatus.PENDING"), listing(project))
    result = run_upload(project)
    submit, *looks = kaggle.calls
    assert submit[:4] == ["competitions", "submit", "digit-recognizer", "-f"]
    assert Path(submit[4]).name == sent_name(project)
    assert submit[5:] == ["-m", "more epochs"]
    assert looks == [["competitions", "submissions", "digit-recognizer", "--csv"]] * 2
    assert kaggle.sent == (project / "artifacts/submit/submission.csv").read_bytes()
    assert "public score 0.98932: above the validation accuracy's 95 % interval" in result.stdout
    sent, scored = logged(project)
    assert (sent["value"], scored["value"]) == (None, 0.98932)
    assert scored["digest"] == file_digest(project / "artifacts/submit/submission.csv")
    assert (scored["run"], scored["how"]) == (1, "kaggle digit-recognizer")
    runs = call("runs", project, "--json").stdout
    assert [score["value"] for score in json.loads(runs)[0]["scores"]] == [0.98932]
    assert not list(project.parent.glob("pipeline-upload-*"))


def test_what_will_be_sent_is_shown_and_sent_only_if_the_person_agrees(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metrics = json.loads((project / "artifacts/evaluate/metrics.json").read_text())
    shown = run_upload(project, code=2, yes=False).stderr
    assert "there is no terminal to ask on" in shown
    assert "--yes" in shown
    assert f"validation: {100 * metrics['accuracy']:.2f} %, 95 % interval " in shown
    assert "made by:    run 1 of " in shown
    assert "359 rows, sha256 " in shown
    monkeypatch.setattr(upload, "has_terminal", lambda: True)
    words = ["upload", "-m", "more epochs", "--no-wait", "--competition", "x", "-C", str(project)]
    refused = CliRunner().invoke(main, words, input="n\n")
    assert (refused.exit_code, kaggle.calls) == (1, [])
    assert "nothing was sent" in refused.stderr
    kaggle.will("submit", SENT)
    assert CliRunner().invoke(main, words, input="y\n").exit_code == 0
    assert len(kaggle.calls) == 1


def test_the_same_bytes_are_not_sent_twice_unless_they_are_forced(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", listing(project))
    run_upload(project)
    told = run_upload(project, code=1).stderr
    assert "the same bytes were sent on " in told
    assert "their public score is 0.98932" in told
    assert "--force" in told
    assert [words[1] for words in kaggle.calls] == ["submit", "submissions"]
    again = run_upload(project, "--force").stderr
    assert "if you interrupt this, the same command without --force takes it up again" in again
    assert [words[1] for words in kaggle.calls] == ["submit", "submissions"] * 2
    run_upload(project, "--competition", "another")  # which has not seen them
    assert kaggle.calls[-2][1:3] == ["submit", "another"]


def test_the_score_of_a_second_sending_is_looked_for_without_force(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", listing(project))
    run_upload(project)
    told = run_upload(project, "--force", "--no-wait").stderr
    assert "the same command without --force looks for it again" in told
    kaggle.will("submissions", listing(project, "0.99"))
    assert "public score 0.99" in run_upload(project).stdout
    assert [words[1] for words in kaggle.calls] == ["submit", "submissions"] * 2
    assert [entry["value"] for entry in logged(project)] == [None, 0.98932, None, 0.99]
    assert "their public score is 0.99" in run_upload(project, code=1).stderr


@pytest.mark.parametrize(
    ("text", "says"),
    [("", ""), ("403 Client Error: Forbidden for url: https://x", ""), ("", "Warning: chmod 600 kaggle.json")],
)
def test_what_kaggle_did_not_confirm_is_not_taken_for_sent(kaggle: Kaggle, project: Path, text: str, says: str) -> None:
    kaggle.will("submit", answer(text, says=says))
    stderr = run_upload(project, code=1).stderr
    assert "it cannot be told whether Kaggle has the submission" in stderr
    assert (text + says) in stderr
    assert "see whether it has arrived, https://www.kaggle.com/competitions/digit-recognizer/submissions" in stderr
    assert logged(project) == []
    for signs in ("Submission ref: 5\n", "Successfully submitted to Digit Recognizer"):  # of 2.2, of 1.7
        kaggle.will("submit", answer(signs))
        run_upload(project, "--no-wait", "--force")
    assert len(logged(project)) == 2


def test_a_test_set_that_is_not_digit_recognizers_is_sent_only_where_the_person_says_so(
    kaggle: Kaggle, project: Path
) -> None:
    kaggle.will("submit", SENT)
    stderr = run_upload(project, "--no-wait", competition="", code=1).stderr
    assert "the submission is not for digit-recognizer: it has 359 rows" in stderr
    assert "28,000 test images, with ids from 1; --competition NAME says" in stderr
    assert kaggle.calls == []
    run_upload(project, "--no-wait", "--force", competition="")
    run_upload(project, "--no-wait", competition="")  # only its score is looked for
    assert [words[1:3] for words in kaggle.calls] == [
        ["submit", "digit-recognizer"],
        ["submissions", "digit-recognizer"],
    ]


@pytest.mark.parametrize(
    ("origin", "competition"),
    [
        ("data/Kannada-MNIST.zip", "Kannada-MNIST"),
        ("data/digit-recognizer (1).zip", "digit-recognizer"),
        ("data/train.csv", "digit-recognizer"),
        ("data/train.csv.zip", "digit-recognizer"),
        ("data/my files.zip", "digit-recognizer"),
        ("elsewhere/Kannada-MNIST.zip", "digit-recognizer"),
        ("/kaggle/input/digit-recognizer/train.csv", "digit-recognizer"),
    ],
)
def test_the_competition_is_that_of_the_zip_in_data(origin: str, competition: str) -> None:
    assert competition_of(made_from(origin)) == competition


@pytest.mark.parametrize("name", ["mnist", "fashion-mnist"])
def test_a_public_set_is_no_competition(name: str) -> None:
    with pytest.raises(StageError, match=f"the public set {name}, which is no competition") as told:
        competition_of(made_from(f"data/{name}.zip"))
    assert f"data/answers/{name}.csv" in told.value.hint


def test_digit_recognizers_test_set_is_known_by_its_rows_and_ids() -> None:
    require_matching_test_set("digit-recognizer", made_from("data/train.csv"))
    require_matching_test_set("another", made_from("data/train.csv", 5))
    for wrong in (made_from("", 27_999), made_from("", is_counted=False)):
        with pytest.raises(StageError, match="is not for digit-recognizer"):
            require_matching_test_set("digit-recognizer", wrong)


def made_from(origin: str, n_rows: int = 28_000, *, is_counted: bool = True) -> Checked:
    return Checked(Path("x.csv"), KnownFile("0" * 64, "", None), origin, n_rows, is_counted, None)


def test_a_score_that_was_not_waited_for_is_looked_for_later_and_nothing_is_sent(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", answer("No submissions found"), listing(project))
    result = run_upload(project, "--no-wait")
    assert "https://www.kaggle.com/competitions/digit-recognizer/submissions" in result.stderr
    assert result.stdout == ""
    assert [words[1] for words in kaggle.calls] == ["submit"]
    assert "Kaggle has not scored it yet" in run_upload(project, "--no-wait").stderr
    assert "public score 0.98932" in run_upload(project, "--no-wait", yes=False).stdout
    assert [words[1] for words in kaggle.calls] == ["submit", "submissions", "submissions"]


def test_json_has_it_all(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", listing(project))
    document = json.loads(run_upload(project, "--json").stdout)
    metrics = json.loads((project / "artifacts/evaluate/metrics.json").read_text())
    assert document == {
        "competition": "digit-recognizer",
        "submission": "artifacts/submit/submission.csv",
        "digest": file_digest(project / "artifacts/submit/submission.csv"),
        "rows": 359,
        "run": 1,
        "message": "more epochs",
        "sent": True,
        "validation_accuracy": metrics["accuracy"],
        "validation_interval": metrics["accuracy_interval"],
        "public_score": 0.98932,
        "place": "above",
        "problem": "",
    }


def test_the_validation_accuracy_is_that_of_the_network_that_is_sent(kaggle: Kaggle, project: Path) -> None:
    another = ("--set", "train.epochs=1")
    call("run", project, "submit", "-q", *another)
    told = run_upload(project, *another, code=2, yes=False).stderr
    assert f"validation: not known; pipeline -C {project} run evaluate {join(another)} measures it\n" in told
    folds = (*another, "--set", "train.folds=2")
    call("run", project, "all", "-q", *folds)
    ensemble = json.loads((project / "artifacts/evaluate/metrics.json").read_text())["ensemble"]
    told = f"validation: {percent(ensemble['accuracy'])}, 95 % interval {percent(ensemble['accuracy_interval'][0])} to "
    assert told in run_upload(project, *folds, code=2, yes=False).stderr
    assert kaggle.calls == []


@pytest.mark.parametrize(
    ("score", "place"),
    [(0.97, "below"), (0.98, "within"), (0.985, "within"), (0.99, "within"), (0.995, "above"), (1.5, None)],
)
def test_a_score_is_placed_in_the_interval(score: float, place: str | None) -> None:
    assert Validation(0.985, (0.98, 0.99), 1000).place_of(score) == place
