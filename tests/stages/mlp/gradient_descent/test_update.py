"""The update: every parameter is moved once, and only weights decay."""

from __future__ import annotations

import numpy as np
import pytest

from stages.mlp.gradient_descent.update import PIECE, pieces_of


@pytest.mark.parametrize("n_weights", [0, 3, 10, PIECE + 5, 3 * PIECE])
@pytest.mark.parametrize(("start", "stop"), [(0, 4), (4, 4), (4, 12), (9, 2 * PIECE + 9)])
def test_a_share_is_cut_into_pieces_of_weights_and_pieces_of_others(start: int, stop: int, n_weights: int) -> None:
    numbers = np.arange(3 * PIECE)
    pieces = [(numbers[piece], decays) for piece, decays in pieces_of(start, stop, n_weights)]
    np.testing.assert_array_equal(np.concatenate([numbers[:0], *(found for found, _ in pieces)]), numbers[start:stop])
    for found, decays in pieces:
        assert 0 < len(found) <= PIECE
        assert ((found < n_weights) == decays).all()
