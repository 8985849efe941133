"""What a report is made from, made up: every part that the tests of the report and of evaluate need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import msgspec
import numpy as np
from made_receipt import make_receipt

from stages.evaluate.metrics import measure
from stages.evaluate.predict_rows import Predictions, RowsToPredict
from stages.evaluate.report.findings import Findings
from stages.evaluate.report.receipts import Receipt
from stages.images.model_images import Images as NetworkImages
from stages.ingest.documents import DataSource
from stages.ingest.profile import ClassCount, ImageSet, Profile, SubmissionHeader
from stages.mlp import Architecture, Network
from stages.shared.documents import Label
from stages.split.documents import ImageFormat, Normaliser
from stages.train.folds import IN_NO_FOLD
from stages.train.parameters import TrainParameters

N_ROWS, N_TRAIN = 200, 60
HISTORY = {
    "member": [0, 0],
    "fold": [0, 0],
    "epoch": [1, 2],
    "learning_rate": [0.01, 0.001],
    "train_loss": [0.9, 0.4],
    "train_accuracy": [0.5, 0.9],
    "validation_loss": [0.8, 0.5],
    "validation_accuracy": [0.6, 0.8],
    "kept": [False, True],
}


def softmax(Z: np.ndarray) -> np.ndarray:
    P = np.exp(Z - Z.max(axis=1, keepdims=True))
    return (P / P.sum(axis=1, keepdims=True)).astype(np.float32)


def make_predictions(n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """P (200, n_classes) and actual (200,): mostly right."""
    rng = np.random.default_rng(0)
    actual = rng.integers(0, n_classes, N_ROWS)
    Z = rng.normal(size=(N_ROWS, n_classes))
    Z[np.arange(N_ROWS), actual] += 2
    return softmax(Z), actual


def make_network(
    classes: tuple[Label, ...],
    height: int,
    width: int,
    *,
    seed: int = 1,
    deskew: str = "none",
    **architecture: Any,
) -> Network:
    """A network with random weights, and random averages if it normalises."""
    known = {"hidden": (6,), **architecture}
    network = Network(
        Architecture(n_inputs=height * width, n_classes=len(classes), image=(height, width), **known),
        asdict(NetworkImages(classes, height, width, deskew=deskew)),
    )
    rng = np.random.default_rng(seed)
    network.initialise(rng)
    network.parameters += 0.5 * rng.standard_normal(len(network.parameters)).astype(network.parameters.dtype)
    network.statistics += rng.uniform(-0.5, 0.5, len(network.statistics))  # about means of 0 and variances of 1
    return network


def make_images(height: int, width: int) -> ImageFormat:
    normaliser = Normaliser(kind="range", offset=0.0, scale=255.0)
    return ImageFormat(
        height=height, width=width, normaliser=normaliser, n_train=N_TRAIN, n_validation=N_ROWS, n_test=7
    )


def make_profile(classes: tuple[Label, ...], height: int, width: int) -> Profile:
    counts = [len(part) for part in np.array_split(np.arange(N_ROWS + N_TRAIN), len(classes))]
    train = ImageSet(
        rows=N_ROWS + N_TRAIN,
        pixel_range=(0, 255),
        is_dark_on_light=False,
        constant_pixels=(),
        blank_images=0,
        duplicate_rows=0,
    )
    return Profile(
        height=height,
        width=width,
        n_pixels=height * width,
        pixel_prefix="pixel",
        first_pixel=0,
        label_name="label",
        id_name=None,
        classes=tuple(ClassCount(label=label, rows=n) for label, n in zip(classes, counts, strict=True)),
        n_train=N_ROWS + N_TRAIN,
        n_test=7,
        n_quarantined=0,
        train=train,
        test=msgspec.structs.replace(train, rows=7),
        conflicting_labels=0,
        shared_rows=3,
        submission=SubmissionHeader(id_name="ImageId", label_name="Label"),
    )


def make_receipts(**training: Any) -> dict[str, bytes]:
    """The receipts of the stages before evaluate, as files; ``training`` are settings of train."""
    parameters = {"ingest": {"on_error": "stop"}, "split": {"validation": 0.1}, "encode": {}}
    parameters["train"] = msgspec.to_builtins(TrainParameters(**training))
    return {f"{stage}/receipt.json": make_receipt(stage, values) for stage, values in parameters.items()}


def make_findings(
    classes: tuple[Label, ...] = (3, 7, 20),
    height: int = 3,
    width: int = 5,
    *,
    source: str = "made",
    examples: int = 4,
    training: Mapping[str, Any] | None = None,
    is_unbiased: bool = True,
    n_networks: int = 1,
    **architecture: Any,
) -> Findings:
    """Findings about 200 random images."""
    P, actual = make_predictions(len(classes))
    rng = np.random.default_rng(2)

    def rows_of(actual: np.ndarray, numbers: np.ndarray) -> RowsToPredict:
        X = rng.random((len(actual), height * width), dtype=np.float32)
        return RowsToPredict(X, actual, numbers, np.full(len(actual), IN_NO_FOLD, np.int16))

    decode = msgspec.json.Decoder(Receipt).decode
    metrics = measure(P, actual, classes, DataSource(source=source, is_sample=False, holds_test_images=False))
    return Findings(
        metrics=msgspec.structs.replace(metrics, is_unbiased=is_unbiased),
        history=HISTORY,
        networks=tuple(make_network(classes, height, width, seed=k + 1, **architecture) for k in range(n_networks)),
        images=make_images(height, width),
        profile=make_profile(classes, height, width),
        predictions=Predictions(
            rows_of(actual, 1000 + np.arange(N_ROWS)[::-1]), P, disagreements=np.zeros(N_ROWS, np.int64), scores=[]
        ),
        training=rows_of(np.arange(N_TRAIN) % len(classes), np.arange(N_TRAIN)),
        receipts=tuple(decode(receipt) for receipt in make_receipts(**(training or {})).values()),
        parameters={"examples": examples},
    )


def with_largest_pixel(findings: Findings, largest: int) -> Findings:
    """The same findings, of images whose pixels go from 0 to ``largest``."""
    train = msgspec.structs.replace(findings.profile.train, pixel_range=(0, largest))
    rows = replace(findings.predictions.rows, X=findings.predictions.rows.X * np.float32(largest / 255))
    return replace(
        findings,
        profile=msgspec.structs.replace(findings.profile, train=train),
        predictions=replace(findings.predictions, rows=rows),
    )
