"""The rows of a training, their random order in each epoch, and the augmentation of images.

May import: NumPy, and arrays.py.
"""
