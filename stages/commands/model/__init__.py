"""``pipeline model``: the trained network as a table of its layers.

It may import what other commands may, and no other command's folder.
"""
