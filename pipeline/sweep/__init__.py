"""Trying settings: the search space, the trials, and which is best.

May import: execution and all below it.
"""
