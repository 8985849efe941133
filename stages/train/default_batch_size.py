"""The batch size where the settings name none."""

from __future__ import annotations


def default_batch_size(n_rows: int) -> int:
    """128; fewer for a small set, where an epoch would otherwise have too few steps to learn from.

    On the bundled sample, 1,294 rows, 32 instead of 128 halves the errors (docs/decisions/recipe.md).
    """
    return min(128, max(16, n_rows // 40))
