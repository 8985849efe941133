"""Split: disjoint, complete and stratified parts, fair when limited, and pixels that go with their labels."""

from __future__ import annotations

import errno
import json
import math
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import DataError, StageError
from stages.shared.parquet import open_writer
from stages.split import split as module
from stages.split.divide import divide, validation_quota
from stages.split.normalise import fit_normaliser
from stages.split.npy_row_writer import RowFile
from stages.split.parameters import SplitParameters

N_TRAIN, N_TEST, HEIGHT, WIDTH = 300, 40, 3, 2


def write_images(path: Path, pixels: np.ndarray, labels: np.ndarray | None = None, *, rows_per_group: int = 70) -> None:
    columns = {} if labels is None else {"label": labels}
    table = pa.table(columns | {f"pixel{index}": pixels[:, index] for index in range(pixels.shape[1])})
    with open_writer(path, table.schema) as writer:
        writer.write_table(table, row_group_size=rows_per_group)


@pytest.fixture
def ingested(tmp_path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ingest's artifacts, with labels 3, 7 and 20: train pixels (300, 6), labels (300,), test pixels (40, 6)."""
    rng = np.random.default_rng(0)
    train = rng.integers(10, 240, (N_TRAIN, HEIGHT * WIDTH), dtype=np.uint8)
    labels = rng.choice([3, 7, 20], N_TRAIN, p=[0.6, 0.3, 0.1])
    test = rng.integers(0, 256, (N_TEST, HEIGHT * WIDTH), dtype=np.uint8)
    (tmp_path / "ingest").mkdir()
    write_images(tmp_path / "ingest/train.parquet", train, labels)
    write_images(tmp_path / "ingest/test.parquet", test)
    profile = {"height": HEIGHT, "width": WIDTH, "label_name": "label", "n_train": N_TRAIN, "n_test": N_TEST}
    profile["train"] = {"pixel_range": [10, 239], "is_dark_on_light": False}
    (tmp_path / "ingest/profile.json").write_text(json.dumps(profile))
    return train, labels, test


def load(folder: Path, name: str) -> np.ndarray:
    return np.load(folder / f"split/{name}.npy", mmap_mode="r")


@given(
    counts=st.lists(st.integers(2, 60), min_size=1, max_size=8),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**32 - 1),
)
def test_a_stratified_division_is_disjoint_complete_and_true_to_every_class(
    counts: list[int], share: float, seed: int
) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    division = divide(labels, SplitParameters(validation=share, seed=seed))
    assert sorted([*division.train, *division.validation]) == list(range(len(labels)))
    n_held_out = np.bincount(labels[division.validation], minlength=len(counts))
    assert (np.abs(n_held_out - np.array(counts) * share) < 1).all()
    assert (n_held_out >= 1).all()
    assert (n_held_out < counts).all()


@given(m=st.integers(2, 200), share=st.floats(0.01, 0.99), seed=st.integers(0, 2**32 - 1))
def test_a_plain_division_is_disjoint_complete_and_of_the_right_size(m: int, share: float, seed: int) -> None:
    labels = np.zeros(m, dtype=np.int64)
    division = divide(labels, SplitParameters(validation=share, seed=seed, stratify=False))
    assert sorted([*division.train, *division.validation]) == list(range(m))
    assert len(division.validation) == min(math.ceil(m * share), m - 1)


def test_a_plain_division_is_that_of_the_tutorial() -> None:
    # train_test_split(range(20), test_size=0.1, random_state=42) of scikit-learn 1.7
    division = divide(np.zeros(20, dtype=np.int64), SplitParameters(stratify=False))
    assert division.validation.tolist() == [0, 17]
    assert division.train.tolist() == [15, 1, 8, 5, 11, 3, 18, 16, 13, 2, 9, 19, 4, 12, 7, 10, 14, 6]


def test_quotas_add_up_to_the_share_of_all_rows() -> None:
    n_rows = np.array([4132, 4684, 4177, 4351, 4072, 3795, 4137, 4401, 4063, 4188])  # Kaggle's digits
    assert validation_quota(n_rows, 0.1).sum() == 4200


def test_the_seed_alone_decides_the_division_and_both_parts_are_shuffled() -> None:
    labels = np.repeat([0, 1], 500)
    first, again, other = (divide(labels, SplitParameters(seed=seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.train, again.train)
    np.testing.assert_array_equal(first.validation, again.validation)
    assert not np.array_equal(first.train, other.train)
    for part in (first.train, first.validation):
        assert 0.2 < labels[part[: len(part) // 4]].mean() < 0.8, "the first quarter is not a fair sample"


def test_every_image_keeps_its_own_label_and_row_number(tmp_path: Path, ingested: tuple, run_stage) -> None:
    train, labels, test = ingested
    outcome = run_stage("split", SplitParameters(validation=0.2))
    for name in ("train", "validation"):
        rows = load(tmp_path, f"rows_{name}")
        np.testing.assert_array_equal(load(tmp_path, f"X_{name}"), train[rows] / np.float32(255))
        np.testing.assert_array_equal(load(tmp_path, f"labels_{name}"), labels[rows])
    np.testing.assert_array_equal(load(tmp_path, "X_test"), test / np.float32(255))
    assert outcome.figures == {"rows": "240 + 60"}
    images = json.loads((tmp_path / "split/images.json").read_text())
    assert images == {
        "height": HEIGHT,
        "width": WIDTH,
        "normaliser": {"kind": "range", "offset": 0.0, "scale": 255.0},
        "n_train": 240,
        "n_validation": 60,
        "n_test": N_TEST,
    }


def test_in_float64_a_pixel_is_exactly_what_the_tutorial_makes_of_it(
    tmp_path: Path, ingested: tuple, run_stage
) -> None:
    run_stage("split", SplitParameters(dtype="float64"))
    np.testing.assert_array_equal(load(tmp_path, "X_train"), ingested[0][load(tmp_path, "rows_train")] / 255)


@pytest.mark.usefixtures("ingested")
def test_limits_keep_the_first_rows_of_the_unlimited_parts(tmp_path: Path, run_stage) -> None:
    run_stage("split", SplitParameters(stratify=False))
    whole = {name: load(tmp_path, f"rows_{name}").copy() for name in ("train", "validation")}
    run_stage("split", SplitParameters(stratify=False, train_rows=50, validation_rows=7))
    np.testing.assert_array_equal(load(tmp_path, "rows_train"), whole["train"][:50])
    np.testing.assert_array_equal(load(tmp_path, "rows_validation"), whole["validation"][:7])
    assert load(tmp_path, "X_train").shape == (50, HEIGHT * WIDTH)
    run_stage("split", SplitParameters(stratify=False, train_rows=10**9))
    np.testing.assert_array_equal(load(tmp_path, "rows_train"), whole["train"])


@pytest.mark.usefixtures("ingested")
def test_a_stratified_part_is_in_the_tables_order_and_a_limited_one_is_drawn_from_all_of_it(
    tmp_path: Path, run_stage
) -> None:
    run_stage("split", SplitParameters())
    whole = {name: load(tmp_path, f"rows_{name}").copy() for name in ("train", "validation")}
    run_stage("split", SplitParameters(train_rows=50, validation_rows=7))
    for name, limit in (("train", 50), ("validation", 7)):
        rows = load(tmp_path, f"rows_{name}")
        assert len(rows) == limit
        assert (np.diff(whole[name]) > 0).all()
        assert (np.diff(rows) > 0).all()
        assert np.isin(rows, whole[name]).all()
        assert rows[-1] > whole[name][2 * limit]


@pytest.mark.usefixtures("ingested")
def test_a_share_that_is_raised_to_a_row_of_every_class_is_told(run_stage) -> None:
    told = "split.validation = 0.001 is 0.3 of 300 rows: 3 are held out, so that every class has a row in both parts"
    assert run_stage("split", SplitParameters(validation=0.001)).warnings == (told,)
    assert run_stage("split", SplitParameters()).warnings == ()
    assert run_stage("split", SplitParameters(validation=0.001, stratify=False)).warnings == ()


@pytest.mark.parametrize(
    ("n_rows", "share", "n_held_out", "is_told"),
    [(445, 0.1, 45, 0), (445, 0.1, 44, 0), (100, 0.07, 8, 1), (100, 0.07, 7, 0), (445, 0.1, 46, 1)],
)
def test_another_share_is_told_from_a_whole_row_on(n_rows: int, share: float, n_held_out: int, is_told: int) -> None:
    profile = SimpleNamespace(train=SimpleNamespace(pixel_range=(0, 255)))
    assert len(list(module.warnings_of(profile, SplitParameters(validation=share), n_rows, n_held_out))) == is_told


def test_min_max_sees_training_rows_only_and_clips_the_others(tmp_path: Path, ingested: tuple, run_stage) -> None:
    train, _, test = ingested
    run_stage("split", SplitParameters(normalise="min_max"))
    seen = train[load(tmp_path, "rows_train")]
    low, high = int(seen.min()), int(seen.max())
    assert (low, high) != (0, 255), "the test set's range must not be the training rows'"
    normaliser = json.loads((tmp_path / "split/images.json").read_text())["normaliser"]
    assert normaliser == {"kind": "min_max", "offset": low, "scale": high - low}
    np.testing.assert_allclose(load(tmp_path, "X_test"), np.clip((test - float(low)) / (high - low), 0, 1), rtol=1e-6)


def test_min_max_ignores_an_extreme_pixel_in_a_held_out_row(tmp_path: Path) -> None:
    pixels = np.full((4, 2), 100, dtype=np.uint8)
    pixels[1] = [90, 110]
    pixels[2] = [0, 255]
    write_images(tmp_path / "train.parquet", pixels)
    fitted = fit_normaliser("min_max", tmp_path / "train.parquet", np.array([3, 1]), n_rows=4)
    assert (fitted.offset, fitted.scale) == (90.0, 20.0)
    with pytest.raises(DataError, match="every pixel of the training rows is 100"):
        fit_normaliser("min_max", tmp_path / "train.parquet", np.array([0, 3]), n_rows=4)


def test_a_class_with_one_row_is_named_with_the_setting_that_helps() -> None:
    labels = np.array(["cat", "dog", "dog", "<owl>"])
    with pytest.raises(DataError) as caught:
        divide(labels, SplitParameters())
    assert "'<owl>', 'cat'" in caught.value.what
    assert "row 3" in caught.value.where
    assert "split.validation=0 --set train.folds=5" in caught.value.hint
    assert divide(labels, SplitParameters(validation=0.0)).train.size == 4  # and that works


def test_text_labels_are_stored_without_pickling(tmp_path: Path, ingested: tuple, run_stage) -> None:
    train, labels, _ = ingested
    names = np.array([f"digit {label}" for label in labels], dtype=object)
    write_images(tmp_path / "ingest/train.parquet", train, names)
    run_stage("split")
    written = load(tmp_path, "labels_train")
    assert written.dtype.kind == "U"
    np.testing.assert_array_equal(written, names[load(tmp_path, "rows_train")].astype(str))


@pytest.mark.parametrize(
    ("setting", "pixel_range", "is_dark", "expected"),
    [
        ("auto", [0, 255], False, ("range", 0.0, 255.0)),
        ("auto", [0, 255], True, ("range", 255.0, -255.0)),
        ("auto", [0, 16], False, ("min_max", 10.0, 229.0)),
        ("auto", [7, 7], False, ("range", 0.0, 255.0)),
        ("auto", [50, 200], True, ("min_max", 239.0, -229.0)),
        ("range", [0, 16], True, ("range", 255.0, -255.0)),
        ("min_max", [0, 255], False, ("min_max", 10.0, 229.0)),
    ],
)
def test_the_background_becomes_0_whichever_is_darker_and_auto_suits_the_range(
    tmp_path: Path, ingested, run_stage, setting: str, pixel_range: list[int], expected: tuple, *, is_dark: bool
) -> None:
    train, _, _ = ingested
    profile = json.loads((tmp_path / "ingest/profile.json").read_text())
    profile["train"] = {"pixel_range": pixel_range, "is_dark_on_light": is_dark}
    (tmp_path / "ingest/profile.json").write_text(json.dumps(profile))
    outcome = run_stage("split", SplitParameters(normalise=setting))
    normaliser = json.loads((tmp_path / "split/images.json").read_text())["normaliser"]
    assert tuple(normaliser.values()) == expected
    rows = np.load(tmp_path / "split/rows_train.npy")
    X = (train[rows] - expected[1]) / expected[2]
    np.testing.assert_allclose(np.load(tmp_path / "split/X_train.npy"), X.clip(0, 1), atol=1e-6)
    warned = ('the training pixels go from 0 to 16 only: set split.normalise = "min_max"',)
    assert outcome.warnings == (warned if setting == "range" else ())


@pytest.mark.usefixtures("ingested")
def test_images_of_another_size_than_the_profile_says_are_an_error(tmp_path: Path, run_stage) -> None:
    write_images(tmp_path / "ingest/test.parquet", np.zeros((N_TEST, 7), dtype=np.uint8))
    with pytest.raises(DataError, match="7 pixels, not height x width = 6"):
        run_stage("split")


@pytest.mark.usefixtures("ingested")
def test_the_progress_ends_at_all_rows_of_both_sets(run_stage) -> None:
    told: list[tuple[float, float]] = []
    run_stage("split", progress=lambda done, total: told.append((done, total)))
    assert {total for _, total in told} == {N_TRAIN + N_TEST}
    assert told[-1] == (N_TRAIN + N_TEST, N_TRAIN + N_TEST)


def test_a_disk_that_takes_only_a_part_of_a_row_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pwrite = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, place: pwrite(file, data[:-1], place))
    with RowFile(tmp_path / "X.npy", (2, 3), np.dtype(np.float32)) as file, pytest.raises(OSError) as caught:  # noqa: PT011 - the number is its message
        file.write(np.array([1]), np.ones((1, 3), np.float32))
    assert (caught.value.errno, caught.value.filename) == (errno.ENOSPC, str(tmp_path / "X.npy"))


@pytest.mark.usefixtures("ingested")
def test_a_wrong_label_on_disk_stops_the_stage(run_stage, monkeypatch: pytest.MonkeyPatch) -> None:
    save = np.save
    monkeypatch.setattr(module.np, "save", lambda path, array: save(path, np.roll(array, "labels" in path.name)))
    with pytest.raises(StageError, match="a label is not its row's own"):
        run_stage("split")


@pytest.mark.usefixtures("ingested")
@pytest.mark.parametrize(
    ("division", "finding"),
    [
        (module.Division(np.arange(299), np.array([5, 299])), "a row lies in both parts"),
        (module.Division(np.arange(250), np.arange(250, 299)), "a labelled row lies in neither part"),
        (module.Division(np.arange(270), np.arange(270, 300)), "not stratified"),
    ],
)
def test_a_faulty_division_stops_the_stage(
    run_stage, monkeypatch: pytest.MonkeyPatch, division: module.Division, finding: str
) -> None:
    monkeypatch.setattr(module, "divide", lambda *_: division)
    with pytest.raises(StageError, match=finding):
        run_stage("split")


@pytest.mark.usefixtures("ingested")
@pytest.mark.parametrize("settings", [{}, {"stratify": False}], ids=str)
def test_a_share_of_0_holds_no_rows_out(tmp_path: Path, run_stage, settings: dict[str, bool]) -> None:
    run_stage("split", SplitParameters(validation=0.0, **settings))
    assert sorted(load(tmp_path, "rows_train")) == list(range(N_TRAIN))
    assert load(tmp_path, "X_validation").shape == (0, HEIGHT * WIDTH)
    assert len(load(tmp_path, "labels_validation")) == len(load(tmp_path, "rows_validation")) == 0
    run_stage("encode")
    assert np.load(tmp_path / "encode/Y_validation.npy").shape == (0, 3)
