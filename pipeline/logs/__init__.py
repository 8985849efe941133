"""What happened, a line each: the log of runs, and the log of scores.

May import: the files beside the rooms.
"""
