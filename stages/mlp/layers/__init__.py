"""The layers of a network, one file for each kind. Each layer has ``forward``, ``backward`` and ``predict``.

A layer is made for m rows: a mini-batch, or a part of it. In this folder, "mini-batch" means both. A layer has its own
buffers for the m rows, so a training step allocates almost nothing.
May import: NumPy, and arrays.py.
"""
