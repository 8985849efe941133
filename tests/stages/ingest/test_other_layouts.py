"""Files that are not laid out as Kaggle's are: columns elsewhere, under other names, or used for nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from small_csv import HEADER, PIXELS, ROWS, TEST, TRAIN, Ingest, moved_column, refusal

from pipeline.errors import ConfigError, DataError
from stages.ingest.image_table import read_pixel_blocks
from stages.ingest.parameters import IngestParameters
from stages.shared.parquet import read_column

LABELS = [0, 1, 2] * 4
GRID = [f"{row}x{column}" for row in range(1, 3) for column in range(1, 9)]  # images of 2 x 8


def with_pixels_named(text: str, names: list[str]) -> str:
    """``text`` with other names for its 16 pixels, which stand last."""
    header, rows = text.split("\n", 1)
    return ",".join([*header.split(",")[:-16], *names]) + "\n" + rows


def with_column(text: str, name: str, cells: list[str], at: int = 0) -> str:
    """``text`` with one more column."""
    lines = [line.split(",") for line in text.splitlines()]
    return "".join(
        ",".join([*line[:at], cell, *line[at:]]) + "\n" for line, cell in zip(lines, [name, *cells], strict=False)
    )


def numbers(text: str, first: int = 0) -> list[str]:
    return [str(number) for number in range(first, first + len(text.splitlines()) - 1)]


def pixels_of(folder: Path, name: str) -> list[list[int]]:
    return np.concatenate(list(read_pixel_blocks(folder / f"ingest/{name}.parquet"))).tolist()


def ids_of(folder: Path) -> dict[str, list[object]]:
    return pd.read_parquet(folder / "ingest/ids.parquet").to_dict("list")


def assert_read(folder: Path) -> None:
    """Both sets hold what TRAIN and TEST hold."""
    assert pixels_of(folder, "train") == PIXELS.tolist()
    assert read_column(folder / "ingest/train.parquet", "label", stage="ingest").tolist() == LABELS
    assert pixels_of(folder, "test") == PIXELS[:5].tolist()


@pytest.mark.parametrize("place", [5, 16], ids=["among the pixels", "last"])
def test_the_label_is_read_wherever_it_stands(ingest: Ingest, tmp_path: Path, place: int) -> None:
    lines = [line.split(",") for line in TRAIN.splitlines()]
    train = "".join(",".join([*line[1 : place + 1], line[0], *line[place + 1 :]]) + "\n" for line in lines)
    assert place < 16 or train == moved_column(0)
    ingest({"train.csv": train, "test.csv": TEST})
    assert_read(tmp_path)


def test_labels_behind_the_pixels_need_a_header(ingest: Ingest) -> None:
    rows = "".join(f"0,{row.partition(',')[2]}\n" for row in ROWS)
    with pytest.raises(DataError, match="the label 0: there is nothing to tell apart") as error:
        ingest({"train.csv": rows, "test.csv": TEST.split("\n", 1)[1]}, has_header=False)
    assert "if they stand elsewhere, give both files a header" in error.value.hint


def test_an_id_behind_the_pixels_is_read_and_a_bad_cell_is_named_by_its_column(ingest: Ingest, tmp_path: Path) -> None:
    ids = [f"image {number}" for number in range(5)]
    test = with_column(TEST, "id", ids, at=16)
    ingest({"train.csv": moved_column(0), "test.csv": test})
    assert ids_of(tmp_path) == {"id": ids}
    error = refusal(ingest, moved_column(0).replace(",0\n", ",zero\n", 1), test)
    assert "line 2, column label: 'zero' is not a whole number" in error.where


@pytest.mark.parametrize(
    "names",
    [GRID, [f"pixel_{row}_{column}" for row in range(2) for column in range(8)], [f"r{c}" for c in GRID]],
    ids=["1x1", "pixel_0_0", "r1x1"],
)
def test_columns_named_by_row_and_column_give_the_size_of_an_image(
    ingest: Ingest, tmp_path: Path, names: list[str]
) -> None:
    ingest({"train.csv": with_pixels_named(TRAIN, names), "test.csv": with_pixels_named(TEST, names)})
    profile = json.loads((tmp_path / "ingest/profile.json").read_bytes())
    assert (profile["height"], profile["width"]) == (2, 8)
    assert pd.read_parquet(tmp_path / "ingest/test.parquet").columns.tolist() == names
    assert_read(tmp_path)


def test_columns_named_by_row_and_column_must_stand_row_by_row(ingest: Ingest) -> None:
    column_by_column = [f"{row}x{column}" for column in range(1, 9) for row in range(1, 3)]
    with pytest.raises(DataError, match="'2x1' stands after '1x1', where '1x2' must stand"):
        ingest({"train.csv": with_pixels_named(TRAIN, column_by_column), "test.csv": TEST})
    with pytest.raises(DataError, match="'1x3' is missing, '1x4' stands in its place"):
        ingest({"train.csv": with_pixels_named(TRAIN, [*GRID[:2], *GRID[3:], "2x9"]), "test.csv": TEST})
    with pytest.raises(DataError, match="'1x1' is missing, '1x2' stands in its place"):
        ingest({"train.csv": with_pixels_named(TRAIN, [*GRID[1:], "3x1"]), "test.csv": TEST})
    with pytest.raises(DataError, match="'1x2' stands first, where '1x1' must stand") as error:
        ingest({"train.csv": with_pixels_named(TRAIN, [*GRID[1:], GRID[0]]), "test.csv": TEST})
    assert error.value.hint == "put the columns in ascending order, row by row of the image"
    not_whole = [f"1x{column}" for column in range(10)] + [f"2x{column}" for column in range(6)]
    with pytest.raises(DataError, match="its last row of pixels has 6 columns, and the others have 10"):
        ingest({"train.csv": with_pixels_named(TRAIN, not_whole), "test.csv": TEST})
    one_too_many = [f"{row}x{column}" for row in range(1, 6) for column in range(1, 4 + (row == 2))]
    with pytest.raises(DataError, match="'2x4' stands after '2x3', where '3x1' must stand"):
        ingest({"train.csv": with_pixels_named(TRAIN, one_too_many), "test.csv": TEST})


@pytest.mark.parametrize("prefix", ["FEA", "ARROW", "PAR", "SQLite format "])
def test_a_header_that_begins_as_a_binary_format_does_is_no_such_file(
    ingest: Ingest, tmp_path: Path, prefix: str
) -> None:
    names = [f"{prefix}{number}" for number in range(3 if "SQL" in prefix else 1, 20)][:16]
    ingest({"train.csv": with_pixels_named(TRAIN, names), "test.csv": with_pixels_named(TEST, names)})
    assert_read(tmp_path)


def test_a_size_that_is_not_that_of_the_names_is_refused(ingest: Ingest) -> None:
    with pytest.raises(ConfigError, match="named as those of images of 2 x 8"):
        ingest({"train.csv": with_pixels_named(TRAIN, GRID), "test.csv": with_pixels_named(TEST, GRID)}, height=4)


@pytest.mark.parametrize("name", ["", '""', "Unnamed: 0", "Unnamed: 0.1", "X", "...1"])
def test_row_numbers_that_pandas_or_r_left_are_passed_over_with_a_warning(
    ingest: Ingest, tmp_path: Path, name: str
) -> None:
    train, test = with_column(TRAIN, name, numbers(TRAIN)), with_column(TEST, name, numbers(TEST))
    outcome = ingest({"train.csv": train, "test.csv": test})
    assert_read(tmp_path)
    assert ids_of(tmp_path) == {"ImageId": [1, 2, 3, 4, 5]}
    assert sum("row numbers that pandas or R leave there" in warning for warning in outcome.warnings) == 2


def test_a_first_column_x_that_does_not_count_from_0_or_1_is_refused(ingest: Ingest) -> None:
    with pytest.raises(DataError, match="'X' is neither the label, the id, nor a pixel"):
        ingest({"train.csv": with_column(TRAIN, "X", numbers(TRAIN, 5)), "test.csv": TEST})


def test_a_last_column_without_a_name_can_be_left_out(ingest: Ingest, tmp_path: Path) -> None:
    train = with_column(TRAIN, "", [""] * 12, at=17)
    error = refusal(ingest, train)
    assert error.hint == """remove it, or leave it out: --set 'ingest.leave_out=[""]'"""
    ingest({"train.csv": train, "test.csv": TEST}, leave_out=("",))
    assert_read(tmp_path)


@pytest.mark.parametrize("name", ["X", "X.1", "X1", "...1", "rowname", "row.names", "rn"])
def test_row_numbers_that_r_gives_a_name_are_passed_over_if_they_count_up(
    ingest: Ingest, tmp_path: Path, name: str
) -> None:
    train, test = with_column(TRAIN, name, numbers(TRAIN, 1)), with_column(TEST, name, numbers(TEST, 1))
    outcome = ingest({"train.csv": train, "test.csv": test})
    assert_read(tmp_path)
    assert ids_of(tmp_path) == {"ImageId": [1, 2, 3, 4, 5]}
    assert sum(f"column '{name}' is ignored" in warning for warning in outcome.warnings) == 2


@pytest.mark.parametrize("cells", [["1"] * 12, [*numbers(TRAIN)[:-1], ""], [*numbers(TRAIN)[:-2], "x", "y"]])
def test_a_first_column_x_that_does_not_count_up_is_refused(ingest: Ingest, cells: list[str]) -> None:
    cells.append("12")  # the last row is not looked at, since it may have been read in part only
    with pytest.raises(DataError, match="'X' is neither the label, the id, nor a pixel"):
        ingest({"train.csv": with_column(f"{TRAIN}{ROWS[0]}\n", "X", cells), "test.csv": TEST})


@pytest.mark.parametrize("prefix", ["X", "..."])
def test_the_first_of_pixels_that_r_named_is_no_column_of_row_numbers(
    ingest: Ingest, tmp_path: Path, prefix: str
) -> None:
    names = [f"{prefix}{number}" for number in range(1, 17)]
    train, test = with_pixels_named(TRAIN, names), with_pixels_named(TEST, names)
    ingest({"train.csv": train, "test.csv": "\n".join([*test.splitlines()[:1], *("1" + ",9" * 15,) * 2]) + "\n"})
    assert pixels_of(tmp_path, "test")[0] == [1, *[9] * 15]


def test_row_names_of_r_are_passed_over_though_they_are_texts_in_quotes(ingest: Ingest, tmp_path: Path) -> None:
    names = [f'"row, {number}"' for number in range(12)]
    ingest({"train.csv": with_column(TRAIN, '""', names), "test.csv": TEST})
    assert_read(tmp_path)


def test_row_names_of_r_are_passed_over_though_their_column_is_not_in_the_header(
    ingest: Ingest, tmp_path: Path
) -> None:
    header = ",".join(f'"{name}"' for name in HEADER.split(","))
    train = "\n".join([header, *(f'"{number}",{row}' for number, row in enumerate(ROWS, 1))]) + "\n"
    outcome = ingest({"train.csv": train, "test.csv": TEST})
    assert_read(tmp_path)
    assert outcome.warnings[0].startswith("train.csv: the column without a name is ignored")


def test_a_quoted_comma_in_the_first_cell_is_no_sign_of_row_names(ingest: Ingest, tmp_path: Path) -> None:
    header = ",".join(f'"{name}"' for name in HEADER.split(","))
    rows = [f'"a, {row[0]}"{row[1:]}' for row in ROWS]
    ingest({"train.csv": "\n".join([header, *rows]) + "\n", "test.csv": TEST}, classes=("a, 0", "a, 1", "a, 2"))
    assert pixels_of(tmp_path, "train") == PIXELS.tolist()


def test_row_numbers_can_be_the_ids_if_that_is_set(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN, "test.csv": with_column(TEST, "Unnamed: 0", numbers(TEST, 7))}, id="Unnamed: 0")
    assert ids_of(tmp_path) == {"Unnamed: 0": [7, 8, 9, 10, 11]}


def test_any_other_column_can_be_left_out_and_the_hint_says_how(ingest: Ingest, tmp_path: Path) -> None:
    writers = [f"{number}, J\u00fcrgen" for number in range(12)]
    train = with_column(with_column(TRAIN, "", [""] * 12, at=17), "writer", [f'"{each}"' for each in writers], at=8)
    error = refusal(ingest, train)
    assert "'writer' is neither the label, the id, nor a pixel" in error.what
    assert """--set 'ingest.leave_out=["writer", ""]'""" in error.hint
    error = refusal(ingest, train, leave_out=("",))
    assert """--set 'ingest.leave_out=["writer", ""]'""" in error.hint  # the one that is set already stays
    outcome = ingest({"train.csv": train, "test.csv": TEST}, leave_out=("writer", ""))
    assert_read(tmp_path)
    assert not any("writer" in warning for warning in outcome.warnings)


def test_the_hint_to_leave_columns_out_does_not_count_the_label_among_them(ingest: Ingest) -> None:
    train = with_column(TRAIN.replace("label", "character", 1), "writer", ["x"] * 12)
    error = refusal(ingest, train)
    assert """leave_out=["writer", "character"]'; one of them must hold the labels: """ in error.hint
    error = refusal(ingest, with_column(TRAIN, "writer", ["x"] * 12))
    out, ids = """--set 'ingest.leave_out=["writer"]'""", "if it holds ids, --set ingest.id=writer"
    assert error.hint == f"remove it, or leave it out: {out}; {ids}"


def test_a_list_of_columns_that_is_too_long_to_be_copied_is_no_option(ingest: Ingest) -> None:
    train = TRAIN
    for number in range(30):
        train = with_column(train, f"meta_column_{29 - number:02}_value", ["x"] * 12)
    error = refusal(ingest, train)
    ids = "if meta_column_00_value holds ids, --set ingest.id=meta_column_00_value"
    assert error.hint == f"remove these 30 columns, or add them to the list ingest.leave_out; {ids}"


def test_a_bad_row_is_found_and_explained_beside_a_column_that_is_left_out(ingest: Ingest) -> None:
    train = with_column(TRAIN, "writer", ["x" * row for row in range(12)], at=8).replace(ROWS[3][-3:], ",-1", 1)
    with pytest.raises(DataError, match="1 of the 12 rows") as error:
        ingest({"train.csv": train, "test.csv": TEST}, leave_out=("writer",))
    assert "line 5, column pixel15: " in error.value.where


def test_the_ids_of_a_test_set_can_be_left_out(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": TRAIN, "test.csv": with_column(TEST, "id", ["7"] * 5)}, leave_out=("id",))
    assert ids_of(tmp_path) == {"ImageId": [1, 2, 3, 4, 5]}


def test_a_column_to_be_left_out_that_no_file_has_is_an_error(ingest: Ingest) -> None:
    with pytest.raises(ConfigError, match=r"neither train\.csv nor test\.csv has a column 'wirter'"):
        ingest({"train.csv": TRAIN, "test.csv": TEST}, leave_out=("wirter",))
    with pytest.raises(ValueError, match="leave_out leaves that column out"):
        IngestParameters(leave_out=("label",))
    with pytest.raises(ValueError, match="has_header says that they have no names"):
        IngestParameters(leave_out=("a",), has_header=False)


@pytest.mark.parametrize("cell", ["", "nobody knows", "\u00e9"])
def test_labels_of_the_test_set_may_be_anything_for_they_are_used_for_nothing(
    ingest: Ingest, tmp_path: Path, cell: str
) -> None:
    outcome = ingest({"train.csv": TRAIN, "test.csv": with_column(TEST, "label", [cell] * 5)})
    assert_read(tmp_path)
    assert outcome.warnings[0] == "test.csv has labels, in column 'label': they are not used"


def test_ids_of_the_training_set_may_be_blank_for_they_are_used_for_nothing(ingest: Ingest, tmp_path: Path) -> None:
    ingest({"train.csv": with_column(TRAIN, "id", ["a", *[""] * 11]), "test.csv": TEST})
    assert_read(tmp_path)
    assert read_column(tmp_path / "ingest/train.parquet", "id", stage="ingest").tolist() == ["a", *[""] * 11]


def test_blanks_around_the_names_of_columns_are_taken_off(ingest: Ingest, tmp_path: Path) -> None:
    header = ", ".join(f'"{name}"' if index % 2 else f"{name} " for index, name in enumerate(HEADER.split(",")))
    ingest({"train.csv": TRAIN.replace(HEADER, header), "test.csv": TEST})
    assert_read(tmp_path)


def test_a_test_set_of_nothing_but_bad_rows_is_laid_out_in_another_way(ingest: Ingest) -> None:
    with pytest.raises(DataError, match=r"5 of the 5 rows of test\.csv are not valid") as error:
        ingest({"train.csv": TRAIN, "test.csv": TEST.replace(",", ",x").replace(",xpixel", ",pixel")})
    assert error.value.hint.startswith("the file is damaged, or is laid out in another way")
    assert "correct these lines" not in error.value.hint


@pytest.mark.parametrize(
    ("write", "hint"),
    [
        (lambda pixel: f"{pixel}.0", "write the pixels as whole numbers: "),
        (lambda pixel: f" {pixel}", "take off the blanks around the numbers"),
        (lambda pixel: f"{pixel}\u00a0", "take off the blanks around the numbers"),
        (lambda pixel: f"{pixel / 255:.4f}" if pixel else "0", "multiply the pixels by 255 and round them"),
        (lambda pixel: f"{pixel / 255 + 1e-9:.3e}", "multiply the pixels by 255 and round them"),
        (lambda pixel: f"{pixel / 127.5 - 1:.5f}", "scale the pixels to whole numbers from 0 to 255"),
    ],
)
@pytest.mark.parametrize("name", ["train.csv", "test.csv"])
def test_pixels_that_are_all_written_in_another_way_are_to_be_written_as_whole_numbers(
    ingest: Ingest, name: str, write: Callable[[int], str], hint: str
) -> None:
    pixels = [",".join(map(write, row)) for row in PIXELS.tolist()]
    train = "\n".join([HEADER, *(f"{row.partition(',')[0]},{cells}" for row, cells in zip(ROWS, pixels, strict=True))])
    test = "\n".join([TEST.partition("\n")[0], *pixels[:5]])
    with pytest.raises(DataError, match=name) as error:
        ingest({"train.csv": TRAIN, "test.csv": TEST} | {name: train if name == "train.csv" else test})
    assert error.value.hint.startswith(hint)


def test_a_column_called_by_a_number_can_be_the_label(ingest: Ingest, tmp_path: Path) -> None:
    train = ",".join(map(str, range(17))) + TRAIN.removeprefix(HEADER)
    test = ",".join(map(str, range(1, 17))) + "\n" + TEST.split("\n", 1)[1]
    ingest({"train.csv": train, "test.csv": test}, label="0")
    assert pixels_of(tmp_path, "train") == PIXELS.tolist()


def test_the_label_and_the_id_are_two_columns() -> None:
    with pytest.raises(ValueError, match="label and id are both 'label'"):
        IngestParameters(id="label")
