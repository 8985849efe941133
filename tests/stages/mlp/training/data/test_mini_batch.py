"""The rows of a mini-batch: not rounded on the way, if they are stored in another dtype."""

from __future__ import annotations

import numpy as np
import pytest
from small_trainings import problem

from stages.mlp.training.data.mini_batch import MiniBatch


@pytest.mark.parametrize(("stored", "dtype"), [("float64", "float32"), ("float32", "float64"), ("float16", "float32")])
def test_rows_of_another_dtype_are_converted_to_that_of_the_network(stored: str, dtype: str) -> None:
    X, Y = problem(stored)[0], problem(dtype)[1]
    rows = np.array([7, 3, 5])
    inputs, targets = MiniBatch(3, X, Y, dtype).load(X, Y, rows, np.random.default_rng(0), None)
    assert inputs.dtype == targets.dtype == dtype
    np.testing.assert_array_equal(inputs, X[rows].astype(dtype))
    np.testing.assert_array_equal(targets, Y[rows])
