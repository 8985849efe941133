"""A multilayer perceptron in plain NumPy, with convolutions in front of it, to be read, and used without the pipeline.

``Network`` holds the weights, ``fit`` trains it, ``predict_proba`` uses it, ``save`` and ``load`` keep it.
"""

from stages.mlp.deskew import in_posture
from stages.mlp.model_file import ModelFileError, load, load_members, save, save_ensemble
from stages.mlp.network import Architecture, Images, Network, predict_proba
from stages.mlp.parallel.memory import forget_pages
from stages.mlp.training.augmentation import Augmentation, Warp, warped_copies
from stages.mlp.training.fit import fit
from stages.mlp.training.recipe import DivergedError, Epoch, History, Recipe

__all__ = [
    "Architecture",
    "Augmentation",
    "DivergedError",
    "Epoch",
    "History",
    "Images",
    "ModelFileError",
    "Network",
    "Recipe",
    "Warp",
    "fit",
    "forget_pages",
    "in_posture",
    "load",
    "load_members",
    "predict_proba",
    "save",
    "save_ensemble",
    "warped_copies",
]
