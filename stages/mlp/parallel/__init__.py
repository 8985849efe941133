"""Data parallelism: each replica computes the gradient of its rows, and an all-reduce sums the gradients.

Only this folder starts threads and processes. May import: NumPy, threadpoolctl, delay_signals.py, gradient_descent and
what that may.
"""
