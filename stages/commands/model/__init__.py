"""``pipeline model``: the trained network as a table of its layers."""
