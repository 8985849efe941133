"""``pipeline predict``: new images, in CSV files or pictures, through the trained network.

It may import what other commands may, and no other command's folder.
"""
