"""The model file: what is saved is loaded, equal bytes for equal networks, and a clear error for anything else."""

from __future__ import annotations

import copy
import json
import os
import signal
import sys
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stages.mlp import (
    Architecture,
    ModelFileError,
    Network,
    load,
    load_members,
    model_file,
    predict_proba,
    save,
    save_ensemble,
)
from stages.mlp.archive import read_arrays, write_arrays


@pytest.fixture
def network() -> Network:
    architecture = Architecture(6, 3, (5, 4), "gelu", dropout=0.25, batch_norm=True)
    network = Network(architecture, {"classes": ("a", "b", "c"), "scale": 254.0})
    network.initialise(np.random.default_rng(0))
    network.statistics[...] = np.random.default_rng(1).random(network.statistics.shape)
    return network


def rewrite(path: Path, **changes: object) -> None:
    """Replace arrays of the file; None leaves one out."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {**file, **changes}
    with path.open("wb") as file:
        np.savez(file, **{name: values for name, values in arrays.items() if values is not None})


def changed_header(path: Path, **changes: object) -> np.ndarray:
    with np.load(path) as file:
        return np.array(json.dumps({**json.loads(str(file["header"])), **changes}))


def header_with(path: Path, what: str, changes: Any) -> np.ndarray:
    """The header, with other things said of the network's ``what``, its architecture or its images."""
    with np.load(path) as file:
        header = json.loads(str(file["header"]))
    network = header["networks"][0]
    network[what] = {**network[what], **changes} if isinstance(changes, dict) else changes
    return np.array(json.dumps(header))


def test_what_is_saved_is_loaded(tmp_path: Path, network: Network) -> None:
    save(network, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz")
    assert (loaded.architecture, loaded.images) == (network.architecture, network.images)
    np.testing.assert_array_equal(loaded.parameters, network.parameters)
    np.testing.assert_array_equal(loaded.statistics, network.statistics)


def test_equal_networks_give_equal_bytes(tmp_path: Path, network: Network) -> None:
    for name in ("one", "two"):
        save(network, tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_bytes_depend_on_neither_the_system_nor_the_release_of_python(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(network, tmp_path / "here")
    monkeypatch.setattr(sys, "platform", "win32")  # zipfile then names another maker
    save(network, tmp_path / "elsewhere")
    assert (tmp_path / "here").read_bytes() == (tmp_path / "elsewhere").read_bytes()
    with zipfile.ZipFile(tmp_path / "here") as archive:
        said = {(each.date_time, each.create_system, each.external_attr, each.extra) for each in archive.infolist()}
    assert said == {((1980, 1, 1, 0, 0, 0), 3, 0o600 << 16, b"")}


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_a_flipped_bit_or_a_missing_end_is_noticed(tmp_path: Path, network: Network, where: float) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    data = path.read_bytes()
    with np.load(path) as file:
        values = file["0/W1"].tobytes()
    damaged = bytearray(data)
    damaged[data.index(values) + int(where * len(values))] ^= 1
    path.write_bytes(damaged)
    with pytest.raises(ModelFileError, match=r"model\.npz is damaged"):
        load(path)
    path.write_bytes(data[: int(where * len(data))])
    with pytest.raises(ModelFileError, match=r"model\.npz is damaged"):
        load(path)


def test_another_version_or_another_kind_of_file_is_named(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    for version in (99, "2", [2]):
        rewrite(path, header=changed_header(path, version=version))
        with pytest.raises(ModelFileError, match="is of format 'digit-pipeline network' version "):
            load(path)
    rewrite(path, header=None)
    with pytest.raises(ModelFileError, match="not a model"):
        load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"0/W2": None}, "0/W2 missing"),
        ({"0/W9": np.zeros(1)}, "0/W9"),
        ({"0/W1": np.zeros((5, 6), np.float32)}, "0/W1 is float32"),
        ({"0/b1": np.zeros(5)}, "0/b1 is float64"),
        ({"0/b1": np.full(5, np.nan, np.float32)}, "0/b1 holds values that are not finite"),
    ],
)
def test_arrays_that_are_not_as_the_header_says(tmp_path: Path, network: Network, changes: dict, message: str) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, **changes)
    with pytest.raises(ModelFileError, match=message):
        load(path)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("architecture", {"n_inputs": 10**18}),
        ("architecture", {"n_inputs": 10**1000}),
        ("architecture", {"n_inputs": 6.0}),
        ("architecture", {"n_inputs": float("nan")}),
        ("architecture", {"n_inputs": -6}),
        ("architecture", {"n_inputs": "6"}),
        ("architecture", {"n_inputs": True}),
        ("architecture", {"kernel": True}),
        ("architecture", {"n_classes": 4}),
        ("architecture", {"n_classes": 2}),
        ("architecture", {"hidden": [10**18, 4]}),
        ("architecture", {"hidden": [-5, 4]}),
        ("architecture", {"hidden": [[5], 4]}),
        ("architecture", {"hidden": [5, 4] * 10_000}),
        ("architecture", {"hidden": {}}),
        ("architecture", {"dropout": float("nan")}),
        ("architecture", {"dropout": [1]}),
        ("architecture", {"batch_norm": "yes"}),
        ("architecture", {"activation": ["relu"]}),
        ("architecture", {"activation": "<b>" * 10**5}),
        ("architecture", {"dtype": "object"}),
        ("architecture", {"kernel": "5"}),
        ("architecture", {"kernel": [[[]]]}),
        ("architecture", {"image": [10**9, 10**9]}),
        ("architecture", {"image": [10**9, 10**9], "n_inputs": 10**18, "filters": [1], "kernel": 1, "stride": 10**9}),
        ("architecture", {"surprise": 1}),
        ("images", 3),
        ("images", ["classes"]),
    ],
)
def test_a_wrong_header_gives_one_short_error(tmp_path: Path, network: Network, what: str, changes: Any) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, header=header_with(path, what, changes))
    with pytest.raises(ModelFileError, match=r"model\.npz is not ") as caught:
        load(path)
    assert len(str(caught.value)) < 400


NUMBERS = [True, False, -1, 0, 1, 2, 6, 2**31 - 1, 10**18, 10**400, 0.5, float("nan"), float("inf")]
LISTS = [[], [1], [[]], [2, 3], [10**9, 10**9], [None], {}, {"a": 1}]
ANYTHING = st.sampled_from([None, "", "relu", "<b>", "\ud800", *NUMBERS, *LISTS])


def places_in(value: Any) -> list[tuple[Any, Any]]:
    """Every container in nested JSON with each of its keys."""
    keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places_in(value[key])]


@settings(
    max_examples=400, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), n_changes=st.integers(1, 3))
def test_any_header_gives_one_error_or_networks_that_predict(
    tmp_path: Path, data: st.DataObject, n_changes: int
) -> None:
    plain = Network(Architecture(6, 3, (5,), batch_norm=True), {"classes": ("a", "b", "c"), "height": 2})
    pooled = Network(Architecture(6, 3, (), filters=(2, 3), kernel=(2, 1), stride=1, pool=2, image=(2, 3)))
    path = tmp_path / "model.npz"
    save_ensemble([plain, pooled], path)
    header, arrays = read_arrays(path)
    for _ in range(n_changes):
        container, key = data.draw(st.sampled_from(places_in(header)))
        container[key] = copy.deepcopy(data.draw(ANYTHING))
    with path.open("wb") as file:
        write_arrays(file, header, arrays)
    try:
        networks = load_members(path)
    except ModelFileError as error:
        assert len(str(error)) < 400  # noqa: PT017 - both ways are right
        return
    for network in networks:
        assert np.isfinite(predict_proba(network, np.ones((2, 6), np.float32))).all()


@pytest.mark.parametrize("header", ["", "[1]", "nonsense", "{}", "[" * 100_000, '{"format": ' * 20_000, "9" * 5000])
def test_a_malformed_header_is_reported(tmp_path: Path, network: Network, header: str) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, header=np.array(header))
    with pytest.raises(ModelFileError, match=r"model\.npz is .*not a model") as caught:
        load(path)
    assert len(str(caught.value)) < 400


def test_no_memory_is_allocated_before_the_header_is_checked(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, header=header_with(path, "architecture", {"hidden": [5000, 4]}))
    monkeypatch.setattr(model_file, "Network", None)
    with pytest.raises(ModelFileError, match="0/W1 is float32"):
        load(path)


@pytest.mark.parametrize("kind", ["hidden", "filters"])
def test_nothing_is_made_of_a_header_with_more_layers_than_the_file_has_arrays(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, header=header_with(path, "architecture", {kind: [5] * 1000}))
    monkeypatch.setattr(model_file, "Architecture", lambda **_: pytest.fail("an architecture was made"))
    with pytest.raises(ModelFileError, match=r"1,00\d layers, and has 14 arrays"):
        load(path)


def test_load_refuses_an_ensemble(tmp_path: Path, network: Network) -> None:
    save_ensemble([network, network], tmp_path / "model.npz")
    assert len(load_members(tmp_path / "model.npz")) == 2
    with pytest.raises(ModelFileError, match="an ensemble of 2 networks"):
        load(tmp_path / "model.npz")


def test_a_file_that_could_run_code_is_refused(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    with np.load(path) as file:
        arrays = {**file, "0/W1": np.array([print], dtype=object)}
    with path.open("wb") as file:
        np.savez(file, allow_pickle=True, **arrays)
    with pytest.raises(ModelFileError, match="damaged or not a model"):
        load(path)
    path.write_text("label,pixel0\n")
    with pytest.raises(ModelFileError, match="damaged or not a model: it is not the archive"):
        load(path)


def test_a_missing_file_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "model.npz")


def test_sizes_and_labels_may_be_numbers_of_numpy(tmp_path: Path) -> None:
    sizes = Architecture(np.int64(4), np.int64(2), hidden=(np.int32(3),))
    network = Network(sizes, {"classes": tuple(np.unique([5, 7]))})
    save(network, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").images == {"classes": (5, 7)}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_while_a_file_is_written_comes_when_the_file_is_complete(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    opened, calls = zipfile.ZipFile.open, []

    def interrupted(archive: zipfile.ZipFile, *words: Any, **options: Any) -> IO[bytes]:
        part = opened(archive, *words, **options)
        if not calls:
            os.kill(os.getpid(), number)
        calls.append(words)
        return part

    monkeypatch.setattr(zipfile.ZipFile, "open", interrupted)
    before = signal.signal(number, signal.default_int_handler)  # a shell's background job ignores Ctrl-C
    try:
        with pytest.raises(KeyboardInterrupt):
            save(network, tmp_path / "model.npz")
    finally:
        signal.signal(number, before)
    monkeypatch.undo()
    np.testing.assert_array_equal(load(tmp_path / "model.npz").parameters, network.parameters)
