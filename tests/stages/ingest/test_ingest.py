"""What ingest makes of good files: the values, the names, the ids, the profile, in every layout it reads."""

from __future__ import annotations

import gzip
import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipeline.errors import DataError
from pipeline.task import Outcome
from stages.ingest import image_table
from stages.ingest.csv import streams
from stages.ingest.image_table import read_pixel_blocks
from stages.ingest.parameters import IngestParameters
from stages.ingest.sources.find import find_sources
from stages.ingest.sources.notice_of_test_images import NOTE
from stages.shared.parquet import read_column

Ingest = Callable[..., Outcome]

PIXELS = [f"pixel{index}" for index in range(16)]
LABELS = np.arange(30) % 3
TRAIN = np.random.default_rng(1).integers(0, 256, (30, 16))
TEST = np.random.default_rng(2).integers(0, 256, (7, 16))


def as_csv(header: list[str] | None, *columns: Any) -> str:
    """A CSV as Kaggle writes it, from columns (m,) and arrays (m, n)."""
    table = np.column_stack([np.asarray(column).astype(str) for column in columns])
    lines = ([header] if header else []) + table.tolist()
    return "".join(",".join(line) + "\n" for line in lines)


TRAIN_CSV = as_csv(["label", *PIXELS], LABELS, TRAIN)
TEST_CSV = as_csv(PIXELS, TEST)


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def written(folder: Path, name: str) -> np.ndarray[Any, Any]:
    return np.concatenate(list(read_pixel_blocks(folder / f"ingest/{name}.parquet")))


def profile(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "ingest/profile.json").read_bytes())
    return content


def ids(folder: Path) -> tuple[str, list[Any]]:
    table = pq.read_table(folder / "ingest/ids.parquet")
    return table.column_names[0], table.column(0).to_pylist()


# --- the values ------------------------------------------------------------------------------------------------------

HARMLESS = {
    "plain": TRAIN_CSV.encode(),
    "byte-order mark": b"\xef\xbb\xbf" + TRAIN_CSV.encode(),
    "Windows line ends": TRAIN_CSV.replace("\n", "\r\n").encode(),
    "both kinds of line ends": TRAIN_CSV.replace("\n", "\r\n", 9).encode(),
    "no last line end": TRAIN_CSV.rstrip("\n").encode(),
    "blank lines at the end": TRAIN_CSV.encode() + b"\n\r\n\n",
    "every cell quoted": "".join(
        ",".join(f'"{cell}"' for cell in line.split(",")) + "\n" for line in TRAIN_CSV.splitlines()
    ).encode(),
    "one cell quoted": TRAIN_CSV.replace(f"\n1,{TRAIN[1, 0]},", f'\n1,"{TRAIN[1, 0]}",').encode(),
    "gzipped, under a plain name": gzip.compress(TRAIN_CSV.encode()),
}


@pytest.mark.parametrize("content", HARMLESS.values(), ids=HARMLESS.keys())
def test_harmless_spellings_give_the_same_table(ingest: Ingest, tmp_path: Path, content: bytes) -> None:
    ingest({"train.csv": content, "test.csv": TEST_CSV})
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN)
    np.testing.assert_array_equal(read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest"), LABELS)
    np.testing.assert_array_equal(written(tmp_path, "test"), TEST)


@pytest.mark.parametrize(
    "files",
    [
        {"train.csv.gz": gzip.compress(TRAIN_CSV.encode()), "test.csv.gz": gzip.compress(TEST_CSV.encode())},
        {"digit-recognizer.zip": zipped({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})},
        {"any.zip": zipped({"some/folder/train.csv": TRAIN_CSV, "some/folder/test.csv": TEST_CSV})},
    ],
    ids=["gzip", "zip", "zip with folders"],
)
def test_compressed_files_give_the_same_table(ingest: Ingest, tmp_path: Path, files: dict[str, bytes]) -> None:
    ingest(files)
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN)
    np.testing.assert_array_equal(written(tmp_path, "test"), TEST)


def test_raw_files_are_left_as_they_are_and_nothing_is_unpacked(ingest: Ingest, tmp_path: Path) -> None:
    archive = zipped({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
    ingest({"a.zip": archive})
    assert {path.name: path.read_bytes() for path in (tmp_path / "data").iterdir()} == {"a.zip": archive}


def test_columns_carry_the_names_and_types_that_a_person_expects(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
    table = pd.read_parquet(tmp_path / "ingest/train.parquet")
    assert list(table.columns) == ["label", *PIXELS]
    assert table.dtypes.astype(str).to_dict() == {"label": "int64", **dict.fromkeys(PIXELS, "uint8")}
    assert list(pd.read_parquet(tmp_path / "ingest/test.parquet").columns) == PIXELS


def test_rows_keep_their_order_over_many_blocks_and_row_groups(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", 200)
    monkeypatch.setattr(image_table, "ROWS_PER_GROUP", 4)
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
    assert pq.ParquetFile(tmp_path / "ingest/train.parquet").num_row_groups == 8
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN)
    np.testing.assert_array_equal(read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest"), LABELS)


@pytest.mark.parametrize("n_bytes", [150, 200, 256])
def test_blank_lines_at_the_end_are_harmless_wherever_a_block_ends(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_bytes: int
) -> None:
    monkeypatch.setattr(streams, "BLOCK_BYTES", n_bytes)
    ingest({"train.csv": TRAIN_CSV + "\n\r\n" * 30, "test.csv": TEST_CSV})
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN)


def test_the_same_files_give_the_same_bytes(ingest: Ingest, tmp_path: Path) -> None:
    contents = []
    for _ in range(2):
        ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
        contents.append({path.name: path.read_bytes() for path in (tmp_path / "ingest").iterdir()})
    assert contents[0] == contents[1]
    assert {"train.parquet", "test.parquet", "ids.parquet", "profile.json", "source.json"} <= contents[0].keys()


def test_the_same_data_from_another_place_has_the_same_profile(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
    before = (tmp_path / "ingest/profile.json").read_bytes()
    for name in ("train.csv", "test.csv"):
        (tmp_path / "data" / name).unlink()
    ingest({"a.zip": zipped({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})})
    assert json.loads((tmp_path / "ingest/source.json").read_bytes()) == {
        "source": "data/a.zip",
        "is_sample": False,
        "holds_test_images": False,
    }
    assert (tmp_path / "ingest/profile.json").read_bytes() == before


@pytest.mark.parametrize("marked", [True, False])
def test_a_note_in_the_zip_marks_what_is_read_from_it(ingest: Ingest, tmp_path: Path, *, marked: bool) -> None:
    files = {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV} | ({NOTE: "as MNIST does\n"} if marked else {})
    ingest({"a.zip": zipped(files)})
    assert json.loads((tmp_path / "ingest/source.json").read_bytes())["holds_test_images"] is marked


# --- layouts ---------------------------------------------------------------------------------------------------------


def test_pixels_may_start_at_one_and_labels_may_leave_gaps_as_in_sign_mnist(ingest: Ingest, tmp_path: Path) -> None:
    header, labels = [f"pixel{number}" for number in range(1, 17)], np.where(LABELS == 2, 24, LABELS)
    outcome = ingest(
        {
            "train.csv": as_csv(["label", *header], labels, TRAIN),
            "test.csv": as_csv(["label", *header], LABELS[:7], TEST),  # its test set has labels
        }
    )
    found = profile(tmp_path)
    assert (found["pixel_prefix"], found["first_pixel"]) == ("pixel", 1)
    assert [each["label"] for each in found["classes"]] == [0, 1, 24]
    assert pd.read_parquet(tmp_path / "ingest/test.parquet").columns.tolist() == header  # so none can be used
    assert any("labels" in warning for warning in outcome.warnings)


def test_a_test_set_with_ids_passes_them_on_as_in_kannada_mnist(ingest: Ingest, tmp_path: Path) -> None:
    numbers = np.arange(100, 107)
    ingest({"train.csv": TRAIN_CSV, "test.csv": as_csv(["id", *PIXELS], numbers, TEST)})
    assert ids(tmp_path) == ("id", numbers.tolist())
    assert profile(tmp_path)["submission"] == {"id_name": "id", "label_name": "label"}


def test_ids_may_be_texts_and_keep_their_zeros(ingest: Ingest, tmp_path: Path) -> None:
    names = [f"{number:03}" for number in range(7)]
    ingest({"train.csv": TRAIN_CSV, "test.csv": as_csv(["image", *PIXELS], names, TEST)}, id="image")
    assert ids(tmp_path) == ("image", names)


def test_without_ids_they_are_counted_from_one(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV})
    assert ids(tmp_path) == ("ImageId", [1, 2, 3, 4, 5, 6, 7])
    assert profile(tmp_path)["submission"] == {"id_name": "ImageId", "label_name": "Label"}


def test_the_sample_submission_names_ids_and_columns(ingest: Ingest, tmp_path: Path) -> None:
    numbers = list(range(50, 57))
    sample = as_csv(["Number", "Answer"], numbers, [0] * 7)
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "sample_submission.csv": sample})
    assert ids(tmp_path) == ("Number", numbers)
    assert profile(tmp_path)["submission"] == {"id_name": "Number", "label_name": "Answer"}


def test_ids_stand_in_the_order_of_the_test_rows_not_of_the_sample_submission(ingest: Ingest, tmp_path: Path) -> None:
    numbers = list(range(7))
    sample = as_csv(["id", "label"], numbers[::-1], [0] * 7)
    test = as_csv(["id", *PIXELS], numbers, TEST)
    outcome = ingest({"train.csv": TRAIN_CSV, "test.csv": test, "sample_submission.csv": sample})
    assert ids(tmp_path) == ("id", numbers)
    assert not outcome.warnings  # the ids are checked by the test set's own


def test_a_header_that_an_unchecked_sample_submission_brings_is_reported(ingest: Ingest) -> None:
    files = {"train.csv": TRAIN_CSV, "test.csv": TEST_CSV}
    usual = as_csv(["ImageId", "Label"], range(1, 8), [0] * 7)
    assert not ingest({**files, "sample_submission.csv": usual}).warnings
    (warning,) = ingest({**files, "sample_submission.csv": usual.replace("ImageId,Label", "Number,Answer")}).warnings
    assert "Number,Answer" in warning
    (warning,) = ingest({**files, "sample_submission.csv": as_csv(["ImageId", "Label"], range(7), [0] * 7)}).warnings
    assert "its ids from sample_submission.csv; they are not checked, since the test set has no ids" in warning


def test_a_sample_submission_that_was_sorted_otherwise_is_refused(ingest: Ingest) -> None:
    sample = as_csv(["ImageId", "Label"], [1, 3, 2, 4, 5, 6, 7], [0] * 7)
    with pytest.raises(DataError, match="the ids 1 to 7 in another order") as caught:
        ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV, "sample_submission.csv": sample})
    assert "sample_submission.csv, column ImageId: 1, 3, 2" in caught.value.where


def test_files_without_headers_are_read_as_label_and_pixels(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": as_csv(None, LABELS, TRAIN), "test.csv": as_csv(None, TEST)}, has_header=False)
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN)
    np.testing.assert_array_equal(written(tmp_path, "test"), TEST)
    np.testing.assert_array_equal(read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest"), LABELS)


def test_labels_may_be_the_texts_that_are_configured(ingest: Ingest, tmp_path: Path) -> None:
    names = np.array(["cat", "dog", "größer"])[LABELS]
    ingest(
        {"train.csv": as_csv(["label", *PIXELS], names, TRAIN), "test.csv": TEST_CSV}, classes=("dog", "cat", "größer")
    )
    assert read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest").tolist() == names.tolist()
    assert [(each["label"], each["rows"]) for each in profile(tmp_path)["classes"]] == [
        ("cat", 10),
        ("dog", 10),
        ("größer", 10),
    ]


def test_images_need_not_be_square_if_one_side_is_configured(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN_CSV, "test.csv": TEST_CSV}, height=2)
    assert (profile(tmp_path)["height"], profile(tmp_path)["width"]) == (2, 8)


def test_label_and_prefix_may_have_other_names(ingest: Ingest, tmp_path: Path) -> None:
    header = [f"px_{index:02}" for index in range(16)]
    ingest({"train.csv": as_csv(["digit", *header], LABELS, TRAIN), "test.csv": as_csv(header, TEST)}, label="digit")
    assert profile(tmp_path)["label_name"] == "digit"
    assert profile(tmp_path)["pixel_prefix"] == "px_"


# --- the profile -----------------------------------------------------------------------------------------------------


def test_the_profile_counts_what_is_suspicious(ingest: Ingest, tmp_path: Path) -> None:
    train, labels, test = TRAIN.copy(), LABELS.copy(), TEST.copy()
    train[:, 5] = 7  # a pixel that is always the same
    train[3] = train[0]  # a double under its own label, for both are 0 modulo 3
    train[4] = train[0]  # and under another one
    train[9] = 0  # a blank image
    train[9, 5] = 0
    test[2] = train[20]  # a leak
    outcome = ingest({"train.csv": as_csv(["label", *PIXELS], labels, train), "test.csv": as_csv(PIXELS, test)})
    found = profile(tmp_path)
    assert found["train"]["duplicate_rows"] == 2
    assert found["conflicting_labels"] == 1
    assert found["train"]["blank_images"] == 1
    assert found["shared_rows"] == 1
    assert found["train"]["pixel_range"] == [0, 255]
    assert len(outcome.warnings) == 4
    assert (found["n_train"], found["n_test"]) == (30, 7)


def test_a_constant_pixel_is_named(ingest: Ingest, tmp_path: Path) -> None:
    train = TRAIN.copy()
    train[:, 5] = 7
    outcome = ingest({"train.csv": as_csv(["label", *PIXELS], LABELS, train), "test.csv": TEST_CSV})
    assert profile(tmp_path)["train"]["constant_pixels"] == ["pixel5"]
    assert not outcome.warnings


@pytest.mark.parametrize("is_dark", [False, True])
def test_the_polarity_is_read_from_the_borders_and_a_test_set_of_the_other_one_is_warned_of(
    ingest: Ingest, tmp_path: Path, *, is_dark: bool
) -> None:
    train, test = (part.reshape(-1, 4, 4).copy() for part in (TRAIN, TEST))
    for part in (train, test):
        part[:, [0, -1]], part[:, :, [0, -1]] = 0, 0
    train, test = ((255 - part if is_dark else part).reshape(-1, 16) for part in (train, test))
    files = {"train.csv": as_csv(["label", *PIXELS], LABELS, train), "test.csv": as_csv(PIXELS, test)}
    assert not any("dark on light" in warning for warning in ingest(files).warnings)
    assert profile(tmp_path)["train"]["is_dark_on_light"] is is_dark
    warnings = ingest({**files, "test.csv": as_csv(PIXELS, 255 - test)}).warnings
    kinds = ("light on dark", "dark on light")
    expected = f"the images of the test set are {kinds[not is_dark]}, the training images {kinds[is_dark]}"
    assert [each for each in warnings if "dark on light" in each] == [expected]


# --- quarantine ------------------------------------------------------------------------------------------------------


def damaged_train() -> str:
    lines = TRAIN_CSV.splitlines()
    lines[5] = lines[5].rsplit(",", 1)[0] + ",256"
    lines[9] += ",1"
    return "\n".join(lines) + "\n"


def test_quarantine_goes_on_without_the_bad_rows_and_keeps_them_with_reasons(ingest: Ingest, tmp_path: Path) -> None:
    outcome = ingest({"train.csv": damaged_train(), "test.csv": TEST_CSV}, on_error="quarantine", max_quarantined=0.1)
    good = [row for row in range(30) if row not in (4, 8)]
    np.testing.assert_array_equal(written(tmp_path, "train"), TRAIN[good])
    np.testing.assert_array_equal(read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest"), LABELS[good])
    rows = pd.read_parquet(tmp_path / "ingest/quarantine.parquet")
    assert rows["line"].tolist() == [6, 10]
    assert rows["reason"].tolist() == [
        "pixel15: '256' is not a whole number from 0 to 255",
        "the line has 18 cells, not 17",
    ]
    assert rows["text"].tolist() == [damaged_train().splitlines()[5], damaged_train().splitlines()[9]]
    assert profile(tmp_path)["n_quarantined"] == 2
    assert "2 of the 30 rows" in outcome.warnings[0]


def test_quarantine_refuses_to_drop_more_than_the_configured_share_and_says_which_would_do(ingest: Ingest) -> None:
    files = {"train.csv": damaged_train(), "test.csv": TEST_CSV}
    what = r"2 of the 30 rows of train\.csv are not valid \(6\.67 %\), and at most 1\.00 % may be set aside"
    with pytest.raises(DataError, match=what) as error:
        ingest(files, on_error="quarantine")
    assert "correct these lines, or go on without them: --set ingest.max_quarantined=0.067;" in error.value.hint
    ingest(files, on_error="quarantine", max_quarantined=0.067)


def test_quarantine_is_not_advised_if_many_rows_are_bad(ingest: Ingest) -> None:
    lines = TRAIN_CSV.splitlines()
    train = "\n".join([*lines[:23], *(f"{line},1" for line in lines[23:])]) + "\n"
    for on_error in ("stop", "quarantine"):
        with pytest.raises(DataError, match="8 of the 30 rows") as error:
            ingest({"train.csv": train, "test.csv": TEST_CSV}, on_error=on_error)
        assert "quarantine" not in error.value.hint
        assert "download it again" in error.value.hint


def test_one_bad_row_of_many_may_be_set_aside(ingest: Ingest) -> None:
    files = {"train.csv": damaged_train().replace(",256", ",25"), "test.csv": TEST_CSV}
    outcome = ingest(files, on_error="quarantine", max_quarantined=0.04)
    assert outcome.warnings == (
        "1 of the 30 rows of train.csv (3.33 %) is set aside in artifacts/ingest/quarantine.parquet",
    )


def test_quarantine_never_drops_a_test_row(ingest: Ingest) -> None:
    test = TEST_CSV.replace(f"\n{TEST[3, 0]},", "\n1.5,", 1)
    with pytest.raises(DataError, match=r"1 of the 7 rows of test\.csv is not valid"):
        ingest({"train.csv": TRAIN_CSV, "test.csv": test}, on_error="quarantine", max_quarantined=1.0)


# --- the competition's own files -------------------------------------------------------------------------------------


@pytest.mark.skipif("DIGIT_RECOGNIZER_ZIP" not in os.environ, reason="DIGIT_RECOGNIZER_ZIP does not name the zip")
def test_kaggles_zip_is_read_as_it_comes(run_stage: Callable[..., Outcome], tmp_path: Path) -> None:
    path = Path(os.environ["DIGIT_RECOGNIZER_ZIP"]).resolve()
    parameters = IngestParameters(archive=str(path))
    run_stage("ingest", parameters, sources=find_sources(parameters, tmp_path))
    with zipfile.ZipFile(path) as archive, archive.open("train.csv") as file:
        expected = pd.read_csv(file)
    np.testing.assert_array_equal(
        read_column(tmp_path / "ingest/train.parquet", "label", stage="ingest"), expected["label"]
    )
    np.testing.assert_array_equal(written(tmp_path, "train"), expected.drop(columns="label"))
    assert ids(tmp_path) == ("ImageId", list(range(1, 28_001)))
    assert json.loads((tmp_path / "ingest/source.json").read_bytes())["holds_test_images"] is False


@pytest.mark.parametrize("link", ["symlink_to", "hardlink_to"])
def test_one_file_under_two_names_is_no_training_and_test_set(ingest: Ingest, tmp_path: Path, link: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/train.csv").touch()
    getattr(tmp_path / "data/test.csv", link)(tmp_path / "data/train.csv")
    with pytest.raises(DataError, match="are the same file") as error:
        ingest({"train.csv": TRAIN})
    assert "ingest.test" in error.value.hint
