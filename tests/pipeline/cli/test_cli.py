"""The commands: exit codes, one block of errors and no traceback, JSON, and dry runs that run nothing."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from toy_project import NAMES, Invoke, Toy, commands, oracle

import pipeline.cli.project
from pipeline.cli.usage import click_errors_as_ours
from pipeline.errors import ConfigError
from pipeline.logs.run_log import read_runs
from pipeline.planning.current_result import why_stale
from pipeline.store.lock import writer_lock
from pipeline.terminal.history_view import settings_of
from stages.presets import PRESETS


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
    told = "to keep the present results, add --set power.exponent=3 --set total.start=4"
    invoke("run", "all", "--set", "power.exponent=3", "--set", "total.start=4")
    assert told in invoke("status", columns=200).stdout
    assert why_stale(commands(toy)(toy.work), "total").endswith(f"-> 2; {told}")
    assert (
        "to keep the present results"
        not in invoke("status", "--set", "power.exponent=3", "--set", "total.start=4").stdout
    )
    invoke("run", "power", "--set", "power.exponent=5")
    assert "to keep the present results" not in invoke("status").stdout  # total was not made from this power
    invoke("run", "all", "--set", "total.start=4")
    toy.raw.write_text("9\n")
    assert "to keep the present results" not in invoke("status").stdout  # since settings alone would not


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("run", "totl"), "there is no stage 'totl'"),
        (("run", "all", "--from", "totl"), "there is no stage 'totl'"),
        (("run", "all", "--from", ""), "there is no stage ''"),
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
        (("--zzz", "run", "all"), "  hint:  options of a command come after its name; see pipeline COMMAND --help"),
        (("--set", "load.limit=1", "run"), "come after its name: pipeline run --set load.limit=1\n"),
        (("--preset", "a b", "run", "all"), "come after its name: pipeline run all --preset 'a b'\n"),
        (("train", "--force"), "there is no command 'train'\n  hint:  did you mean pipeline run train --force?"),
        (("all",), "did you mean pipeline run all?"),
        (("help",), "did you mean pipeline --help?"),
        (("help", "run"), "did you mean pipeline run --help?"),
        (("version",), "did you mean pipeline --version?"),
        (("run", "all", "power.exponent=3"), "did you mean --set power.exponent=3?"),
        (("run", "all", "--set", "preset=cubes"), "did you mean --preset cubes?"),
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
            "no such option '-V'\n  hint:  -V comes before the command: pipeline -V; see pipeline status",
        ),
        (("clean", "--version"), "hint:  --version comes before the command: pipeline --version; see"),
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


def test_a_path_that_may_not_be_read_is_told_in_our_own_words() -> None:
    said = click.BadParameter("File 'a b.csv' is not readable.", param_hint="'--answers'")
    with pytest.raises(ConfigError, match=r"you may not read 'a b\.csv'") as caught, click_errors_as_ours():
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


def test_status_and_clean_say_who_writes(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    assert "is writing" not in invoke("status").stderr + invoke("clean").stderr
    with writer_lock(toy.store.lock_path, wait=False, notify=print):
        assert f"a pipeline is writing here: pid {os.getpid()}, " in invoke("status").stderr
        assert f"here, and --yes waits until it is done: pid {os.getpid()}, " in invoke("clean").stderr


def test_status_says_where_an_interrupted_run_has_left_unfinished_work(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    checkpoint = toy.store.scratch("power", "0" * 64) / "checkpoint"
    told = "power: an interrupted run has left unfinished work. "
    assert told not in invoke("status", "--set", "power.exponent=3").stdout
    checkpoint.write_text("half of the work")
    assert told not in invoke("status").stdout  # for it is fresh
    assert told in invoke("status", "--set", "power.exponent=3").stdout


def test_status_says_whether_the_next_run_takes_unfinished_work_up(toy: Toy, invoke: Invoke) -> None:
    def told(*sets: str, command: tuple[str, ...] = ("status",)) -> str:
        stdout = invoke(*command, *sets, columns=200).stdout
        return next(line.partition("unfinished work. ")[2] for line in stdout.splitlines() if "unfinished work" in line)

    invoke("run", "all", "--set", "power.exponent=3")
    key = json.loads((toy.artifacts / "power/receipt.json").read_text())["key"]
    (toy.store.scratch("power", key) / "checkpoint").write_text("half of the work")
    (toy.artifacts / "power").unlink()
    shutil.rmtree(toy.artifacts / ".store/power")
    assert told("--set", "power.exponent=3") == "The next run continues it."
    assert told() == "The next run does not continue it, because its settings, data or code are others."
    assert told("--set", "load.limit=2").startswith("A run with the same settings, data and code continues it")
    assert told("--set", "power.exponent=3", command=("run", "all", "--dry-run")) == "The next run continues it."


def test_status_names_the_settings_of_unfinished_work(toy: Toy, invoke: Invoke) -> None:
    """They are told as ``runs`` tells them. The log does not have them if the run was killed."""
    die = "    (task.scratch / 'checkpoint').write_text('half of the work')\n    raise ValueError\n"
    toy.edit("power.py", "    task.progress(1, 2)", f"    task.progress(1, 2)\n{die}")
    invoke("run", "all", "--preset", "cubes")
    invoke("run", "power", "--set", "power.exponent=4", "--set", "total.start=1")  # which has no effect on power
    toy.store.lock_path.unlink()  # the process that its text names has not ended here
    told = [settings_of(run) for run in read_runs(toy.artifacts)]
    assert told == ["preset cubes", "power.exponent=4"]
    assert f" are others. These were: {'; '.join(sorted(told))}.\n" in invoke("status", columns=200).stdout


def test_status_names_the_sample_before_it_is_run(toy: Toy, invoke: Invoke) -> None:
    toy.raw.unlink()
    assert "SAMPLE" in invoke("status").stderr
    invoke("run", "all")
    assert "SAMPLE" not in invoke("status").stderr


def test_a_fallback_says_what_the_results_that_it_replaces_were_made_from(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    told = "The present results were made from data/numbers.txt. A run with that data restores them."
    assert told not in invoke("status").stderr
    toy.raw.unlink()
    for command in (("status",), ("run", "all", "--dry-run"), ("run", "all", "--quiet")):
        assert invoke(*command).stderr.count(told) == 1
    assert told not in invoke("run", "all", "--force").stderr


def test_a_setting_for_a_stage_that_does_not_run_is_warned_of(toy: Toy, invoke: Invoke) -> None:
    (toy.work / "pipeline.toml").write_text("[total]\nstart = 1\n")
    told = invoke("run", "power", "--set", "total.start=2", "--set", "power.exponent=3", "--dry-run").stderr
    assert told == "warning: --set total.start has no effect on the stages to run\n"
    assert "no effect" not in invoke("run", "all", "--set", "total.start=2").stderr


def test_a_full_disk_is_told_with_its_folder_and_the_room_there(toy: Toy, invoke: Invoke) -> None:
    fail = "    os.truncate(task.outputs['parity/parity.json'], 10**9)\n    raise OSError(28, 'No space left')\n"
    toy.edit("parity.py", "    return Outcome()", f"    import os\n{fail}    return Outcome()")
    told = invoke("run", "all", "--quiet").stderr
    assert "error: parity cannot write its results: the disk is full\n  where: artifacts: 0.0 MB were written, " in told
    assert " MB are left\n  hint:  free some space" in told


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


def test_config_shows_every_setting_with_its_origin(invoke: Invoke) -> None:
    told = " ".join(invoke("config", "--help").stdout.split())
    assert f"named set of settings: {', '.join(PRESETS)}." in told
    assert "Change one setting; may be repeated." in told
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


@pytest.mark.parametrize("charset", ["ascii", "latin-1", "utf-8"])
def test_text_that_a_terminal_lacks_is_escaped(toy: Toy, invoke: Invoke, charset: str) -> None:  # noqa: ARG001 - invoke sets the toy up
    words = ["config", "-C", str(toy.work), "--set", 'load.path="数é"']
    plain = CliRunner(charset=charset).invoke(pipeline.cli.main, words)
    as_json = CliRunner(charset=charset).invoke(pipeline.cli.main, [*words, "--json"])
    assert (plain.exit_code, as_json.exit_code) == (0, 0)
    assert "数é" in json.dumps(json.loads(as_json.stdout), ensure_ascii=False)


def test_a_closed_pipe_is_no_traceback(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise BrokenPipeError(os.strerror(32))

    monkeypatch.setattr(pipeline.cli.project, "load_project", fail)
    assert invoke("status").exit_code == 1
