"""Trying settings: the search space, the trials, and which of them is best.

May import: execution and all below it.
"""
