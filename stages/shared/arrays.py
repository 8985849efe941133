"""What the arrays of the stages hold, by name. Each function's docstring gives the shapes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]  # as they stand in a file: 0 to 255
Inputs = NDArray[np.floating[Any]]  # pixels as the network is shown them: in [0, 1]
Labels = NDArray[np.int64] | NDArray[np.str_]  # as they stand in a file
Indices = NDArray[np.int64]  # of rows, or of classes, from 0
Probabilities = NDArray[np.float32]  # (m, n_classes): those of a row sum to 1
