"""Which change moved the metric: the runs between two runs, one change at a time, and the share of each change.

May import: sweep and all below it, and the files beside the rooms.
"""
