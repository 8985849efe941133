"""Data parallelism: replicas that share a step."""
