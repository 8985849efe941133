"""The rows of a training: in which order they come, and how images are warped before they are learned from.

May import: NumPy, and arrays.py.
"""
