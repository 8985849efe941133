"""What every file that evaluate writes must hold: one check a file, called on the bytes on disk."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandera.pandas as pa

from stages.evaluate.documents import Metrics
from stages.shared.checks import check_table, read_csv, read_table
from stages.shared.damaged_error import damaged
from stages.shared.documents import read_document


def check_metrics(path: Path) -> None:
    """``Metrics``, as documents.py has it: its figures agree with each other."""
    read_document(path, Metrics, stage="evaluate")


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
        "correct does not agree with label and predicted": (predictions["label"] == predictions["predicted"])
        != predictions["correct"],
    }
    for finding, is_wrong in findings.items():
        if np.any(is_wrong):
            raise damaged(path, f"{finding}, first in line {int(np.flatnonzero(is_wrong)[0])}", "evaluate")


def check_confusion(path: Path) -> None:
    """Counts: one line for each label, one column for each predicted label, both in the same order."""
    cells = read_csv(path, stage="evaluate", header=None)  # no names: a class may be called "label"
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
