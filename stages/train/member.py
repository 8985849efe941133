"""Train one member of an ensemble, in this process or another, from its settings to its weights.

A single network is an ensemble of one member. A killed training leaves a checkpoint in the scratch folder. The next
training of the same member resumes from it, and ends with the same weights.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from functools import partial
from itertools import product
from math import prod
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError, DataError, StageError
from pipeline.figures import percent
from pipeline.task import JobContext, Progress
from stages.mlp import (
    Architecture,
    Augmentation,
    Dataset,
    DivergedError,
    Epoch,
    History,
    Images,
    Network,
    Recipe,
    RunOptions,
    Warp,
    fit,
    forget_pages,
)
from stages.train.epoch_to_keep import epoch_to_keep
from stages.train.folds import divide_into_folds, seed_of_member

if TYPE_CHECKING:
    from stages.train.parameters import TrainParameters

Built = TypeVar("Built")
BLOCK_ROWS = 4096
SETTINGS_OF_ALL_MEMBERS = ("folds", "members", "variants", "processes", "report_steps")


@dataclass(frozen=True, slots=True)
class Member:
    """What a training depends on: the settings of train, the fold that it does not see, and its number in that fold.

    ``fold`` and ``number`` count from 0; with ``train.folds = 1`` all members are of fold 0 and see every row.
    ``make_member`` has put the settings of the member's variant into ``parameters``.
    """

    parameters: TrainParameters
    images: Images
    fold: int
    number: int

    @property
    def name(self) -> str:
        return f"member-{self.fold}-{self.number}"

    @property
    def seed(self) -> int:
        return seed_of_member(self.parameters.seed, self.fold, self.number)

    @property
    def variant(self) -> int:
        """The index of its variant, if there are any. Variants take turns over folds, and over the members of each."""
        return (self.fold + self.number) % max(len(self.parameters.variants), 1)

    @property
    def keep(self) -> str:
        """Which epoch's weights are kept, ``best`` or ``last``."""
        return epoch_to_keep(msgspec.structs.asdict(self.parameters))

    @property
    def description(self) -> dict[str, Any]:
        """All that its weights depend on apart from code, libraries and rows, as plain data."""
        settings: dict[str, Any] = msgspec.to_builtins(self.parameters)
        own = {name: value for name, value in settings.items() if name not in SETTINGS_OF_ALL_MEMBERS}
        division = {"folds": self.parameters.folds, "fold": self.fold, "seed_of_folds": self.parameters.seed}
        return {**own, "seed": self.seed, "keep": self.keep, **(division if self.parameters.folds > 1 else {})}

    @property
    def architecture(self) -> Architecture:
        """The network that the settings describe."""
        sides = self.images.height, self.images.width
        own = settings_of(self.parameters, Architecture)
        return Architecture(n_inputs=prod(sides), n_classes=len(self.images.classes), image=sides, **own)

    def recipe(self, n_rows: int) -> Recipe:
        """How to train on ``n_rows`` rows, from the settings; ConfigError if they contradict each other."""
        batch_size = self.parameters.batch_size or default_batch_size(n_rows)
        own = settings_of(self.parameters, Recipe)
        values = {**own, "batch_size": batch_size, "seed": self.seed, "keep": self.keep}
        recipe = self.build(Recipe, values)
        self.build(recipe.check_rows_per_replica, {"architecture": self.architecture})
        return recipe

    def build(self, make: Callable[..., Built], values: dict[str, Any]) -> Built:
        """The result of ``make`` for settings of the member; ConfigError if it refuses them."""
        try:
            return make(**values)
        except ValueError as error:
            n_variants = len(self.parameters.variants)
            which = f" with [[train.variants]] number {self.variant + 1} of {n_variants}" if n_variants else ""
            raise ConfigError(
                f"the settings of train contradict each other: {error}",
                where=f"[train]{which}",
                hint="change one of them; `pipeline config` shows where each comes from",
            ) from error

    def empty_network(self) -> Network:
        """A network as the settings describe it, without weights."""
        return Network(self.architecture, replace(self.images, deskew=self.parameters.deskew))

    def network_of(self, trained: Trained) -> Network:
        """The network with the weights that its training gave."""
        network = self.empty_network()
        network.parameters[...], network.statistics[...] = trained.parameters, trained.statistics
        return network


def make_member(parameters: TrainParameters, images: Images, fold: int, number: int) -> Member:
    """The member ``number`` of a fold, with the settings of its variant."""
    member = Member(parameters, images, fold, number)
    if not parameters.variants:
        return member
    variant = msgspec.structs.asdict(parameters.variants[member.variant])
    own = {name: value for name, value in variant.items() if value is not None}
    changed = member.build(partial(msgspec.structs.replace, parameters), own)
    return replace(member, parameters=changed)


def make_members(parameters: TrainParameters, images: Images) -> list[Member]:
    """All members, fold by fold: their order in the model and in its history."""
    numbers = product(range(parameters.folds), range(parameters.members))
    return [make_member(parameters, images, fold, number) for fold, number in numbers]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training gives: the network's parameters and running averages, both flat, and how it went."""

    parameters: NDArray[np.floating[Any]]
    statistics: NDArray[np.floating[Any]]
    history: History


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
    data, validation = datasets(member, network, context)
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


def datasets(member: Member, network: Network, context: JobContext) -> tuple[Dataset, Dataset | None]:
    """The rows that a member is trained on, and its validation rows, if there are any; both deskewed."""
    parameters, arrays = member.parameters, context.arrays

    def prepared(X: NDArray[Any]) -> NDArray[Any]:
        return X if parameters.deskew == "none" else all_deskewed(X, network, context.scratch)

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


def all_deskewed(X: Any, network: Network, scratch: Path | None) -> NDArray[Any]:
    """All rows of ``X``, (m, n_pixels), deskewed for ``network``, and mapped from disk like ``X``.

    The file lies in ``scratch``, or in the system's folder for temporary files. It has no name, so it disappears
    however the training ends.
    """
    with TemporaryFile(dir=scratch) as file:
        for start in range(0, len(X), BLOCK_ROWS):
            file.write(network.prepare(X[start : start + BLOCK_ROWS]).data)
            forget_pages(X)
        file.flush()
        return np.memmap(file, X.dtype, "r", shape=X.shape)


def settings_of(parameters: TrainParameters, kind: type[Any]) -> dict[str, Any]:
    """Those of ``parameters`` that the dataclass ``kind`` has a field for."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in msgspec.structs.asdict(parameters).items() if name in names}


@dataclass(slots=True)
class TrainingProgress:
    """Shows progress at every step, and every ``report_steps`` steps a line as the tutorial prints it."""

    who: str
    progress: Progress
    log: Callable[[str], None]
    n_rows: int
    batch_size: int
    report_steps: int
    n_steps: int = 0  # seen
    note: str = ""
    loss: float = 0.0  # summed since the last line, as the following
    n_correct: int = 0
    n_seen: int = 0

    def step(self, step: int, n_steps: int, loss: float, n_correct: int) -> None:
        """Called after each step, with its batch's summed loss and number of correct rows."""
        if not self.n_steps and step > 1:
            self.log(f"{self.who}: goes on after step {step - 1:,} of {n_steps:,}, where an earlier run was ended")
        self.n_steps += 1
        self.progress(step, n_steps, unit="steps", note=self.note)
        every, batch_size = self.report_steps, self.batch_size
        if not every:
            return
        n_epoch_steps = -(-self.n_rows // batch_size)
        in_epoch = (step - 1) % n_epoch_steps
        self.loss, self.n_correct = self.loss + loss, self.n_correct + n_correct
        self.n_seen += min(batch_size, self.n_rows - in_epoch * batch_size)
        if step % every == 0:
            self.log(
                f"step {step:,} of {n_steps:,}: loss {self.loss / self.n_seen:.4f}, "
                f"accuracy {percent(self.n_correct / self.n_seen)} over the last {every:,}"
            )
            self.loss, self.n_correct, self.n_seen = 0.0, 0, 0

    def epoch(self, epoch: Epoch) -> None:
        """An epoch is over."""
        if epoch.validation_accuracy is not None:
            self.note = f"{percent(epoch.validation_accuracy)} validation accuracy, epoch {epoch.epoch}"


def default_batch_size(n_rows: int) -> int:
    """128; fewer for a small set, where an epoch would otherwise have too few steps to learn from.

    On the bundled sample, 1,294 rows, 32 instead of 128 halves the errors (docs/decisions/recipe.md).
    """
    return min(128, max(16, n_rows // 40))
