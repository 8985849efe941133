"""The update: every parameter is moved once, and only weights decay."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp.gradient_descent.update import PIECE_SIZE, split_into_pieces


@pytest.mark.parametrize("n_weights", [0, 3, 10, PIECE_SIZE + 5, 3 * PIECE_SIZE])
@pytest.mark.parametrize(("start", "stop"), [(0, 4), (4, 4), (4, 12), (9, 2 * PIECE_SIZE + 9)])
def test_a_share_is_split_into_pieces_with_weights_only_or_without_weights(
    start: int, stop: int, n_weights: int
) -> None:
    numbers = np.arange(3 * PIECE_SIZE)
    pieces = [(numbers[piece], decays) for piece, decays in split_into_pieces(start, stop, n_weights)]
    np.testing.assert_array_equal(np.concatenate([numbers[:0], *(found for found, _ in pieces)]), numbers[start:stop])
    for found, decays in pieces:
        assert 0 < len(found) <= PIECE_SIZE
        assert ((found < n_weights) == decays).all()
