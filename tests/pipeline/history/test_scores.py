"""The log of scores survives crashes, and its scores are found beside every run whose result has the same bytes."""

from __future__ import annotations

import fcntl
import json
import resource
from dataclasses import asdict, replace
from itertools import count
from pathlib import Path

import pytest
from made_run import make_run
from rigging import killed_at
from toy_project import Toy

from pipeline.errors import StoreError
from pipeline.history.diff import Difference, compare
from pipeline.history.scores import KnownFile, by_run, identify, record_score, scores_by, scores_of
from pipeline.logs import line_log
from pipeline.logs.run_log import read_runs
from pipeline.logs.score_log import FILE_NAME, Score, append_score, read_scores

SCORE = Score(
    digest="d" * 64,
    name="accuracy",
    value=0.98,
    interval=(0.97, 0.99),
    rows=1000,
    how="answers a.csv",
    when="2026-11-27T06:00:00+00:00",
    run=3,
    result="aaaa-eeee",
)
SENT = replace(SCORE, name="public score", value=None, interval=None, rows=None, how="kaggle digits")


def test_scores_are_read_in_the_order_in_which_they_were_written(tmp_path: Path) -> None:
    assert read_scores(tmp_path).all == ()
    append_score(tmp_path, SCORE)
    append_score(tmp_path, SENT)
    assert read_scores(tmp_path).all == (SCORE, SENT)
    assert read_scores(tmp_path).warning == ""


def test_a_kill_while_a_score_is_written_loses_that_one_and_no_other(tmp_path: Path) -> None:
    for point in count():
        folder = tmp_path / str(point)
        folder.mkdir()
        append_score(folder, SCORE)
        is_killed = killed_at(point, lambda folder=folder: append_score(folder, SENT))
        append_score(folder, replace(SCORE, value=0.5))
        kept = read_scores(folder).all
        assert kept in {(SCORE, replace(SCORE, value=0.5)), (SCORE, SENT, replace(SCORE, value=0.5))}
        if not is_killed:
            break
    assert point >= 3  # it is opened, written and forced to disk


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"\xff", *(json.dumps({**asdict(SCORE), key: {}}).encode() for key in asdict(SCORE))],
)
def test_a_line_that_is_no_score_is_skipped_and_counted(tmp_path: Path, line: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(line + b"\n")
    append_score(tmp_path, SCORE)
    found = read_scores(tmp_path)
    assert found.all == (SCORE,)
    told = "skipped 1 line of scores.jsonl: torn by a crash, damaged, or from another version"
    assert found.warning == told * bool(line)


def test_a_score_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    """A line as it was written before. Do not change it: whoever has such a log would lose the scores in it."""
    line = (
        '{"digest": "ab12", "name": "public score", "value": 0.99421, "interval": null, "rows": null, '
        '"how": "kaggle digit-recognizer", "when": "2026-11-27T20:48:58+00:00", "run": 1, "result": "65f2-c3ae"}\n'
    )
    (tmp_path / FILE_NAME).write_text(line)
    found = read_scores(tmp_path)
    assert found.warning == ""
    assert [(score.value, score.run) for score in found.all] == [(0.99421, 1)]


def test_no_score_is_written_that_could_not_be_read(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nan"):
        append_score(tmp_path, replace(SCORE, value=float("nan")))
    assert read_scores(tmp_path).all == ()


@pytest.mark.parametrize("kind", ["link", "folder"])
def test_the_log_is_never_written_through_a_link(tmp_path: Path, kind: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("precious")
    (tmp_path / FILE_NAME).symlink_to(outside) if kind == "link" else (tmp_path / FILE_NAME).mkdir()
    with pytest.raises(StoreError, match="cannot write the log of scores"):
        append_score(tmp_path, SCORE)
    assert outside.read_text() == "precious"


def test_a_limit_on_the_size_of_files_is_named_where_the_log_meets_it(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(StoreError, match=r"a file may not be that large here[\s\S]*ulimit -f"):
            append_score(tmp_path, SCORE)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_another_name_of_the_log_keeps_what_it_has(tmp_path: Path) -> None:
    append_score(tmp_path, SCORE)
    (tmp_path / "backup").hardlink_to(tmp_path / FILE_NAME)
    before = (tmp_path / "backup").read_bytes()
    append_score(tmp_path, SENT)
    assert (tmp_path / "backup").read_bytes() == before
    assert read_scores(tmp_path).all == (SCORE, SENT)


def test_a_writer_that_waited_for_the_lock_writes_into_the_log_that_replaced_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append_score(tmp_path, SCORE)
    (tmp_path / "backup").hardlink_to(tmp_path / FILE_NAME)
    waits = iter([True])

    def replaced_meanwhile(descriptor: int, how: int) -> None:
        if next(waits, False):
            append_score(tmp_path, SENT)  # which makes the log another file
        fcntl.flock(descriptor, how)

    monkeypatch.setattr(line_log, "fcntl", type("", (), {"flock": replaced_meanwhile, "LOCK_EX": fcntl.LOCK_EX}))
    append_score(tmp_path, replace(SCORE, value=0.5))
    assert read_scores(tmp_path).all == (SCORE, SENT, replace(SCORE, value=0.5))


def test_a_run_has_the_last_known_score_of_each_way_and_those_of_equal_bytes() -> None:
    run = make_run(1, results={"load": "cccc-ffff", "power": "bbbb-eeee"})  # other work with the bytes of aaaa-eeee
    later, other = replace(SCORE, value=0.99), replace(SCORE, how="answers b.csv")
    elsewhere, by_hand = replace(SCORE, result="aaaa-0000"), replace(SCORE, result="")
    log = [SCORE, SENT, later, other, elsewhere, by_hand]
    assert scores_of(run, log) == [later, other]
    assert by_run([run, make_run(2)], log) == {1: [later, other]}


def test_what_made_a_file_is_found_by_its_bytes(toy: Toy, tmp_path: Path) -> None:
    store, artifact = toy.store, "total/total.csv"
    toy.run("all")
    path = store.root / artifact
    for settings, number in (({"total.start": 7}, 2), ({}, 1)):  # of equal bytes; the first result is restored
        toy.settings = settings
        toy.run("all")
        made = identify(store, artifact, path)
        assert made.result == store.current("total").receipt.generation
        assert made.run == read_runs(store.root)[number - 1]
    copy = tmp_path / "copy.csv"
    copy.write_bytes(path.read_bytes())
    assert identify(store, artifact, copy) == made
    assert identify(store, "total/summary.json", copy) == KnownFile(made.digest, "", None)
    (store.root / "runs.jsonl").unlink()
    assert identify(store, artifact, path) == replace(made, run=None)
    path.write_text("edited")
    assert identify(store, artifact, path).result == ""


def test_a_score_is_recorded_with_the_run_or_without_one(toy: Toy, tmp_path: Path) -> None:
    by_hand, artifact = tmp_path / "by_hand.csv", "total/total.csv"
    by_hand.write_text("made by hand")
    record_score(toy.store, identify(toy.store, artifact, by_hand), name="accuracy", value=0.5, how="answers a.csv")
    toy.run("all")
    made = identify(toy.store, artifact, toy.store.root / artifact)
    record_score(toy.store, made, name="accuracy", value=0.75, how="answers a.csv", rows=4)
    record_score(toy.store, made, name="public score", value=None, how="kaggle digits")
    first, second, sent = read_scores(toy.store.root).all
    assert (first.run, first.result) == (None, "")
    assert (second.run, second.value, second.rows) == (1, 0.75, 4)
    (run,) = read_runs(toy.store.root)
    assert scores_of(run, [first, second, sent]) == [second]
    assert scores_by(toy.store, made, "kaggle digits") == [sent]


def test_differences_of_scores_are_shown_after_those_of_figures() -> None:
    first = make_run(1, results={"power": "aaaa-eeee"})
    second = make_run(2, results={"power": "bbbb-dddd"}, figures={"power: largest": 26})
    better = replace(SCORE, value=0.99, result="bbbb-dddd")
    found = compare(first, second, lambda *_: None, [SCORE, better, replace(better, how="answers b.csv")])
    assert found == [
        Difference("figure", "power: largest", 25, 26),
        Difference("score", "accuracy, answers a.csv", SCORE.figure, better.figure),
        Difference("score", "accuracy, answers b.csv", None, better.figure),
    ]
    assert (SCORE.figure.text, SENT.figure.text) == ("98.00 %", "None")
    assert replace(SCORE, value=1.7).figure.text == "1.7"
