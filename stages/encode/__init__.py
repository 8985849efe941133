"""Labels -> one-hot."""
