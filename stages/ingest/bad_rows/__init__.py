"""Rows of a CSV that are not valid: ``bad_lines`` finds them in a block, and ``faults`` says what is wrong with them.

``stop_or_set_aside`` is what follows: an error, with one of the ``hints``, or a warning.
This room imports ``stages.shared``, and of ingest the settings, ``csv`` and ``csv_to_table``.
"""
