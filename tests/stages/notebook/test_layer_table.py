"""The table of a network: every layer is in it, with its numbers; and how a network and a history print."""

from __future__ import annotations

import doctest
import importlib

import numpy as np
import pytest
from every_layer import ARCHITECTURES, layer_classes, made_network, used_classes

from stages.mlp import Architecture, Network
from stages.notebook import layer_table
from stages.notebook.layer_table import row_of


@pytest.mark.parametrize("name", ["history_table", "layer_table", "text_table"])
def test_the_examples_in_the_docstrings(name: str) -> None:
    failed, attempted = doctest.testmod(importlib.import_module(f"stages.notebook.{name}"))
    assert attempted > 0
    assert failed == 0


def test_the_architectures_of_this_test_have_every_layer_that_there_is() -> None:
    """A new layer fails here, until it is among them; then it fails below, until the table knows it."""
    assert layer_classes() - used_classes() == set()


@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_the_table_counts_every_parameter_and_ends_with_the_logits(architecture: Architecture) -> None:
    network = made_network(architecture)
    table = layer_table(network)
    assert table.parameters == network.parameters.size
    assert table.rows[-1].output == (architecture.n_outputs,)
    assert architecture.description in str(network)


def test_the_figures_of_a_small_network_worked_out_by_hand() -> None:
    architecture = Architecture(
        n_inputs=30, n_classes=2, hidden=(3,), filters=(4,), kernel=3, stride=2, pool=2, batch_norm=True, image=(6, 5)
    )
    table = layer_table(Network(architecture))
    assert [(row.layer, row.output, row.parameters, row.multiply_adds) for row in table.rows] == [
        ("inputs", (30,), 0, 0),
        ("rows to maps", (1, 6, 5), 0, 0),
        ("convolution 3 x 3, stride 2", (4, 3, 3), 9 * 4 + 4, 9 * 4 * 9),
        ("batch normalisation", (4, 3, 3), 8, 36),
        ("relu", (4, 3, 3), 0, 0),
        ("max of 2 x 2", (4, 2, 2), 0, 0),
        ("maps to rows", (16,), 0, 0),
        ("dense", (3,), 16 * 3 + 3, 48),
        ("batch normalisation", (3,), 6, 3),
        ("relu", (3,), 0, 0),
        ("dense", (1,), 3 + 1, 3),
    ]
    assert table.multiply_adds == 324 + 36 + 48 + 3 + 3
    assert table.step_multiply_adds == 3 * table.multiply_adds - 324


def test_deskewing_stands_in_the_table() -> None:
    architecture = ARCHITECTURES["relu"]
    assert "deskewing, slant" in str(made_network(architecture, deskew="slant"))
    assert "deskewing" not in str(made_network(architecture))


def test_a_layer_that_the_table_does_not_know_is_named() -> None:
    class Blur:
        def forward(self, X: np.ndarray) -> np.ndarray:
            return X

        backward = predict = forward

    with pytest.raises(TypeError, match="Blur"):
        row_of(Blur(), (4,))
