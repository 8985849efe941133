"""A member of an ensemble: its settings, and the network and the recipe that they describe.

A single network is an ensemble of one member.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, replace
from itertools import product
from math import prod
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import ConfigError
from stages.images.model_images import Images
from stages.mlp import Architecture, History, Network, Recipe
from stages.train.epoch_to_keep import epoch_to_keep
from stages.train.folds import seed_of_member

if TYPE_CHECKING:
    from stages.train.parameters import TrainParameters

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
        with self.blaming_settings():
            recipe = Recipe(**values)
            recipe.check_rows_per_replica(self.architecture)
        return recipe

    @contextmanager
    def blaming_settings(self) -> Iterator[None]:
        """Turn a ValueError of a block, which refuses settings of the member, into a ConfigError."""
        try:
            yield
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
        return Network(self.architecture, asdict(replace(self.images, deskew=self.parameters.deskew)))

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
    with member.blaming_settings():
        return replace(member, parameters=msgspec.structs.replace(parameters, **own))


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


def settings_of(parameters: TrainParameters, kind: type[Any]) -> dict[str, Any]:
    """Those of ``parameters`` that the dataclass ``kind`` has a field for."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in msgspec.structs.asdict(parameters).items() if name in names}


def default_batch_size(n_rows: int) -> int:
    """128; fewer for a small set, where an epoch would otherwise have too few steps to learn from.

    On the bundled sample, 1,294 rows, 32 instead of 128 halves the errors (docs/decisions/recipe.md).
    """
    return min(128, max(16, n_rows // 40))
