"""``pipeline suspects``: training rows whose label is probably wrong.

It may import what other commands may, and no other command's folder.
"""
