"""Train: fit the NumPy network to the training rows; or several of them, by folds and members, side by side.

Every finished member is kept as a partial result, so that a killed run loses only what was unfinished, and more
members cost only what is new. docs/ensembles.md says what folds and members are.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from pipeline.errors import ConfigError, DataError
from pipeline.figures import SHARE, AnyFigure, Figure
from pipeline.task import JobsRequest, Outcome, Task
from stages.encode.documents import Classes
from stages.images.model_images import Images
from stages.mlp import Epoch, History, load, save, save_ensemble
from stages.shared.arrays import Indices, load_array
from stages.shared.damaged_error import damaged
from stages.shared.documents import read_document
from stages.shared.messages import counted
from stages.shared.parquet import write_table
from stages.split.documents import ImageFormat
from stages.train.folds import divide_into_folds
from stages.train.member import Member, Trained, make_members
from stages.train.train_member import train_member

if TYPE_CHECKING:
    from stages.train.parameters import TrainParameters

ROWS = ("split/X_train.npy", "encode/Y_train.npy", "split/X_validation.npy", "encode/Y_validation.npy")


def train(task: Task[TrainParameters]) -> Outcome:
    """Write the networks, the history of every epoch, and the fold of every training row.

    Raises
    ------
    DataError
        The rows, the images and the classes do not fit together.
    ConfigError
        Settings contradict each other.
    StageError
        A training diverged.
    """
    parameters = task.parameters
    images, labels, n_validation = check_rows(task)
    members = make_members(parameters, images)
    check_settings(parameters, members, len(labels), n_validation)
    train_missing(task, members)

    folders = [task.partial_results.find(member.description) for member in members]
    networks, histories = [], []
    for folder in folders:
        assert folder is not None  # noqa: S101 - it has just been made, by this process and under its lock
        networks.append(load(folder / "model.npz"))
        histories.append(msgspec.json.decode((folder / "history.json").read_bytes(), type=History))
    if len(members) == 1:
        save(networks[0], task.outputs["train/model.npz"])
    else:
        save_ensemble(networks, task.outputs["train/model.npz"])
    write_history(task.outputs["train/history.parquet"], members, histories)
    fold_of_row = divide_into_folds(labels, parameters.folds, parameters.seed)
    np.save(task.outputs["train/folds.npy"], fold_of_row)
    return Outcome(figures_of(members, histories), tuple(warnings_of(members, histories)))


def train_missing(task: Task[TrainParameters], members: Sequence[Member]) -> None:
    """Train those members that no earlier run has finished, and keep each as soon as it is done."""
    missing = {member.name: member for member in members if task.partial_results.find(member.description) is None}
    if missing and len(missing) < len(members):
        n_found = len(members) - len(missing)
        task.log(f"train: {n_found} of {counted(len(members), 'member')} were trained before")
    request = JobsRequest(
        f"{train_member.__module__}:{train_member.__name__}",  # the import makes it part of this stage's code
        missing,
        arrays={name: task.inputs[name] for name in ROWS},
        scratch=task.scratch,
        cores=task.parameters.replicas,
        most=task.parameters.processes or 0,
    )
    trained: Trained
    with closing(task.workers.run(request)) as results:  # it ends the jobs whose results are not taken
        for name, trained in results:
            network = missing[name].network_of(trained)
            with task.partial_results.make(missing[name].description) as folder:
                save(network, folder / "model.npz")
                (folder / "history.json").write_bytes(msgspec.json.encode(trained.history))
            (task.scratch / f"{name}.npz").unlink(missing_ok=True)  # the checkpoint


def check_rows(task: Task[TrainParameters]) -> tuple[Images, Indices, int]:
    """Check that rows, images and classes fit together.

    Returns
    -------
    images : what a network stores about the images
    labels : the class of each training row, (m,)
    n_validation : how many validation rows there are
    """
    document = read_document(task.inputs["split/images.json"], ImageFormat, stage="split")
    classes = read_document(task.inputs["encode/classes.json"], Classes, stage="encode").classes
    indices = {}
    for part in ("train", "validation"):
        X = load_array(task.inputs[f"split/X_{part}.npy"], stage="split", n_dimensions=2)
        Y = load_array(task.inputs[f"encode/Y_{part}.npy"], stage="encode", n_dimensions=2, dtype=np.float32)
        expected = (len(X), document.height * document.width), (len(X), len(classes))
        if (X.shape, Y.shape) != expected or (part == "train" and not len(X)):
            raise DataError(
                f"the {part} rows have the shapes {X.shape} and {Y.shape}, not {expected[0]} and {expected[1]}",
                where=f"split/X_{part}.npy, encode/Y_{part}.npy",
                hint="pipeline run encode --force",
            )
        if X.dtype.kind != "f":
            raise damaged(task.inputs[f"split/X_{part}.npy"], f"the pixels are {X.dtype}, not scaled", "split")
        indices[part] = Y.argmax(axis=1)
        if not ((Y.max(axis=1) == 1) & (Y.sum(axis=1) == 1)).all() or Y.min(initial=0) < 0:
            raise damaged(task.inputs[f"encode/Y_{part}.npy"], "a row is not one-hot", "encode")
    normaliser = document.normaliser
    images = Images(classes, document.height, document.width, normaliser.offset, normaliser.scale)
    return images, indices["train"], len(indices["validation"])


def check_settings(parameters: TrainParameters, members: Sequence[Member], n_rows: int, n_validation: int) -> None:
    """Raise ConfigError for what cannot work, before anything is trained."""
    for member in members:
        member.recipe(n_rows)
    if parameters.folds == 1 and n_validation == 0:
        raise ConfigError(
            "there are no validation rows, and without folds nothing else tells how good the network is",
            where="split.validation = 0, train.folds = 1",
            hint="pipeline run train --set train.folds=5, or hold rows out with split.validation",
        )
    if parameters.folds > n_rows:
        raise ConfigError(
            f"{counted(n_rows, 'training row')} cannot be divided into {parameters.folds} folds",
            where=f"train.folds = {parameters.folds}",
            hint=f"at most train.folds={n_rows}",
        )


def figures_of(members: Sequence[Member], histories: Sequence[History]) -> dict[str, AnyFigure]:
    """The figures of one training, or the means over several."""
    kept = [history.best_epoch for history in histories]
    if len(members) == 1:
        return {
            "validation accuracy": Figure(kept[0].validation_accuracy or 0.0, SHARE, is_headline=True),
            "validation loss": kept[0].validation_loss or 0.0,
            f"{members[0].keep} epoch": kept[0].epoch,
            "epochs": len(histories[0].epochs),
        }
    return {
        "members": len(members),
        "mean member accuracy": Figure(
            float(np.mean([epoch.validation_accuracy for epoch in kept])), SHARE, is_headline=True
        ),
        "mean member loss": float(np.mean([epoch.validation_loss for epoch in kept])),
        "epochs": max(len(history.epochs) for history in histories),
    }


def warnings_of(members: Sequence[Member], histories: Sequence[History]) -> list[str]:
    """Warnings: a training ended by max_seconds, an accuracy that is biased, a kernel that is too large."""
    parameters, images = members[0].parameters, members[0].images
    warnings = []
    kernels = [member.architecture.blocks[0].grid.kernel for member in members if member.architecture.filters]
    if max(kernels, default=0) > max(images.height, images.width):
        warnings.append(
            f"the first kernel, train.kernel = {max(kernels)}, is larger than the images, "
            f"{images.height} x {images.width}: most of its weights only see the border"
        )
    if cut := [len(history.epochs) for history in histories if history.stopped == "max_seconds"]:
        whose = "training" if len(histories) == 1 else f"training of {len(cut)} of {len(histories)} members"
        warnings.append(
            f"{whose} stopped after {min(cut)} of {parameters.epochs} epochs: train.max_seconds = "
            f"{parameters.max_seconds:g} had passed; another run may stop elsewhere"
        )
    if parameters.folds > 1 and parameters.keep == "best":
        warnings.append(
            "the out-of-fold accuracy is too high: with train.keep = best each member keeps the epoch that suits "
            "its own fold; the default with folds keeps the last"
        )
    return warnings


def write_history(path: Path, members: Sequence[Member], histories: Sequence[History]) -> None:
    """One row an epoch of each member. No times: two runs with the same settings write the same table."""
    epochs = [(index, epoch) for index, history in enumerate(histories) for epoch in history.epochs]
    columns = {
        "member": np.array([index for index, _ in epochs]),
        "fold": np.array([members[index].fold for index, _ in epochs]),
    }
    names = [field.name for field in fields(Epoch)]
    columns |= {name: np.array([getattr(epoch, name) for _, epoch in epochs]) for name in names}
    write_table(path, columns | {"kept": np.array([epoch.epoch == histories[index].best for index, epoch in epochs])})
