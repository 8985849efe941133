"""``pipeline report``: opens the report.

It may import what other commands may, and no other command's folder.
"""
