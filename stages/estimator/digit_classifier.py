"""scikit-learn's estimator over the network.

Its settings are those of ``[train]``, with the same names and defaults. It trains with the code of the stage train. So
the same settings and the same rows give the same weights, to the bit.
"""

from __future__ import annotations

import re
from dataclasses import asdict, replace
from inspect import Parameter, Signature
from math import isqrt
from numbers import Integral
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from pipeline.errors import ConfigError, pip_install, plain_reason, shortened
from pipeline.task import JobContext, silent_progress
from stages.images.augmentation import Augmentation
from stages.images.deskew import deskewed
from stages.images.model_images import Images
from stages.mlp import Network, predict_proba
from stages.mlp.architecture import DTYPES
from stages.train.member import make_members
from stages.train.parameters import TrainParameters
from stages.train.train_member import train_member

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.preprocessing import LabelEncoder
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data
except ImportError as error:
    raise ImportError(f"DigitClassifier needs scikit-learn: {pip_install('scikit-learn>=1.6')}") from error

ONLY_OF_RUNS = {"processes", "report_steps"}  # these have no effect here
NOT_WARPED = asdict(Augmentation())

SETTINGS: dict[str, Any] = {
    field.name: field.default for field in msgspec.structs.fields(TrainParameters) if field.name not in ONLY_OF_RUNS
}
SIGNATURE = Signature(
    [
        Parameter("self", Parameter.POSITIONAL_OR_KEYWORD),
        *(
            Parameter(name, Parameter.KEYWORD_ONLY, default=default)
            for name, default in {"height": None, "width": None, **SETTINGS}.items()
        ),
    ]
)


class DigitClassifier(ClassifierMixin, BaseEstimator):
    """The network as a classifier of scikit-learn.

    Rows are images with 0 as background and values of about 1 as ink: divide pixels from 0 to 255 by 255 first. In a
    ``Pipeline``, ``MaxAbsScaler`` does that.

    Parameters
    ----------
    height, width : of the images. If neither is given, images are square. If rows have no square number of values,
        they are no images: nothing is warped then, and convolutions and deskewing are refused
    **settings : the settings of ``[train]`` but ``processes`` and ``report_steps``; ``docs/configuration.md`` lists
        them. With ``folds`` or ``members`` above 1 it is an ensemble, whose probabilities are averaged

    Attributes
    ----------
    classes_ : the labels, sorted, (n_classes,)
    n_features_in_ : values per row
    feature_names_in_ : the columns' names, if ``fit`` was given a table whose columns are named by texts
    networks_ : the trained ``stages.mlp.Network``, or all of an ensemble
    histories_ : the ``stages.mlp.History`` of each

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = DigitClassifier(epochs=5, replicas=1).fit(X[:1000] / 16, y[:1000])
    >>> classifier.score(X[1000:] / 16, y[1000:]) > 0.85
    True
    """

    def __init__(self, **settings: Any) -> None:
        bound = SIGNATURE.bind(self, **settings)
        bound.apply_defaults()
        for name in (*SETTINGS, "height", "width"):
            setattr(self, name, bound.arguments[name])

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        X_validation: ArrayLike | None = None,
        y_validation: ArrayLike | None = None,
    ) -> DigitClassifier:
        """Train on the rows ``X`` (m, n_features) with the labels ``y`` (m,), from the beginning.

        Validation rows are not trained on: ``histories_`` has the accuracy on them, and with ``keep="best"`` the best
        epoch is chosen by them. With folds, each member's own fold is used instead.

        Raises
        ------
        ValueError
            Rows, labels or settings are wrong, or do not fit together.
        TypeError
            Labels are of several kinds, such as texts and None.
        StageError
            The training diverged.
        """
        rows, labels = validate_data(self, X, y, dtype=DTYPES)
        try:
            check_classification_targets(labels)
            encoder = LabelEncoder().fit(labels)
        except TypeError as error:
            kinds = ", ".join(sorted({type(label).__name__ for label in np.ravel(labels).tolist()}))
            raise TypeError(f"labels must be all texts or all numbers, not {kinds}") from error
        self.classes_ = encoder.classes_
        if len(self.classes_) < 2:
            raise ValueError(f"there is one class, {self.classes_.tolist()[0]!r}; a classifier needs two at least")
        arrays = {"split/X_train.npy": rows, "encode/Y_train.npy": self._one_hot(encoder.transform(labels))}
        if (X_validation is None) != (y_validation is None):
            raise ValueError("X_validation and y_validation go together")
        if X_validation is not None:
            arrays["split/X_validation.npy"] = validate_data(self, X_validation, dtype=DTYPES, reset=False)
            indices = encoder.transform(column_or_1d(y_validation))
            arrays["encode/Y_validation.npy"] = self._one_hot(indices)
        self.networks_, self.histories_ = self._trained(arrays)
        return self

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """The probability of each of ``classes_`` for every row of ``X``: (m, n_features) -> (m, n_classes).

        It is computed in float64, even if the network was trained in float32. The rounding of a row in a matrix product
        depends on the other rows. In float64 the difference is far below the tolerance of scikit-learn's checks.
        """
        check_is_fitted(self)
        rows = validate_data(self, X, dtype=np.float64, reset=False)
        P = np.zeros((len(rows), len(self.classes_)))
        for network in self.networks_:
            images = network.images
            deskewed_rows = deskewed(rows, images["height"], images["width"], images["deskew"])
            P += predict_proba(in_float64(network), deskewed_rows)
        return P / len(self.networks_)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """The most probable label for every row of ``X``: (m, n_features) -> (m,)."""
        indices = self.predict_proba(X).argmax(axis=1)
        predicted: NDArray[Any] = self.classes_[indices]
        return predicted

    def _one_hot(self, indices: NDArray[np.int64]) -> NDArray[np.float32]:
        """Indices of classes (m,) as rows that are 1 in their place: (m, n_classes)."""
        return np.eye(len(self.classes_), dtype=np.float32)[indices]

    def _trained(self, arrays: dict[str, NDArray[Any]]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """The networks of all folds and members, trained one after the other, and their histories."""
        parameters, images = self._parameters(), self._images()
        if parameters.patience is not None and parameters.folds == 1 and "split/X_validation.npy" not in arrays:
            raise ValueError("patience waits for a better epoch on validation rows: give fit X_validation too")
        if parameters.folds > (n_rows := len(arrays["split/X_train.npy"])):
            raise ValueError(f"{n_rows} rows cannot be divided into {parameters.folds} folds")
        context = JobContext(arrays, None, silent_progress, lambda _: None)
        networks, histories = [], []
        try:
            for member in make_members(parameters, images):
                trained = train_member(member, context)
                networks.append(member.network_of(trained))
                histories.append(trained.history)
        except ConfigError as error:
            raise ValueError(str(error.__cause__ or error.what)) from error
        return tuple(networks), tuple(histories)

    def _parameters(self) -> TrainParameters:
        """The settings, with their types and bounds checked; ValueError if one is wrong."""
        given = {name: plain(getattr(self, name)) for name in SETTINGS}
        if self._size() is None:
            if given["filters"] or given["deskew"] != "none":
                what = f"rows of {self.n_features_in_} values are no square images"
                raise ValueError(f"{what}: filters and deskew need height and width")
            given |= NOT_WARPED
        try:
            return msgspec.convert(given, TrainParameters)
        except msgspec.ValidationError as error:
            reason, _, path = str(error).partition(" - at `$.")
            if not path:  # a rule that concerns several settings
                raise ValueError(reason) from error
            path = path.rstrip("`")
            name = re.split(r"[.\[]", path)[0]
            place = "" if path == name else f", at {path}"
            what = f"{name} cannot be {shortened(repr(given[name]))}"
            raise ValueError(f"{what}: {plain_reason(reason)}{place}") from error

    def _images(self) -> Images:
        """The size and the labels that a network stores; labels that are neither int64 nor text become 0, 1, 2, ..."""
        labels = self.classes_.tolist()
        are_numbers = self.classes_.dtype.kind in "iu" and all(abs(label) < 2**63 for label in labels)
        is_known = are_numbers or all(isinstance(label, str) for label in labels)
        height, width = self._size() or (1, self.n_features_in_)
        return Images(tuple(labels if is_known else range(len(labels))), height, width, 0.0, 1.0)

    def _size(self) -> tuple[int, int] | None:
        """Height and width of the images, None if rows are no images; ValueError if ``height``, ``width`` are wrong."""
        n = self.n_features_in_
        for name, side in (("height", self.height), ("width", self.width)):
            if side is not None and (isinstance(side, bool) or not isinstance(side, Integral)):
                raise ValueError(f"{name} must be a whole number, not {side!r}")
        if self.height is None and self.width is None:
            side = isqrt(n)
            return (side, side) if side * side == n else None
        if self.height and self.width and self.height > 0 and self.height * self.width == n:
            return self.height, self.width
        raise ValueError(f"rows of {n} values are no images of height={self.height} and width={self.width}")


# get_params, clone and help read the settings from here.
vars(DigitClassifier.__init__)["__signature__"] = SIGNATURE


def plain(value: Any) -> Any:
    """``value`` with Python's numbers in place of NumPy's, which grids of settings may hold."""
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    return type(value)(map(plain, value)) if isinstance(value, tuple | list) else value


def in_float64(network: Network) -> Network:
    """``network``, or one of the same weights that computes in float64."""
    if network.architecture.dtype == "float64":
        return network
    wide = Network(replace(network.architecture, dtype="float64"), network.images)
    wide.parameters[...], wide.statistics[...] = network.parameters, network.statistics
    return wide
