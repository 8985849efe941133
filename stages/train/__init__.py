"""The network, or several, trained on the training rows.

It may import ``stages.shared``, ``stages.images``, ``stages.mlp``, and what split and encode publish.
Other stages may import the modules named below, and no others.
"""

__all__ = ["epoch_to_keep", "folds", "images_of_model", "predictor"]
