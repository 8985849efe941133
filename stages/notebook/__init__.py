"""What a notebook shows of a network and its training: tables and charts.

It draws with matplotlib, and may import ``stages.mlp``. It is not part of that, since the key of a stage covers the
code and libraries that the stage reaches: each changed word of a table would train every network again.
"""

from stages.notebook.history_table import history_table
from stages.notebook.layer_table import LayerRow, LayerTable, layer_table
from stages.notebook.plot_history import plot_history

__all__ = ["LayerRow", "LayerTable", "history_table", "layer_table", "plot_history"]
