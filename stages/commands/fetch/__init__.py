"""``pipeline fetch``: a competition's files into data/."""
