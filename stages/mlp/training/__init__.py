"""Training: ``fit``, the loop over epochs, validation, checkpoints, and the history.

May import: everything else in stages/mlp.
"""
