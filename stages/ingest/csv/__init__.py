"""Reading CSV: a stream of lines becomes blocks of pixels, and invalid lines become bad rows.

``streams`` reads lines, ``header`` and ``layout`` the columns, ``parse`` a block. ``bad_lines`` finds the bad rows of a
block, and ``faults`` says what is wrong with them.
This room imports ``stages.shared``, and of ingest its parameters, the profile, and how zips are read.
"""
