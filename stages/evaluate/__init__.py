"""Metrics, predictions and the report, on rows that were not trained on.

It may import ``stages.shared``, ``stages.mlp``, ``stages.images``, and what the stages before it publish.
No other stage imports from here.
"""

__all__: list[str] = []
