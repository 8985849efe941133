"""Doing a plan: the run, one stage after the other, and signals that end it.

May import: planning, workers, store, logs, fingerprint, config, and the files beside the rooms.
"""
