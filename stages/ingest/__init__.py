"""CSV -> validated Parquet, and a profile of what was found in it.

It may import ``stages.shared`` and the sample.
Other stages may import the modules named below, and no others.
"""

__all__ = ["documents", "image_table", "profile"]
