"""The rows of a training, their random order in each epoch, and the mini-batches.

May import: NumPy, and arrays.py.
"""
