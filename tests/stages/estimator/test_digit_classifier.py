"""The estimator: it is one by scikit-learn's own checks, and it trains what the pipeline trains."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from pipeline.cli import main
from stages.mlp import load_members
from stages.train.parameters import TrainParameters

pytest.importorskip("sklearn", reason="scikit-learn is an extra: pip install -e '.[dev]'")

from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

from stages.estimator import DigitClassifier
from stages.images.deskew import deskewed
from stages.mlp import predict_proba

Digits = tuple[NDArray[np.float64], NDArray[np.int64]]
QUICK: dict[str, Any] = {"hidden": (16,), "epochs": 5, "learning_rate": 0.02, "batch_size": 16, "replicas": 1}


@pytest.fixture(scope="module")
def digits() -> Digits:
    X, y = load_digits(return_X_y=True)
    return X[:400], y[:400]


@parametrize_with_checks([DigitClassifier(epochs=12), DigitClassifier(**QUICK, members=2, dtype="float64")])
def test_it_is_an_estimator_by_every_check_of_scikit_learn(
    estimator: BaseEstimator, check: Callable[[BaseEstimator], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else one of them is skipped
    check(estimator)


@pytest.mark.parametrize("settings", [{}, {"deskew": "slant_and_width", "members": 2}, {"filters": (4,)}])
def test_the_probabilities_of_a_row_do_not_depend_on_the_rows_around_it(
    digits: Digits, settings: dict[str, Any]
) -> None:
    X, y = digits[0].astype(np.float32) / 16, digits[1]
    classifier = DigitClassifier(**{**QUICK, "epochs": 1, **settings}).fit(X, y)
    assert classifier.networks_[0].parameters.dtype == np.float32
    P = classifier.predict_proba(X[:200])
    for order in (np.arange(200)[::-1], np.array([7]), np.arange(3, 30)):
        np.testing.assert_allclose(classifier.predict_proba(X[order]), P[order], rtol=1e-12)


def test_it_deskews_images_of_the_sides_that_it_was_fitted_on(digits: Digits) -> None:
    X, y = digits[0] / 16, digits[1]
    classifier = DigitClassifier(**{**QUICK, "epochs": 1}, deskew="slant_and_width", height=4, width=16).fit(X, y)
    classifier.set_params(height=8, width=8)
    expected = predict_proba(classifier.networks_[0], deskewed(X, 4, 16, "slant_and_width"))
    np.testing.assert_allclose(classifier.predict_proba(X), expected, atol=1e-5)


def test_its_settings_are_those_of_train_with_the_same_defaults() -> None:
    theirs = msgspec.structs.asdict(TrainParameters())
    ours = DigitClassifier().get_params()
    assert ours == {"height": None, "width": None} | {
        name: value for name, value in theirs.items() if name not in {"processes", "report_steps"}
    }
    assert set(inspect.signature(DigitClassifier).parameters) == set(ours)
    with pytest.raises(TypeError, match="epohs"):
        DigitClassifier(epohs=3)


VARIANTS = [{"deskew": "slant_and_width", "rotation": 3.0}, {"filters": [4], "pool": 2, "batch_norm": True}]
TRAININGS: dict[str, dict[str, Any]] = {
    "one network": {"epochs": 3},
    "the best epoch": {"epochs": 4, "learning_rate": 0.03, "keep": "best", "deskew": "slant"},
    "an ensemble": {"epochs": 2, "replicas": 1, "folds": 2, "members": 2, "variants": VARIANTS},
}


@pytest.mark.parametrize("settings", TRAININGS.values(), ids=TRAININGS)
def test_it_trains_the_weights_of_the_pipeline_to_the_bit(sample_copy: Path, settings: dict[str, Any]) -> None:
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items() if name != "variants"]
    for table in settings.get("variants", []):
        lines += ["[[train.variants]]", *(f"{name} = {json.dumps(value)}" for name, value in table.items())]
    (sample_copy / "pipeline.toml").write_text("\n".join(["[train]", *lines]))
    result = CliRunner().invoke(main, ["run", "train", "--quiet", "-C", str(sample_copy)])
    assert result.exit_code == 0, result.output
    parts = sample_copy / "artifacts/split"
    X, y, X_validation, y_validation = (
        np.load(parts / f"{name}.npy") for name in ("X_train", "labels_train", "X_validation", "labels_validation")
    )
    classifier = DigitClassifier(**settings).fit(X, y, X_validation, y_validation)
    networks = load_members(sample_copy / "artifacts/train/model.npz")
    assert len(classifier.networks_) == len(networks)
    for ours, theirs in zip(classifier.networks_, networks, strict=True):
        assert ours.architecture == theirs.architecture
        np.testing.assert_array_equal(ours.parameters, theirs.parameters)
        np.testing.assert_array_equal(ours.statistics, theirs.statistics)


def test_it_works_in_a_pipeline_a_search_and_cross_validation_and_is_kept_by_joblib(
    digits: Digits, tmp_path: Path
) -> None:
    X, y = digits
    steps = make_pipeline(MaxAbsScaler(), DigitClassifier(**QUICK))
    grid = {"digitclassifier__epochs": np.array([1, 6]), "digitclassifier__learning_rate": np.array([0.02])}
    search = GridSearchCV(steps, grid, cv=2).fit(X, y)
    assert search.best_params_["digitclassifier__epochs"] == 6
    assert cross_val_score(clone(search.best_estimator_), X, y, cv=2).min() > 0.7
    joblib.dump(search.best_estimator_, tmp_path / "digits.joblib")
    kept = joblib.load(tmp_path / "digits.joblib")
    np.testing.assert_array_equal(kept.predict_proba(X), search.predict_proba(X))
    assert kept.score(X, y) > 0.8


@pytest.mark.parametrize("labels", [("seven", "two"), (2.0, 7.0), (False, True), (20, 3), (2**63 + 5, 2**63 + 4)])
def test_labels_may_be_of_any_kind(digits: Digits, labels: tuple[Any, Any]) -> None:
    X, y = digits
    chosen = (y == 2) | (y == 7)
    given = np.array(labels)[(y[chosen] == 7).astype(int)]
    classifier = DigitClassifier(**QUICK).fit(X[chosen] / 16, given)
    assert classifier.classes_.tolist() == sorted(labels)
    assert classifier.score(X[chosen] / 16, given) > 0.9


@pytest.mark.parametrize(("labels", "kinds"), [(["a", None], "NoneType, str"), (["a", 3], "int, str")])
def test_labels_of_several_kinds_are_refused_by_name(labels: list[Any], kinds: str) -> None:
    y = np.array(labels, dtype=object)
    with pytest.raises(TypeError, match=f"labels must be all texts or all numbers, not {kinds}"):
        DigitClassifier(**QUICK).fit(np.eye(2, 16), y)


def test_rows_that_are_no_images_are_not_warped_and_need_a_size_for_convolutions(digits: Digits) -> None:
    X, y = digits[0][:, :56] / 16, digits[1]
    still = {"rotation": 0, "scale": 0, "shear": 0, "shift": 0, "elastic": 0}

    def weights(**settings: Any) -> NDArray[np.float32]:
        parameters: NDArray[np.float32] = DigitClassifier(**QUICK, **settings).fit(X, y).networks_[0].parameters
        return parameters

    np.testing.assert_array_equal(weights(), weights(**still))
    assert (weights(height=7, width=8) != weights()).any()
    for settings in ({"filters": (4,)}, {"deskew": "slant"}):
        with pytest.raises(ValueError, match="need height and width"):
            weights(**settings)
        weights(**settings, height=7, width=8)
    for size in ({"height": 8, "width": 8}, {"height": 7}, {"height": -7, "width": -8}):
        with pytest.raises(ValueError, match="56 values are no images of height"):
            weights(**size)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"epochs": 0}, "epochs cannot be 0: expected a whole number >= 1"),
        ({"epochs": 2.5}, "epochs cannot be 2.5: expected a whole number, got a number"),
        ({"hidden": 3}, "hidden cannot be 3: expected a list, got a whole number"),
        ({"hidden": (9, 0)}, "hidden cannot be (9, 0): expected a whole number >= 1, at hidden[1]"),
        ({"variants": [{"epohs": 3}]}, "there is no setting epohs, at variants[0]"),
        ({"filters": (4, 4), "kernel": (3,)}, "kernel has 1 number for 2 filters"),
        ({"activation": "rulu"}, "activation must be one of relu"),
        ({"optimiser": "adamm"}, "optimiser must be one of sgd"),
        ({"height": 8.0, "width": 8}, "height must be a whole number, not 8.0"),
        ({"height": 8, "width": "8"}, "width must be a whole number, not '8'"),
        ({"patience": 2, "keep": "best"}, "X_validation"),
        ({"patience": 2, "keep": "last"}, "patience waits"),
        ({"folds": 500}, "400 rows cannot be divided into 500 folds"),
    ],
)
def test_a_wrong_setting_is_a_value_error_that_names_it(digits: Digits, settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)) as raised:
        DigitClassifier(**{**QUICK, **settings}).fit(*digits)
    assert type(raised.value) is ValueError
    assert "`" not in str(raised.value)


def test_validation_rows_are_measured_and_have_known_labels(digits: Digits) -> None:
    X, y = digits
    history = DigitClassifier(**QUICK).fit(X[:300], y[:300], X[300:], y[300:]).histories_[0]
    assert all(epoch.validation_accuracy is not None for epoch in history.epochs)
    with pytest.raises(ValueError, match="unseen labels"):
        DigitClassifier(**QUICK).fit(X, y, X[:1], [11])
    with pytest.raises(ValueError, match="unseen labels"):
        DigitClassifier(**QUICK).fit(X, y.astype(str), X[:1], np.array([None]))
    with pytest.raises(ValueError, match="go together"):
        DigitClassifier(**QUICK).fit(X, y, X)


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import runpy
    import sys

    import stages.estimator.digit_classifier as module

    monkeypatch.setitem(sys.modules, "sklearn.base", None)
    with pytest.raises(ImportError, match=r"python.* -m pip install 'scikit-learn>=1\.6'"):
        runpy.run_path(str(module.__file__))
