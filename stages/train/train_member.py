"""Train one member of an ensemble, in this process or another.

A killed training leaves a checkpoint in the scratch folder. The next training of the same member resumes from it, and
ends with the same weights.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError, StageError
from pipeline.task import JobContext
from stages.images.augmentation import Augmentation, Warp
from stages.images.deskew import deskewed
from stages.mlp import Dataset, DivergedError, RunOptions, fit, forget_pages
from stages.train.folds import divide_into_folds
from stages.train.member import Member, Trained, settings_of
from stages.train.training_progress import TrainingProgress

BLOCK_ROWS = 4096


def train_member(member: Member, context: JobContext) -> Trained:
    """Train a member on the rows in ``context.arrays``; the validation rows may be missing.

    Raises
    ------
    ConfigError
        Settings contradict each other.
    DataError
        Pixels are not finite.
    StageError
        The training diverged.
    """
    parameters = member.parameters
    network = member.empty_network()
    data, validation = datasets(member, context)
    recipe = member.recipe(len(data))
    network.initialise(np.random.default_rng(recipe.seed), parameters.initialisation)
    augmentation = Augmentation(**settings_of(parameters, Augmentation))
    images = member.images
    warp = partial(Warp, augmentation, images.height, images.width, dtype=network.architecture.dtype)
    who = "train" if parameters.folds * parameters.members == 1 else member.name
    report = TrainingProgress(who, context.progress, context.log, len(data), recipe.batch_size, parameters.report_steps)
    checkpoint = None if context.scratch is None else checkpoint_path(context.scratch, member.name)
    try:
        history = fit(
            network,
            data,
            recipe,
            validation=validation,
            augment=warp if augmentation.is_active else None,
            options=RunOptions(checkpoint=checkpoint, on_step=report.step, on_epoch=report.epoch),
        )
    except DivergedError as error:
        check_finite(context)
        raise StageError(
            f"the training diverged: {error}",
            hint=f"lower train.learning_rate (now {parameters.learning_rate:g}), or set train.clip_norm=1",
        ) from error
    return Trained(network.parameters, network.statistics, history)


def datasets(member: Member, context: JobContext) -> tuple[Dataset, Dataset | None]:
    """The rows that a member is trained on, and its validation rows, if there are any; both deskewed."""
    parameters, arrays = member.parameters, context.arrays

    def prepared(X: NDArray[Any]) -> NDArray[Any]:
        return X if parameters.deskew == "none" else all_deskewed(X, member, context.scratch)

    if parameters.deskew != "none":
        check_finite(context)
    X, Y = prepared(arrays["split/X_train.npy"]), arrays["encode/Y_train.npy"]
    if parameters.folds > 1:
        fold_of_row = divide_into_folds(Y.argmax(axis=1), parameters.folds, parameters.seed)
        seen, unseen = np.flatnonzero(fold_of_row != member.fold), np.flatnonzero(fold_of_row == member.fold)
        return Dataset(X, Y, seen), Dataset(X, Y, unseen)
    if "split/X_validation.npy" not in arrays:
        return Dataset(X, Y), None
    return Dataset(X, Y), Dataset(prepared(arrays["split/X_validation.npy"]), arrays["encode/Y_validation.npy"])


def check_finite(context: JobContext) -> None:
    """Raise DataError if a pixel is not finite.

    Split has checked all pixels, so they are not read again before every training. A training with such a pixel
    diverges at once; then this check finds the reason.
    """
    for name in sorted({"split/X_train.npy", "split/X_validation.npy"} & context.arrays.keys()):
        X = context.arrays[name]
        for start in range(0, len(X), BLOCK_ROWS):
            wrong = np.argwhere(~np.isfinite(X[start : start + BLOCK_ROWS]))
            forget_pages(X)
            if len(wrong):
                row, column = start + int(wrong[0, 0]), int(wrong[0, 1])
                what = f"a pixel is {X[row, column]}: row {row}, column {column}, both from 0"
                raise DataError(what, where=name, hint="pipeline run split --force")


def checkpoint_path(scratch: Path, name: str) -> Path:
    """The path of the checkpoint of the member ``name``. A folder in its place is removed."""
    path = scratch / f"{name}.npz"
    for each in scratch.glob(f"{path.name}*"):
        if each.is_dir() and not each.is_symlink():
            shutil.rmtree(each)
    return path


def all_deskewed(X: Any, member: Member, scratch: Path | None) -> NDArray[Any]:
    """All rows of ``X``, (m, n_pixels), deskewed for ``member``, and mapped from disk like ``X``.

    The file lies in ``scratch``, or in the system's folder for temporary files. It has no name, so it disappears
    however the training ends.
    """
    height, width = member.images.height, member.images.width
    with TemporaryFile(dir=scratch) as file:
        for start in range(0, len(X), BLOCK_ROWS):
            file.write(deskewed(X[start : start + BLOCK_ROWS], height, width, member.parameters.deskew).data)
            forget_pages(X)
        file.flush()
        return np.memmap(file, X.dtype, "r", shape=X.shape)
