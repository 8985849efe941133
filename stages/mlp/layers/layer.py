"""What every layer can do."""

from __future__ import annotations

from typing import Protocol

from stages.mlp.arrays import Floats


class Layer(Protocol):
    """One step of the way from the pixels to the logits.

    A row is a vector of n values, so a batch is (m, n). Between convolutions a batch is a stack of feature maps,
    (height, channels, width, m): see feature_maps.py.
    """

    def forward(self, X: Floats) -> Floats:
        """Y for the batch ``X``, in training. ``X`` may be overwritten, and Y is the layer's own buffer."""

    def backward(self, dY: Floats) -> Floats:
        """dX, the loss's gradient by X, from ``dY``, its gradient by Y; and the gradients by the parameters.

        ``dY`` may be overwritten. The parameters' gradients are written where the layer was told to, as dW and db.
        """

    def predict(self, X: Floats) -> Floats:
        """Y for any number of rows, in prediction: nothing is kept. All but the first layer may overwrite ``X``."""
