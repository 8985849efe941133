"""``pipeline suspects``: training rows whose label is probably wrong."""
