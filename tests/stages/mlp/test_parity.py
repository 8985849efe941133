"""The same losses, gradients and steps as PyTorch's, whose figures lie in goldens.npz."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from stages.mlp import Architecture, Network, Recipe
from stages.mlp.parallel.replicas import Kind, make_team
from stages.mlp.training.step import State, Step


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


def prepare(kind: str, name: str, shards: int, workers: Kind) -> tuple[dict, Network, State, Step, np.ndarray]:
    case = getattr(script, {"loss": "LOSSES", "optimiser": "OPTIMISERS"}[kind])[name]
    golden = {key.rpartition("/")[2]: values for key, values in GOLDENS.items() if key.startswith(f"{kind}/{name}/")}
    n_classes = case.get("n_classes", 3)
    known = {
        key: case[key] for key in ("activation", "batch_norm", "filters", "kernel", "stride", "image") if key in case
    }
    architecture = Architecture(script.n_inputs(case), n_classes, (5, 4), dtype="float64", **known)
    network = Network(architecture)
    network.parameters[...] = golden["parameters"]
    names = {key: case[key] for key in ("optimiser", "weight_decay", "clip_norm") if key in case}
    recipe = Recipe(**names)
    state = State(network, recipe.update)
    step = Step(
        len(golden["X"]),
        network,
        state,
        recipe.update,
        workers=make_team(shards, workers),
        label_smoothing=case.get("label_smoothing", 0.0),
        x_dtype=np.float64,
    )
    return golden, network, state, step, np.eye(n_classes)[golden["labels"]]


def run_steps(step: Step, golden: dict, Y: np.ndarray, n_steps: int, learning_rate: float) -> None:
    def work(index: int) -> None:
        for k in range(n_steps):
            step.run(index, golden["X"], Y, np.arange(len(Y)), k + 1, learning_rate)

    with step.shards[0]._workers as workers:
        workers.run(work)


@pytest.mark.parametrize(("shards", "workers"), [(1, "threads"), (3, "threads"), (3, "processes")])
@pytest.mark.parametrize("name", script.LOSSES)
def test_loss_and_every_gradient_to_1e_10(name: str, shards: int, workers: Kind) -> None:
    golden, _, state, step, Y = prepare("loss", name, shards, workers)
    with step.shards[0]._workers as team:
        team.run(lambda index: step.forward_and_backward(index, golden["X"], Y, np.arange(len(Y))))
    assert step.loss / len(Y) == pytest.approx(float(golden["loss"]), rel=0, abs=1e-10)
    np.testing.assert_allclose(state.gradient, golden["gradient"], rtol=0, atol=1e-10)


@pytest.mark.parametrize(("shards", "workers"), [(1, "threads"), (2, "threads"), (2, "processes")])
@pytest.mark.parametrize("name", script.OPTIMISERS)
def test_twenty_steps_of_every_optimiser_to_1e_9(name: str, shards: int, workers: Kind) -> None:
    golden, network, _, step, Y = prepare("optimiser", name, shards, workers)
    run_steps(step, golden, Y, script.N_STEPS, script.LEARNING_RATE)
    assert np.abs(golden["after"] - golden["parameters"]).max() > 0.01
    np.testing.assert_allclose(network.parameters, golden["after"], rtol=0, atol=1e-9)


def test_pytorch_still_says_what_the_goldens_say() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (extra bench); its figures lie in goldens.npz")
    made = script.make()
    assert made.keys() == GOLDENS.keys()
    for key, values in made.items():
        np.testing.assert_allclose(values, GOLDENS[key], rtol=0, atol=1e-12, err_msg=key)
