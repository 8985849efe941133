"""Raw pixels -> numbers in [0, 1], divided into training, validation and test rows.

It may import ``stages.shared`` and what ingest publishes.
Other stages may import the modules named below, and no others.
"""

__all__ = ["documents"]
