"""The commands about what has been made: why, verify, runs, diff and clean."""

from __future__ import annotations

import json
import os

import pytest
from made_run import make_run
from toy_project import Invoke, Toy, oracle

from pipeline.logs.run_log import append_run
from pipeline.terminal.history_view import print_runs


def test_verify_says_that_nothing_was_made_and_what_makes_it(invoke: Invoke) -> None:
    result = invoke("verify")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "  hint:  pipeline run all"


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
    assert (stage, problem.partition(":")[0]) == ("total", "stale, so a rerun gives another result")
    assert problem.endswith("power changed; pipeline run total")


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


def test_diff_says_which_runs_it_takes_and_counts_no_trial_from_the_end(toy: Toy, invoke: Invoke) -> None:
    toy.run("load")
    for number, trial in ((2, {}), (3, {"sweep": "0123abcd", "number": 1})):
        append_run(toy.artifacts, make_run(number, trial=trial))
    assert invoke("diff", "1", "-1").stderr == "from run 1 to run 2\n"


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


def test_the_command_that_clean_names_is_for_the_same_project(
    toy: Toy, invoke: Invoke, monkeypatch: pytest.MonkeyPatch
) -> None:
    for exponent in (3, 2):
        invoke("run", "all", "--set", f"power.exponent={exponent}")
    folder = toy.work.rename(toy.work.with_name("my work"))
    monkeypatch.chdir(folder.parent)
    shown = invoke("-C", "my work", "clean", "--keep", "0").stdout
    assert "; pipeline -C 'my work' clean --keep 0 --yes does it." in shown
    os.chdir(folder)
    assert "; pipeline clean --keep 0 --yes does it." in invoke("clean", "--keep", "0").stdout


def test_clean_says_that_unfinished_work_stays_and_what_removes_it(toy: Toy, invoke: Invoke) -> None:
    invoke("run", "all")
    checkpoint = toy.artifacts / ".scratch/power/0123456789abcdef/weights"
    checkpoint.parent.mkdir(parents=True)
    checkpoint.write_bytes(bytes(1_500_000))
    shown = invoke("clean", "--yes").stdout
    assert shown == ("There is nothing to remove.\n1.5 MB of unfinished work stay; --keep 0 removes them too.\n")
    assert "1.5 MB would be removed" in invoke("clean", "--keep", "0").stdout


def test_clean_says_how_many_earlier_results_it_keeps(invoke: Invoke) -> None:
    invoke("run", "all")
    assert invoke("clean").stdout == "There is nothing to remove.\n"
    for exponent in (3, 4):
        invoke("run", "all", "--set", f"power.exponent={exponent}")
    n = len(invoke("clean", "--keep", "0").stdout.splitlines()) - 1
    assert n > 1
    assert invoke("clean").stdout == (
        "There is nothing to remove.\n"
        f"{n} earlier results stay, among the newest 3 results of each stage; --keep 0 removes them too.\n"
    )
    invoke("clean", "--keep", "0", "--yes")
    assert invoke("clean").stdout == "There is nothing to remove.\n"


def test_runs_tells_results_that_were_restored_from_nothing_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")  # a row is one line
    did = ({"load": "fresh", "power": "run"}, {"load": "fresh", "power": "restore"}, {"load": "fresh"})
    print_runs([make_run(number, stages=stages) for number, stages in enumerate(did)], {})
    rows = capsys.readouterr().out.splitlines()[2:]
    for row, told in zip(rows, ("power", "restored power", "nothing"), strict=True):
        assert f" 1.0   {told}  " in row


def test_runs_tells_the_error_of_a_failed_run_and_the_data_if_that_changed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    failed = make_run(2, outcome="failed", error="no row is valid\nin a second line")
    print_runs([make_run(1, origin="data/train.csv"), failed], {})
    shown = capsys.readouterr().out
    assert "failed: no row is valid   " in shown
    assert "data" not in shown
    print_runs([make_run(1, origin="data/train.csv"), make_run(2, origin="sample"), failed], {})
    header, _, *rows = capsys.readouterr().out.splitlines()
    at = header.index("data")
    assert [row[at:].split()[0] for row in rows[:2]] == ["data/train.csv", "sample"]


def test_runs_says_that_nothing_has_run_and_what_runs_it(invoke: Invoke) -> None:
    result = invoke("runs")
    assert (result.stdout, result.stderr) == ("", "nothing has run here yet\n  hint:  pipeline run all\n")
    assert json.loads(invoke("runs", "--json").stdout) == []


def test_runs_says_that_there_are_results_if_the_log_is_gone(toy: Toy, invoke: Invoke) -> None:
    toy.run("all")
    (toy.artifacts / "runs.jsonl").unlink()
    result = invoke("runs")
    assert (result.stdout, result.stderr) == (
        "",
        "no run is in the log, but there are results\n  hint:  pipeline status\n",
    )


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
