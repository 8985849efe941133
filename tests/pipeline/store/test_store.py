"""What the store keeps, where it lies, and what becomes of it."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from toy_project import NAMES, RAW, Toy, actions, oracle, ran, why

from pipeline.files.leftovers import JOBS, temporary_folder
from pipeline.fingerprint.digest_files import content_digest, file_digest
from pipeline.store import generations, stored_results, trial_store
from pipeline.store.clean import clean
from pipeline.store.receipt import DamageKind, Output, Receipt, Work
from pipeline.store.store import Store
from pipeline.store.stored_results import Generation


def make_receipt(folder: Path, *, exponent: int = 2, finished: str = "2026-01-01", **files: str) -> Receipt:
    """Write files into a folder as a stage does, and say so in a receipt."""
    outputs = {}
    for name, text in files.items():
        path = folder / name
        path.write_text(text)
        outputs[name] = Output(len(text.encode()), file_digest(path), content_digest(path))
    work = Work("power", {"exponent": exponent}, {}, {}, {}, {}, tuple(f"power/{name}" for name in files))
    return Receipt(work, outputs, {}, (), "", "", finished, 1.0)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "artifacts")
    store.prepare()
    return store


def publish(store: Store, text: str, **options: object) -> Receipt:
    folder = store.begin("power")
    return store.publish(folder, make_receipt(folder, a=text, **options))


def shown(store: Store) -> str:
    return (store.root / "power" / "a").read_text()


def test_the_stable_path_is_a_relative_link_to_a_generation(store: Store) -> None:
    receipt = publish(store, "one")
    assert (store.root / "power").readlink() == Path(".store", "power", receipt.generation)
    assert sorted(os.listdir(store.root / "power")) == ["a", "receipt.json"]  # noqa: PTH208 - names alone
    current = store.current("power")
    assert current is not None
    assert current.receipt == receipt
    assert store.current("parity") is None


def test_earlier_results_are_kept_and_one_link_goes_back_to_them(store: Store) -> None:
    first = publish(store, "one", exponent=1, finished="2026-01-01")
    second = publish(store, "two", exponent=2, finished="2026-01-02")
    assert [item.receipt for item in store.generations("power")] == [second, first]
    assert shown(store) == "two"
    store.switch("power", first.generation)
    assert shown(store) == "one"
    assert [item.receipt for item in store.generations("power")] == [second, first]


def test_the_same_work_with_the_same_bytes_keeps_the_receipt_that_stands(store: Store) -> None:
    first = publish(store, "one")
    again = publish(store, "one", finished="2026-02-02")
    assert again == first
    assert [item.receipt for item in store.generations("power")] == [first]
    assert list((store.root / ".store" / "tmp").iterdir()) == []


def test_the_same_work_with_other_bytes_is_kept_beside_it(store: Store) -> None:
    publish(store, "one")
    publish(store, "uno")
    assert len(store.generations("power")) == 2
    assert shown(store) == "uno"


def test_a_damaged_generation_is_replaced_when_it_is_made_again(store: Store) -> None:
    publish(store, "one")
    (store.root / "power" / "a").write_text("eno")
    receipt = publish(store, "one", finished="2026-02-02")
    assert receipt.finished == "2026-02-02"
    assert shown(store) == "one"
    assert [item.receipt for item in store.generations("power")] == [receipt]


def test_what_killed_runs_left_is_removed(store: Store) -> None:
    folder = store.begin("power")
    (folder / "a").write_text("half")
    (store.root / ".store" / "tmp" / "link-power").symlink_to("nowhere")
    checkpoint = store.scratch("train", "0" * 64)
    (checkpoint.parent / f"{JOBS}{'0' * 32}").mkdir()
    with temporary_folder(checkpoint.parent, JOBS) as used:
        (checkpoint.parent / f"{JOBS}{'1' * 32}").mkdir()
        store.clean_up()
        assert set(checkpoint.parent.iterdir()) == {checkpoint, used}
    assert list((store.root / ".store" / "tmp").iterdir()) == []


def test_each_call_of_begin_gives_a_new_folder(store: Store) -> None:
    assert store.begin("power") != store.begin("power")


def test_damage_is_told_once_however_often_a_result_is_asked_for(store: Store) -> None:
    publish(store, "one")
    current = store.current("power")
    assert current is not None
    assert store.damage([current, current]) == {current.folder: ()}
    (current.folder / "a").unlink()
    assert [str(reason) for reason in store.damage([current, current])[current.folder]] == ["output missing: power/a"]


def test_what_a_receipt_does_not_name_is_tidied_away(store: Store) -> None:
    receipt = publish(store, "one")
    (store.root / "power" / "report.html").write_text("an earlier failure")
    store.tidy("power", receipt)
    assert sorted(path.name for path in (store.root / "power").iterdir()) == ["a", "receipt.json"]


def test_a_result_of_another_stage_is_not_among_a_stages_own(store: Store) -> None:
    receipt = publish(store, "one")
    home = store.root / ".store" / "parity"
    home.mkdir()
    (store.root / ".store" / "power" / receipt.generation).rename(home / receipt.generation)
    assert store.generations("parity") == ()


def test_the_scratch_of_finished_work_goes_and_of_other_work_stays(store: Store) -> None:
    folder = store.begin("power")
    receipt = make_receipt(folder, a="one")
    other = replace(receipt.work, parameters={"exponent": 9})
    mine, others = store.scratch("power", receipt.work.key), store.scratch("power", other.key)
    (mine / "checkpoint").write_text("half")
    store.publish(folder, receipt)
    assert not mine.exists()
    assert others.is_dir()


def test_a_cache_is_kept_and_may_be_lost(store: Store) -> None:
    assert store.read_cache() == b""
    store.write_cache(b"[1]")
    assert store.read_cache() == b"[1]"
    (store.root / ".store" / "code.json").unlink()
    (store.root / ".store" / "code.json").mkdir()
    assert store.read_cache() == b""


# going back and forth, with stages -------------------------------------------------------------------


def test_a_parameter_changed_and_changed_back_runs_nothing_the_second_time(toy: Toy) -> None:
    toy.run("all")
    toy.settings = {"power.exponent": 3}
    assert ran(toy.run("all")) == ["power", "total"]
    toy.settings = {}
    back = toy.run("all")
    assert ran(back) == []
    assert list(actions(back).values()) == ["fresh", "restore", "fresh", "restore"]
    assert why(back, "power") == ["earlier result fits", "power.exponent 3 -> 2"]
    assert toy.files() == oracle()


def test_a_damaged_earlier_result_is_made_again_and_not_restored(toy: Toy) -> None:
    toy.run("all")
    earlier = (toy.artifacts / "power").resolve()
    toy.settings = {"power.exponent": 3}
    toy.run("all")
    data = (earlier / "powers.npy").read_bytes()
    (earlier / "powers.npy").write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    toy.settings = {}
    assert actions(toy.plan())["power"] == "will run"
    assert ran(toy.run("all")) == ["power"]
    assert toy.files() == oracle()


def test_an_input_changed_and_changed_back_runs_nothing_the_second_time(toy: Toy) -> None:
    toy.run("all")
    toy.raw.write_text("2\n")
    toy.run("all")
    assert toy.files() == oracle("2")
    toy.raw.write_text(RAW)
    assert ran(toy.run("all")) == []
    assert toy.files() == oracle()


def test_code_changed_and_changed_back_runs_nothing_the_second_time(toy: Toy) -> None:
    toy.run("all")
    toy.edit("arithmetic/offset.py", "OFFSET = 0", "OFFSET = 1")
    toy.run("all")
    assert toy.files() == oracle(offset=1)
    toy.edit("arithmetic/offset.py", "OFFSET = 1", "OFFSET = 0")
    assert ran(toy.run("all")) == []
    assert toy.files() == oracle()


def test_forcing_everything_runs_everything_and_changes_nothing(toy: Toy) -> None:
    toy.run("all")
    assert len(ran(toy.run("all", force=True))) == 4
    assert toy.files() == oracle()
    assert not toy.plan().stale


def test_the_same_raw_file_in_another_place_reruns_only_the_stage_that_tells_where_it_lay(toy: Toy) -> None:
    toy.run("all")
    (toy.work / "same.txt").write_text(RAW)
    toy.settings = {"load.path": "same.txt"}
    assert why(toy.plan(), "load") == ["source changed: location"]
    assert [done.action.name for done in toy.run("all").stages] == ["RUN", "FRESH", "FRESH", "FRESH"]
    (toy.work / "same.txt").write_text("2\n")
    assert why(toy.plan(), "load") == ["source changed: numbers"]


def test_a_sample_never_passes_for_real_data_of_the_same_bytes(toy: Toy) -> None:
    toy.raw.unlink()
    first = toy.run("all").stages
    assert {done.receipt.notice for done in first if done.receipt} == {"No data found: this is the SAMPLE."}
    toy.raw.write_bytes((toy.code / toy.package / "sample.txt").read_bytes())
    done = toy.run("all").stages
    assert done[0].receipt.notice == ""


def test_a_notice_of_a_stage_that_reads_raw_files_is_in_all_receipts_and_told_at_the_end(toy: Toy) -> None:
    toy.edit("load.py", "Outcome(figures", 'Outcome(notice="PRIMES, and all are known.", figures')
    told = "PRIMES, and all are known."
    for _ in range(2):
        result = toy.run("all")
        assert {done.receipt.notice for done in result.stages if done.receipt} == {told}
        assert result.notices == [told]
    toy.raw.unlink()
    both = f"No data found: this is the SAMPLE.\n{told}"
    assert {done.receipt.notice for done in toy.run("all").stages if done.receipt} == {both}


# how much is read ----------------------------------------------------------------------------------


@pytest.fixture
def receipts_read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The folders whose receipts have been read, of which stage and key."""
    found: list[str] = []
    read = stored_results.read_result

    def counting(folder: Path) -> Generation:
        found.append(folder.resolve().relative_to(folder.resolve().parents[1]).as_posix())
        return read(folder)

    for module in (stored_results, generations, trial_store):
        monkeypatch.setattr(module, "read_result", counting)
    return found


def test_a_run_with_nothing_to_do_reads_no_stored_result_but_the_current_ones(
    toy: Toy, receipts_read: list[str]
) -> None:
    for exponent in (1, 3, 4, 2):
        toy.settings = {"power.exponent": exponent}
        toy.run("all")
    receipts_read.clear()
    assert ran(toy.run("all")) == []
    assert not toy.plan().stale
    assert set(receipts_read) == {
        (toy.artifacts / name).resolve().relative_to((toy.artifacts / ".store").resolve()).as_posix() for name in NAMES
    }


def test_a_stored_result_of_known_work_is_found_by_its_name(toy: Toy, receipts_read: list[str]) -> None:
    for exponent in (1, 3, 4, 2):
        toy.settings = {"power.exponent": exponent}
        toy.run("all")
    currents = {f"{name}/{(toy.artifacts / name).resolve().name}" for name in NAMES}
    receipts_read.clear()
    toy.settings = {"power.exponent": 3}
    assert actions(toy.plan()) == {"load": "fresh", "power": "restore", "parity": "fresh", "total": "restore"}
    assert len({name for name in receipts_read if name not in currents}) == 2


def test_an_unknown_input_makes_all_stored_results_count(toy: Toy) -> None:
    toy.run("all")
    toy.settings = {"power.exponent": 3}
    toy.run("all")
    toy.settings = {"power.exponent": 4}
    assert actions(toy.plan()) == {"load": "fresh", "power": "will run", "parity": "fresh", "total": "may run"}


def test_a_result_that_is_removed_while_it_is_looked_at_counts_as_missing(
    toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    toy.run("all")
    generation = toy.store.current("power")
    assert generation is not None
    digests = stored_results.file_digests

    def removed_first(paths: object) -> object:
        shutil.rmtree((toy.artifacts / "power").resolve(), ignore_errors=True)
        return digests(paths)

    monkeypatch.setattr(stored_results, "file_digests", removed_first)
    problems = toy.store.damage([generation])[generation.folder]
    assert [problem.kind for problem in problems] == [DamageKind.OUTPUT_MISSING]


def test_cleaning_never_looks_behind_a_link(toy: Toy, tmp_path: Path) -> None:
    toy.run("all")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "large").write_bytes(bytes(100_000))
    (toy.artifacts / ".scratch/power").mkdir(exist_ok=True)
    (toy.artifacts / ".scratch/power/link").symlink_to(outside)
    found = clean(toy.store, toy.stages, 0, remove=True, notify=print)
    assert [(item.path.name, item.size < 1_000, item.what) for item in found] == [("link", True, "checkpoint")]
    assert (outside / "large").exists()
