"""The layers of a network, one file for each kind. Each layer has ``forward``, ``backward`` and ``predict``.

A layer is made for mini-batches of m rows. It has its own buffers for them, so a training step allocates almost
nothing. No layer depends on replicas or processes. May import: NumPy, and arrays.py.
"""
