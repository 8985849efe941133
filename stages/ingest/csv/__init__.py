"""Reading CSV: a stream of lines becomes blocks of pixels.

``open_raw`` opens a file, and ``streams`` reads its lines. ``header``, ``pixel_names`` and ``layout`` read its columns,
``both_layouts`` compares those of two files. ``parse`` reads a block of valid rows.
This room imports ``stages.shared``, and of ingest its parameters and the profile,
and of its ``sources`` how zips are read and other formats known.
"""
