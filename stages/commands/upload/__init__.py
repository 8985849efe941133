"""``pipeline upload``: the submission to Kaggle, and its public score back."""
