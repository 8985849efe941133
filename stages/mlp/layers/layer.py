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
        """Y for the batch ``X``, in training: in a buffer of the layer's own, or in ``X``, overwritten.

        Only batch normalisation and activations overwrite ``X``: they follow a layer that does not need its Y again.
        Whatever else is given to a layer stays as it is until its ``backward``, so a layer may keep it without a copy.
        """

    def backward(self, dY: Floats) -> Floats:
        """dX, the loss's gradient by X, from ``dY``, its gradient by Y; and the gradients by the parameters.

        ``dY`` may be overwritten. The parameters' gradients are written where the layer was told to, as dW and db.
        """

    def predict(self, X: Floats) -> Floats:
        """Y for any number of rows, in prediction: nothing is kept. It may be ``X``, overwritten, or a view of it.

        Only the first layer with weights, and what stands before it, leave ``X`` as it is: it is the caller's.
        """
