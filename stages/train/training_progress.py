"""What a person sees of a training: its progress at every step, and lines as the tutorial prints them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipeline.figures import percent
from pipeline.task import Progress
from stages.mlp import Epoch


@dataclass(slots=True)
class TrainingProgress:
    """Shows progress at every step, and every ``report_steps`` steps a line as the tutorial prints it."""

    who: str
    progress: Progress
    log: Callable[[str], None]
    n_rows: int
    batch_size: int
    report_steps: int
    is_new: bool = True  # no step has been seen yet
    note: str = ""
    loss: float = 0.0  # summed since the last line, as the following
    n_correct: int = 0
    n_seen: int = 0

    def step(self, step: int, n_steps: int, loss: float, n_correct: int) -> None:
        """Called after each step, with its batch's summed loss and number of correct rows."""
        if self.is_new and step > 1:
            self.log(f"{self.who}: goes on after step {step - 1:,} of {n_steps:,}, where an earlier run was ended")
        self.is_new = False
        self.progress(step, n_steps, unit="steps", note=self.note)
        every = self.report_steps
        if not every:
            return
        n_epoch_steps = -(-self.n_rows // self.batch_size)
        n_before = (step - 1) % n_epoch_steps * self.batch_size  # rows of the epoch
        self.n_seen += min(self.batch_size, self.n_rows - n_before)
        self.loss += loss
        self.n_correct += n_correct
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
