"""`pipeline upload`, with a program in Kaggle's place that does what it is told."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from made_kaggle import Kaggle, answer

from pipeline.cli import main
from pipeline.errors import StageError
from pipeline.figures import percent
from pipeline.fingerprint.files import file_digest
from pipeline.history.scores import KnownFile
from stages.commands.upload import checked, destination, public_score, upload
from stages.commands.upload.checked import Checked, Validation, require_ids
from stages.commands.upload.competition import competition_of, require_its_test_set
from stages.ingest.sources.leakage import NOTE
from stages.sample import SAMPLE_FOLDER

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

QUICK = ("--set", "train.epochs=2", "--set", "train.hidden=[16]", "--set", "train.replicas=1")
SENT = answer("Submission ref: 12345\n4 submissions remaining today.\nSuccessfully submitted to Digit Recognizer")
HEADER = "ref,fileName,date,description,status,publicScore,privateScore\n"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on a person's own files, which are those of the sample under another name."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "data").mkdir()
    for name in ("train", "test"):
        shutil.copy(SAMPLE_FOLDER / f"{name}.csv.gz", folder / "data")
    (folder / "pipeline.toml").write_text("[train]\nepochs = 2\nhidden = [16]\nreplicas = 1\n")
    result = CliRunner().invoke(main, ["run", "all", "--quiet", "-C", str(folder)])
    assert result.exit_code == 0, result.output
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, from which a score is looked for twice, at once."""
    monkeypatch.setattr(public_score, "DELAYS", (0, 0))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    shutil.copytree(finished, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def run_upload(
    project: Path,
    *words: str,
    code: int = 0,
    message: str = "more epochs",
    yes: bool = True,
    competition: str = "digit-recognizer",
) -> Result:
    options = ["--yes"] if yes else []
    named = [] if "--competition" in words or not competition else ["--competition", competition]
    result = CliRunner().invoke(main, ["upload", "-m", message, *options, *named, *words, "-C", str(project)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def sent_name(project: Path) -> str:
    return f"submission-{file_digest(project / 'artifacts/submit/submission.csv')[:12]}.csv"


def listing(project: Path, score: str = "0.98932", status: str = "SubmissionStatus.COMPLETE") -> dict[str, object]:
    return answer(f"{HEADER}12345,{sent_name(project)},2026-11-27 06:00:00,more epochs,{status},{score},\n")


def logged(project: Path) -> list[dict[str, object]]:
    path = project / "artifacts/scores.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


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
    runs = CliRunner().invoke(main, ["runs", "--json", "-C", str(project)]).stdout
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
    require_its_test_set("digit-recognizer", made_from("data/train.csv"))
    require_its_test_set("another", made_from("data/train.csv", 5))
    for wrong in (made_from("", 27_999), made_from("", is_counted=False)):
        with pytest.raises(StageError, match="is not for digit-recognizer"):
            require_its_test_set("digit-recognizer", wrong)


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
    assert CliRunner().invoke(main, ["run", "submit", "-q", *another, "-C", str(project)]).exit_code == 0
    assert "validation: not known; pipeline run evaluate" in run_upload(project, *another, code=2, yes=False).stderr
    folds = (*another, "--set", "train.folds=2")
    assert CliRunner().invoke(main, ["run", "all", "-q", *folds, "-C", str(project)]).exit_code == 0
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


REFUSALS = {
    "no credentials": (
        answer("Authentication required to call the Kaggle API.\n", code=1),
        "does not know who you are",
    ),
    "rules": (answer(says="403 - Forbidden - Permission 'competitions.participate' was denied", code=1), "rules"),
    "quota": (
        answer(says="Submission not allowed: Your team has used its submission allowance (5 of 5).", code=1),
        "no more submissions today",
    ),
    "no network": (
        answer(says="ConnectionError: Max retries exceeded with url: /v1 (Failed to resolve 'api.kaggle.com')", code=1),
        "Kaggle cannot be reached",
    ),
    "not sent, with exit code 0": (answer("Could not submit to competition"), "Kaggle's program did not send it"),
    "interrupted, with exit code 0": (answer("User cancelled operation\n"), "User cancelled operation"),
    "killed": (answer("halfway", code=-9), "killed by signal 9"),
    "something new": (answer(says="\x1b[31mno\x1b[0m", code=3), "\\x1b[31mno\\x1b[0m"),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_refusal_says_what_to_do_and_nothing_counts_as_sent(kaggle: Kaggle, project: Path, case: str) -> None:
    refusal, message = REFUSALS[case]
    kaggle.will("submit", refusal)
    stderr = run_upload(project, code=1).stderr
    assert message in stderr
    assert stderr.count("error:") == 1
    assert "hint:" in stderr
    assert logged(project) == []
    assert len(kaggle.calls) == 1


def test_a_client_that_hangs_is_stopped_and_the_person_is_told_to_look(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "UPLOAD_SECONDS", 0.05)
    kaggle.will("submit", answer(hangs=True))
    stderr = run_upload(project, code=1).stderr
    assert "did not end within 0.05 seconds" in stderr
    assert "see whether it has arrived, https://www.kaggle.com/competitions/digit-recognizer/submissions" in stderr
    assert logged(project) == []


def test_a_list_that_hangs_or_cannot_be_read_fails_nothing_since_it_was_sent(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(destination, "LIST_SECONDS", 0.05)
    kaggle.will("submit", SENT)
    kaggle.will("submissions", answer(hangs=True))
    assert "did not end within 0.05 seconds" in run_upload(project).stderr
    monkeypatch.setattr(destination, "LIST_SECONDS", 60.0)
    kaggle.will("submissions", answer("id;score\n5;0.98932\n"))
    stderr = run_upload(project).stderr
    assert "the list of submissions cannot be read" in stderr
    assert "https://www.kaggle.com/competitions/digit-recognizer/submissions" in stderr
    assert [entry["value"] for entry in logged(project)] == [None]


def test_a_submission_that_kaggle_cannot_score_is_an_error(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    kaggle.will("submissions", listing(project, "", "SubmissionStatus.ERROR"))
    assert "Kaggle could not score the submission" in run_upload(project, code=1).stderr


def test_no_secret_is_shown(kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAGGLE_API_TOKEN", "not-for-your-eyes")
    says = (
        "Unknown: token not-for-your-eyes, KGAT_0123abcd, {'key': 'fedcba98'}, https://up.example/x?signature=fedcba98"
    )
    kaggle.will("submit", answer(says=says, code=1))
    stderr = run_upload(project, code=1).stderr
    assert "Unknown: token [hidden]" in stderr
    for secret in ("not-for-your-eyes", "0123abcd", "fedcba98"):
        assert secret not in stderr


def test_without_the_program_the_ways_to_get_it_are_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project))
    monkeypatch.setattr(sys, "executable", str(project / "python"))
    stderr = run_upload(project, code=2).stderr
    assert "python -m pip install kaggle six" in stderr
    assert "artifacts/submit/submission.csv in a browser" in stderr


def test_what_is_stale_is_not_sent(kaggle: Kaggle, project: Path) -> None:
    stderr = run_upload(project, "--set", "train.epochs=3", code=1).stderr
    assert "the submission is not up to date (train: " in stderr
    assert "train.epochs" in stderr
    (project / "pipeline.toml").unlink()
    told = run_upload(project, code=1).stderr
    assert "not up to date" in told
    assert "hint:  pipeline upload -m MESSAGE --like 1 sends this one; pipeline run all makes it anew" in told
    kaggle.will("submit", SENT, SENT)
    run_upload(project, "--no-wait", "--like", "1")
    run_upload(project, "--no-wait", "--force", *QUICK)  # the settings that it was made with
    assert len(kaggle.calls) == 2


def test_what_is_damaged_is_not_sent(kaggle: Kaggle, project: Path) -> None:
    path = (project / "artifacts/submit/submission.csv").resolve()
    path.write_bytes(path.read_bytes().replace(b"\n1,", b"\n1,", 1)[:-2] + b"0\n")
    stderr = run_upload(project, code=1).stderr
    assert "the result of submit is damaged" in stderr
    assert "pipeline run submit" in stderr
    assert kaggle.calls == []


def test_without_a_submission_the_command_that_makes_one_is_named(kaggle: Kaggle, tmp_path: Path) -> None:
    assert "pipeline run submit" in run_upload(tmp_path, code=1).stderr
    assert kaggle.calls == []


def test_what_is_changed_while_it_is_checked_is_not_sent(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(*_: object) -> str:
        path = (project / "artifacts/submit/submission.csv").resolve()
        path.write_bytes(path.read_bytes()[:-2] + b"0\n")
        return ""

    monkeypatch.setattr(checked, "why_stale", edit)
    assert "the submission was changed meanwhile" in run_upload(project, code=1).stderr
    assert kaggle.calls == []


def test_what_is_changed_while_the_person_is_asked_is_sent_as_it_was(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = (project / "artifacts/submit/submission.csv").resolve()
    before = path.read_bytes()
    monkeypatch.setattr(upload, "require_consent", lambda: path.write_bytes(b"edited"))
    kaggle.will("submit", SENT)
    run_upload(project, "--no-wait", yes=False)
    assert kaggle.sent == before


def test_an_interrupt_while_it_is_sent_says_that_nobody_knows(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(destination, "call", interrupted)
    assert "whether it was sent is not known: see https://www.kaggle.com/" in run_upload(project, code=130).stderr
    assert (logged(project), kaggle.calls) == ([], [])


def test_a_temporary_folder_that_is_not_there_is_told_of(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(project / "nowhere"))
    stderr = run_upload(project, code=1).stderr
    assert "no temporary folder can be made: No such file or directory" in stderr
    assert "TMPDIR" in stderr
    assert kaggle.calls == []


def test_the_samples_submission_is_not_sent(kaggle: Kaggle, sample_copy: Path) -> None:
    stderr = run_upload(sample_copy, code=1).stderr
    assert "the submission of the bundled sample" in stderr
    assert "pipeline fetch" in stderr
    assert kaggle.calls == []


def test_what_was_trained_on_kaggles_test_images_is_not_sent(kaggle: Kaggle, project: Path) -> None:
    (project / "data" / NOTE).write_text("as MNIST does")
    told = run_upload(project, code=1).stderr
    assert "not up to date" in told
    assert "hint:  pipeline run all makes it anew" in told  # no settings would do
    assert CliRunner().invoke(main, ["run", "submit", "--quiet", "-C", str(project)]).exit_code == 0
    stderr = run_upload(project, code=1).stderr
    assert "was trained on Kaggle's own test images" in stderr
    assert "hint:" in stderr
    run_upload(project, "--force", code=1)  # there is no way around it
    assert kaggle.calls == []


def test_ids_are_those_of_the_test_set(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    renumbered = ("--set", "submit.first_id=0")
    assert CliRunner().invoke(main, ["run", "submit", "--quiet", *renumbered, "-C", str(project)]).exit_code == 0
    run_upload(project, "--no-wait", *renumbered)
    assert kaggle.sent is not None
    assert kaggle.sent.splitlines()[1].startswith(b"0,")
    expected = [str(number) for number in range(1, 1001)]
    require_ids(expected, expected)
    with pytest.raises(StageError, match=r"it has 999 rows, and the test set has 1,000"):
        require_ids(expected[1:], expected)
    with pytest.raises(StageError) as told:
        require_ids(expected[::-1], expected)
    assert "row 0 has 1000 for 1, row 1 has 999 for 2, " in told.value.what
    assert "and 995 more" in told.value.what


@pytest.mark.parametrize(
    ("words", "message", "told"),
    [
        (("--competition", "../x"), "m", "not the name of a competition"),
        ((), "", "the message is empty"),
        ((), "-f", "begins with '-'"),
    ],
)
def test_words_that_kaggles_program_would_not_understand_are_refused(
    kaggle: Kaggle, tmp_path: Path, words: tuple[str, ...], message: str, told: str
) -> None:
    result = CliRunner().invoke(main, ["upload", f"--message={message}", *words, "-C", str(tmp_path)])
    assert result.exit_code == 2
    assert told in result.stderr
    assert kaggle.calls == []
