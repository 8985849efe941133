"""The network inside the report: its weights, its layers, and whether it fits."""

from __future__ import annotations

import base64
from pathlib import Path

import numpy as np
import pytest
from every_layer import ARCHITECTURES, DESKEWS, layer_classes, made_network
from made_report import make_findings

from stages.evaluate.report import page as module
from stages.evaluate.report.canvas_network import FULL, HALF, drawing_model, layers_of, unknown_parts
from stages.evaluate.report.page import render
from stages.mlp import Architecture
from stages.mlp import network as network_module
from stages.mlp.arrays import Floats
from stages.mlp.layer_list import make_layers
from stages.mlp.layers.activations import ReLU
from stages.mlp.layers.layer import Layer

SCRIPT = Path(module.__file__).parent / "templates/network.js"


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_every_number_of_a_network_is_in_the_page_once(architecture: Architecture) -> None:
    network = made_network(architecture)
    layers, values = layers_of(network)
    assert sum(size for layer in layers for _, size in layer["arrays"]) == len(values)
    np.testing.assert_array_equal(np.sort(values), np.sort(np.concatenate([network.parameters, network.statistics])))


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


@pytest.mark.parametrize("deskew", DESKEWS)
def test_the_canvas_knows_every_layer_and_every_deskewing(deskew: str) -> None:
    """A new layer, activation, pooling or deskewing fails here, until ATTRIBUTES and network.js have it."""
    networks = [made_network(each, deskew=deskew) for each in ARCHITECTURES.values()]
    assert unknown_parts(networks, SCRIPT.read_text()) == []
    drawn = {layer["kind"] for network in networks for layer in layers_of(network)[0]}
    assert drawn == {kind.__name__ for kind in layer_classes()}


class Swish(ReLU):
    """An activation, as the canvas knows them, for which its script has no function."""


class Dense:
    """A layer for whose name the script has a function, but whose attributes the canvas does not know."""

    def predict(self, X: Floats) -> Floats:
        return 2 * X


@pytest.mark.parametrize("layer", [Swish((3,), np.float32), Dense()], ids=["Swish", "Dense"])
@pytest.mark.usefixtures("no_charts")
def test_a_page_has_no_canvas_for_a_layer_that_it_does_not_know_and_says_why(
    monkeypatch: pytest.MonkeyPatch, layer: Layer
) -> None:
    monkeypatch.setattr(network_module, "make_layers", lambda *arguments: [*make_layers(*arguments), layer])
    text = render(make_findings())
    assert f"There is no canvas here: the script of this page does not know {type(layer).__name__}." in text
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
