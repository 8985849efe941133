"""A replica: layers of its own for its rows of each batch, and its share of the parameters to update.

All replicas read the same parameters. Each finds the gradient of its rows. Once all have, each sums the gradients of
all replicas over its share of the flat vector, and updates that share: a reduce-scatter, the first half of an
all-reduce. The second half hands the sums round. It is not needed, because the parameters lie in shared memory. So a
step has two waits, whatever the layers are: for the others' gradients, and for the others' updates. Clipping adds one.
"""

from __future__ import annotations

from functools import partial
from math import sqrt

import numpy as np
import numpy.typing as npt

from stages.mlp.arrays import Floats, Rows, shared_zeros
from stages.mlp.gradient_descent.step import Step, Warper
from stages.mlp.gradient_descent.update import PIECE, Update, pieces_of
from stages.mlp.network import Network
from stages.mlp.parallel.group import Group, part_of


class Shared:
    """What the replicas of one training share, in memory that all of them see.

    Attributes
    ----------
    network : the network that is trained
    update : how its parameters are updated
    gradients : each replica's, (count, n_parameters)
    statistics : each replica's running averages of batch normalisation, (count, n_statistics)
    measured : each replica's summed loss and number of right rows of the last batch, (count, 2)
    squares : the sum of squares of each replica's share of the gradient, (count,)
    """

    def __init__(self, network: Network, update: Update, count: int) -> None:
        self.network, self.update = network, update
        dtype = network.parameters.dtype
        self.gradients = shared_zeros((count, network.parameters.size), dtype)
        self.statistics = shared_zeros((count, network.statistics.size), dtype)
        self.statistics[...] = network.statistics
        self.measured = shared_zeros((count, 2), np.float64)
        self.squares = shared_zeros(count, np.float64)

    def mean_statistics(self) -> Floats:
        """The running averages (n_statistics,), averaged over the replicas, which all go on with them."""
        mean: Floats = self.statistics.mean(axis=0)
        self.statistics[...] = mean
        return mean


class Replica:
    """Replica number ``index`` of a group.

    Parameters
    ----------
    group : who waits for whom
    shared : what all replicas share
    warper, label_smoothing, x_dtype : as of ``Step``
    """

    def __init__(
        self,
        index: int,
        group: Group,
        shared: Shared,
        *,
        warper: Warper | None = None,
        label_smoothing: float = 0.0,
        x_dtype: npt.DTypeLike = np.float32,
    ) -> None:
        network = shared.network
        self.index, self.group, self.shared, self.warper = index, group, shared, warper
        self.rng = np.random.default_rng(0)
        self._make_step = partial(
            Step,
            architecture=network.architecture,
            vectors=network.vectors(shared.gradients[index], shared.statistics[index]),
            rng=self.rng,
            warper=warper,
            label_smoothing=label_smoothing,
            x_dtype=x_dtype,
        )
        self._steps: dict[int, Step] = {}  # by number of rows
        share = part_of(network.parameters.size, index, group.count)
        self._pieces = pieces_of(share.start, share.stop, network.architecture.n_weights)
        self._work = np.empty(PIECE, network.parameters.dtype)

    def begin_epoch(self, rng: np.random.Generator) -> None:
        """Draw random numbers as ``rng`` would from now on."""
        self.rng.bit_generator.state = rng.bit_generator.state
        if self.warper is not None:
            self.warper.forget()

    def rows_of(self, batch: Rows) -> Rows:
        """Which rows of a batch are this replica's."""
        return batch[part_of(len(batch), self.index, self.group.count)]

    def step(self, X: Floats, Y: Floats, rows: Rows, n_rows: int, step: int, learning_rate: float) -> tuple[float, int]:
        """Step number ``step``, from 1: ``rows`` of ``X`` and ``Y`` are this replica's part of a batch of ``n_rows``.

        Returns the summed loss of the whole batch, and how many of its rows were right, before the update.
        """
        self.find_gradient(X, Y, rows, n_rows)
        self.group.wait(self.index)  # for the others' gradients
        loss, n_correct = self.shared.measured.sum(axis=0).tolist()
        self.update_share(step, learning_rate)
        self.group.wait(self.index)  # for the others' updates
        return loss, int(n_correct)

    def find_gradient(self, X: Floats, Y: Floats, rows: Rows, n_rows: int) -> None:
        """Write the gradient of this replica's rows, and how they did, to where all replicas see it."""
        m = len(rows)
        if m == 0:  # the batch has fewer rows than there are replicas
            self.shared.gradients[self.index] = 0
            self.shared.measured[self.index] = 0
            return
        if m not in self._steps:
            self._steps[m] = self._make_step(m)
        self.shared.measured[self.index] = self._steps[m].run(X, Y, rows, n_rows)

    def update_share(self, step: int, learning_rate: float) -> None:
        """Sum the gradients of all replicas over this replica's share of the parameters, and update that share."""
        update, total = self.shared.update, self.shared.gradients[0]
        is_clipped = update.clip_norm is not None
        factor = self._sum_and_find_clip_factor() if is_clipped else 1.0
        for piece, decays in self._pieces:
            g = total[piece] if is_clipped else self._sum_gradients(piece)
            if factor != 1.0:
                g *= factor
            update.apply(piece, g, self._work[: len(g)], step, learning_rate, decays=decays)

    def _sum_gradients(self, piece: slice) -> Floats:
        """The sum over all replicas of a piece of their gradients, in place of the first replica's."""
        total: Floats = self.shared.gradients[0, piece]
        for gradient in self.shared.gradients[1:, piece]:
            total += gradient
        return total

    def _sum_and_find_clip_factor(self) -> float:
        """Sum the whole share before any update, because the clip factor depends on the norm of the whole gradient."""
        sums = [self._sum_gradients(piece) for piece, _ in self._pieces]
        self.shared.squares[self.index] = sum(float(np.vdot(g, g)) for g in sums)
        self.group.wait(self.index)  # for the others' squares
        return self.shared.update.clip_factor(sqrt(self.shared.squares.sum()))
