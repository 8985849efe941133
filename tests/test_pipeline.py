"""What a user sees of the whole: the commands, run on the real stages and small real data."""

from __future__ import annotations

import csv
import gzip
import json
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from stages import STAGES
from stages.ingest.sources.notice_of_test_images import NOTE
from stages.sample import SAMPLE_FOLDER

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

QUICK = ("--set", "train.epochs=2")
EVERYTHING = [stage.name for stage in STAGES]


def invoke(folder: Path, *words: str, code: int = 0) -> Result:
    result = CliRunner().invoke(main, [*words, "-C", str(folder)])
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result


def run(folder: Path, *words: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(invoke(folder, "run", *words, "--json").stdout)
    return document


def ran(document: dict[str, Any]) -> list[str]:
    return [stage["stage"] for stage in document["stages"] if stage["action"] == "ran"]


def reasons(document: dict[str, Any], name: str) -> list[str]:
    [texts] = [stage["reasons"] for stage in document["stages"] if stage["stage"] == name]
    return [reason["text"] for reason in texts]


def submission(folder: Path) -> list[list[str]]:
    with (folder / "artifacts/submit/submission.csv").open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a finished run on the sample's files, put into data/ as a user would."""
    folder = tmp_path_factory.mktemp("finished")
    (folder / "data").mkdir()
    for name in ("train.csv", "test.csv"):
        with gzip.open(SAMPLE_FOLDER / f"{name}.gz") as packed, (folder / "data" / name).open("wb") as plain:
            shutil.copyfileobj(packed, plain)
    assert ran(run(folder, "all", *QUICK)) == EVERYTHING
    return folder


@pytest.fixture
def project(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished folder, which a test may change."""
    shutil.copytree(finished, tmp_path / "project", symlinks=True)
    return tmp_path / "project"


def test_without_data_the_sample_is_used_and_said_so_loudly_and_recorded(tmp_path: Path) -> None:
    result = invoke(tmp_path, "run", "all", *QUICK)
    assert result.stderr.count("BUNDLED SAMPLE") == 2
    assert "sample test score" in result.stdout
    receipts = [json.loads((tmp_path / f"artifacts/{stage}/receipt.json").read_text()) for stage in EVERYTHING]
    assert {receipt["origin"] for receipt in receipts} == {"bundled sample"}
    assert all("BUNDLED SAMPLE" in receipt["notice"] for receipt in receipts)
    assert json.loads((tmp_path / "artifacts/evaluate/metrics.json").read_text())["source"] == "bundled sample"
    assert len(submission(tmp_path)) == 360


def test_what_is_trained_on_test_images_is_marked_loudly_and_in_every_receipt(finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "data", tmp_path / "data")
    (tmp_path / "data" / NOTE).write_text("as MNIST does\n")
    result = invoke(tmp_path, "run", "all", *QUICK)
    assert result.stderr.count("TEST IMAGES of Kaggle") == 2
    receipts = [json.loads((tmp_path / f"artifacts/{stage}/receipt.json").read_text()) for stage in EVERYTHING]
    assert all("TEST IMAGES of Kaggle" in receipt["notice"] for receipt in receipts)
    assert json.loads((tmp_path / "artifacts/evaluate/metrics.json").read_text())["holds_test_images"] is True


def test_a_second_run_does_nothing_and_says_so(project: Path) -> None:
    result = invoke(project, "run", "all", *QUICK)
    assert result.stdout.startswith("Nothing to do")
    assert ran(run(project, "all", *QUICK)) == []


def test_another_number_of_epochs_reruns_train_and_what_follows_and_going_back_runs_nothing(project: Path) -> None:
    changed = run(project, "all", "--set", "train.epochs=3")
    assert ran(changed) == ["train", "evaluate", "submit"]
    assert reasons(changed, "train") == ["train.epochs 2 -> 3"]
    back = run(project, "all", *QUICK)
    assert ran(back) == []
    restored = [stage["stage"] for stage in back["stages"] if stage["action"] == "restored"]
    assert restored == ["train", "evaluate", "submit"]


def test_another_label_name_reruns_submit_alone(project: Path) -> None:
    assert ran(run(project, "all", *QUICK, "--set", "submit.label_name=digit")) == ["submit"]
    assert submission(project)[0] == ["ImageId", "digit"]


def test_touching_files_reruns_nothing(project: Path) -> None:
    for path in [*(project / "data").iterdir(), *(project / "artifacts").rglob("*.*")]:
        os.utime(path, (1, 1), follow_symlinks=False)
    assert ran(run(project, "all", *QUICK)) == []


def test_one_changed_byte_in_the_training_file_reruns_what_depends_on_it(project: Path) -> None:
    path = project / "data/train.csv"
    data = bytearray(path.read_bytes())
    at = data.index(b",255,")
    data[at + 3] = ord("4")
    path.write_bytes(data)
    document = run(project, "all", *QUICK)
    assert "source changed: train" in reasons(document, "ingest")
    # the labels are as they were, so what is one-hot encoded comes out the same: encode need not run
    assert {"ingest", "split", "train", "evaluate", "submit"} <= set(ran(document))
    assert "encode" not in ran(document)


@pytest.mark.parametrize("stage", EVERYTHING)
def test_a_deleted_artifact_is_rebuilt_and_comes_out_the_same(project: Path, stage: str) -> None:
    victim = next(path for path in sorted((project / "artifacts" / stage).iterdir()) if path.name != "receipt.json")
    before = victim.read_bytes()
    victim.unlink()
    assert ran(run(project, "all", *QUICK)) == [stage]
    assert victim.read_bytes() == before


def test_a_flipped_bit_in_an_artifact_is_found_and_mended(project: Path) -> None:
    victim = project / "artifacts/split/X_train.npy"
    before = victim.read_bytes()
    data = bytearray(before)
    data[-1] ^= 1
    victim.write_bytes(data)
    invoke(project, "verify", code=1)
    assert ran(run(project, "all", *QUICK)) == ["split"]
    assert victim.read_bytes() == before
    assert "damaged" not in invoke(project, "verify").stdout


def test_only_works_on_what_lies_there_and_else_names_the_command_that_makes_it(project: Path, tmp_path: Path) -> None:
    (project / "data/train.csv").unlink()
    assert ran(run(project, "evaluate", "--only", "--force")) == ["evaluate"]
    empty = tmp_path / "empty"
    empty.mkdir()
    result = invoke(empty, "run", "evaluate", "--only", code=1)
    assert f"pipeline -C {empty} run" in result.stderr
    assert "missing" in result.stderr


def test_a_dry_run_runs_nothing_and_tells_the_plan_that_is_then_carried_out(project: Path) -> None:
    words = ("run", "all", "--set", "split.seed=7", *QUICK)
    before = sorted((project / "artifacts").rglob("*"))
    plan = json.loads(invoke(project, *words, "--dry-run", "--json").stdout)
    assert sorted((project / "artifacts").rglob("*")) == before
    actions = {stage["stage"]: stage["action"] for stage in plan["stages"]}
    assert actions == dict.fromkeys(EVERYTHING, "may run") | {"ingest": "fresh", "split": "will run"}
    done = set(ran(run(project, *words[1:])))
    assert {name for name, action in actions.items() if action == "will run"} <= done <= set(EVERYTHING[1:])


def test_status_tells_scripts_by_its_exit_code_whether_something_is_stale(project: Path) -> None:
    invoke(project, "status", *QUICK, "--check")
    invoke(project, "status", "--set", "train.epochs=3", "--check", code=3)
    invoke(project, "status", "--set", "train.epochs=3")


def test_status_with_the_default_settings_is_that_of_a_run_with_them(project: Path) -> None:
    text = invoke(project, "status").stdout
    assert "train.epochs 2 -> " in text


def test_why_leads_from_the_submission_to_the_raw_files(project: Path) -> None:
    steps = json.loads(invoke(project, "why", "artifacts/submit/submission.csv", "--json").stdout)
    assert [step["stage"] for step in steps] == ["submit", "train", "encode", "split", "ingest"]
    assert set(steps[-1]["sources"]) >= {"train", "test"}
    assert steps[1]["parameters"]["epochs"] == 2


def test_why_takes_a_stage_and_speaks_of_nobody_elses_files(project: Path, tmp_path: Path) -> None:
    steps = json.loads(invoke(project, "why", "submit", "--json").stdout)
    assert steps[0]["files"].keys() == {"submit/submission.csv"}
    elsewhere = str(tmp_path / "elsewhere/artifacts/submit/submission.csv")
    assert "no stage makes" in invoke(project, "why", elsewhere, code=2).stderr


def test_why_warns_if_the_file_is_not_what_it_tells_of(project: Path) -> None:
    (project / "artifacts/submit/submission.csv").write_text("edited")
    assert "output damaged" in invoke(project, "why", "artifacts/submit/submission.csv").stderr


def test_verify_does_not_pass_what_is_missing(project: Path, tmp_path: Path) -> None:
    (project / "artifacts/submit").unlink()
    assert "has not been made" in " ".join(invoke(project, "verify", code=1).stdout.split())
    invoke(tmp_path, "verify", code=1)


def test_runs_are_listed_and_compared(project: Path) -> None:
    run(project, "all", "--set", "train.epochs=3")
    listed = json.loads(invoke(project, "runs", "--json").stdout)
    assert [item["changed"] for item in listed] == [{"train.epochs": 2}, {"train.epochs": 3}]
    found = json.loads(invoke(project, "diff", "1", "2", "--json").stdout)
    assert {"kind": "parameter", "name": "train.epochs", "before": 2, "after": 3} in found
    assert {item["kind"] for item in found} == {"parameter", "input", "figure"}


def test_a_rerun_in_a_scratch_folder_gives_the_same_bits(project: Path) -> None:
    assert "another" not in invoke(project, "verify", "--rerun").stdout


def test_clean_shows_first_and_removes_only_when_told(project: Path) -> None:
    run(project, "all", "--set", "train.epochs=3")
    stored = project / "artifacts/.store/train"
    assert "would be removed" in invoke(project, "clean", "--keep", "1").stdout
    assert len(list(stored.glob("*-*"))) == 2
    invoke(project, "clean", "--keep", "1", "--yes")
    assert len(list(stored.glob("*-*"))) == 1
    assert ran(run(project, "all", "--set", "train.epochs=3")) == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "all", "--set", "train.epohs=3"), "did you mean 'epochs'"),
        (("run", "all", "--set", "train.epochs=many"), "train.epochs"),
        (("run", "all", "--preset", "sed"), "did you mean 'seed'"),
        (("run", "training"), "there is no stage"),
        (("run", "all", "--set", "ingest.train=missing.csv"), "missing.csv"),
    ],
)
def test_wrong_words_exit_with_2_and_one_message(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    result = invoke(tmp_path, *words, code=2)
    assert message in result.stderr
    assert not (tmp_path / "artifacts").exists() or not any((tmp_path / "artifacts").glob("*/receipt.json"))


def test_another_image_size_and_other_labels_go_through_and_come_out_as_they_were(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([3, 7, 20], 30)
    pixels = rng.integers(0, 60, (90, 144))
    for row, label in enumerate(labels):  # a bright bar whose place tells the class
        start = {3: 0, 7: 48, 20: 96}[int(label)]
        pixels[row, start : start + 48] += 180
    names = ",".join(f"pixel{number}" for number in range(144))
    training = [f"label,{names}"] + [
        ",".join(map(str, (label, *row))) for label, row in zip(labels, pixels, strict=True)
    ]
    testing = [names] + [",".join(map(str, row)) for row in pixels[::3]]
    (tmp_path / "data").mkdir()
    with zipfile.ZipFile(tmp_path / "data/digit-recognizer.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("train.csv", "\n".join(training))
        archive.writestr("test.csv", "\n".join(testing) + "\n")
    run(tmp_path, "all", "--set", "train.epochs=10")
    assert [line[1] for line in submission(tmp_path)[1:]] == [str(label) for label in labels[::3]]


def test_the_preset_of_the_tutorial_tells_of_every_thousand_steps(project: Path) -> None:
    result = invoke(project, "run", "all", "--preset", "seed", "--set", "train.epochs=1")
    assert "step 1,000" in result.stderr


def test_a_zip_and_a_folder_whose_names_are_no_utf8_go_through(project: Path, tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"caf\xe9")
    try:
        (folder / "data").mkdir(parents=True)
    except OSError:
        pytest.skip("this file system takes UTF-8 only")
    with zipfile.ZipFile(folder / "data" / os.fsdecode(b"d\xe9.zip"), "w") as archive:
        for name in ("train.csv", "test.csv"):
            archive.write(project / "data" / name, name)
    assert ran(run(folder, "all", *QUICK)) == EVERYTHING
    assert ran(run(folder, "all", *QUICK)) == []
    assert r"data/d\xe9.zip" in invoke(folder, "why", "ingest/train.parquet").stdout
    assert invoke(folder, "verify").exit_code == 0
    assert json.loads((folder / "artifacts/ingest/source.json").read_text())["source"] == r"data/d\xe9.zip"


needs_kaggles_files = pytest.mark.skipif(
    "DIGIT_RECOGNIZER_ZIP" not in os.environ, reason="DIGIT_RECOGNIZER_ZIP does not name Kaggle's digit-recognizer.zip"
)


@needs_kaggles_files
def test_kaggles_own_zip_becomes_a_submission_of_28000_lines(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    shutil.copy(os.environ["DIGIT_RECOGNIZER_ZIP"], tmp_path / "data/digit-recognizer.zip")
    run(tmp_path, "all", "--set", "train.epochs=1")
    lines = submission(tmp_path)
    assert lines[0] == ["ImageId", "Label"]
    assert [line[0] for line in lines[1:]] == [str(number) for number in range(1, 28001)]
    metrics = json.loads((tmp_path / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["accuracy"] > 0.9
    assert metrics["n_rows"] == 4200
    assert "digit-recognizer.zip" in metrics["source"]


def test_the_same_data_from_another_place_trains_nothing_anew(project: Path) -> None:
    for path in list((project / "data").iterdir()):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert ran(run(project, "all", *QUICK)) == ["ingest", "evaluate", "submit"]
    metrics = json.loads((project / "artifacts/evaluate/metrics.json").read_text())
    assert metrics["source"] == "data/train.csv.gz"
    assert metrics["is_sample"] is False


def test_the_report_tells_how_its_inputs_were_made_even_if_they_come_out_the_same(project: Path) -> None:
    setting = ("--set", "ingest.max_quarantined=0.0215")
    document = run(project, "all", *QUICK, *setting)
    assert ran(document) == ["ingest", "evaluate"]
    assert "input changed: ingest/receipt.json" in reasons(document, "evaluate")
    assert "0.0215" in (project / "artifacts/evaluate/report.html").read_text()
    assert ran(run(project, "all", *QUICK, *setting)) == []
