"""Labels -> one-hot rows, one column a class.

It may import ``stages.shared``.
Other stages may import the modules named below, and no others.
"""

__all__ = ["documents"]
