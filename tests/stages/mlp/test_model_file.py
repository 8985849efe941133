"""The model file: what is saved is loaded, equal bytes for equal networks, and a clear error for anything else."""

from __future__ import annotations

import json
import os
import signal
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from stages.mlp import Architecture, Images, ModelFileError, Network, load, save


@pytest.fixture
def network() -> Network:
    architecture = Architecture(6, 3, (5, 4), "gelu", dropout=0.25, batch_norm=True)
    network = Network(architecture, Images(("a", "b", "c"), 2, 3, 1.0, 254.0))
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


@pytest.mark.parametrize("where", [0.0, 0.3, 0.6, 0.9])
def test_a_flipped_bit_or_a_missing_end_is_noticed(tmp_path: Path, network: Network, where: float) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    data = path.read_bytes()
    with np.load(path) as file:
        values = file["W1"].tobytes()
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
    rewrite(path, header=changed_header(path, version=99))
    with pytest.raises(ModelFileError, match="version 99"):
        load(path)
    rewrite(path, header=None)
    with pytest.raises(ModelFileError, match="not a model"):
        load(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"W2": None}, "W2 missing"),
        ({"W9": np.zeros(1)}, "W9"),
        ({"W1": np.zeros((5, 6), np.float32)}, "W1 is float32"),
        ({"b1": np.zeros(5)}, "b1 is float64"),
        ({"b1": np.full(5, np.nan, np.float32)}, "b1 holds values that are not finite"),
    ],
)
def test_arrays_that_are_not_as_the_header_says(tmp_path: Path, network: Network, changes: dict, message: str) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    rewrite(path, **changes)
    with pytest.raises(ModelFileError, match=message):
        load(path)


def test_a_file_that_could_run_code_is_refused(tmp_path: Path, network: Network) -> None:
    path = tmp_path / "model.npz"
    save(network, path)
    with np.load(path) as file:
        arrays = {**file, "W1": np.array([print], dtype=object)}
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
    network = Network(sizes, Images(tuple(np.unique([5, 7])), 2, 2))
    save(network, tmp_path / "model.npz")
    assert load(tmp_path / "model.npz").images == Images((5, 7), 2, 2)


def test_ctrl_c_while_a_file_is_written_comes_when_the_file_is_complete(
    tmp_path: Path, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, calls = zipfile.ZipFile.open, []

    def interrupted(archive: zipfile.ZipFile, *words: Any, **options: Any) -> IO[bytes]:
        part = opened(archive, *words, **options)
        if not calls:
            os.kill(os.getpid(), signal.SIGINT)
        calls.append(words)
        return part

    monkeypatch.setattr(zipfile.ZipFile, "open", interrupted)
    with pytest.raises(KeyboardInterrupt):
        save(network, tmp_path / "model.npz")
    monkeypatch.undo()
    np.testing.assert_array_equal(load(tmp_path / "model.npz").parameters, network.parameters)
