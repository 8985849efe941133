"""The network inside the report: its weights, its layers, and whether it fits."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_report import make_findings, make_network

from stages.evaluate.report import page as module
from stages.evaluate.report.canvas import FULL, HALF, drawing_model, folded_weights, missing_functions
from stages.evaluate.report.page import render
from stages.mlp import Network, predict_proba
from stages.mlp.deskew import DESKEWS
from stages.mlp.layers.activations import ACTIVATIONS
from stages.mlp.layers.pooling import POOLINGS

SCRIPT = Path(module.__file__).parent / "templates/network.js"


@pytest.mark.parametrize(
    "layers", [{"hidden": (8, 7)}, {"filters": (2, 3), "kernel": (3, 2), "stride": (2, 1)}], ids=str
)
@pytest.mark.parametrize("batch_norm", [True, False])
def test_folded_weights_predict_what_the_network_predicts(*, layers: dict, batch_norm: bool) -> None:
    network = make_network((0, 1, 2), 4, 5, batch_norm=batch_norm, activation="tanh", **layers)
    plain = Network(replace(network.architecture, batch_norm=False))
    for i, (W, b) in enumerate(folded_weights(network), start=1):
        plain.weights[f"W{i}"][...], plain.weights[f"b{i}"][...] = W, b
    X = np.random.default_rng(0).random((50, 20))
    np.testing.assert_allclose(predict_proba(plain, X), predict_proba(network, X), atol=1e-6)


def test_weights_are_stored_in_the_precision_that_fits_or_not_at_all() -> None:
    findings = make_findings()
    n = len(findings.networks[0].parameters)  # all are stored, as there is no batch normalisation

    def weights(precision: np.dtype, largest: int) -> np.ndarray | None:
        found = drawing_model(findings, precision, largest=largest)
        return found and np.frombuffer(base64.b64decode(found["networks"][0]["weights"]), precision)

    full, half = weights(FULL, 6 * n), weights(HALF, 3 * n)
    assert full is not None
    assert half is not None
    assert (len(full), len(half)) == (n, n)
    np.testing.assert_allclose(half, full, rtol=1e-3)
    assert weights(FULL, 5 * n) is None
    assert weights(HALF, 2 * n) is None
    findings.networks[0].weights["W1"][0, 0] = 1e5  # more than half precision can hold
    assert weights(HALF, 3 * n) is None
    assert weights(FULL, 6 * n) is not None


@pytest.mark.parametrize(
    "choice",
    [
        *({"activation": name} for name in ACTIVATIONS),
        *({"filters": (2,), "pool": 2, "pooling": name} for name in POOLINGS),
        *({"deskew": name} for name in DESKEWS),
    ],
    ids=str,
)
def test_the_script_has_a_function_for_every_choice_of_a_network(choice: dict) -> None:
    missing = missing_functions([make_network((0, 1, 2), 4, 5, **choice)], SCRIPT.read_text())
    assert not missing, f"add {missing[0]} to {SCRIPT.name}: it does what its namesake does in stages/mlp"


@pytest.mark.usefixtures("no_charts")
def test_a_page_whose_script_lacks_a_layer_has_no_canvas_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ACTIVATIONS, "swish", ACTIVATIONS["relu"])
    text = render(make_findings(activation="swish"))
    assert "There is no canvas here: the script of this page does not know swish." in text
    assert "<script" not in text
    assert "<canvas" not in text


@pytest.mark.usefixtures("no_charts")
def test_a_page_keeps_below_its_limit_and_says_what_was_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = make_findings(hidden=(3000,))  # 57 thousand parameters: 304 or 152 kB
    whole = len(render(findings))
    for limit, told in ((whole - 100_000, "half precision"), (whole - 200_000, "no canvas here")):
        monkeypatch.setattr(module, "LARGEST_PAGE", limit)
        text = render(findings)
        assert told in text
        assert len(text.encode()) <= limit
    assert "<script" not in text
    assert "script-src" not in text
