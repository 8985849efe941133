"""A result is certified only if nothing changed meanwhile, and a stage that fails or is stopped harms nothing."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_project import NAMES, Recorder, Toy, oracle, ran, why

from pipeline.errors import LockError, PipelineError, StageError
from pipeline.logs.run_log import read_runs

# sealed provenance -----------------------------------------------------------------------------------


def edit_helper(toy: Toy) -> None:
    """Change the code on disk, but not what this process has imported."""
    path = toy.code / toy.package / "arithmetic" / "offset.py"
    path.write_text("OFFSET = 7\n")


def write_and_restore(toy: Toy) -> None:
    """Let other numbers stand in the raw file for a moment, and put everything back, its time too."""
    before, text = toy.raw.stat(), toy.raw.read_text()
    toy.raw.write_text("9\n")
    toy.raw.write_text(text)
    os.utime(toy.raw, ns=(before.st_atime_ns, before.st_mtime_ns))


def exchange_and_restore(toy: Toy) -> None:
    """Let another file lie in the raw file's place for a moment."""
    aside = toy.raw.rename(toy.raw.with_name("aside.txt"))
    toy.raw.write_text("9\n")
    aside.rename(toy.raw)


MEDDLERS: dict[str, tuple[str, Callable[[Toy], object], str]] = {
    "raw file": ("load", lambda toy: toy.raw.write_text("9\n"), "source changed: numbers"),
    "raw file, and back": ("load", write_and_restore, "source changed: numbers"),
    "another raw file, and back": ("load", exchange_and_restore, "source changed: numbers"),
    "another raw file": ("load", lambda toy: toy.raw.unlink(), "source changed: location; source changed: numbers"),
    "code": ("power", edit_helper, "code changed: PACKAGE.arithmetic.offset"),
    "input": (
        "power",
        lambda toy: (toy.artifacts / "load" / "numbers.json").write_text("[1, 2, 3, 9]"),
        "output damaged: load/numbers.json",
    ),
    "input deleted": (
        "total",
        lambda toy: (toy.artifacts / "power" / "powers.npy").unlink(),
        "output missing: power/powers.npy",
    ),
    "input exchanged": (
        "total",
        lambda toy: ((toy.artifacts / "power").unlink(), (toy.artifacts / "power").symlink_to("load")),
        "input changed: power",
    ),
}


@pytest.mark.parametrize("what", MEDDLERS)
def test_what_changes_while_a_stage_runs_is_named_and_the_result_is_not_certified(toy: Toy, what: str) -> None:
    toy.run("all")
    before = toy.files()
    stage, meddle, named = MEDDLERS[what]
    with pytest.raises(StageError, match="something changed while") as caught:
        toy.run("all", force=True, watcher=Recorder(hooks={stage: lambda: meddle(toy)}))
    assert caught.value.what == (
        f"something changed while {stage} ran, so its result is not certified: " + named.replace("PACKAGE", toy.package)
    )
    assert caught.value.hint == f"pipeline run {stage}"
    after = toy.files()
    assert {name: after[name] for name in before if name.startswith(stage)} == {
        name: data for name, data in before.items() if name.startswith(stage)
    }
    assert read_runs(toy.artifacts)[-1].outcome == "failed"
    toy.forget_modules()
    toy.run("all")
    raw = toy.raw.read_text() if toy.raw.exists() else "7\n8\n"
    assert toy.files() == oracle(raw, offset=7 if what == "code" else 0)


def test_code_edited_before_its_stage_begins_is_refused_too_and_leaves_no_checkpoint(toy: Toy) -> None:
    begun: list[str] = []
    hooks = {"load": lambda: edit_helper(toy), "power": lambda: begun.append("power")}
    with pytest.raises(StageError, match="something changed while power ran"):
        toy.run("all", watcher=Recorder(hooks=hooks))
    assert begun == []
    assert list((toy.artifacts / ".scratch" / "power").glob("*")) == []


def test_code_edited_while_its_stage_fails_leaves_no_checkpoint(toy: Toy) -> None:
    """Its checkpoint would be of other code than the work that it is filed under, and be taken up by that."""
    toy.settings = {"total.fails": True}
    path = toy.code / toy.package / "total.py"
    edit = Recorder(hooks={"total": lambda: path.write_text(path.read_text().replace("half way", "almost"))})
    with pytest.raises(PipelineError, match="it was told to fail"):
        toy.run("all", watcher=edit)
    assert list((toy.artifacts / ".scratch" / "total").glob("*")) == []


def test_a_check_edited_while_it_runs_is_named_and_the_result_is_not_certified(toy: Toy) -> None:
    """The edited check is not the one that has read the result, so the code is read again after the checks."""
    check = "def check_powers(path):"
    toy.edit("checks.py", check, f"{check}\n    with open(__file__, 'a') as file:\n        file.write('MOST = 9\\n')")
    with pytest.raises(StageError, match=f"not certified: code changed: {toy.package}.checks"):
        toy.run("all")
    assert not (toy.artifacts / "power").exists()


def test_a_comment_added_while_a_stage_runs_changes_nothing(toy: Toy) -> None:
    path = toy.code / toy.package / "arithmetic" / "offset.py"
    watcher = Recorder(hooks={"power": lambda: path.write_text(path.read_text() + "# why not\n")})
    toy.run("all", watcher=watcher)
    assert toy.files() == oracle()


# what a stage does wrong -----------------------------------------------------------------------------


def test_a_failing_stage_leaves_its_report_beside_the_last_good_result(toy: Toy) -> None:
    toy.run("all")
    toy.settings = {"total.fails": True, "power.exponent": 3}
    with pytest.raises(PipelineError, match="it was told to fail"):
        toy.run("all")
    files = toy.files()
    assert files.pop("total/report.txt") == b"the sum is 161"
    assert {name: data for name, data in files.items() if name.startswith("total")} == {
        name: data for name, data in oracle().items() if name.startswith("total")
    }
    last = read_runs(toy.artifacts)[-1]
    assert (last.outcome, last.error) == ("failed", "it was told to fail")
    toy.settings = {}
    toy.run("all")
    assert toy.files() == oracle()  # the report is gone


def test_a_first_failure_leaves_only_its_report_and_nothing_can_build_on_it(toy: Toy) -> None:
    toy.raw.write_text("one\ntwo\n")
    with pytest.raises(PipelineError, match="there is no number in it"):
        toy.run("all")
    assert toy.files() == {"load/report.txt": b"nothing but words"}
    assert why(toy.plan(), "load") == ["first run"]
    with pytest.raises(StageError, match="needs the result of load"):
        toy.run("power", only=True)
    toy.raw.write_text("1\n")
    toy.run("all")
    assert toy.files() == oracle("1\n")


def test_a_report_never_replaces_a_result(toy: Toy) -> None:
    toy.run("all")
    toy.edit("total.py", '"report.txt"', '"summary.json"')
    toy.settings = {"total.fails": True}
    with pytest.raises(PipelineError, match="it was told to fail"):
        toy.run("all")
    assert toy.files() == oracle()


def test_files_are_checked_side_by_side_and_of_several_wrong_ones_the_first_declared_is_named(toy: Toy) -> None:
    toy.edit("checks.py", "LEAST = 0", "from threading import Event\n\nLEAST = 0\nSECOND_IS_DONE = Event()")
    toy.edit("checks.py", 'if "total" not in json.loads(path.read_text()):', "SECOND_IS_DONE.set()\n    if True:")
    toy.edit("checks.py", 'if not path.read_text().startswith("word,power"):', "if SECOND_IS_DONE.wait(60):")
    with pytest.raises(StageError, match=r"total/total\.csv is not valid: the header is wrong"):
        toy.run("all")
    assert not (toy.artifacts / "total").exists()


def test_a_finaliser_disturbs_no_check(toy: Toy) -> None:
    """On Python 3.11 a header of an array cannot be parsed if garbage is collected meanwhile and a finaliser parses."""
    parses = """
import ast
import gc


def parse(*_):
    ast.parse("1 + 1")


def load(path):
    gc.callbacks.append(parse)
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        return np.load(path)
    finally:
        gc.set_threshold(*thresholds)
        gc.callbacks.remove(parse)


LEAST = 0
"""
    toy.edit("checks.py", "LEAST = 0", parses)
    toy.edit("checks.py", "np.load(path, allow_pickle=False)", "load(path)")
    toy.run("all")
    assert toy.files() == oracle()


@pytest.mark.parametrize(
    ("module", "old", "new", "what"),
    [
        ("parity.py", 'ODD = "odd"', 'ODD = "strange"', "parity/parity.json is not valid: neither odd nor even"),
        ("parity.py", 'task.outputs["parity/parity.json"]', '(task.scratch / "a")', "parity did not write parity.json"),
        (
            "parity.py",
            "    return Outcome()",
            "    (task.outputs['parity/parity.json'].parent / 'extra').touch()\n    return Outcome()",
            "parity wrote files that it does not declare: extra",
        ),
        ("parity.py", "    return Outcome()", "    return 1 / 0", "parity failed: ZeroDivisionError: division by zero"),
        ("parity.py", "    return Outcome()", "    raise MemoryError", "parity failed: memory ran out"),
        (
            "parity.py",
            "    return Outcome()",
            "    raise OSError('Failed to launch worker thread')",
            "parity failed: no further thread or process can be started: their number, or memory, is limited",
        ),
        (
            "parity.py",
            "    return Outcome()",
            "    open('/nowhere/at/all')",
            "parity failed: No such file or directory",
        ),
    ],
)
def test_a_stage_that_breaks_its_contract_publishes_nothing(
    toy: Toy, module: str, old: str, new: str, what: str
) -> None:
    toy.run("all")
    toy.edit(module, old, new)
    with pytest.raises(StageError) as caught:
        toy.run("all")
    assert caught.value.what == what
    assert toy.files() == oracle()
    assert list((toy.artifacts / ".store" / "tmp").iterdir()) == []


def test_an_optional_output_comes_and_goes(toy: Toy) -> None:
    toy.run("all")
    assert toy.files()["load/rejected.txt"] == b"four"
    toy.raw.write_text("1\n2\n3\n5\n")
    assert ran(toy.run("all")) == ["load"]
    assert "load/rejected.txt" not in toy.files()
    (toy.artifacts / "load" / "numbers.json").unlink()
    toy.run("all")
    assert toy.files() == oracle("1 2 3 5")


def test_the_scratch_folder_outlives_a_failure_and_goes_with_success(toy: Toy) -> None:
    toy.settings = {"total.fails": True}
    with pytest.raises(PipelineError):
        toy.run("all")
    assert len(list((toy.artifacts / ".scratch" / "total").rglob("checkpoint"))) == 1
    toy.edit("total.py", "if task.parameters.fails", "if not task.parameters.fails")
    toy.run("all")
    toy.edit("total.py", "if not task.parameters.fails", "if task.parameters.fails")
    with pytest.raises(PipelineError):
        toy.run("all", force=True)


# interrupts ------------------------------------------------------------------------------------------

DRIVER = """
import sys

sys.path[:0] = [{tests!r}, {code!r}]
sys.dont_write_bytecode = True
import toy_project
import pipeline.cli.project

toy = toy_project.toy_of_another_process({package!r})
pipeline.cli.project.load_project = toy_project.commands(toy)
pipeline.cli.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupt_ends_a_run_at_once_with_the_last_good_artifacts_in_place(
    toy: Toy, number: signal.Signals
) -> None:
    toy.run("all")
    driver = DRIVER.format(tests=str(Path(__file__).parents[1]), code=str(toy.code), package=toy.package)
    settings = ("--set", "total.waits=true", "--set", "total.start=1")
    command = [sys.executable, "-c", driver, "run", "all", "-C", str(toy.work), *settings]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert any(line == "waiting\n" for line in process.stderr)
            with pytest.raises(LockError) as caught:
                toy.run("all", wait=False)
            assert f"pid {process.pid}" in caught.value.where
            process.send_signal(number)
            rest = process.communicate(timeout=30)[1]  # not two seconds: the machine may be busy
        finally:
            process.kill()
    assert process.returncode == 130
    assert rest == (
        "error: interrupted; the last good artifacts are in place, and the same command takes up what was unfinished\n"
    )
    assert toy.files() == oracle()
    assert list((toy.artifacts / ".store" / "tmp").iterdir()) == []
    assert read_runs(toy.artifacts)[-1].outcome == "interrupted"
    toy.run("all", wait=False)
    assert toy.files() == oracle()


def test_a_stage_that_swallows_every_exception_does_not_swallow_an_interrupt(toy: Toy) -> None:
    def interrupt() -> None:
        with contextlib.suppress(Exception):  # what a careless stage does
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(KeyboardInterrupt):
        toy.run("all", watcher=Recorder(hooks={"power": interrupt}))
    assert set(toy.files()) == {"load/numbers.json", "load/rejected.txt"}


def test_the_handlers_of_the_caller_are_given_back(toy: Toy) -> None:
    earlier = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    toy.run("all")
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == earlier


def test_a_run_that_dies_of_a_mistake_of_ours_is_not_logged_as_done(toy: Toy) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("a mistake")

    watcher = Recorder()
    watcher.finished = fail  # type: ignore[method-assign]  # that is what rigging is
    with pytest.raises(RuntimeError):
        toy.run("all", watcher=watcher)
    assert read_runs(toy.artifacts)[-1].outcome == "failed"
    assert json.loads((toy.artifacts / "runs.jsonl").read_text())["error"] == "RuntimeError: a mistake"


def test_names_are_those_of_the_stages(toy: Toy) -> None:
    assert tuple(stage.name for stage in toy.stages) == NAMES
