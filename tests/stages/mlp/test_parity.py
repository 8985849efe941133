"""The same losses, gradients and steps as PyTorch's, whose figures lie in goldens.npz."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stages.mlp import Architecture, Network, Recipe
from stages.mlp.gradient_descent.losses import smoothed
from stages.mlp.parallel.group import Group, part_of
from stages.mlp.parallel.make_group import make_group
from stages.mlp.parallel.replica import Replica
from stages.mlp.parallel.shared_arrays import SharedArrays


def load_script() -> ModuleType:
    path = Path(__file__).with_name("make_goldens.py")
    spec = importlib.util.spec_from_file_location("make_goldens", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


script = load_script()
with np.load(script.PATH) as file:
    GOLDENS = dict(file)


@dataclass(frozen=True, slots=True)
class Case:
    """A golden case: what PyTorch found, the network that is to find the same, and what its replicas share."""

    golden: dict[str, np.ndarray]
    network: Network
    recipe: Recipe
    shared: SharedArrays
    group: Group
    Y: np.ndarray

    def make_replica(self, index: int) -> Replica:
        return Replica(index, self.group, self.shared, np.random.default_rng(0))

    def run(self, n_steps: int, learning_rate: float) -> None:
        def work(index: int) -> None:
            replica = self.make_replica(index)
            rows = replica.rows_of(np.arange(len(self.Y)))
            X, T, n_rows = self.golden["X"][rows], self.Y[rows], len(self.Y)
            if not n_steps:
                replica.find_gradient(X, T, n_rows)
            for k in range(n_steps):
                replica.step(X, T, n_rows, k + 1, learning_rate)

        self.group.run(work)


def prepare(kind: str, name: str, replicas: int, parallel: str) -> Case:
    case = getattr(script, {"loss": "LOSSES", "optimiser": "OPTIMISERS"}[kind])[name]
    golden = {key.rpartition("/")[2]: values for key, values in GOLDENS.items() if key.startswith(f"{kind}/{name}/")}
    n_classes = case.get("n_classes", 3)
    of_network = ("activation", "batch_norm", "filters", "kernel", "stride", "pool", "pooling", "image")
    known = {key: case[key] for key in of_network if key in case}
    network = Network(Architecture(script.n_inputs(case), n_classes, (5, 4), dtype="float64", **known))
    network.parameters[...] = golden["parameters"]
    of_recipe = ("optimiser", "weight_decay", "clip_norm", "label_smoothing")
    recipe = Recipe(**{key: case[key] for key in of_recipe if key in case})
    group = make_group(replicas, parallel)
    shared = SharedArrays(network, recipe.make_update(network), replicas)
    Y = smoothed(np.eye(n_classes)[golden["labels"]], recipe.label_smoothing)
    return Case(golden, network, recipe, shared, group, Y)


def groups_for(cases: dict[str, dict]) -> list[tuple[str, int, str]]:
    """Every case alone and shared; batch normalisation, whose means are a replica's own, alone only."""
    return [
        (name, *group)
        for name, case in cases.items()
        for group in [(1, "threads"), *([] if case.get("batch_norm") else [(3, "threads"), (3, "processes")])]
        if group[1] == "threads" or sys.platform == "linux"
    ]


@pytest.mark.parametrize(("name", "replicas", "parallel"), groups_for(script.LOSSES))
def test_loss_and_every_gradient_to_1e_10(name: str, replicas: int, parallel: str) -> None:
    case = prepare("loss", name, replicas, parallel)
    case.run(0, 0.0)
    loss = case.shared.measured[:, 0].sum() / len(case.Y)
    assert loss == pytest.approx(float(case.golden["loss"]), rel=0, abs=1e-10)
    np.testing.assert_allclose(case.shared.gradients.sum(axis=0), case.golden["gradient"], rtol=0, atol=1e-10)


@pytest.mark.parametrize("parallel", ["threads", "processes"])
@pytest.mark.parametrize("name", [name for name, case in script.LOSSES.items() if case.get("batch_norm")])
def test_each_replica_normalises_over_its_own_rows_and_the_running_averages_are_averaged(
    name: str, parallel: str
) -> None:
    """A replica alone does what PyTorch does: the goldens say so. Here, three do what each would do alone."""
    if parallel == "processes" and sys.platform != "linux":
        pytest.skip("processes are for Linux")
    case = prepare("loss", name, 3, parallel)
    case.run(0, 0.0)
    gradient, statistics = np.zeros(case.network.parameters.size), []
    for index in range(3):
        alone = prepare("loss", name, 1, "threads")
        rows = part_of(len(alone.Y), index, 3)
        alone.make_replica(0).find_gradient(alone.golden["X"][rows], alone.Y[rows], len(alone.Y))
        gradient += alone.shared.gradients[0]
        statistics.append(alone.shared.statistics[0])
    np.testing.assert_allclose(case.shared.gradients.sum(axis=0), gradient, rtol=0, atol=1e-14)
    np.testing.assert_allclose(case.shared.mean_statistics(), np.mean(statistics, axis=0), rtol=0, atol=1e-14)


@pytest.mark.parametrize(("name", "replicas", "parallel"), groups_for(script.OPTIMISERS))
def test_twenty_steps_of_every_optimiser_to_1e_9(name: str, replicas: int, parallel: str) -> None:
    case = prepare("optimiser", name, replicas, parallel)
    case.run(script.N_STEPS, script.LEARNING_RATE)
    assert np.abs(case.golden["after"] - case.golden["parameters"]).max() > 0.01
    np.testing.assert_allclose(case.network.parameters, case.golden["after"], rtol=0, atol=1e-9)


def test_pytorch_still_says_what_the_goldens_say() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (extra bench); its figures lie in goldens.npz")
    made = script.make()
    assert made.keys() == GOLDENS.keys()
    for key, values in made.items():
        np.testing.assert_allclose(values, GOLDENS[key], rtol=0, atol=1e-12, err_msg=key)
