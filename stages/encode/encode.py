"""Encode: labels become one-hot rows, and classes.json says which label each column stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from pipeline.errors import DataError, StageError, first_few, not_as_written
from pipeline.task import Outcome, Task
from stages.encode.documents import Classes
from stages.shared.arrays import load_array
from stages.shared.documents import encode_document, read_document

if TYPE_CHECKING:
    from stages.encode.parameters import EncodeParameters


def encode(task: Task[EncodeParameters]) -> Outcome:
    """Write one-hot float32 (m, n_classes) for both parts; the classes are the training labels, sorted.

    Raises
    ------
    DataError
        There is a single class, or a validation label that no training row has.
    StageError
        The one-hot rows read back from disk do not give the labels.
    """
    labels = {
        name: load_array(task.inputs[f"split/labels_{name}.npy"], stage="split", n_dimensions=1)
        for name in ("train", "validation")
    }
    classes = np.unique(labels["train"])  # (n_classes,), sorted
    if len(classes) < 2:
        raise DataError(
            f"all training rows have the label {classes[0].item()!r}; a classifier needs two at least",
            where="split/labels_train.npy",
            hint="use rows of two classes or more, or raise split.train_rows",
        )
    for name, part in labels.items():
        Y = open_memmap(task.outputs[f"encode/Y_{name}.npy"], "w+", np.float32, (len(part), len(classes)))
        Y[np.arange(len(part)), class_indices(part, classes)] = 1.0
        del Y  # unmaps the file
    document = Classes(classes=tuple(classes.tolist()))
    task.outputs["encode/classes.json"].write_bytes(encode_document(document))

    written = read_document(task.outputs["encode/classes.json"], Classes, stage="encode")
    decoder = np.array(written.classes)
    for name, part in labels.items():
        if (decoder[np.load(task.outputs[f"encode/Y_{name}.npy"]).argmax(axis=1)] != part).any():
            raise StageError(
                "the one-hot rows do not give the labels back",
                where=f"encode/Y_{name}.npy",
                hint=not_as_written("encode"),
            )
    return Outcome({"classes": len(classes)})


def class_indices(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """The index of each of ``labels`` (m,) among the sorted ``classes`` (n_classes,): (m,).

    Raises
    ------
    DataError
        A label is not among the classes.
    """
    indices = np.searchsorted(classes, labels).clip(max=len(classes) - 1)
    unknown = np.unique(labels[classes[indices] != labels])
    if len(unknown):
        raise DataError(
            f"no training row has the label {first_few(list(map(repr, unknown.tolist())))}, but validation rows have",
            where=f"split/labels_validation.npy, row {int(np.flatnonzero(labels == unknown[0])[0])}",
            hint="set split.stratify=true, if every class has two rows or more; or hold no rows out, with "
            "split.validation=0 and train.folds=5; or remove the rows if the label is wrong",
        )
    return indices
