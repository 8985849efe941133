"""The archive in which models and checkpoints are kept: NumPy's .npz, with a header of JSON beside the arrays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

import numpy as np
import numpy.typing as npt


def write_arrays(file: IO[bytes], header: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a header and arrays by name as NumPy's archive, to its end whatever comes.

    In a thread of its own: Ctrl-C in the middle would make the archive fail with an error that hides it.
    """
    named: dict[str, Any] = {"header": np.array(json_of(header)), **arrays}
    with ThreadPoolExecutor(1) as thread:
        thread.submit(np.savez, file, **named).result()


def json_of(values: Any) -> str:
    """``values`` as JSON; NumPy's numbers, as sizes and labels may be, as plain ones."""
    return json.dumps(values, default=lambda number: number.item())
