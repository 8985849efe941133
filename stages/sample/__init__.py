"""A small real data set, so that a fresh clone runs: see README.md beside this file."""
