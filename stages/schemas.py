"""What every artifact must hold: one check a file, called on the bytes on disk before they are published.

Tables are checked with pandera, JSON with the strict models of documents.py, arrays with NumPy, block by block.
A check takes the file's path and raises ``DataError``; what concerns two files at once is the stage's own affair.
"""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa
from numpy.typing import NDArray
from pandera.config import config_context

from pipeline.errors import DataError
from stages.documents import Classes, DataSource, Document, Images, Metrics, decode_document
from stages.raw.profile import Profile
from stages.tables import PIXEL_TYPE, Contract, open_table, pixel_names, read_contract
from stages.wording import counted

BLOCK_ROWS = 4096
COLUMNS_AT_ONCE = 128  # of an image table, so that memory does not grow with the size of images
EXAMPLES = 5

# --- ingest ----------------------------------------------------------------------------------------------------------


def check_train_table(path: Path) -> None:
    """train.parquet: an image table whose every row has one of its classes as its label."""
    contract = check_image_table(path)
    if contract.label is None:
        raise damaged(path, "there is no label column", "ingest")


def check_test_table(path: Path) -> None:
    """test.parquet: an image table without labels."""
    contract = check_image_table(path)
    if contract.label is not None:
        raise damaged(path, "there is a label column", "ingest")


def check_image_table(path: Path) -> Contract:
    """Every page is read, and holds pixels 0 to 255 and no empty cell; rows, labels and ids keep the contract.

    That a pixel is from 0 to 255 is its column's type: uint8.
    """
    with open_table(path) as file:
        contract = read_contract(file)
        pixels = pixel_names(file.schema_arrow)
        if not pixels or file.metadata.num_rows != contract.rows:
            size = f"{counted(file.metadata.num_rows, 'row')} of {counted(len(pixels), 'pixel')}"
            raise damaged(path, f"{size}, not {contract.rows}", "ingest")
        for group in range(file.num_row_groups):
            for start in range(0, len(pixels), COLUMNS_AT_ONCE):
                table = file.read_row_group(group, columns=pixels[start : start + COLUMNS_AT_ONCE])
                if empty := [name for name in table.column_names if table[name].null_count]:
                    raise damaged(path, f"column {empty[0]} has empty cells", "ingest")
        others = [field.name for field in file.schema_arrow if field.type != PIXEL_TYPE]
        frame = file.read(columns=others).to_pandas() if others else pd.DataFrame(index=range(contract.rows))
    columns = {}
    if contract.label is not None:
        columns[contract.label] = pa.Column(checks=pa.Check.isin(contract.classes))
    if contract.id is not None:
        columns[contract.id] = pa.Column(str, pa.Check.str_length(min_value=1))
    check_table(path, frame, pa.DataFrameSchema(columns, strict=True), stage="ingest")
    return contract


def check_ids(path: Path) -> None:
    """ids.parquet: one column, numbers or texts, no id twice and none empty."""
    ids = read_table(path, stage="ingest")
    if ids.shape[1] != 1:
        raise damaged(path, f"{counted(ids.shape[1], 'column')}, not 1", "ingest")
    filled = pa.Check(lambda column: column != "", error="not empty")
    check_table(path, ids, pa.DataFrameSchema({ids.columns[0]: pa.Column(checks=filled, unique=True)}), stage="ingest")


def check_profile(path: Path) -> None:
    """``Profile``, as profile.py has it: its figures agree with each other."""
    check_document(path, Profile, stage="ingest")


def check_source(path: Path) -> None:
    """``DataSource``: a text and a truth value."""
    check_document(path, DataSource, stage="ingest")


def check_quarantine(path: Path) -> None:
    """quarantine.parquet: at least one row that was set aside, with its line, the reason, and its text."""
    columns = {
        "line": pa.Column("int64", pa.Check.ge(1), unique=True),
        "reason": pa.Column(str, pa.Check.str_length(min_value=1)),
        "text": pa.Column(str),
    }
    rows = read_table(path, stage="ingest")
    check_table(path, rows, pa.DataFrameSchema(columns, strict=True), stage="ingest")
    if not len(rows):
        raise damaged(path, "there is no row in it", "ingest")


# --- split -----------------------------------------------------------------------------------------------------------


def check_pixels(path: Path) -> None:
    """X: float32 or float64 (m, n_pixels) in C order, every value in [0, 1]."""
    X = load_array(path, stage="split", dtype=None, n_dimensions=2)
    if X.dtype not in {np.dtype(np.float32), np.dtype(np.float64)}:
        raise damaged(path, f"pixels are {X.dtype}, not float32 or float64", "split")
    for first_row in range(0, len(X), BLOCK_ROWS):
        block = read_rows(path, X, first_row, BLOCK_ROWS)
        if not (block.min(initial=0.0) >= 0.0 and block.max(initial=1.0) <= 1.0):  # false for NaN too
            cells = np.argwhere(~((block >= 0.0) & (block <= 1.0)))
            shown = ", ".join(
                f"row {first_row + row} column {column}: {block[row, column]}" for row, column in cells[:5]
            )
            raise damaged(path, f"{counted(len(cells), 'value')} of one block outside [0, 1]: {shown}", "split")


def check_labels(path: Path) -> None:
    """Labels: int64 or text (m,); none where no rows are held out."""
    labels = load_array(path, stage="split", dtype=None, n_dimensions=1)
    if labels.dtype != np.int64 and labels.dtype.kind != "U":
        raise damaged(path, f"labels are {labels.dtype}, not int64 or text", "split")


def check_rows(path: Path) -> None:
    """Row numbers: int64 (m,), none negative, none twice."""
    rows = load_array(path, stage="split", dtype=np.int64, n_dimensions=1)
    if (rows < 0).any():
        raise damaged(path, f"row number {int(rows.min())} is negative", "split")
    distinct, counts = np.unique(rows, return_counts=True)
    if len(distinct) < len(rows):
        raise damaged(path, f"row number {int(distinct[counts > 1][0])} occurs more than once", "split")


def check_images(path: Path) -> None:
    """``Images``, as documents.py has it."""
    check_document(path, Images, stage="split")


# --- encode ----------------------------------------------------------------------------------------------------------


def check_one_hot(path: Path) -> None:
    """Y: float32 (m, n_classes); each row a single 1 among 0s."""
    Y = load_array(path, stage="encode", dtype=np.float32, n_dimensions=2)
    for first_row in range(0, len(Y), BLOCK_ROWS):
        block = Y[first_row : first_row + BLOCK_ROWS]
        is_one = block == 1.0
        if not ((is_one | (block == 0.0)).all() and (is_one.sum(axis=1) == 1).all()):
            row = int(np.flatnonzero((is_one.sum(axis=1) != 1) | ((block != 0.0) & ~is_one).any(axis=1))[0])
            raise damaged(path, f"row {first_row + row} is not one-hot: {block[row].tolist()[:10]}", "encode")


def check_classes(path: Path) -> None:
    """``Classes``, as documents.py has it."""
    check_document(path, Classes, stage="encode")


# --- train -----------------------------------------------------------------------------------------------------------


def check_history(path: Path) -> None:
    """history.parquet: each member's epochs counted from 1, with finite losses and accuracies that are shares."""
    history = read_table(path, stage="train")
    loss, share = pa.Check.in_range(0.0, float("inf"), include_max=False), pa.Check.in_range(0.0, 1.0)
    columns = {
        "member": pa.Column("int64"),
        "fold": pa.Column("int64", pa.Check.ge(0)),
        "epoch": pa.Column("int64"),
        "learning_rate": pa.Column("float64", loss),
        "train_loss": pa.Column("float64", loss),
        "train_accuracy": pa.Column("float64", share),
        "validation_loss": pa.Column("float64", loss),
        "validation_accuracy": pa.Column("float64", share),
    }
    check_table(path, history, pa.DataFrameSchema(columns, strict=True, ordered=True), stage="train")
    last = [int(epochs.iloc[-1]) for _, epochs in history.groupby("member")["epoch"]]
    expected = [(member, epoch) for member, n in enumerate(last) for epoch in range(1, n + 1)]
    if not expected or list(zip(history["member"].tolist(), history["epoch"].tolist(), strict=True)) != expected:
        raise damaged(path, "the epochs are not 1, 2, 3 ... of member 0, 1, 2 ...", "train")


def check_folds(path: Path) -> None:
    """folds.npy: int16 (m,), -1 throughout, or folds counted from 0 of which none is empty."""
    folds = load_array(path, stage="train", dtype=np.int16, n_dimensions=1)
    found = np.unique(folds).tolist()
    if found not in ([-1], list(range(len(found)))):
        raise damaged(path, f"the folds are {found[:10]}, not -1 or 0, 1, 2 ...", "train")


# --- evaluate --------------------------------------------------------------------------------------------------------


def check_metrics(path: Path) -> None:
    """``Metrics``, as documents.py has it: its figures agree with each other."""
    check_document(path, Metrics, stage="evaluate")


def check_predictions(path: Path) -> None:
    """One prediction a row; probabilities (p_<class>) sum to 1, and the largest is the prediction's."""
    predictions = read_table(path, stage="evaluate")
    names = [name for name in predictions.columns if name.startswith("p_")]
    share = pa.Check.in_range(0.0, 1.0)
    columns = {
        "row": pa.Column("int64", pa.Check.ge(0), unique=True),
        "label": pa.Column(),
        "predicted": pa.Column(),
        "correct": pa.Column("bool"),
        "confidence": pa.Column("float32", share),
        "fold": pa.Column("int64", pa.Check.ge(-1)),
        "disagreements": pa.Column("int64", pa.Check.ge(0)),
        **{name: pa.Column("float32", share) for name in names},
    }
    check_table(path, predictions, pa.DataFrameSchema(columns, strict=True, ordered=True), stage="evaluate")
    P = predictions[names].to_numpy()  # (m, n_classes)
    findings = {
        "probabilities do not sum to 1": np.abs(P.sum(axis=1, dtype=np.float64) - 1.0) > 1e-5,
        "confidence is not the largest probability": P.max(axis=1) != predictions["confidence"].to_numpy(),
        "predicted is not the class of the largest probability": np.array(names)[P.argmax(axis=1)]
        != ("p_" + predictions["predicted"].astype(str)).to_numpy(),
        "correct does not say whether predicted is the label": (predictions["label"] == predictions["predicted"])
        != predictions["correct"],
    }
    for finding, is_wrong in findings.items():
        if np.any(is_wrong):
            raise damaged(path, f"{finding}, first in line {int(np.flatnonzero(is_wrong)[0])}", "evaluate")


def check_confusion(path: Path) -> None:
    """Counts: a line a label, a column a predicted label, the same labels in the same order."""
    cells = read_csv(path, stage="evaluate", header=None)  # a class may be called "label", so no cell is a name
    predicted, actual, counts = cells.iloc[0, 1:], cells.iloc[1:, 0], cells.iloc[1:, 1:]
    if cells.iloc[0, 0] != "label" or predicted.tolist() != actual.tolist():
        raise damaged(path, "the labels of lines and columns differ, or the first cell is not 'label'", "evaluate")
    columns = {name: pa.Column("int64", pa.Check.ge(0), coerce=True) for name in counts.columns}
    check_table(path, counts, pa.DataFrameSchema(columns, strict=True), stage="evaluate")


def check_report(path: Path) -> None:
    """A whole HTML page that fetches nothing: a content policy, and no address that leads outside."""
    page = path.read_text(encoding="utf-8")
    if not page.startswith("<!doctype html>") or not page.endswith("</html>\n"):
        raise damaged(path, "the page is not whole", "evaluate")
    reader = _PageReader()
    reader.feed(page)
    if "default-src 'none'" not in reader.policy:
        raise damaged(path, "the page has no content security policy that forbids everything else", "evaluate")
    if reader.outside:
        raise damaged(path, f"the page refers to {reader.outside[0]!r} outside itself", "evaluate")


class _PageReader(HTMLParser):
    """Gathers a page's content policy and the addresses that lead outside it."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = ""
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "meta" and attributes.get("http-equiv", "").lower() == "content-security-policy":
            self.policy = attributes.get("content", "")
        addresses = (attributes[name] for name in ("src", "href", "srcset", "action", "data") if name in attributes)
        self.outside += [address for address in addresses if not address.startswith(("data:", "#"))]


# --- submit ----------------------------------------------------------------------------------------------------------


def check_submission(path: Path) -> None:
    """Two columns, no empty cell, no id twice."""
    submission = read_csv(path, stage="submit")
    if submission.shape[1] != 2 or not len(submission):
        size = f"{counted(len(submission), 'row')} of {counted(submission.shape[1], 'column')}"
        raise damaged(path, f"{size}, not some rows of 2", "submit")
    id_name, label_name = submission.columns
    filled = pa.Check.str_length(min_value=1)
    schema = pa.DataFrameSchema({id_name: pa.Column(str, filled, unique=True), label_name: pa.Column(str, filled)})
    check_table(path, submission, schema, stage="submit")


# --- what the checks have in common ----------------------------------------------------------------------------------


def damaged(path: Path, what: str, stage: str) -> DataError:
    """The error for a file that ``stage`` wrote and that is not what it should be."""
    return DataError(f"{stage}/{path.name}: {what}", where=str(path), mend=f"pipeline run {stage} --force")


def load_array(path: Path, *, stage: str, dtype: Any, n_dimensions: int) -> NDArray[Any]:
    """The .npy file at ``path``, memory-mapped, of the type (None: any) and number of dimensions it should have."""
    try:
        array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise damaged(path, f"not a readable .npy file: {error}", stage) from error
    if dtype is not None and array.dtype != dtype:
        raise damaged(path, f"the values are {array.dtype}, not {np.dtype(dtype)}", stage)
    if array.ndim != n_dimensions or not array.flags.c_contiguous:
        raise damaged(path, f"not {n_dimensions} dimensions in C order, but of shape {array.shape}", stage)
    return array


def read_rows(path: Path, X: NDArray[Any], first_row: int, count: int) -> NDArray[Any]:
    """At most ``count`` rows of ``X``, mapped from ``path``: read, since pages once mapped count as memory for long."""
    n_rows = min(count, len(X) - first_row)
    offset = int(getattr(X, "offset", 0)) + first_row * X.strides[0]
    return np.fromfile(path, X.dtype, n_rows * X.shape[1], offset=offset).reshape(n_rows, X.shape[1])


def check_document(path: Path, model: type[Document], *, stage: str) -> None:
    """The JSON at ``path`` is a ``model``."""
    decode_document(path.read_bytes(), model, name=f"{stage}/{path.name}", mend=f"pipeline run {stage} --force")


def read_table(path: Path, *, stage: str) -> pd.DataFrame:
    """The Parquet table at ``path``."""
    try:
        return pd.read_parquet(path)
    except (ValueError, OSError) as error:
        raise damaged(path, f"not a readable Parquet file: {error}", stage) from error


def read_csv(path: Path, *, stage: str, header: int | None = 0) -> pd.DataFrame:
    """The CSV at ``path``, every cell as the text that stands there; ``header`` is the line of names, if any."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, header=header)
    except (ValueError, OSError) as error:
        raise damaged(path, f"not a readable CSV file: {error}", stage) from error


def check_table(path: Path, table: pd.DataFrame, schema: pa.DataFrameSchema, *, stage: str) -> None:
    """``table`` fits ``schema``; the error shows the first few failures and their number.

    The check is on even where PANDERA_VALIDATION_ENABLED says otherwise: nothing unchecked is published.
    """
    with config_context(validation_enabled=True):
        try:
            schema.validate(table, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases
            shown = "; ".join(
                f"{case['column']} line {case['index']}: {case['failure_case']!r} fails {case['check']}"
                for case in cases.head(EXAMPLES).to_dict("records")
            )
            more = f" (and {len(cases) - EXAMPLES} more)" if len(cases) > EXAMPLES else ""
            raise damaged(path, f"{shown}{more}", stage) from error
