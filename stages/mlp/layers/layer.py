"""The methods of every layer."""

from __future__ import annotations

from typing import Protocol

from stages.mlp.arrays import Floats


class Layer(Protocol):
    """A function from X to Y. A mini-batch is (m, n), or feature maps (height, channels, width, m): feature_maps.py."""

    def forward(self, X: Floats) -> Floats:
        """Y for the mini-batch ``X``, in training.

        Batch normalisation and activations overwrite ``X`` with Y. They follow only layers that do not need their own Y
        again. All other layers leave ``X`` unchanged: their Y is in a buffer, or (RowsToMaps) a view of ``X``. So they
        may keep ``X`` for ``backward`` without a copy.
        """

    def backward(self, dY: Floats) -> Floats:
        """Return dX, computed from ``dY``: the derivatives of the loss by X and by Y. ``dY`` may be overwritten.

        The gradients of the parameters are written into the buffers that the layer was made with, such as dW and db.
        """

    def predict(self, X: Floats) -> Floats:
        """Y for any number of rows, in prediction. ``X`` may be overwritten, and Y may be a view of ``X``.

        Layers up to the first one with weights leave ``X`` unchanged, because it belongs to the caller. No attribute of
        the layer is written, so several calls may run at once.
        """
