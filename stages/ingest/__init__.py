"""CSV -> validated Parquet."""
