"""Arrays that were exchanged or damaged are told of in one error, before any memory is asked for."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from stages.shared.arrays import load_array


def npy(header: str) -> bytes:
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(64)


def header(descr: str = "'<f4'", shape: str = "(2, 3)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def objects() -> bytes:
    file = io.BytesIO()
    np.save(file, np.array([[print]]), allow_pickle=True)
    return file.getvalue()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no array",
        npy(header(shape="(10**12, 784)")),
        npy(header(shape="(1000000000000, 784)")),
        npy(header(shape="(1000000000000000000000, 784)")),
        npy(header(shape="(-1, 3)")),
        npy(header(descr="'|V8'")),
        npy(header(descr="[('a', '<f4')]", shape="(2,)")),
        npy("(" * 100),
        npy("nonsense"),
        objects(),
        pickle.dumps([1]),
    ],
)
def test_a_file_that_is_no_such_array_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "X_train.npy"
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"split/X_train\.npy: ") as caught:
        load_array(path, stage="split", n_dimensions=2)
    assert caught.value.hint == "pipeline run split --force"
    assert len(str(caught.value)) < 600
