"""The pages about learning quote lines that stand in the sources, and their worked numbers are right."""

from __future__ import annotations

import doctest
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from stages.mlp import initialisation, network
from stages.mlp.gradient_descent import losses, optimisers, schedules, step, update
from stages.mlp.layers import activations, batch_norm, convolution, dense, dropout, feature_maps, pooling
from stages.mlp.parallel import replica

DOCS = Path(__file__).parents[3] / "docs"
# So many worked examples each has at least.
PAGES = {"how-the-network-learns.md": 45, "how-convolutions-learn.md": 15}
LAYERS = (activations, batch_norm, convolution, dense, dropout, feature_maps, pooling)
MODULES = (*LAYERS, initialisation, losses, network, optimisers, replica, schedules, step, update)


def quotations() -> list[tuple[str, str]]:
    """Every block of code, with the last name in code letters before it that is a function of ours."""
    found = []
    for page in PAGES:
        text = (DOCS / page).read_text(encoding="utf-8")
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
            names = [name for name in re.findall(r"`([\w.]+)`", text[: block.start()]) if source_of(name)]
            found.append((names[-1], block[1]))
    return found


def source_of(name: str) -> str:
    """The source of the function or method called ``name``, or nothing."""
    for module in MODULES:
        found: object = module
        for part in name.split("."):
            found = getattr(found, part, None)
        if inspect.isfunction(found) and found.__module__.startswith("stages."):
            return inspect.getsource(found)
    return ""


def squeezed(code: str) -> str:
    """``code`` without indentation, comments and empty lines."""
    lines = (line.split("  #")[0].strip() for line in textwrap.dedent(code).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(("name", "code"), quotations())
def test_quoted_code_equals_the_source(name: str, code: str) -> None:
    assert squeezed(code) in squeezed(source_of(name))


def test_there_is_a_quotation_for_every_step_of_learning() -> None:
    assert {name for name, _ in quotations()} >= {
        "Dense.forward",
        "Dense.backward",
        "ReLU.apply",
        "ReLU.derivative",
        "Activation.backward",
        "SoftmaxCrossEntropy.measure",
        "SoftmaxCrossEntropy.gradient",
        "BinaryCrossEntropy.gradient",
        "Step.run",
        "BatchNorm.forward",
        "BatchNorm.backward",
        "Dropout.forward",
        "Dropout.backward",
        "he",
        "Network.initialise",
        "SGD.update",
        "Momentum.update",
        "Adam.update",
        "Update.apply",
        "one_cycle",
        "Replica.step",
        "Replica._sum_gradients",
        "FeatureMaps.convolved",
        "Convolution.forward",
        "Patches.fill",
        "Convolution.backward",
        "TransposedConvolution.apply",
        "MaxPooling.pool",
        "MaxPooling.backward",
        "AveragePooling.backward",
        "MapsToRows.forward",
        "MapsToRows.backward",
    }


@pytest.mark.parametrize("page", PAGES)
def test_only_the_last_section_says_how_work_is_shared(page: str) -> None:
    text = (DOCS / page).read_text(encoding="utf-8")
    learning, _, parallelism = text.partition("\n## Data parallelism\n")
    assert parallelism
    assert "\n## " not in parallelism
    assert not re.findall(r"(?i)\b(?:worker|shard|replica|process|thread|barrier)\w*", learning)


@pytest.mark.parametrize(("page", "examples"), PAGES.items())
def test_the_worked_numbers_are_right(page: str, examples: int) -> None:
    failed, attempted = doctest.testfile(str(DOCS / page), module_relative=False)
    assert attempted > examples
    assert failed == 0
