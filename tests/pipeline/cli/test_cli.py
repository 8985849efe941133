"""The commands: exit codes, one block of errors and no traceback, JSON, and dry runs that run nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from toy_project import NAMES, Toy, commands, oracle

import pipeline.cli.project
from pipeline.cli.usage import told_as_ours
from pipeline.errors import ConfigError
from pipeline.planning.current_result import why_stale
from pipeline.store.lock import writer_lock

Invoke = Callable[..., Result]


@pytest.fixture
def invoke(toy: Toy, monkeypatch: pytest.MonkeyPatch) -> Invoke:
    """Run a command on the toy project, as from its folder."""
    monkeypatch.setattr(pipeline.cli.project, "load_project", commands(toy))
    monkeypatch.chdir(toy.work)

    def run(*words: str, columns: int = 120) -> Result:
        toy.forget_modules()
        result = CliRunner().invoke(pipeline.cli.main, words, env={"COLUMNS": str(columns)})
        assert "Traceback" not in result.output or "--debug" in words
        return result

    return run


def test_run_all_makes_everything_and_says_what_and_where(toy: Toy, invoke: Invoke) -> None:
    result = invoke("run", "all")
    assert result.exit_code == 0
    assert toy.files() == oracle()
    assert "load: first run" in result.stderr
    assert "total 39" in result.stdout
    assert "share_accuracy 50.00 %" in result.stdout
    assert "artifacts/total/total.csv" in result.stdout
    assert "warning: 1 rejected" in result.stderr


def test_a_second_run_says_that_there_is_nothing_to_do(invoke: Invoke) -> None:
    invoke("run", "all")
    result = invoke("run", "all")
    assert result.exit_code == 0
    assert "Nothing to do: all 4 stages are fresh." in result.stdout
    assert "Nothing to do: the stage is fresh." in invoke("run", "load").stdout


def test_a_dry_run_runs_nothing_and_says_what_would(toy: Toy, invoke: Invoke) -> None:
    result = invoke("run", "all", "--dry-run")
    assert result.exit_code == 0
    assert not toy.artifacts.exists()
    assert result.stdout.count("will run") >= 4
    invoke("run", "all")
    before = toy.files()
    result = invoke("run", "all", "--dry-run", "--set", "power.exponent=3", "--json")
    plan = json.loads(result.stdout)
    assert [stage["action"] for stage in plan["stages"]] == ["fresh", "will run", "fresh", "may run"]
    assert plan["stages"][1]["reasons"] == [
        {
            "kind": "parameter changed",
            "subject": "power.exponent",
            "before": 2,
            "after": 3,
            "text": "power.exponent 2 -> 3",
        }
    ]
    assert toy.files() == before


def test_status_check_tells_stale_by_its_exit_code(toy: Toy, invoke: Invoke) -> None:
    assert invoke("status").exit_code == 0
    assert invoke("status", "--check").exit_code == 3
    invoke("run", "all")
    assert invoke("status", "--check").exit_code == 0
    stale = invoke("status", "--check", "--set", "total.start=1", "--json")
    assert stale.exit_code == 3
    assert json.loads(stale.stdout)["stale"] is True
    toy.raw.unlink()
    assert "other raw files (before data/numbers.txt, now " in invoke("status", columns=200).stdout
    assert "source changed" not in invoke("status", columns=200).stdout


def test_a_plan_without_the_settings_of_the_last_run_says_how_to_keep_its_results(toy: Toy, invoke: Invoke) -> None:
    told = "--set power.exponent=3 --set total.start=4 keeps what is there"
    invoke("run", "all", "--set", "power.exponent=3", "--set", "total.start=4")
    assert told in invoke("status", columns=200).stdout
    assert why_stale(commands(toy)(toy.work), "total").endswith(f"-> 2; {told}")
    assert "keeps what is there" not in invoke("status", "--set", "power.exponent=3", "--set", "total.start=4").stdout
    toy.raw.write_text("9\n")
    assert "keeps what is there" not in invoke("status").stdout  # since settings alone would not


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("run", "totl"), "there is no stage 'totl'"),
        (("run", "all", "--from", "totl"), "there is no stage 'totl'"),
        (("run", "all", "--from", "total", "--to", "load"), "no stage is left to run"),
        (("run", "all", "--set", "power.exponent=9"), "power.exponent cannot be 9"),
        (("run", "all", "--set", "power.exponnet=1"), "did you mean 'exponent'?"),
        (("run", "all", "--preset", "cube"), "  where: --preset\n  hint:  did you mean 'cubes'?"),
        (("run", "all", "--set", "load.path=gone.txt"), "there is no such file"),
        (
            ("run",),
            "missing argument 'all|STAGE...'\n  hint:  write pipeline run [OPTIONS] all|STAGE...; see pipeline run",
        ),
        (("run", "all", "--forc"), "no such option '--forc'\n  hint:  did you mean '--force'? see pipeline run --help"),
        (("run", "all", "--zzz"), "no such option '--zzz'\n  hint:  options: --only, --force, "),
        (("clean", "--keep", "few"), "invalid value for '--keep': 'few' is not a whole number\n"),
        (("run", "--all"), "did you mean pipeline run all? see pipeline run --help"),
        (("diff", "1", "2", "--expain"), "no such option '--expain'\n  hint:  did you mean '--explain'?"),
        (("diff", "-1", "--jsn", "-2"), "no such option '--jsn'\n  hint:  did you mean '--json'?"),
        (("run", "all", "--epochs", "5"), "did you mean --set train.epochs=5?"),
        (("run", "all", "--learning-rate=3"), "did you mean --set train.learning_rate=3?"),
        (("run", "all", "--seed", "3"), "did you mean --set split.seed=3 or --set train.seed=3?"),
        (("status", "--stale"), "hint:  options: --"),
        (("clean", "--epochs", "5"), "hint:  options: --keep"),
        (("run", "all", "--set", "power.Exponent=1"), "hint:  did you mean 'exponent'?"),
        (("run", "TOTAL"), "hint:  did you mean 'total'?"),
        (("--set", "load.limit=1", "run"), "  hint:  options of a command stand behind its name; see pipeline COMMAND"),
        (("run", "all", "--set"), "option '--set' requires an argument\n  hint:  see pipeline run --help"),
        (
            ("run", "all", "--backend", "a"),
            "'a' is not one of 'local', 'dask'\n  hint:  --backend: Do independent jobs in",
        ),
        (("clean", "--keep", "-1"), "hint:  --keep: How many results of each stage to keep; see pipeline clean --help"),
        (("clean", "a\nb"), "got unexpected extra argument (a\\nb)\n  hint:  write pipeline clean [OPTIONS]; see"),
        (("rum",), "there is no command 'rum'\n  hint:  did you mean 'run'?"),
        (
            ("run", "all", "-C", "nowhere"),
            "does not exist\n  hint:  name a folder that is there: -C DIR; see pipeline run",
        ),
        (
            ("status", "-V"),
            "no such option '-V'\n  hint:  -V stands before the command: pipeline -V; see pipeline status",
        ),
        (("clean", "--version"), "hint:  --version stands before the command: pipeline --version; see"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_block(toy: Toy, invoke: Invoke, words: tuple[str, ...], what: str) -> None:
    result = invoke(*words)
    assert result.exit_code == 2
    assert what in result.stderr
    assert [line[:7] for line in result.stderr.splitlines()] in [
        ["error: ", *place, "  hint:"] for place in ([], ["  where"])
    ]
    assert result.stdout == ""
    assert toy.files() == {}


def test_verify_says_that_nothing_was_made_and_what_makes_it(invoke: Invoke) -> None:
    result = invoke("verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "  hint:  pipeline run all"


def test_a_path_that_may_not_be_read_is_told_in_our_own_words() -> None:
    said = click.BadParameter("File 'a b.csv' is not readable.", param_hint="'--answers'")
    with pytest.raises(ConfigError, match=r"you may not read 'a b\.csv'") as caught, told_as_ours():
        raise said
    assert caught.value.hint == "allow it: chmod u+r 'a b.csv'"


def test_without_words_the_help_is_shown(invoke: Invoke) -> None:
    result = invoke()
    assert result.exit_code == 2
    assert result.stderr == invoke("--help").stdout


def test_a_failing_stage_is_exit_code_1_and_says_what_where_and_how_to_mend(invoke: Invoke) -> None:
    result = invoke("run", "all", "--quiet", "--set", "total.fails=true")
    assert result.exit_code == 1
    assert result.stderr == ("error: it was told to fail\n  where: total.fails\n  hint:  --set total.fails=false\n")


def test_debug_shows_the_traceback(invoke: Invoke, capfd: pytest.CaptureFixture[str]) -> None:
    result = invoke("run", "all", "--debug", "--set", "total.fails=true")
    assert result.exit_code == 1
    shown = result.stderr + capfd.readouterr().err
    assert "Traceback (most recent call last)" in shown
    assert "DataError: it was told to fail" in shown


def test_a_mistake_of_ours_is_told_in_one_block_too(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("a mistake")

    monkeypatch.setattr(pipeline.cli.project, "load_project", fail)
    result = invoke("run", "all")
    assert result.exit_code == 1
    assert result.stderr == (
        "error: this should not have happened: RuntimeError: a mistake\n"
        "  hint:  run it again with --debug to see where\n"
    )


def test_status_says_who_writes(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    assert "is writing" not in invoke("status").stderr
    with writer_lock(toy.store.lock_path, wait=False, notify=print):
        assert f"a pipeline is writing here: pid {os.getpid()}, " in invoke("status").stderr


def test_an_interrupt_is_exit_code_130(toy: Toy, invoke: Invoke) -> None:
    path = toy.code / toy.package / "interrupted"
    toy.edit(
        "parity.py",
        "    return Outcome()",
        f"    import os; os.kill(os.getpid(), {signal.SIGINT:d})\n    return Outcome()",
    )
    result = invoke("run", "all", "--quiet")
    assert result.exit_code == 130
    assert result.stderr == (
        "error: interrupted; the last good artifacts are in place, and the same command takes up what was unfinished\n"
    )
    assert set(toy.files()) == {"load/numbers.json", "load/rejected.txt", "power/powers.npy"}
    assert not path.exists()


def test_every_command_works_in_another_folder(
    toy: Toy, invoke: Invoke, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert invoke("run", "all", "-C", str(toy.work)).exit_code == 0
    assert toy.files() == oracle()
    assert list(tmp_path.iterdir()) == []
    monkeypatch.chdir(toy.work.parent)
    assert invoke("status", "--check", "-C", "work").exit_code == 0
    assert not (Path.cwd() / "artifacts").exists()


def test_the_result_of_a_run_as_json_is_all_that_stands_on_standard_output(invoke: Invoke) -> None:
    result = invoke("run", "all", "--json")
    done = json.loads(result.stdout)
    assert [stage["stage"] for stage in done["stages"]] == list(NAMES)
    last = done["stages"][-1]
    assert last["action"] == "ran"
    assert last["figures"] == {"total": 39, "share_accuracy": 0.5}
    assert last["outputs"] == ["artifacts/total/summary.json", "artifacts/total/total.csv"]
    assert last["origin"] == "data/numbers.txt"
    assert done["stages"][0]["warnings"] == ["1 rejected"]


def test_quiet_shows_only_warnings_and_what_must_not_be_overlooked(toy: Toy, invoke: Invoke) -> None:
    toy.raw.unlink()
    result = invoke("run", "all", "--quiet")
    assert result.stdout == ""
    assert set(result.stderr.strip().splitlines()) <= {"=" * 36, "No data found: this is the SAMPLE."} | {"=" * 34}
    assert result.stderr.count("No data found: this is the SAMPLE.") == 1
    assert invoke("run", "all", "--quiet").stderr.count("No data found: this is the SAMPLE.") == 1


def test_the_sample_is_said_loudly_at_the_start_and_at_the_end_of_every_run(toy: Toy, invoke: Invoke) -> None:
    toy.raw.unlink()
    assert invoke("run", "all").stderr.count("this is the SAMPLE") == 2
    assert invoke("run", "all").stderr.count("this is the SAMPLE") >= 1


def test_only_says_which_command_makes_what_is_missing(invoke: Invoke) -> None:
    result = invoke("run", "total", "--only")
    assert result.exit_code == 1
    assert "total needs artifacts/power/powers.npy" in result.stderr
    assert "hint:  pipeline run parity" in result.stderr


def test_config_shows_every_setting_with_its_origin(invoke: Invoke) -> None:
    shown = invoke("config", "--preset", "cubes", "--set", "total.start=4").stdout
    assert 'preset = "cubes"' in shown
    assert "exponent = 3" in shown
    assert "# preset cubes" in shown
    assert "# limit = none" in shown
    data = json.loads(invoke("config", "--json", "--set", "total.start=4").stdout)
    assert data["settings"]["total.start"] == {"value": 4, "origin": "--set"}
    assert data["settings"]["load.limit"] == {"value": None, "origin": "default"}


def test_dag_shows_what_each_stage_reads_and_writes(invoke: Invoke) -> None:
    data = json.loads(invoke("dag", "--json").stdout)
    assert data["total"]["after"] == ["power", "parity"]
    assert data["total"]["outputs"] == ["total/total.csv", "total/summary.json"]
    assert "raw files" in invoke("dag").stdout


def test_why_does_not_say_of_a_damaged_receipt_that_nothing_was_made(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    (toy.artifacts / "power/receipt.json").write_text("{}")
    result = invoke("why", "power")
    assert (result.exit_code, "the receipt of power cannot be read" in result.stderr) == (1, True)
    assert "pipeline run power" in result.stderr


def test_why_goes_down_to_the_raw_file(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all", "--set", "power.exponent=3")
    steps = json.loads(invoke("why", "artifacts/total/total.csv", "--json").stdout)
    assert [step["stage"] for step in steps] == ["total", "parity", "power", "load"]
    assert steps[2]["parameters"] == {"exponent": 3}
    assert list(steps[3]["sources"]) == ["location", "numbers"]
    assert all(step["current"] for step in steps)
    shown = invoke("why", "artifacts/total/total.csv")
    assert shown.exit_code == 0
    assert "numbers" in shown.stdout
    assert invoke("why", "artifacts/total/nothing.csv").exit_code == 2
    assert invoke("why", "../raw").stderr.endswith("and 5 more\n")
    (toy.artifacts / "total").unlink()
    assert invoke("why", "total/total.csv").exit_code == 1


def test_verify_finds_damage_wherever_it_is(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    invoke("run", "all", "--set", "power.exponent=3")
    assert invoke("verify").exit_code == 0
    earlier = [
        path / "powers.npy"
        for path in (toy.artifacts / ".store" / "power").iterdir()
        if path != (toy.artifacts / "power").resolve()
    ]
    earlier[0].write_bytes(b"spoilt")
    result = invoke("verify", "--json")
    assert result.exit_code == 1
    problems = [finding for finding in json.loads(result.stdout) if finding["problem"]]
    assert [(item["stage"], item["problem"]) for item in problems] == [("power", "output damaged: power/powers.npy")]


def test_verify_reports_a_stored_receipt_that_cannot_be_read(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    invoke("run", "all", "--set", "power.exponent=3")
    for path in (toy.artifacts / ".store" / "power").glob("*/receipt.json"):
        if path.parent != (toy.artifacts / "power").resolve():
            path.write_text("}")
    result = invoke("verify")
    assert result.exit_code == 1
    assert "it is not a receipt" in result.stdout
    invoke("clean", "--yes")
    assert invoke("verify").exit_code == 0


def test_verify_by_rerun_names_the_first_stage_that_is_not_the_same_again(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all", "--set", "power.exponent=3")
    assert invoke("verify", "--rerun").exit_code == 0
    toy.edit(
        "power.py",
        "np.array(powers, dtype=np.int64)",
        "np.array(powers, dtype=np.int64) + int.from_bytes(__import__('os').urandom(3))",
    )
    invoke("run", "all", "--set", "power.exponent=3")
    before = toy.files()
    result = invoke("verify", "--rerun", "--json")
    assert result.exit_code == 1
    problems = [finding for finding in json.loads(result.stdout) if finding["problem"]]
    assert [(item["stage"], item["problem"]) for item in problems] == [("power", "a rerun gives another powers.npy")]
    assert toy.files() == before


def test_verify_by_rerun_calls_stale_what_is_stale(invoke: Invoke) -> None:
    invoke("run", "all")
    invoke("run", "power", "--set", "power.exponent=3")
    result = invoke("verify", "--rerun", "--json")
    assert result.exit_code == 1
    stage, problem = next((item["stage"], item["problem"]) for item in json.loads(result.stdout) if item["problem"])
    assert (stage, problem.partition(":")[0]) == ("total", "stale, so a rerun makes another")
    assert problem.endswith("power changed; pipeline run total")


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
def test_text_that_a_terminal_lacks_is_escaped(toy: Toy, invoke: Invoke, charset: str) -> None:  # noqa: ARG001 - invoke sets the toy up
    words = ["config", "-C", str(toy.work), "--set", 'load.path="数é"']
    plain = CliRunner(charset=charset).invoke(pipeline.cli.main, words)
    as_json = CliRunner(charset=charset).invoke(pipeline.cli.main, [*words, "--json"])
    assert (plain.exit_code, as_json.exit_code) == (0, 0)
    assert "数é" in json.dumps(json.loads(as_json.stdout), ensure_ascii=False)


def test_runs_and_diff_tell_what_was_changed_and_how_the_figures_moved(invoke: Invoke) -> None:
    invoke("run", "all")
    invoke("run", "all", "--set", "power.exponent=3")
    runs = json.loads(invoke("runs", "--json").stdout)
    assert [run["id"] for run in runs] == [1, 2]
    assert runs[1]["changed"] == {"power.exponent": 3}
    assert invoke("runs").exit_code == 0
    differences = json.loads(invoke("diff", "1", "-1", "--json").stdout)
    found = {(item["kind"], item["name"]): (item["before"], item["after"]) for item in differences}
    assert found["parameter", "power.exponent"] == (2, 3)
    assert found["figure", "total: total"] == (39, 161)
    for words in (("runs",), ("diff", "1", "2"), ("dag",)):
        wide, narrow = (invoke(*words, columns=columns).stdout for columns in (200, 40))
        assert {word for word in narrow.split() if "━" not in word} >= {
            word for line in wide.splitlines()[2:] for word in line.split()
        }  # no word is broken
        assert all(len(line) <= 40 or len(line.split()) <= 1 for line in narrow.splitlines())
    assert "digest " in invoke("diff", "1", "2").stdout
    assert invoke("diff", "1", "7").exit_code == 2


def test_clean_removes_nothing_unasked_and_never_a_current_result(toy: Toy, invoke: Invoke) -> None:
    for exponent in (1, 3, 4, 5, 2):
        invoke("run", "all", "--set", f"power.exponent={exponent}")
    invoke("run", "all", "--set", "power.exponent=1")  # the oldest is the current one
    stored = toy.artifacts / ".store" / "power"
    shown = json.loads(invoke("clean", "--keep", "1", "--json").stdout)
    assert len(list(stored.iterdir())) == 5
    assert any(item["bytes"] > 0 for item in shown)
    of_power = [item["finished"] for item in shown if item["stage"] == "power"]
    assert (of_power, len(of_power)) == (sorted(of_power), 3)
    assert {item["what"] for item in shown} == {"result"}
    assert "  result of power" in invoke("clean", "--keep", "1").stdout
    assert "earlier result " in invoke("verify").stdout
    assert "pipeline clean --keep 0 --yes does it" in invoke("clean", "--keep", "0").stdout
    assert invoke("clean", "--keep", "0", "--yes").exit_code == 0
    assert [path.resolve() for path in stored.iterdir()] == [(toy.artifacts / "power").resolve()]
    assert toy.files() == oracle(exponent=1)
    assert "Nothing to do" in invoke("run", "all", "--set", "power.exponent=1").stdout


def test_a_closed_pipe_is_no_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BrokenPipeError(os.strerror(32))

    monkeypatch.setattr(pipeline.cli.project, "load_project", fail)
    assert invoke("status").exit_code == 1


def test_of_a_long_log_the_last_runs_are_shown_and_all_if_wanted(toy: Toy, invoke: Invoke) -> None:
    toy.run("all")
    path = toy.artifacts / "runs.jsonl"
    line = json.loads(path.read_text())
    path.write_text("".join(json.dumps({**line, "id": number}) + "\n" for number in range(1, 151)))
    result = invoke("runs")
    assert "50 earlier runs are not shown: pipeline runs --all" in result.stderr
    assert [row.split()[0] for row in result.stdout.splitlines()[2:]] == [str(number) for number in range(51, 151)]
    assert len(invoke("runs", "--all").stdout.splitlines()) == 152
    assert len(json.loads(invoke("runs", "--json").stdout)) == 150
