"""Files beside those of the store: paths as a person writes them, files written whole, and what dead processes left.

May import: the files beside the rooms.
"""
