"""The rows of a training: what they are, in which order they come, and how images are warped before each step.

May import: NumPy, and arrays.py.
"""
