"""``pipeline report``: opens the report."""
