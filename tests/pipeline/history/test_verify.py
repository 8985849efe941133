"""A rerun is compared with the first run by what the files hold."""

from __future__ import annotations

from dataclasses import replace

import msgspec
from toy_project import PowerParameters, Toy

from pipeline.history.verify import _rerun_problem, verify, verify_by_rerun
from pipeline.store.receipt import Receipt
from pipeline.terminal.progress import Terminal


def made(toy: Toy) -> Receipt:
    return toy.run("power").stages[-1].receipt


def test_equal_values_in_other_bytes_are_the_same_result(toy: Toy) -> None:
    receipt = made(toy)
    outputs = {name: replace(output, bytes="packed otherwise") for name, output in receipt.outputs.items()}
    assert _rerun_problem(receipt, replace(receipt, outputs=outputs)) == ""


def test_a_rerun_with_other_values_differs_even_if_sizes_are_equal(toy: Toy) -> None:
    receipt = made(toy)
    outputs = {name: replace(output, content="other") for name, output in receipt.outputs.items()}
    assert _rerun_problem(receipt, replace(receipt, outputs=outputs)) == "a rerun gives another powers.npy"
    assert _rerun_problem(receipt, replace(receipt, outputs={})) == "a rerun gives another powers.npy"


def test_other_values_from_another_processor_are_told_as_such(toy: Toy) -> None:
    receipt = replace(made(toy), environment={"python": "3.11.9", "kernels": "openblas 0.3.31 Haswell"})
    outputs = {name: replace(output, content="other") for name, output in receipt.outputs.items()}
    elsewhere = {"python": "3.11.15", "kernels": "openblas 0.3.31 SkylakeX"}
    assert _rerun_problem(receipt, replace(receipt, environment=elsewhere)) == ""
    assert _rerun_problem(receipt, replace(receipt, environment=elsewhere, outputs=outputs)) == (
        "made with other matrix kernels (openblas 0.3.31 Haswell; here openblas 0.3.31 SkylakeX), so powers.npy differs"
    )


def test_a_file_that_its_stage_no_longer_makes_is_checked_against_its_receipt_only(toy: Toy) -> None:
    toy.run("all")
    load = toy.stages[0]
    toy.stages = (replace(load, outputs=load.outputs[:1]), *toy.stages[1:])
    assert [finding.problem for finding in verify(toy.project())] == [""] * len(toy.stages)


def test_a_result_of_a_setting_that_there_is_no_more_is_repeated_with_the_settings_of_now(toy: Toy) -> None:
    stages = toy.stages
    earlier = msgspec.defstruct("Earlier", [("gone", int, 1)], bases=(PowerParameters,), kw_only=True, frozen=True)
    toy.stages = (stages[0], replace(stages[1], parameters=earlier), *stages[2:])
    toy.run("power")
    toy.stages = stages
    with Terminal(quiet=True) as terminal:
        assert [finding.problem for finding in verify_by_rerun(toy.project(), terminal)] == ["", ""]
