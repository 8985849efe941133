"""Train: fit the NumPy network to the training rows, looking at the validation rows after every epoch.

A killed run leaves a checkpoint in the scratch folder; the next run of the same work goes on from there and
ends with the same weights.
"""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, DataError, StageError
from pipeline.stage import Outcome, Task
from stages import mlp
from stages.documents import Classes, decode_document
from stages.documents import Images as ImagesDocument
from stages.mlp import Architecture, Augmentation, DivergedError, Epoch, History, Images, Network, Recipe, Warp
from stages.tables import write_table

if TYPE_CHECKING:
    from stages.parameters import TrainParameters


def train(task: Task[TrainParameters]) -> Outcome:
    """Write the best (or last) epoch's network and how every epoch went.

    Raises
    ------
    DataError
        The rows, the images and the classes do not fit together.
    ConfigError
        Settings contradict each other.
    StageError
        The training diverged.
    """
    parameters = task.parameters
    rows = {
        name: np.load(task.inputs[f"{name}.npy"], mmap_mode="r")
        for name in ("split/X_train", "encode/Y_train", "split/X_validation", "encode/Y_validation")
    }
    recipe = make_recipe(parameters, len(rows["split/X_train"]))
    network = make_network(task, rows)
    history = run(task, recipe, network, rows)

    mlp.save(network, task.outputs["train/model.npz"])
    write_history(task.outputs["train/history.parquet"], history)
    kept = history.best_epoch
    warnings: list[str] = []
    if history.stopped == "max_seconds":
        warnings.append(
            f"training stopped after {len(history.epochs)} of {parameters.epochs} epochs: train.max_seconds = "
            f"{parameters.max_seconds:g} had passed; another run may stop elsewhere"
        )
    return Outcome(
        {
            "validation accuracy": kept.validation_accuracy or 0.0,
            "validation loss": kept.validation_loss or 0.0,
            f"{parameters.keep} epoch": kept.epoch,
            "epochs": len(history.epochs),
        },
        tuple(warnings),
    )


def make_recipe(parameters: TrainParameters, n_rows: int) -> Recipe:
    """How to train on ``n_rows`` rows, from the settings."""
    batch_size = parameters.batch_size or usual_batch_size(n_rows)
    try:
        return Recipe(**settings(parameters, Recipe) | {"batch_size": batch_size})
    except ValueError as error:
        raise ConfigError(f"the settings of train contradict each other: {error}", where="[train]") from error


def usual_batch_size(n_rows: int) -> int:
    """128; fewer for a small set, which would else be over before the network has taken enough steps to learn it.

    On the bundled sample, 1,294 rows, 32 instead of 128 halves the errors (docs/decisions/recipe.md).
    """
    return min(128, max(16, n_rows // 40))


def make_network(task: Task[TrainParameters], rows: dict[str, NDArray[np.float32]]) -> Network:
    """A fresh network that fits the rows, with initial weights."""
    parameters = task.parameters
    document = read_document(task.inputs["split/images.json"], ImagesDocument)
    classes = read_document(task.inputs["encode/classes.json"], Classes).classes
    for part in ("train", "validation"):
        X, Y = rows[f"split/X_{part}"], rows[f"encode/Y_{part}"]
        expected = (len(X), document.height * document.width), (len(X), len(classes))
        if (X.shape, Y.shape) != expected or not len(X):
            raise DataError(
                f"the {part} rows have the shapes {X.shape} and {Y.shape}, not {expected[0]} and {expected[1]}",
                where=f"split/X_{part}.npy, encode/Y_{part}.npy",
                mend="pipeline run encode --force",
            )
    architecture = Architecture(
        n_inputs=document.height * document.width, n_classes=len(classes), **settings(parameters, Architecture)
    )
    normaliser = document.normaliser
    images = Images(classes, document.height, document.width, normaliser.offset, normaliser.scale)
    network = Network(architecture, images)
    network.initialise(np.random.default_rng(parameters.seed), parameters.initialisation)
    return network


def run(task: Task[TrainParameters], recipe: Recipe, network: Network, rows: dict[str, NDArray[np.float32]]) -> History:
    """Fit ``network`` in place, telling the person who watches how it goes."""
    parameters = task.parameters
    augmentation = Augmentation(**settings(parameters, Augmentation))
    assert network.images is not None  # noqa: S101 - make_network puts them there
    warp = partial(Warp, augmentation, network.images.height, network.images.width, dtype=network.architecture.dtype)
    is_warped = any((parameters.rotation, parameters.scale, parameters.shear, parameters.shift, parameters.elastic))
    watcher = Watcher(task, len(rows["split/X_train"]), recipe.batch_size)
    try:
        return mlp.fit(
            network,
            rows["split/X_train"],
            rows["encode/Y_train"],
            recipe,
            X_validation=rows["split/X_validation"],
            Y_validation=rows["encode/Y_validation"],
            augment=warp if is_warped else None,
            checkpoint=task.scratch / "checkpoint.npz",
            on_step=watcher.step,
            on_epoch=watcher.epoch,
        )
    except DivergedError as error:
        raise StageError(
            f"the training diverged: {error}",
            mend=f"lower train.learning_rate (now {parameters.learning_rate:g}), or set train.clip_norm=1",
        ) from error


class Watcher:
    """Shows progress at every step, and every ``report_steps`` steps a line as the tutorial prints it."""

    def __init__(self, task: Task[TrainParameters], n_rows: int, batch_size: int) -> None:
        self.task, self.n_rows, self.batch_size = task, n_rows, batch_size
        self.n_steps = 0
        self.note = ""
        self.loss, self.n_right, self.n_seen = 0.0, 0, 0

    def step(self, step: int, n_steps: int, loss: float, n_right: int) -> None:
        """A step is over; its batch had this summed loss and so many right rows."""
        if not self.n_steps and step > 1:
            self.task.say(f"train: goes on after step {step - 1:,} of {n_steps:,}, where an earlier run was ended")
        self.n_steps += 1
        self.task.progress(step, n_steps, unit="steps", note=self.note)
        every, batch_size = self.task.parameters.report_steps, self.batch_size
        if not every:
            return
        n_epoch_steps = -(-self.n_rows // batch_size)
        in_epoch = (step - 1) % n_epoch_steps
        self.loss, self.n_right = self.loss + loss, self.n_right + n_right
        self.n_seen += min(batch_size, self.n_rows - in_epoch * batch_size)
        if step % every == 0:
            self.task.say(
                f"step {step:,} of {n_steps:,}: loss {self.loss / self.n_seen:.4f}, "
                f"accuracy {self.n_right / self.n_seen:.1%} over the last {every:,}"
            )
            self.loss, self.n_right, self.n_seen = 0.0, 0, 0

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is over."""
        self.note = f"validation accuracy {epoch.validation_accuracy:.2%} after epoch {epoch.epoch}"


def write_history(path: Path, history: History) -> None:
    """One row an epoch. No times: two runs with the same settings write the same table."""
    names = [field.name for field in fields(Epoch)]
    columns = {name: np.array([getattr(epoch, name) for epoch in history.epochs]) for name in names}
    write_table(path, columns)


def settings(parameters: TrainParameters, kind: type[Any]) -> dict[str, Any]:
    """Those of ``parameters`` that the dataclass ``kind`` has a field for."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in msgspec.structs.asdict(parameters).items() if name in names}


def read_document(path: Path, model: Any) -> Any:
    """The JSON artifact at ``path``."""
    stage = path.parent.name
    return decode_document(path.read_bytes(), model, name=f"{stage}/{path.name}", mend=f"pipeline run {stage} --force")
