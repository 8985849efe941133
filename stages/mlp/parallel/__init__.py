"""Data parallelism: replicas take their rows of each batch, sum their gradients, and each updates its share.

The only place that knows of threads and processes. May import: NumPy, threadpoolctl, layers, training/step and below.
"""
