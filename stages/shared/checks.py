"""What the checks of all stages share: reading a file back, and an error that names what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pandera.pandas as pa
from pandera.config import config_context

from stages.shared.damaged_error import damaged
from stages.shared.messages import EXAMPLES
from stages.shared.parquet import open_table


def read_table(path: Path, *, stage: str) -> pd.DataFrame:
    """The Parquet table at ``path``."""
    with open_table(path, stage=stage) as file:
        table: pd.DataFrame = file.read().to_pandas()
    return table


def read_csv(path: Path, *, stage: str, header: int | None = 0) -> pd.DataFrame:
    """The CSV at ``path``, every cell as the text that stands there; ``header`` is the line of names, if any."""
    try:
        return pd.read_csv(path, dtype=str, keep_default_na=False, header=header)
    except (ValueError, OSError) as error:
        raise damaged(path, f"not a readable CSV file: {error}", stage) from error


def check_table(path: Path, table: pd.DataFrame, schema: pa.DataFrameSchema, *, stage: str) -> None:
    """``table`` fits ``schema``; the error shows the first few failures and their number.

    The check is made even if PANDERA_VALIDATION_ENABLED turns pandera off: nothing unchecked is published.
    """
    with config_context(validation_enabled=True):
        try:
            schema.validate(table, lazy=True)
        except pa.errors.SchemaErrors as error:
            cases = error.failure_cases
            shown = "; ".join(
                f"{place(case)}{case['failure_case']!r} fails {case['check']}"
                for case in cases.head(EXAMPLES).to_dict("records")
            )
            more = f" (and {len(cases) - EXAMPLES} more)" if len(cases) > EXAMPLES else ""
            raise damaged(path, f"{shown}{more}", stage) from error


def place(case: Mapping[str, Any]) -> str:
    """Where a failure is: a cell, or nothing if it concerns the table, as a column that is missing does."""
    return "" if pd.isna(case["index"]) else f"{case['column']} line {case['index']}: "
