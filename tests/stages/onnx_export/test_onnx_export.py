"""Exported models: every part of a network has its form in ONNX, and onnxruntime finds our own probabilities."""

from __future__ import annotations

import gzip
import io
import os
import zipfile
from collections.abc import Callable
from typing import IO, Any

import msgspec
import numpy as np
import pytest
from every_layer import ARCHITECTURES, DESKEWS, HEIGHT, WIDTH, layer_classes, made_network
from numpy.typing import NDArray

from pipeline.task import JobContext, silent_progress
from stages.images.model_images import Images
from stages.mlp import Architecture, Network
from stages.mlp.layers.pooling import MaxPooling
from stages.presets import PRESETS
from stages.sample import SAMPLE_FOLDER
from stages.train.images_of_model import images_of
from stages.train.member import make_member
from stages.train.parameters import TrainParameters
from stages.train.predictor import Predictor
from stages.train.train_member import train_member

pytest.importorskip("onnx", reason="onnx is an extra: pip install -e '.[dev]'")
pytest.importorskip("onnxruntime", reason="onnxruntime is in the extra dev")

import onnx
import onnxruntime

from stages.onnx_export import deskew, export, layers

Table = tuple[NDArray[np.uint8], NDArray[np.int64]]  # pixels and labels
TOLERANCE = 1e-5
BATCHES = (1, 257)


def assert_agrees(networks: list[Network], pixels: NDArray[np.uint8]) -> None:
    """What onnxruntime says of raw pixels is what the pipeline says of them, whatever the size of a batch."""
    images = images_of(networks)
    session = onnxruntime.InferenceSession(export.as_onnx(networks, images), providers=["CPUExecutionProvider"])
    X = np.clip((pixels - np.float32(images.offset)) / np.float32(images.scale), 0, 1)
    ours = Predictor(tuple(networks), images).probabilities(X, silent_progress)
    labels = np.array(images.classes)[ours.argmax(axis=1)]
    raw = pixels.astype(np.float32)
    for rows in (*(slice(size) for size in BATCHES), slice(None)):
        probabilities, label = session.run(["probabilities", "label"], {"pixels": raw[rows]})
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, ours[rows], rtol=0, atol=TOLERANCE)
        lead = np.diff(np.sort(ours[rows], axis=1))[:, -1]  # of the likeliest class before the next
        assert ((label == labels[rows]) | (lead < TOLERANCE)).all()


def test_every_layer_and_every_deskewing_can_be_exported() -> None:
    """A new layer, activation, pooling or deskewing fails here until it can be exported."""
    assert layer_classes() - layers.LAYERS.keys() == set()
    assert {"none", *deskew.DESKEWS} == DESKEWS.keys()


@pytest.mark.parametrize("deskewing", DESKEWS)
@pytest.mark.parametrize("architecture", ARCHITECTURES.values(), ids=ARCHITECTURES)
def test_it_agrees_for_every_architecture(architecture: Architecture, deskewing: str) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (300, HEIGHT * WIDTH)).astype(np.uint8)
    pixels[0] = 0  # an empty image has no middle
    assert_agrees([made_network(architecture, deskew=deskewing)], pixels)


def test_an_ensemble_is_averaged_and_its_labels_may_be_texts() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, HEIGHT * WIDTH)).astype(np.uint8)
    alike = [ARCHITECTURES[name] for name in ("relu", "gelu", "relu")]
    members = [made_network(each, deskew=how, labels="str") for each, how in zip(alike, DESKEWS, strict=True)]
    members[2].parameters[...] *= 1.5
    assert_agrees(members, pixels)


def test_pixels_are_scaled_as_the_model_says() -> None:
    network = made_network(ARCHITECTURES["relu"])
    network.images |= {"offset": 200, "scale": -150}  # dark on light, and narrow
    assert_agrees([network], np.random.default_rng(0).integers(0, 256, (300, HEIGHT * WIDTH)).astype(np.uint8))


def table_of(file: IO[bytes], n_rows: int | None = None) -> Table:
    """Pixels and labels of a training file."""
    values = np.loadtxt(file, np.int64, delimiter=",", skiprows=1, max_rows=n_rows)
    return values[:, 1:].astype(np.uint8), values[:, 0]


@pytest.fixture(scope="module")
def sample() -> Table:
    with gzip.open(SAMPLE_FOLDER / "train.csv.gz") as file:
        return table_of(file)


@pytest.fixture(scope="module")
def real() -> Table:
    with zipfile.ZipFile(os.environ["DIGIT_RECOGNIZER_ZIP"]) as archive:
        return table_of(io.BytesIO(archive.read("train.csv")), 1000)


def trained(preset: str, pixels: NDArray[np.uint8], labels: NDArray[np.int64], side: int) -> list[Network]:
    """The networks of a preset after one epoch: of every variant one member."""
    settings: dict[str, Any] = {**PRESETS.get(preset, {}).get("train", {}), "epochs": 1}
    variants = [{**variant, "epochs": 1} for variant in settings.get("variants", ())]
    settings |= {"variants": variants, "folds": max(1, len(variants))}
    parameters = msgspec.convert(settings, TrainParameters)
    images = Images(tuple(range(10)), side, side)
    rows = {"split/X_train.npy": pixels.astype(np.float32) / np.float32(255), "encode/Y_train.npy": np.eye(10)[labels]}
    context = JobContext(rows, None, silent_progress, print)
    members = (make_member(parameters, images, fold, 0) for fold in range(parameters.folds))
    return [member.network_of(train_member(member, context)) for member in members]


@pytest.mark.parametrize("preset", ["default", *PRESETS])
def test_every_preset_agrees_on_the_whole_sample(sample: Table, preset: str) -> None:
    with gzip.open(SAMPLE_FOLDER / "test.csv.gz") as file:
        test = np.loadtxt(file, np.int64, delimiter=",", skiprows=1).astype(np.uint8)
    assert_agrees(trained(preset, *sample, 8), np.concatenate([sample[0], test]))


@pytest.mark.skipif("DIGIT_RECOGNIZER_ZIP" not in os.environ, reason="DIGIT_RECOGNIZER_ZIP does not name the zip")
@pytest.mark.parametrize("preset", ["default", *PRESETS])
def test_every_preset_agrees_on_real_rows(real: Table, preset: str) -> None:
    pixels, labels = real
    assert_agrees(trained(preset, pixels[:300], labels[:300], 28), pixels)


def test_equal_models_give_equal_bytes_that_describe_inputs_and_outputs() -> None:
    network, again = made_network(ARCHITECTURES["relu"]), made_network(ARCHITECTURES["relu"])
    content = export.as_onnx([network], images_of([network]))
    assert content == export.as_onnx([again], images_of([again]))
    model = onnx.load_model_from_string(content)
    assert [each.name for each in model.graph.input] == ["pixels"]
    assert [each.name for each in model.graph.output] == ["probabilities", "label"]
    assert f"float32 (rows, {HEIGHT * WIDTH})" in model.doc_string
    assert {each.key: each.value for each in model.metadata_props}["classes"] == "[3, 4, 5, 6]"


def without_max_pooling(patch: pytest.MonkeyPatch, network: Network) -> None:  # noqa: ARG001 - one signature for all
    patch.setattr(layers, "LAYERS", {kind: add for kind, add in layers.LAYERS.items() if kind is not MaxPooling})


def without_deskewing(patch: pytest.MonkeyPatch, network: Network) -> None:  # noqa: ARG001 - one signature for all
    patch.setattr(deskew, "DESKEWS", {})


def with_less_room(patch: pytest.MonkeyPatch, network: Network) -> None:
    patch.setattr(export, "MOST_BYTES", 4 * network.parameters.size - 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_max_pooling, "the layer MaxPooling has no form in ONNX"),
        (without_deskewing, "the deskewing 'slant' has no form in ONNX"),
        (with_less_room, "at most 2 GiB"),
    ],
)
def test_what_onnx_cannot_express_is_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch, Network], None], said: str
) -> None:
    network = made_network(ARCHITECTURES["max pooling"], deskew="slant")
    change(monkeypatch, network)
    with pytest.raises(layers.NoOnnxFormError, match=said):
        export.as_onnx([network], images_of([network]))
