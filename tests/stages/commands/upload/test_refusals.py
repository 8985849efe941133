"""`pipeline upload`, with a program in Kaggle's place: what is not sent, and what is said then."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from calling import call
from made_kaggle import Kaggle, answer
from made_upload import QUICK, SENT, listing, logged, run_upload

from pipeline.errors import StageError
from stages.commands.upload import send_to_kaggle, submission_checks, upload
from stages.commands.upload.submission_checks import require_ids
from stages.ingest.sources.notice_of_test_images import NOTE

pytestmark = pytest.mark.usefixtures("no_charts_in_module")


REFUSALS = {
    "rules": (
        answer(says="403 - Forbidden - Permission 'competitions.participate' was denied", code=1),
        "Kaggle refuses the submission (403): the competition's rules",
    ),
    "not sent, with exit code 0": (answer("Could not submit to competition"), "Kaggle's program did not send it"),
    "interrupted, with exit code 0": (answer("User cancelled operation\n"), "User cancelled operation"),
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
    monkeypatch.setattr(send_to_kaggle, "UPLOAD_SECONDS", 0.05)
    kaggle.will("submit", answer(hangs=True))
    stderr = run_upload(project, code=1).stderr
    assert "did not end within 0.05 seconds" in stderr
    assert "see whether it has arrived, https://www.kaggle.com/competitions/digit-recognizer/submissions" in stderr
    assert logged(project) == []


def test_a_list_that_hangs_is_refused_or_cannot_be_read_fails_nothing_since_it_was_sent(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(send_to_kaggle, "LIST_SECONDS", 0.05)
    kaggle.will("submit", SENT)
    kaggle.will("submissions", answer(hangs=True))
    assert "did not end within 0.05 seconds" in run_upload(project).stderr
    monkeypatch.setattr(send_to_kaggle, "LIST_SECONDS", 60.0)
    kaggle.will("submissions", answer(says="429 Too Many Requests", code=1))
    assert "Kaggle's program failed (exit code 1)" in run_upload(project).stderr
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
    here = f"pipeline -C {project}"
    assert f"hint:  {here} upload -m MESSAGE --like 1 sends this one; {here} run all makes it anew" in told
    kaggle.will("submit", SENT, SENT)
    run_upload(project, "--no-wait", "--like", "1")
    run_upload(project, "--no-wait", "--force", *QUICK)  # the settings that it was made with
    assert len(kaggle.calls) == 2


def test_settings_that_do_not_send_it_are_not_named_again(kaggle: Kaggle, project: Path) -> None:
    call("run", project, "train", "-q", "--set", "train.epochs=1")
    assert f"hint:  pipeline -C {project} run all makes it anew\n" in run_upload(project, code=1).stderr
    told = run_upload(project, "--like", "1", code=1).stderr
    assert f"hint:  pipeline -C {project} run all --like 1 makes it anew\n" in told
    call("run", project, "all", "-q", "--like", "1")
    kaggle.will("submit", SENT)
    run_upload(project, "--no-wait", "--like", "1")


def test_what_is_changed_while_it_is_checked_is_not_sent(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def edit(*_: object) -> str:
        path = (project / "artifacts/submit/submission.csv").resolve()
        path.write_bytes(path.read_bytes()[:-2] + b"0\n")
        return ""

    monkeypatch.setattr(submission_checks, "why_stale", edit)
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


def test_an_interrupt_while_sending_says_that_the_outcome_is_unknown(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(send_to_kaggle, "call", interrupted)
    assert "whether it was sent is not known: see https://www.kaggle.com/" in run_upload(project, code=130).stderr
    assert (logged(project), kaggle.calls) == ([], [])


def test_a_temporary_folder_that_is_not_there_is_reported(
    kaggle: Kaggle, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(project / "nowhere"))
    stderr = run_upload(project, code=1).stderr
    assert "no temporary folder can be made: No such file or directory" in stderr
    assert "TMPDIR" in stderr
    assert kaggle.calls == []


def test_the_samples_submission_is_not_sent(kaggle: Kaggle, sample_copy: Path) -> None:
    for settings in ((), ("--set", "train.epochs=77")):  # even if it is stale
        stderr = run_upload(sample_copy, *settings, code=1).stderr
        assert "the submission of the bundled sample" in stderr
        assert f"pipeline -C {sample_copy} fetch" in stderr
    assert kaggle.calls == []


def test_what_was_trained_on_kaggles_test_images_is_not_sent(kaggle: Kaggle, project: Path) -> None:
    (project / "data" / NOTE).write_text("as MNIST does")
    told = run_upload(project, code=1).stderr
    assert "not up to date" in told
    assert f"hint:  pipeline -C {project} run all makes it anew" in told  # no settings would do
    call("run", project, "submit", "--quiet")
    stderr = run_upload(project, code=1).stderr
    assert "was trained on Kaggle's own test images" in stderr
    assert "hint:" in stderr
    run_upload(project, "--force", code=1)  # there is no way around it
    assert kaggle.calls == []


def test_ids_are_those_of_the_test_set(kaggle: Kaggle, project: Path) -> None:
    kaggle.will("submit", SENT)
    renumbered = ("--set", "submit.first_id=0")
    call("run", project, "submit", "--quiet", *renumbered)
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
def test_a_message_that_kaggles_program_would_misread_is_refused(
    kaggle: Kaggle, tmp_path: Path, words: tuple[str, ...], message: str, told: str
) -> None:
    assert told in call("upload", tmp_path, f"--message={message}", *words, code=2).stderr
    assert kaggle.calls == []


def test_without_its_raw_data_the_hint_is_to_put_it_back(kaggle: Kaggle, project: Path) -> None:
    """A run would make the sample's submission in place of it."""
    (project / "data").rename(project / "elsewhere")
    hint = "hint:  put data/train.csv.gz back: without it, a run would take the bundled sample\n"
    training = str(project / "elsewhere/train.csv.gz")
    calls = {"upload": ("-m", "x", "--yes"), "predict": (training,), "report": ("--path",), "suspects": ()}
    for command, words in calls.items():
        told = call(command, project, *words, code=command == "upload").stderr
        assert "not up to date" in told, command
        assert hint in told, command
    call("run", project, "train", "--quiet")
    told = run_upload(project, code=1).stderr
    assert "not up to date" in told  # it is not the sample's submission yet
    assert hint in told
    (project / "elsewhere").rename(project / "data")
    assert f"hint:  pipeline -C {project} run all makes it anew\n" in run_upload(project, code=1).stderr
    assert kaggle.calls == []


def test_raw_data_that_a_setting_named_is_to_be_named_again(project: Path) -> None:
    other = project / "other"
    (project / "data").rename(other)
    named = [f"--set=ingest.{name}={other / name}.csv.gz" for name in ("train", "test")]
    call("run", project, "all", "-q", *named)
    hint = "hint:  name other/train.csv.gz by ingest.archive, or by ingest.train and ingest.test: without it"
    assert hint in run_upload(project, code=1).stderr
    training = str(other / "train.csv.gz")  # the model was trained before the data had moved
    assert hint in call("predict", project, training).stderr


def test_if_a_part_of_the_raw_data_is_gone_the_hint_is_to_put_it_back(project: Path) -> None:
    (project / "data/train.csv.gz").unlink()
    assert "hint:  put data/train.csv.gz back\n" in run_upload(project, code=1).stderr
