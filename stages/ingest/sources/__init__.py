"""Where the raw files are found: configured, in data/, in a zip, or else the bundled sample.

This room runs on every plan. It imports the standard library, ``stages.shared`` and
``stages.sample``, and reads no data.
"""
