"""The layers of a network, one file each: ``forward``, ``backward`` under it, and ``predict``.

A layer is made for batches of m rows and has buffers of its own for them, so that it allocates next to nothing in a
training step. No layer knows of replicas or processes. May import: NumPy, and arrays.py.
"""
