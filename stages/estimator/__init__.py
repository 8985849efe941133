"""``DigitClassifier``: the network and its training as an estimator of scikit-learn.

It trains as the stage train does, and needs the extra ``sklearn``; nothing else imports this room. It may import
``stages.images``, ``stages.mlp`` and ``stages.train``.
"""

from stages.estimator.digit_classifier import DigitClassifier

__all__ = ["DigitClassifier"]
