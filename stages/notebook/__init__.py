"""What a notebook shows of a training.

It draws with matplotlib, and may import ``stages.mlp``. It is a room of its own since the keys of stages cover the
libraries that their code imports: drawing in ``stages.mlp`` would train every network again with each new matplotlib.
"""

from stages.notebook.plot_history import plot_history

__all__ = ["plot_history"]
