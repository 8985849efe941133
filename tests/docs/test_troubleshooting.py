"""docs/troubleshooting.md: every message that it quotes is one that the program prints."""

from __future__ import annotations

import errno
import fcntl
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from pipeline.cli import main
from pipeline.errors import StageError
from pipeline.history.verify import _rerun_problem
from pipeline.store.store import Store
from stages.commands.upload.public_score import wait_for_score
from stages.commands.upload.send_to_kaggle import Destination
from stages.sample import SAMPLE_FOLDER

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

PAGE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^### `(.+)`$", PAGE, flags=re.MULTILINE)

HEADER = "label," + ",".join(f"pixel{index}" for index in range(16))
ROWS = [f"{label}," + ",".join(str((7 * label + index) % 256) for index in range(16)) for label in (0, 1, 2, 0, 1, 2)]
TRAIN = "\n".join([HEADER, *ROWS]) + "\n"


def without_labels(text: str) -> str:
    return "\n".join(line.split(",", 1)[1] for line in text.splitlines()) + "\n"


def run(folder: Path, *words: str) -> str:
    result = CliRunner().invoke(main, [*words, "-C", str(folder)])
    assert "Traceback" not in result.output
    return result.output


def ingest(folder: Path, *words: str, train: str = TRAIN, test: str = without_labels(TRAIN), **others: str) -> str:
    (folder / "data").mkdir()
    files = {"train.csv": train, "test.csv": test, **{name.replace("_", "."): text for name, text in others.items()}}
    for name, text in files.items():
        if text:
            (folder / "data" / name).write_text(text)
    return run(folder, "run", "ingest", *words)


def two_inputs(folder: Path) -> str:
    for name in ("digit-recognizer", "mnist"):
        (folder / "input" / name).mkdir(parents=True)
        for file in ("train.csv", "test.csv"):
            (folder / "input" / name / file).write_text(TRAIN)
    return run(folder, "run", "ingest", "--set", "ingest.kaggle_input=input")


def kaggle_says(folder: Path, text: str, patch: pytest.MonkeyPatch) -> str:
    program = folder / "kaggle"
    program.write_text(f"#!{sys.executable}\nimport sys\nsys.exit({text!r})\n")
    program.chmod(0o755)
    patch.setenv("PATH", str(folder))
    return run(folder, "fetch")


def sent_unsaid(folder: Path, _: pytest.MonkeyPatch) -> str:
    (folder / "kaggle").write_text("#!/bin/sh\n")
    (folder / "kaggle").chmod(0o755)
    with pytest.raises(StageError) as told:
        Destination("digit-recognizer", str(folder / "kaggle")).send(folder / "x.csv", "new")
    return str(told.value)


def locked(folder: Path) -> str:
    run(folder, "run", "ingest")
    with (folder / "artifacts/.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        return run(folder, "run", "ingest", "--force", "--no-wait")


def without(call: str, folder: Path, patch: pytest.MonkeyPatch) -> str:
    """Run on a file system that lacks what a call of the system asks for."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    patch.setattr(call, refuse)
    return run(folder, "run", "ingest")


def on_another_processor(folder: Path) -> str:
    """Repeat a result whose receipt names other kernels, as though its values had come out otherwise there."""
    store = Store(folder / "artifacts")
    made = store.current("split").receipt
    outputs = {name: replace(output, content="other") for name, output in made.outputs.items()}
    elsewhere = replace(made, environment={**made.environment, "kernels": "openblas 0.3.30 Zen"})
    return _rerun_problem(replace(elsewhere, outputs=outputs), made)


def damaged(folder: Path) -> str:
    path = (folder / "artifacts/train/model.npz").resolve()
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    return run(folder, "predict", str(SAMPLE_FOLDER / "test.csv.gz"))


def stale_submission(folder: Path) -> str:
    """Upload a submission for other data than the sample, which is never sent."""
    (folder / "data").mkdir(exist_ok=True)
    for name in ("train", "test"):
        shutil.copy(SAMPLE_FOLDER / f"{name}.csv.gz", folder / "data")
    run(folder, "run", "submit", "--set", "train.hidden=[8]", "--set", "train.epochs=1")
    return run(folder, "upload", "-m", "new")


def wide(folder: Path) -> str:
    (folder / "wide.csv").write_text(",".join(f"pixel{i}" for i in range(784)) + "\n" + ",".join(["0"] * 784) + "\n")
    return run(folder, "predict", "wide.csv")


def narrow(folder: Path) -> str:
    pixels = ",".join(f"pixel{number}" for number in range(64))
    (folder / "narrow.csv").write_text(pixels + "\n" + ",".join(["0", "16"] * 32) + "\n")
    return run(folder, "predict", "narrow.csv")


def picture(folder: Path, name: str, *, blank: bool) -> str:
    if blank:
        Image.new("L", (90, 60), 255).save(folder / name)
    else:
        (folder / name).write_text("no picture")
    return run(folder, "predict", name)


def not_installed(folder: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("PATH", str(folder))
    patch.setattr(sys, "executable", str(folder / "python"))
    return run(folder, "fetch")


def other_answers(folder: Path) -> str:
    (folder / "mine.csv").write_text("ImageId,Label\n1,7\n")
    (folder / "answers.csv").write_text("ImageId,Label\n2,7\n")
    return run(folder, "score", "mine.csv", "--answers", "answers.csv")


def listed_otherwise() -> str:
    """What is told where Kaggle's program prints its list in a new form."""
    return wait_for_score(lambda: "new", "mine.csv", (0,), print).problem


def unreadable(folder: Path) -> str:
    (folder / "pipeline.toml").mkdir()
    return run(folder, "status")


def near_miss(folder: Path, patch: pytest.MonkeyPatch) -> str:
    patch.setenv("PIPELINE_TRAIN_EPOCH", "3")
    return run(folder, "status")


def full(folder: Path) -> str:
    command = [sys.executable, "-m", "pipeline", "status", "-C", str(folder)]
    with Path("/dev/full").open("w") as disk:
        return subprocess.run(command, stdout=disk, stderr=subprocess.PIPE, text=True, check=False).stderr


def without_memory(folder: Path, patch: pytest.MonkeyPatch) -> str:
    def refuse(*_: object) -> None:
        raise MemoryError

    patch.setattr("stages.ingest.ingest.ingest", refuse)
    return run(folder, "run", "ingest")


# What produces each message, by its first words: in an empty folder, or in one with a finished run on the sample.
EMPTY: dict[str, Callable[[Path, pytest.MonkeyPatch], str]] = {
    "No data found": lambda folder, _: run(folder, "run", "ingest"),
    "data/ holds no train.csv": lambda folder, _: ingest(folder, train="", test="", digits_csv=TRAIN),
    "there are both": lambda folder, _: ingest(folder, train_csv_gz=TRAIN),
    "2 folders below": lambda folder, _: two_inputs(folder),
    "ingest.train is set": lambda folder, _: ingest(folder, "--set", "ingest.train=missing.csv"),
    "train.csv is a web page": lambda folder, _: ingest(folder, train="<html><body>Sign in</body></html>"),
    "... of the ... rows": lambda folder, _: ingest(folder, train=TRAIN.replace("0,0,1,", "0,256,1,", 1)),
    "the header of train.csv is not as it must be: it holds": lambda folder, _: ingest(
        folder, train="\n".join(ROWS) + "\n"
    ),
    "the header of train.csv is not as it must be: 'source'": lambda folder, _: ingest(
        folder, train=TRAIN.replace("\n", ",source\n")
    ),
    "train.csv is separated": lambda folder, _: ingest(folder, train=TRAIN.replace(",", ";")),
    "train.csv and test.csv are swapped": lambda folder, _: ingest(folder, train=without_labels(TRAIN), test=TRAIN),
    "train.csv has 15 pixels": lambda folder, _: ingest(
        folder, train=fifteen(TRAIN), test=fifteen(without_labels(TRAIN))
    ),
    "1 of the 4 classes": lambda folder, _: ingest(folder, train=TRAIN + ROWS[0].replace("0", "9", 1) + "\n"),
    "train has no setting": lambda folder, _: run(folder, "status", "--set", "train.epohs=3"),
    "train.epochs cannot": lambda folder, _: run(folder, "status", "--set", "train.epochs=many"),
    "there is no preset": lambda folder, _: run(folder, "status", "--preset", "sed"),
    "pipeline.toml cannot": lambda folder, _: unreadable(folder),
    "the variable PIPELINE_TRAIN": near_miss,
    "standard output cannot": lambda folder, _: full(folder),
    "... failed: memory": without_memory,
    "another pipeline": lambda folder, _: locked(folder),
    "this file system has no locks": lambda folder, patch: without("fcntl.flock", folder, patch),
    "this file system has no symbolic": lambda folder, patch: without("os.symlink", folder, patch),
    "evaluate needs": lambda folder, _: run(folder, "run", "evaluate", "--only"),
    "train has not been run": lambda folder, _: picture(folder, "photo.png", blank=False),
    "Kaggle's program": not_installed,
    "Kaggle does not know": lambda folder, patch: kaggle_says(folder, "401 Client Error: Unauthorized", patch),
    "Kaggle cannot": lambda folder, patch: kaggle_says(folder, "Max retries exceeded with url: /v1", patch),
    "the ids of answers": lambda folder, _: other_answers(folder),
    "the list of submissions": lambda *_: listed_otherwise(),
    "Kaggle refuses the download": lambda folder, patch: kaggle_says(folder, "403 Client Error: Forbidden", patch),
    "Kaggle refuses the token": lambda folder, patch: kaggle_says(folder, "403 for IntrospectToken", patch),
    "it cannot be told": sent_unsaid,
}
FINISHED: dict[str, Callable[[Path], str]] = {
    "the result of train is damaged": damaged,
    "made with other": on_another_processor,
    "--output ... lies": lambda folder: run(
        folder, "predict", str(SAMPLE_FOLDER / "test.csv.gz"), "--output", "artifacts/answers.csv"
    ),
    "the answers are the submission itself": lambda folder: run(
        folder, "score", "--answers", "artifacts/submit/submission.csv"
    ),
    "the submission is not up to date": stale_submission,
    "this is the submission of": lambda folder: run(folder, "upload", "-m", "new"),
    "the model is not up to date": lambda folder: run(
        folder, "predict", str(SAMPLE_FOLDER / "test.csv.gz"), "--set", "train.epochs=3"
    ),
    "the images of wide.csv": wide,
    "the pixels of narrow.csv": narrow,
    "photo.png is not": lambda folder: picture(folder, "photo.png", blank=False),
    "nothing can be seen": lambda folder: picture(folder, "blank.png", blank=True),
}


def fifteen(text: str) -> str:
    """The same rows without their last pixel."""
    return "\n".join(line.rpartition(",")[0] for line in text.splitlines()) + "\n"


def assert_printed(begin: str, output: str) -> None:
    message = next(message for message in MESSAGES if message.startswith(begin))
    pattern = ".+?".join(map(re.escape, message.split("...")))
    assert re.search(pattern, output), f"{message!r} is not in\n{output}"


@pytest.mark.parametrize("begin", EMPTY)
def test_the_message_is_printed(begin: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_printed(begin, EMPTY[begin](tmp_path, monkeypatch))


@pytest.mark.parametrize("begin", FINISHED)
def test_the_message_is_printed_where_there_is_a_model(begin: str, sample_run: Path, tmp_path: Path) -> None:
    shutil.copytree(sample_run, tmp_path / "project", symlinks=True)
    assert_printed(begin, FINISHED[begin](tmp_path / "project"))


def test_every_message_of_the_page_is_tested() -> None:
    begins = [*EMPTY, *FINISHED]
    untested = [message for message in MESSAGES if not any(message.startswith(begin) for begin in begins)]
    assert untested == []
    assert len(MESSAGES) == len(begins)
