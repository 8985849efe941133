"""Data parallelism: replicas take their rows of each batch, sum their gradients, and each updates its share.

The only room that starts threads and processes. May import: NumPy, threadpoolctl, gradient_descent and what that may.
"""
