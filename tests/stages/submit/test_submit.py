"""Submit: the competition's header and ids, and original labels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import ConfigError, DataError, StageError
from stages.shared.parquet import write_table
from stages.submit import submit as module
from stages.submit.parameters import SubmitParameters


class FirstPixelPredictor:
    """Stands in for a trained network: it prefers, by little, the class whose index is the first pixel."""

    def __init__(self, classes: tuple) -> None:
        self.classes = classes

    def probabilities(self, X: np.ndarray, progress: object) -> np.ndarray:  # noqa: ARG002 - as Predictor has it
        return 0.3 + 1e-6 * np.eye(len(self.classes), dtype=np.float32)[np.rint(X[:, 0] * 255).astype(int)]


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """``trained(...)`` writes what submit reads, for a network that answers with the classes at ``indices``."""

    def make(
        classes: tuple = (3, 7, 20),
        indices: tuple = (2, 0, 1, 2),
        ids: tuple = (1, 2, 3, 4),
        own_ids: str | None = None,
    ) -> None:
        for folder in ("train", "split", "ingest"):
            (tmp_path / folder).mkdir(exist_ok=True)
        X = np.zeros((len(indices), 4), dtype=np.float32)
        X[:, 0] = np.array(indices) / np.float32(255)
        np.save(tmp_path / "split/X_test.npy", X)
        write_table(tmp_path / "ingest/ids.parquet", {"ImageId": np.array(ids)})
        profile = {"submission": {"id_name": "ImageId", "label_name": "Label"}, "id_name": own_ids}
        (tmp_path / "ingest/profile.json").write_text(json.dumps(profile))
        source = {"source": "made", "is_sample": False, "holds_test_images": False}
        (tmp_path / "ingest/source.json").write_text(json.dumps(source))
        (tmp_path / "train/model.npz").write_bytes(b"")
        monkeypatch.setattr(module, "load_predictor", lambda *_, **__: FirstPixelPredictor(classes))

    return make


def submission(folder: Path) -> str:
    return (folder / "submit/submission.csv").read_bytes().decode()


def test_a_line_for_each_test_row_with_its_original_label(tmp_path: Path, trained, run_stage) -> None:
    trained()
    outcome = run_stage("submit")
    assert submission(tmp_path) == "ImageId,Label\n1,20\n2,3\n3,7\n4,20\n"
    assert outcome.figures == {"rows": 4}


def test_ids_and_labels_may_be_any_text(tmp_path: Path, trained, run_stage) -> None:
    trained(classes=("a,b", 'say "c"', "NA"), indices=(0, 1, 2), ids=("007", "x y", "null"))
    run_stage("submit")
    assert submission(tmp_path) == 'ImageId,Label\n007,"a,b"\nx y,"say ""c"""\nnull,NA\n'


def test_settings_override_names_and_first_id(tmp_path: Path, trained, run_stage) -> None:
    trained()
    run_stage("submit", SubmitParameters(id_name="id", label_name="digit", first_id=0))
    assert submission(tmp_path) == "id,digit\n0,20\n1,3\n2,7\n3,20\n"


def test_first_id_never_replaces_the_test_sets_own_ids(trained, run_stage) -> None:
    trained(own_ids="id")
    with pytest.raises(ConfigError, match="ids of its own, in column 'id'") as caught:
        run_stage("submit", SubmitParameters(first_id=1))
    assert caught.value.hint == "remove submit.first_id"


def test_two_columns_of_one_name_are_a_configuration_error(trained, run_stage) -> None:
    trained()
    with pytest.raises(ConfigError, match="both columns of the submission would be called 'ImageId'"):
        run_stage("submit", SubmitParameters(label_name="ImageId"))


def test_ids_and_images_must_be_equally_many(trained, run_stage) -> None:
    trained(ids=(1, 2, 3))
    with pytest.raises(StageError, match="3 ids and 4 test images"):
        run_stage("submit")


def test_an_id_that_occurs_twice_is_not_published(trained, run_stage) -> None:
    trained(ids=(1, 2, 2, 4))
    with pytest.raises(DataError, match=r"ImageId line .: '2' fails"):
        run_stage("submit")


@pytest.mark.parametrize(
    ("spoil", "error", "message"),
    [
        (lambda text: text.replace("20", "21"), DataError, "'21' fails"),
        (lambda text: text.replace("Label", "label"), DataError, "fails"),
        (lambda text: text.removesuffix("4,20\n"), StageError, "not those of the test set"),
        (lambda text: text.replace("1,20\n2,3\n", "2,3\n1,20\n"), StageError, "not those of the test set"),
    ],
)
def test_a_submission_that_reads_back_differently_stops_the_stage(
    trained, run_stage, monkeypatch: pytest.MonkeyPatch, spoil, error: type[Exception], message: str
) -> None:
    trained()
    check = module.check_written

    def spoil_then_check(path: Path, *arguments: object, **keywords: object) -> None:
        path.write_bytes(spoil(path.read_bytes().decode()).encode())
        check(path, *arguments, **keywords)

    monkeypatch.setattr(module, "check_written", spoil_then_check)
    with pytest.raises(error, match=message):
        run_stage("submit")
