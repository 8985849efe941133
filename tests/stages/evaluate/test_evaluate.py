"""Evaluate: figures that agree with a plain count, files that agree with each other, a page that is safe to open."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_report import HISTORY, make_images, make_network, make_predictions, make_profile, make_receipts

from pipeline.errors import DataError, StageError
from pipeline.figures import values_of
from stages.evaluate import evaluate as module
from stages.evaluate.parameters import EvaluateParameters
from stages.ingest.documents import DataSource
from stages.shared.documents import encode_document

pytestmark = pytest.mark.usefixtures("no_charts_in_module")

HEIGHT, WIDTH = 3, 5


class TablePredictor:
    """Stands in for a trained network: the probabilities are a table, looked up by the first pixel."""

    def __init__(self, classes: tuple, P: np.ndarray) -> None:
        self.classes = classes
        self.networks = (make_network(classes, HEIGHT, WIDTH),)
        self.P = P

    def each(self, X: np.ndarray, members: list[int]) -> np.ndarray:
        """The first member says what the table says, every further one of the class before."""
        P = self.P[np.rint(X[:, 0] * 255).astype(int)]
        return np.stack([np.roll(P, -member, axis=1) for member in members])


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``trained(classes)`` writes what evaluate reads, for 200 rows; gives P (200, n_classes) and actual (200,)."""

    def make(classes: tuple = (3, 7, 20), source: str = "made", **marks: bool) -> tuple[np.ndarray, np.ndarray]:
        P, actual = make_predictions(len(classes))
        n_rows, rng = len(P), np.random.default_rng(0)
        X = rng.random((n_rows, HEIGHT * WIDTH), dtype=np.float32)
        X[:, 0] = np.arange(n_rows, dtype=np.float32) / 255
        for folder in ("ingest", "train", "split", "encode"):
            (tmp_path / folder).mkdir(exist_ok=True)
        document = DataSource(source=source, **{"is_sample": False, "holds_test_images": False, **marks})
        (tmp_path / "ingest/source.json").write_bytes(encode_document(document))
        np.save(tmp_path / "split/X_validation.npy", X)
        np.save(tmp_path / "split/rows_validation.npy", 1000 + np.arange(n_rows)[::-1])
        np.save(tmp_path / "encode/Y_validation.npy", np.eye(len(classes), dtype=np.float32)[actual])
        (tmp_path / "encode/classes.json").write_text(json.dumps({"classes": classes}))
        (tmp_path / "split/images.json").write_bytes(encode_document(make_images(HEIGHT, WIDTH)))
        (tmp_path / "ingest/profile.json").write_bytes(encode_document(make_profile(classes, HEIGHT, WIDTH)))
        np.save(tmp_path / "split/X_train.npy", X[:60])
        np.save(tmp_path / "encode/Y_train.npy", np.eye(len(classes), dtype=np.float32)[np.arange(60) % len(classes)])
        np.save(tmp_path / "split/rows_train.npy", np.arange(60))
        for name, receipt in make_receipts().items():
            (tmp_path / name).write_bytes(receipt)
        np.save(tmp_path / "train/folds.npy", np.full(60, -1, np.int16))
        pd.DataFrame(HISTORY).to_parquet(tmp_path / "train/history.parquet")
        (tmp_path / "train/model.npz").write_bytes(b"")
        monkeypatch.setattr(module, "load_predictor", lambda *_, **__: TablePredictor(classes, P))
        return P, actual

    return make


def test_metrics_agree_with_a_plain_count(tmp_path: Path, trained, run_stage) -> None:
    P, actual = trained(source="data/train.csv")
    outcome = run_stage("evaluate")
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    predicted = P.argmax(axis=1)
    n_errors = sum(said != right for said, right in zip(predicted, actual, strict=True))
    assert metrics["n_rows"] == 200
    assert metrics["n_errors"] == n_errors > 0
    assert metrics["accuracy"] == pytest.approx(1 - n_errors / 200)
    loss = -sum(np.log(float(P[row, right])) for row, right in enumerate(actual)) / 200
    assert metrics["log_loss"] == pytest.approx(loss)
    assert metrics["source"] == "data/train.csv"
    assert metrics["is_sample"] is False
    for index, (label, figures) in enumerate(zip([3, 7, 20], metrics["per_class"], strict=True)):
        n_correct = sum((predicted == index) & (actual == index))
        precision, recall = n_correct / sum(predicted == index), n_correct / sum(actual == index)
        assert figures["label"] == label
        assert figures["precision"] == pytest.approx(precision)
        assert figures["recall"] == pytest.approx(recall)
        assert figures["f1"] == pytest.approx(2 * precision * recall / (precision + recall))
    assert metrics["macro_f1"] == pytest.approx(np.mean([each["f1"] for each in metrics["per_class"]]))
    assert values_of(outcome.figures) == {
        "validation accuracy": metrics["accuracy"],
        "macro F1": metrics["macro_f1"],
        "log loss": metrics["log_loss"],
        "errors": n_errors,
    }


@pytest.mark.parametrize(("keep", "is_unbiased"), [("last", True), ("best", False)])
def test_metrics_say_whether_the_epoch_was_chosen_on_the_rows(
    tmp_path: Path, trained, run_stage, keep: str, *, is_unbiased: bool
) -> None:
    trained()
    for name, receipt in make_receipts(keep=keep).items():
        (tmp_path / name).write_bytes(receipt)
    run_stage("evaluate")
    assert json.loads((tmp_path / "evaluate/metrics.json").read_text())["is_unbiased"] is is_unbiased


@pytest.mark.parametrize("is_so", [True, False])
@pytest.mark.parametrize(("mark", "words"), [("is_sample", "not your data"), ("holds_test_images", "not be uploaded")])
def test_the_sample_and_test_images_in_training_are_marked_in_metrics_and_report(
    tmp_path: Path, trained, run_stage, mark: str, words: str, *, is_so: bool
) -> None:
    trained(**{mark: is_so})
    run_stage("evaluate")
    assert json.loads((tmp_path / "evaluate/metrics.json").read_text())[mark] is is_so
    assert (words in (tmp_path / "evaluate/report.html").read_text()) is is_so


def test_predictions_and_confusion_carry_original_labels_and_row_numbers(tmp_path: Path, trained, run_stage) -> None:
    P, actual = trained()
    run_stage("evaluate")
    labels = np.array([3, 7, 20])
    predictions = pd.read_parquet(tmp_path / "evaluate/predictions.parquet")
    assert predictions["row"].tolist() == list(range(1199, 999, -1))
    np.testing.assert_array_equal(predictions["label"], labels[actual])
    np.testing.assert_array_equal(predictions["predicted"], labels[P.argmax(axis=1)])
    np.testing.assert_array_equal(predictions[["p_3", "p_7", "p_20"]], P)
    confusion = pd.read_csv(tmp_path / "evaluate/confusion.csv", index_col="label")
    assert list(confusion.columns) == ["3", "7", "20"]
    expected = pd.crosstab(predictions["label"], predictions["predicted"])
    np.testing.assert_array_equal(confusion, expected)


def test_a_model_of_other_classes_is_refused(trained, run_stage, monkeypatch: pytest.MonkeyPatch) -> None:
    P, _ = trained()
    monkeypatch.setattr(module, "load_predictor", lambda *_, **__: TablePredictor((3, 7, 21), P))
    with pytest.raises(StageError, match=r"\(3, 7, 21\) are not those of the labels \(3, 7, 20\)"):
        run_stage("evaluate")


def test_written_files_that_disagree_stop_the_stage(trained, run_stage, monkeypatch: pytest.MonkeyPatch) -> None:
    trained()
    write = module.write_confusion
    monkeypatch.setattr(
        module, "write_confusion", lambda path, confusion, classes: write(path, confusion[[1, 0, 2]], classes)
    )
    with pytest.raises(StageError, match="disagree"):
        run_stage("evaluate")


def test_probabilities_that_do_not_sum_to_one_are_not_published(
    trained, run_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    P, _ = trained()
    predictor = TablePredictor((3, 7, 20), P * np.float32(0.9))
    monkeypatch.setattr(module, "load_predictor", lambda *_, **__: predictor)
    with pytest.raises(DataError, match="do not sum to 1"):
        run_stage("evaluate")


def test_classes_that_are_never_predicted_are_named_in_a_warning(
    tmp_path: Path, trained, run_stage, monkeypatch
) -> None:
    P, actual = trained()
    assert run_stage("evaluate").warnings == ()
    blind = np.roll(np.sort(P, axis=1)[:, ::-1], 1, axis=1)  # says 7 to every image
    monkeypatch.setattr(module, "load_predictor", lambda *_, **__: TablePredictor((3, 7, 20), blind))
    outcome = run_stage("evaluate")
    n_rows = np.bincount(actual)
    assert outcome.warnings == (
        f"2 classes are never predicted: 3 ({n_rows[0]} rows), 20 ({n_rows[2]} rows): see macro F1, not the accuracy",
    )
    assert values_of(outcome.figures)["macro F1"] < values_of(outcome.figures)["validation accuracy"]
    for row in (0, 1):  # both rows of a class are missed, among 198 of the others
        Y = np.zeros((200, 3), np.float32)
        Y[:, 1] = 1
        Y[: 1 + row] = [1, 0, 0]
        np.save(tmp_path / "encode/Y_validation.npy", Y)
        shown = "1 row" if row == 0 else "2 rows"
        assert run_stage("evaluate").warnings[0].startswith(f"class 3 ({shown}) is never predicted")


# ensembles ---------------------------------------------------------------------------------------------


def with_history(folder: Path, folds: list[int]) -> None:
    """A history of members that are each of one of ``folds``, one epoch long."""
    numbers = {"member": range(len(folds)), "fold": folds, "epoch": [1] * len(folds)}
    names = ("learning_rate", "train_loss", "train_accuracy", "validation_loss", "validation_accuracy")
    shares = {name: [0.5] * len(folds) for name in names}
    pd.DataFrame({**numbers, **shares, "kept": True}).to_parquet(folder / "train/history.parquet")


def test_members_are_averaged_and_each_is_measured_alone(tmp_path: Path, trained, run_stage) -> None:
    P, actual = trained()
    with_history(tmp_path, [0, 0, 0])
    run_stage("evaluate")
    each = np.stack([P, np.roll(P, -1, axis=1), np.roll(P, -2, axis=1)])
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    assert metrics["accuracy"] == np.mean(each.mean(axis=0).argmax(axis=1) == actual)
    assert [member["n_errors"] for member in metrics["members"]] == (each.argmax(axis=2) != actual).sum(axis=1).tolist()
    assert [member["fold"] for member in metrics["members"]] == [None] * 3
    losses = -np.log(each[:, np.arange(200), actual].astype(np.float64)).mean(axis=1)
    assert [member["log_loss"] for member in metrics["members"]] == pytest.approx(losses)
    assert metrics["ensemble"] is None  # the figures above are the ensemble's
    predictions = pd.read_parquet(tmp_path / "evaluate/predictions.parquet")
    expected = (each.argmax(axis=2) != each.mean(axis=0).argmax(axis=1)).sum(axis=0)
    np.testing.assert_array_equal(predictions["disagreements"], expected)
    assert set(predictions["fold"]) == {-1}


def test_the_report_shows_what_members_disagree_on_with_their_votes(tmp_path: Path, trained, run_stage) -> None:
    P, _ = trained()
    with_history(tmp_path, [0, 0])
    run_stage("evaluate", EvaluateParameters(examples=2))
    each = np.stack([P, np.roll(P, -1, axis=1)])
    together = each.mean(axis=0)
    n_differing = (each.argmax(axis=2) != together.argmax(axis=1)).sum(axis=0)
    first = np.lexsort((-np.arange(200), together.max(axis=1), -n_differing))[0]
    page = (tmp_path / "evaluate/report.html").read_text()
    section = page.partition("most networks differ")[2].partition("</section>")[0]
    assert section.count("<img") == 2
    label = (3, 7, 20)[together[first].argmax()]
    assert f'alt="Row {1199 - first}: the ensemble predicts {label},' in section
    answers = [(3, 7, 20)[index] for index in each[:, first].argmax(axis=1)]
    assert len(set(answers)) == 2
    assert all(f"{answer} 1&nbsp;x" in section or f"<b>{answer}</b> 1&nbsp;x" in section for answer in answers)
    trained()
    with_history(tmp_path, [0])
    run_stage("evaluate")
    assert "most networks differ" not in (tmp_path / "evaluate/report.html").read_text()


def with_training_rows(folder: Path, P: np.ndarray, actual: np.ndarray) -> np.ndarray:
    """80 training rows, in two folds by turns: they are told apart by the first pixel, as the validation rows are."""
    X = np.zeros((80, HEIGHT * WIDTH), np.float32)
    X[:, 0] = np.arange(80, dtype=np.float32) / 255
    np.save(folder / "split/X_train.npy", X)
    np.save(folder / "split/rows_train.npy", np.arange(80))
    np.save(folder / "encode/Y_train.npy", np.eye(P.shape[1], dtype=np.float32)[actual[:80]])
    fold_of_row = np.arange(80) % 2
    np.save(folder / "train/folds.npy", fold_of_row.astype(np.int16))
    with_history(folder, [0, 0, 1])
    return fold_of_row


def test_with_folds_a_row_is_predicted_by_the_members_that_have_not_seen_it(tmp_path: Path, trained, run_stage) -> None:
    P, actual = trained()
    fold_of_row = with_training_rows(tmp_path, P, actual)
    outcome = run_stage("evaluate")
    each = np.stack([P, np.roll(P, -1, axis=1), np.roll(P, -2, axis=1)])
    unseen = np.where(fold_of_row[:, None] == 0, each[:2, :80].mean(axis=0), each[2, :80])
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    assert metrics["measured"].startswith("out-of-fold")
    assert metrics["n_rows"] == 80
    assert metrics["accuracy"] == np.mean(unseen.argmax(axis=1) == actual[:80])
    assert [(member["member"], member["fold"], member["n_rows"]) for member in metrics["members"]] == [
        (0, 0, 40),
        (1, 0, 40),
        (2, 1, 40),
    ]
    own = [fold_of_row == 0, fold_of_row == 0, fold_of_row == 1]
    errors = [int((each[member, :80].argmax(axis=1) != actual[:80])[rows].sum()) for member, rows in enumerate(own)]
    assert [member["n_errors"] for member in metrics["members"]] == errors
    alone = [member["validation_accuracy"] for member in metrics["members"]]
    assert alone == pytest.approx((each.argmax(axis=2) == actual).mean(axis=1))
    together = each.mean(axis=0)
    assert metrics["ensemble"]["n_rows"] == 200
    assert metrics["ensemble"]["accuracy"] == np.mean(together.argmax(axis=1) == actual)
    assert values_of(outcome.figures)["out-of-fold accuracy"] == metrics["accuracy"]
    assert values_of(outcome.figures)["ensemble accuracy"] == metrics["ensemble"]["accuracy"]
    predictions = pd.read_parquet(tmp_path / "evaluate/predictions.parquet")
    assert predictions["fold"].tolist() == [*fold_of_row.tolist(), *[-1] * 200]
    np.testing.assert_allclose(predictions[["p_3", "p_7", "p_20"]].to_numpy()[:80], unseen, rtol=1e-6)
    confusion = pd.read_csv(tmp_path / "evaluate/confusion.csv", index_col="label")
    assert confusion.to_numpy().sum() == 80


def test_with_folds_the_report_shows_what_members_disagree_on_among_validation_rows(
    tmp_path: Path, trained, run_stage
) -> None:
    with_training_rows(tmp_path, *trained())
    run_stage("evaluate", EvaluateParameters(examples=3))
    table = pd.read_parquet(tmp_path / "evaluate/predictions.parquet")
    table = table[table["fold"] == -1].sort_values(
        ["disagreements", "confidence", "row"], ascending=[False, True, True]
    )
    section = (tmp_path / "evaluate/report.html").read_text().partition("most networks differ")[2]
    shown = re.findall(r'alt="Row (\d+): the ensemble', section.partition("</section>")[0])
    assert [int(row) for row in shown] == table["row"].tolist()[:3]


def test_without_validation_rows_the_metrics_are_out_of_fold(tmp_path: Path, trained, run_stage) -> None:
    P, actual = trained()
    for name, shape, kind in (
        ("split/X", (0, HEIGHT * WIDTH), np.float32),
        ("encode/Y", (0, 3), np.float32),
        ("split/rows", (0,), np.int64),
    ):
        np.save(tmp_path / f"{name}_validation.npy", np.zeros(shape, kind))
    with pytest.raises(StageError, match="there are no rows to measure by"):
        run_stage("evaluate")
    with_training_rows(tmp_path, P, actual)
    outcome = run_stage("evaluate")
    metrics = json.loads((tmp_path / "evaluate/metrics.json").read_text())
    assert metrics["n_rows"] == 80
    assert metrics["ensemble"] is None
    assert {member["validation_accuracy"] for member in metrics["members"]} == {None}
    assert "ensemble accuracy" not in outcome.figures
