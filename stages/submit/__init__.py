"""The Kaggle submission: the predicted label of every test row.

It may import ``stages.shared``, the sample, and what ingest and train publish.
No other stage imports from here.
"""

__all__: list[str] = []
