"""The archive in which models and checkpoints are kept: NumPy's .npz, with a header of JSON beside the arrays."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import IO, Any

import numpy as np
import numpy.typing as npt


def write_arrays(file: IO[bytes], header: dict[str, Any], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    """Write a header and arrays by name as NumPy's archive, completely even if a signal comes."""
    named: dict[str, Any] = {"header": np.array(json_of(header)), **arrays}
    with signals_held():
        np.savez(file, **named)


def json_of(values: Any) -> str:
    """``values`` as JSON; NumPy's numbers, as sizes and labels may be, as plain ones."""
    return json.dumps(values, default=lambda number: number.item())


@contextmanager
def signals_held() -> Iterator[None]:
    """Delay Ctrl-C and SIGTERM until the end of the block.

    In the middle of an archive, what they raise would be hidden by the archive's own error about not being complete.
    """
    if threading.current_thread() is not threading.main_thread():  # no other thread is interrupted
        yield
        return
    came: list[int] = []
    earlier = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield
    finally:
        for number, handler in earlier.items():
            signal.signal(
                number, signal.SIG_DFL if handler is None else handler
            )  # None: it was set in C and cannot be put back
        for each in came:
            signal.raise_signal(each)
