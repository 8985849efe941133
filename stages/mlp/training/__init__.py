"""A training: epochs of steps from ``fit`` to the history, validation after each, and a checkpoint to go on from.

May import: everything else in stages/mlp.
"""
