"""Train: a network that works, a history, the same bytes every time, and an end that can be taken up again."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import fields
from functools import partial
from mmap import mmap
from pathlib import Path
from tempfile import TemporaryFile
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError, DataError, StageError
from pipeline.figures import values_of
from pipeline.task import JobsRequest
from stages import STAGES, mlp
from stages.images.augmentation import Augmentation, Warp
from stages.images.deskew import deskewed
from stages.images.model_images import Images
from stages.mlp import load_members, predict_proba
from stages.mlp.gradient_descent.optimisers import OPTIMISERS
from stages.mlp.training.online_sgd import suits_online
from stages.presets import PRESETS
from stages.train.checks import check_history, check_model
from stages.train.images_of_model import images_of
from stages.train.member import Member, Trained, default_batch_size, make_member
from stages.train.parameters import TrainParameters, Variant
from stages.train.train import ROWS, train_missing
from stages.train.train_member import all_deskewed
from stages.train.training_progress import TrainingProgress

WARPS = ("rotation", "scale", "shear", "shift", "elastic", "smoothness")
DIGITS = Images(tuple(range(10)), 28, 28)
SMALL = {"hidden": (16,), "epochs": 3, "batch_size": 32, "learning_rate": 0.03}


@pytest.mark.parametrize("name", OPTIMISERS)
def test_every_field_of_an_optimiser_is_a_setting(name: str) -> None:
    assert {field.name for field in fields(OPTIMISERS[name])} <= set(TrainParameters.__struct_fields__)


def test_the_model_knows_its_images_and_is_right_about_them(rows: Path, run_stage) -> None:
    outcome = run_stage("train", TrainParameters(**SMALL))
    assert values_of(outcome.figures)["validation accuracy"] > 0.95
    network = mlp.load(rows / "train/model.npz")
    assert Images(**network.images) == Images((3, 7, 20), 4, 3, 0.0, 255.0)
    X, Y = np.load(rows / "split/X_validation.npy"), np.load(rows / "encode/Y_validation.npy")
    accuracy = np.mean(mlp.predict_proba(network, X).argmax(1) == Y.argmax(1))
    assert accuracy == values_of(outcome.figures)["validation accuracy"]


def test_the_history_has_a_row_for_each_epoch_and_says_which_was_best(rows: Path, run_stage) -> None:
    outcome = run_stage("train", TrainParameters(**SMALL, keep="best"))
    history = pd.read_parquet(rows / "train/history.parquet")
    assert history["epoch"].tolist() == [1, 2, 3]
    best = history.loc[history["epoch"] == values_of(outcome.figures)["best epoch"]].iloc[0]
    assert best["validation_accuracy"] == history["validation_accuracy"].max()
    assert history["kept"].tolist() == (history["epoch"] == best["epoch"]).tolist()


def test_two_runs_write_the_same_bytes(rows: Path, run_stage) -> None:
    settings = TrainParameters(**SMALL, rotation=5.0, elastic=0.05, dropout=0.2, batch_norm=True)
    written = []
    for _ in range(2):
        run_stage("train", settings)
        written.append([(rows / f"train/{name}").read_bytes() for name in ("model.npz", "history.parquet")])
        (rows / "scratch/train/member-0-0.npz").unlink(missing_ok=True)
    assert written[0] == written[1]


def test_an_interrupted_training_gives_the_bytes_of_an_uninterrupted_one(rows: Path, run_stage, monkeypatch) -> None:
    settings = TrainParameters(**SMALL, rotation=5.0, dropout=0.2, ema=0.9)
    run_stage("train", settings)
    whole = (rows / "train/model.npz").read_bytes()
    (rows / "scratch/train/member-0-0.npz").unlink(missing_ok=True)
    seen: list[int] = []

    def killed_in_epoch_three(self, step: int, *rest: object) -> None:  # noqa: ARG001 - in place of TrainingProgress.step
        seen.append(step)
        if seen.count(19) == 1 and step == 19:  # 8 steps an epoch
            raise KeyboardInterrupt

    monkeypatch.setattr("stages.train.training_progress.TrainingProgress.step", killed_in_epoch_three)
    with pytest.raises(KeyboardInterrupt):
        run_stage("train", settings)
    run_stage("train", settings)
    assert seen == [*range(1, 20), *range(17, 25)]
    assert (rows / "train/model.npz").read_bytes() == whole


@pytest.mark.usefixtures("rows")
def test_a_training_that_diverges_says_what_to_lower(run_stage) -> None:
    with pytest.raises(StageError, match="diverged") as caught:
        run_stage("train", TrainParameters(**{**SMALL, "learning_rate": 1e30}, optimiser="sgd", schedule="constant"))
    assert "lower train.learning_rate (now 1e+30)" in caught.value.hint


def test_rows_of_another_image_size_are_refused(rows: Path, run_stage) -> None:
    np.save(rows / "split/X_train.npy", np.zeros((250, 13), np.float32))
    with pytest.raises(DataError, match="13"):
        run_stage("train", TrainParameters(**SMALL))


@pytest.mark.usefixtures("rows")
def test_a_time_budget_ends_training_with_a_warning(run_stage) -> None:
    outcome = run_stage("train", TrainParameters(**{**SMALL, "epochs": 50}, max_seconds=1e-9))
    assert values_of(outcome.figures)["epochs"] == 1
    assert "train.max_seconds" in outcome.warnings[0]


def test_a_damaged_model_and_a_wrong_history_do_not_pass(rows: Path, run_stage) -> None:
    run_stage("train", TrainParameters(**SMALL))
    model = rows / "train/model.npz"
    model.write_bytes(model.read_bytes()[:-200])
    with pytest.raises(DataError, match="damaged"):
        check_model(model)
    history = pd.read_parquet(rows / "train/history.parquet")
    history.loc[1, "train_loss"] = np.nan
    history.to_parquet(rows / "train/history.parquet")
    with pytest.raises(DataError, match="train_loss"):
        check_history(rows / "train/history.parquet")


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"keep": "last", "patience": 2}, "patience"),
        ({"batch_norm": True, "batch_size": 3}, "batch_norm needs .*: batch_size must be at least 4, not 3"),
    ],
)
def test_settings_that_contradict_each_other_are_a_config_error(
    run_stage, monkeypatch: pytest.MonkeyPatch, settings: dict, message: str
) -> None:
    monkeypatch.setattr("stages.train.train_member.train_member", lambda *_: pytest.fail("a member was trained"))
    with pytest.raises(ConfigError, match=message):
        run_stage("train", TrainParameters(**SMALL | settings))


@pytest.mark.usefixtures("rows")
@pytest.mark.parametrize(("kernel", "warned"), [(4, False), (5, True)])
def test_a_kernel_larger_than_the_images_is_warned_of(run_stage, *, kernel: int, warned: bool) -> None:
    outcome = run_stage("train", TrainParameters(**SMALL, filters=(2,), kernel=kernel))
    assert any(f"train.kernel = {kernel}" in each for each in outcome.warnings) == warned


@pytest.mark.usefixtures("rows")
def test_a_variant_that_contradicts_itself_is_told_before_any_member_is_trained(
    run_stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stages.train.train_member.train_member", lambda *_: pytest.fail("a member was trained"))
    variants = (Variant(), Variant(filters=(4, 5), kernel=(3,)))
    with pytest.raises(ConfigError, match="one for all, or one for each") as caught:
        run_stage("train", TrainParameters(**SMALL, members=2, variants=variants))
    assert "number 2 of 2" in caught.value.where
    assert caught.value.hint


@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("side", [1, 8, 28])
def test_every_preset_makes_networks_whatever_the_images_size(name: str, side: int) -> None:
    parameters = msgspec.convert(PRESETS[name]["train"], TrainParameters)
    for number, variant in enumerate(parameters.variants or [Variant()]):
        member = make_member(parameters, Images((0, 1, 2), side, side), 0, number)
        assert member.recipe(100).epochs == (variant.epochs or parameters.epochs)
        assert member.architecture.n_inputs == side**2
        assert member.architecture.filters == (variant.filters or parameters.filters)


def test_a_line_of_figures_counts_the_rows_of_a_smaller_last_batch_in_every_epoch() -> None:
    lines: list[str] = []
    watcher = TrainingProgress("train", lambda *_, **__: None, lines.append, n_rows=10, batch_size=4, report_steps=3)
    for step, n_rows in enumerate((4, 4, 2) * 3, 1):
        watcher.step(step, 9, 0.5 * n_rows, n_rows // 2)
    shown = "loss 0.5000, accuracy 50.00 % over the last 3"
    assert lines == [f"step {step} of 9: {shown}" for step in (3, 6, 9)]


def test_the_seed_preset_reports_as_the_tutorial_does_and_keeps_the_last_weights() -> None:
    parameters = TrainParameters(**PRESETS["seed"]["train"])
    lines: list[str] = []
    watcher = TrainingProgress("train", lambda *_, **__: None, lines.append, 30000, 1, parameters.report_steps)
    for step in range(1, 2001):
        watcher.step(step, 90000, 0.5, int(step <= 1800))
    assert lines == [
        "step 1,000 of 90,000: loss 0.5000, accuracy 100.00 % over the last 1,000",
        "step 2,000 of 90,000: loss 0.5000, accuracy 80.00 % over the last 1,000",
    ]
    assert parameters.keep == "last"
    member = make_member(parameters, DIGITS, 0, 0)
    recipe = member.recipe(30000)
    assert suits_online(member.empty_network(), recipe)
    assert (recipe.learning_rate, recipe.epochs, recipe.schedule) == (0.01, 3, "constant")
    assert (recipe.label_smoothing, recipe.patience, recipe.max_seconds) == (0.0, None, None)
    assert not any(getattr(parameters, name) for name in ("rotation", "scale", "shear", "shift", "elastic"))


def test_a_resumed_training_says_after_which_step() -> None:
    lines: list[str] = []
    for first in (1, 31):
        watcher = TrainingProgress("train", lambda *_, **__: None, lines.append, 300, 10, 0)
        for step in (first, first + 1):
            watcher.step(step, 60, 0.5, 1)
    assert lines == ["train: goes on after step 30 of 60, where an earlier run was ended"]


@pytest.mark.parametrize(("n_rows", "expected"), [(1, 16), (700, 17), (1294, 32), (5120, 128), (42000, 128)])
def test_a_small_set_is_given_enough_steps_unless_the_batch_is_set(n_rows: int, expected: int) -> None:
    assert default_batch_size(n_rows) == expected
    for batch_size, used in ((None, expected), (50, 50)):
        assert make_member(TrainParameters(batch_size=batch_size), DIGITS, 0, 0).recipe(n_rows).batch_size == used


# folds and members -----------------------------------------------------------------------------------

ONE_PROCESS = {**SMALL, "replicas": 1, "processes": 1}


def weights(path: Path) -> list[bytes]:
    return [network.parameters.tobytes() for network in mlp.load_members(path)]


def test_the_first_member_is_the_single_network_and_more_members_train_only_what_is_new(
    rows: Path, run_stage, partial_results
) -> None:
    run_stage("train", TrainParameters(**ONE_PROCESS), partial_results=partial_results)
    single = weights(rows / "train/model.npz")
    run_stage("train", TrainParameters(**ONE_PROCESS, members=3), partial_results=partial_results)
    three = weights(rows / "train/model.npz")
    assert three[:1] == single
    assert len(set(three)) == 3
    assert len(partial_results.made) == 3
    outcome = run_stage(
        "train", TrainParameters(**ONE_PROCESS, members=5, report_steps=7), partial_results=partial_results
    )
    assert weights(rows / "train/model.npz")[:3] == three
    assert len(partial_results.made) == 5
    assert values_of(outcome.figures)["members"] == 5
    history = pd.read_parquet(rows / "train/history.parquet")
    assert history["member"].tolist() == [member for member in range(5) for _ in range(3)]
    run_stage("train", TrainParameters(**{**ONE_PROCESS, "epochs": 2}, members=2), partial_results=partial_results)
    assert len(partial_results.made) == 7


def test_every_row_is_trained_on_by_the_members_of_all_folds_but_its_own(
    rows: Path, run_stage, partial_results
) -> None:
    run_stage("train", TrainParameters(**ONE_PROCESS, folds=3, members=2), partial_results=partial_results)
    fold_of_row = np.load(rows / "train/folds.npy")
    assert np.bincount(fold_of_row).tolist() == [84, 83, 83]
    history = pd.read_parquet(rows / "train/history.parquet")
    assert history.groupby("member")["fold"].first().tolist() == [0, 0, 1, 1, 2, 2]
    members = mlp.load_members(rows / "train/model.npz")
    # a member of fold 1, trained here on a copy of the rows of the others, for as many epochs, and the last kept
    chosen = fold_of_row != 1
    X, Y = np.load(rows / "split/X_train.npy"), np.load(rows / "encode/Y_train.npy")
    member = Member(TrainParameters(**SMALL, replicas=1, folds=3, members=2), images_of(members), fold=1, number=1)
    network = member.empty_network()
    network.initialise(np.random.default_rng(member.seed))
    recipe = member.recipe(int(chosen.sum()))
    warp = partial(Warp, Augmentation(**{name: getattr(member.parameters, name) for name in WARPS}), 4, 3)
    mlp.fit(network, mlp.Dataset(X[chosen], Y[chosen]), recipe, augment=warp)
    assert network.parameters.tobytes() == members[3].parameters.tobytes()


@pytest.mark.usefixtures("rows")
def test_members_of_folds_keep_their_last_epoch_and_keep_best_gives_a_warning(run_stage) -> None:
    assert Member(TrainParameters(schedule="constant"), None, 0, 0).keep == "best"
    assert Member(TrainParameters(folds=2), None, 0, 0).keep == "last"
    outcome = run_stage("train", TrainParameters(**ONE_PROCESS, folds=2, keep="best"))
    assert "too high" in outcome.warnings[0]
    assert run_stage("train", TrainParameters(**ONE_PROCESS, folds=2)).warnings == ()


def test_without_validation_rows_folds_are_needed_and_suffice(rows: Path, run_stage) -> None:
    for name, shape in (("split/X", (0, 12)), ("encode/Y", (0, 3))):
        np.save(rows / f"{name}_validation.npy", np.zeros(shape, np.float32))
    with pytest.raises(ConfigError, match="no validation rows") as caught:
        run_stage("train", TrainParameters(**ONE_PROCESS))
    assert "train.folds=5" in caught.value.hint
    outcome = run_stage("train", TrainParameters(**ONE_PROCESS, folds=2))
    assert values_of(outcome.figures)["mean member accuracy"] > 0.9


def test_settings_that_leave_no_rows_to_measure_on_are_refused_where_split_and_train_run(tmp_path: Path) -> None:
    load = partial(load_config, STAGES, PRESETS, tmp_path, environment={})
    config = load(sets=("split.validation=0",))
    with pytest.raises(ConfigError, match=r"do not fit together: split\.validation = 0 leaves no rows") as caught:
        config.require_fitting(["split", "encode", "train"])
    assert caught.value.where == "split.validation in --set"
    config.require_fitting(["ingest", "split"])  # the folds may come with the next call
    config.require_fitting(["train"])  # on the rows that an earlier split has made
    load(sets=("split.validation=0", "train.folds=2")).require_fitting(["split", "train"])


@pytest.mark.usefixtures("rows")
def test_more_folds_than_rows_are_refused(run_stage) -> None:
    with pytest.raises(ConfigError, match="250 training rows cannot be divided into 251 folds"):
        run_stage("train", TrainParameters(**ONE_PROCESS, folds=251))


def test_members_trained_side_by_side_are_those_trained_one_after_the_other(rows: Path, run_stage) -> None:
    written = []
    for settings in ({"processes": 1}, {"processes": 2}):
        run_stage("train", TrainParameters(**SMALL, folds=2, **settings))
        found = sorted(path for path in (rows / "train").iterdir() if path.name != "receipt.json")
        written.append({path.name: path.read_bytes() for path in found})
    assert list(written[0]) == ["folds.npy", "history.parquet", "model.npz"]
    assert written[0] == written[1]


@pytest.mark.usefixtures("rows")
def test_a_member_that_diverges_in_another_process_is_reported_as_in_this_one(run_stage) -> None:
    wrong = {**SMALL, "learning_rate": 1e30}
    with pytest.raises(StageError, match="diverged") as caught:
        run_stage("train", TrainParameters(**wrong, optimiser="sgd", schedule="constant", members=2, processes=2))
    assert "lower train.learning_rate (now 1e+30)" in caught.value.hint


def test_variants_take_turns_among_the_members(rows: Path, run_stage) -> None:
    variants = (Variant(), Variant(activation="gelu", hidden=(8,)), Variant(deskew="slant"))
    run_stage("train", TrainParameters(**ONE_PROCESS, members=4, variants=variants))
    networks = load_members(rows / "train/model.npz")
    assert [network.architecture.hidden for network in networks] == [(16,), (8,), (16,), (16,)]
    assert [network.architecture.activation for network in networks] == ["relu", "gelu", "relu", "relu"]
    assert [network.images["deskew"] for network in networks] == ["none", "none", "slant", "none"]
    run_stage("train", TrainParameters(**ONE_PROCESS, folds=3, variants=variants))
    networks = load_members(rows / "train/model.npz")
    assert [network.images["deskew"] for network in networks] == ["none", "none", "slant"]


def test_a_network_that_deskews_is_trained_and_measured_on_deskewed_images(rows: Path, run_stage) -> None:
    outcome = run_stage("train", TrainParameters(**ONE_PROCESS, deskew="slant"))
    network = load_members(rows / "train/model.npz")[0]
    X, Y = (np.load(rows / f"{name}_validation.npy") for name in ("split/X", "encode/Y"))
    accuracy = (predict_proba(network, X).argmax(axis=1) == Y.argmax(axis=1)).mean()
    assert values_of(outcome.figures)["validation accuracy"] == pytest.approx(accuracy)
    assert accuracy > 0.9


@pytest.mark.parametrize("folder", ["scratch", None])
def test_deskewed_rows_are_mapped_from_a_file_without_a_name(
    rows: Path, folder: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = np.load(rows / "split/X_train.npy", mmap_mode="r")
    scratch = rows / "scratch"
    scratch.mkdir()
    member = make_member(TrainParameters(**SMALL, deskew="slant"), Images((3, 7, 20), 4, 3), 0, 0)
    folders = []

    def temporary_file(dir: Path | None) -> Any:  # noqa: A002 - as tempfile calls it
        folders.append(dir)
        return TemporaryFile(dir=dir)

    monkeypatch.setattr("stages.train.train_member.TemporaryFile", temporary_file)
    prepared = all_deskewed(X, member, rows / folder if folder else None)
    assert folders == [rows / folder if folder else None]
    assert isinstance(prepared.base, mmap)
    np.testing.assert_array_equal(prepared, deskewed(X, 4, 3, "slant"))
    assert not list(scratch.iterdir())


def test_members_still_in_training_are_ended_if_a_finished_one_may_not_be_kept(tmp_path: Path) -> None:
    ended = []

    def run(request: JobsRequest):
        try:
            for name, member in request.jobs.items():
                network = member.empty_network()
                history = mlp.History((mlp.Epoch(1, 0.1, 0.5, 0.5, 0.5, 0.5),), 1, "epochs")
                yield name, Trained(network.parameters, network.statistics, history)
        finally:
            ended.append(True)

    @contextmanager
    def refuse(description: object):  # noqa: ARG001 - as PartialResults has it
        yield tmp_path
        raise StageError("something changed", hint="")

    task = SimpleNamespace(
        parameters=TrainParameters(**SMALL),
        partial_results=SimpleNamespace(find=lambda description: None, make=refuse),  # noqa: ARG005 - as PartialResults has it
        workers=SimpleNamespace(run=run),
        inputs=dict.fromkeys(ROWS, tmp_path),
        scratch=tmp_path,
    )
    members = [make_member(task.parameters, Images((1, 2), 2, 2), 0, number) for number in range(2)]
    with pytest.raises(StageError, match="something changed") as caught:
        train_missing(task, members)
    assert ended == [True], caught  # which still holds the frames, and would keep a generator alive


def test_no_more_processes_are_asked_for_than_a_machine_can_hold() -> None:
    assert msgspec.convert({"processes": 256}, TrainParameters).processes == 256
    with pytest.raises(msgspec.ValidationError, match="<= 256"):
        msgspec.convert({"processes": 257}, TrainParameters)


def test_a_partial_result_is_known_by_every_setting_that_a_member_is_trained_by() -> None:
    parameters = TrainParameters()
    usual = make_member(parameters, DIGITS, 0, 0).description
    names = set(TrainParameters.__struct_fields__) - {"folds", "variants"}  # which members a training has
    other = {"schedule": "step"}  # by which is found whether the last epoch is kept
    without_bearing = {
        name
        for name in names
        if make_member(msgspec.structs.replace(parameters, **{name: other.get(name, 987)}), DIGITS, 0, 0).description
        == usual
    }
    assert without_bearing == {"members", "processes", "report_steps"}
