"""The example notebook runs from its first cell to its last, and the tables in it are those that are printed now."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from matplotlib import pyplot as plt

NOTEBOOK = Path(__file__).parents[2] / "docs/examples/example.ipynb"
CELLS = [cell for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"] if cell["cell_type"] == "code"]


@pytest.fixture
def without_a_screen() -> Iterator[None]:
    before = plt.get_backend()
    plt.switch_backend("agg")
    yield
    plt.close("all")
    plt.switch_backend(before)


def without_numbers(text: str) -> str:
    """A printed text without what differs from machine to machine: digits, and the room that they take."""
    return re.sub(r"\s+", " ", re.sub(r"[\d.,+-]+(e-\d+)?", "0", text.replace(" kept", "")))


def test_the_notebook_runs_and_prints_what_stands_in_it(without_a_screen: None) -> None:  # noqa: ARG001 - a fixture
    pytest.importorskip("sklearn", reason="scikit-learn is an extra: pip install -e '.[dev]'")
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in CELLS:
        printed = StringIO()
        with redirect_stdout(printed):
            exec(compile("".join(cell["source"]), NOTEBOOK.name, "exec"), names)  # noqa: S102 - our own page
        stored = "".join("".join(out["text"]) for out in cell["outputs"] if out["output_type"] == "stream")
        assert without_numbers(printed.getvalue()) == without_numbers(stored)
    assert names["history"].best_epoch.validation_accuracy > 0.9
    assert names["scores"].mean() > 0.85


def test_no_output_is_an_error_or_names_a_folder_of_the_machine_that_made_it() -> None:
    outputs = [out for cell in CELLS for out in cell["outputs"]]
    assert {out["output_type"] for out in outputs} == {"stream", "display_data", "execute_result"}
    assert NOTEBOOK.stat().st_size < 150_000
    assert not re.search(r"/(?:home|work|root|tmp|Users)/", NOTEBOOK.read_text(encoding="utf-8"))
