"""The pages about learning quote lines that stand in the sources, and their worked numbers are right."""

from __future__ import annotations

import doctest
import inspect
import re
import textwrap
from pathlib import Path

import pytest

from stages.mlp import network
from stages.mlp.layers import activations, convolution
from stages.mlp.layers import dense as layers
from stages.mlp.training import losses, optimisers, schedules, step

DOCS = Path(__file__).parents[3] / "docs"
# So many worked examples each has at least.
PAGES = {"how-the-network-learns.md": 45, "how-convolutions-learn.md": 15}
MODULES = (activations, convolution, layers, losses, network, optimisers, schedules, step)


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
        if inspect.isfunction(found):
            return inspect.getsource(found)
    return ""


def squeezed(code: str) -> str:
    """``code`` without indentation, comments and empty lines."""
    lines = (line.split("  #")[0].strip() for line in textwrap.dedent(code).splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize(("name", "code"), quotations())
def test_what_is_quoted_stands_in_the_source(name: str, code: str) -> None:
    assert squeezed(code) in squeezed(source_of(name))


def test_there_is_a_quotation_for_every_step_of_learning() -> None:
    assert {name for name, _ in quotations()} >= {
        "Dense.forward",
        "Dense.backward",
        "Dense.gradient",
        "ReLU.apply",
        "ReLU.chain",
        "SoftmaxCrossEntropy.measure",
        "SoftmaxCrossEntropy.gradient",
        "BinaryCrossEntropy.gradient",
        "convolve",
        "FeatureMaps.convolved",
        "Patches.__init__",
        "Patches.add_gradient",
        "Convolution.backward",
        "BatchNorm.backward",
        "Dropout.backward",
        "Network.initialise",
        "SGD.update",
        "Momentum.update",
        "Adam.update",
        "Step.update",
        "learning_rate_factor",
    }


@pytest.mark.parametrize(("page", "examples"), PAGES.items())
def test_the_worked_numbers_are_right(page: str, examples: int) -> None:
    failed, attempted = doctest.testfile(str(DOCS / page), module_relative=False)
    assert attempted > examples
    assert failed == 0
