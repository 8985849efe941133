"""What must run and why: a snapshot of the world becomes a plan. Deciding is pure.

May import: config, files, store, fingerprint, workers, and the files beside the rooms.
"""
