"""The engine: stages, their artifacts, and what is stale. It knows nothing about digits."""
