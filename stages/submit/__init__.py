"""The Kaggle submission."""
