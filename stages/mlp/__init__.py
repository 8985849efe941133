"""A neural network in plain NumPy: dense layers, and convolutions in front of them. It does not need the pipeline.

``Network`` holds the weights, ``fit`` trains it, ``predict_proba`` predicts, ``save`` and ``load`` write and read it.
Read docs/how-the-network-learns.md beside the code, in this order: layers/, network.py and layer_list.py,
gradient_descent/ (a step), parallel/ (a step on several cores), training/ (epochs).
May import: NumPy, threadpoolctl, and nothing of ours. Only ``print`` and ``plot`` load stages.notebook, to draw.
"""

from stages.mlp.architecture import Architecture
from stages.mlp.arrays import forget_pages
from stages.mlp.model_file import ModelFileError, load, load_members, save, save_ensemble
from stages.mlp.network import Network
from stages.mlp.predict import predict_proba
from stages.mlp.training.data.dataset import Dataset
from stages.mlp.training.fit import fit
from stages.mlp.training.history import Epoch, History
from stages.mlp.training.recipe import DivergedError, Recipe, RunOptions

__all__ = [
    "Architecture",
    "Dataset",
    "DivergedError",
    "Epoch",
    "History",
    "ModelFileError",
    "Network",
    "Recipe",
    "RunOptions",
    "fit",
    "forget_pages",
    "load",
    "load_members",
    "predict_proba",
    "save",
    "save_ensemble",
]
