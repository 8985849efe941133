"""Reading raw files: what ingest is made of.

``sources`` finds the files (``archive`` looks into a zip), ``streams`` reads their lines, ``layout`` reads the
header, ``csv_matrix`` parses blocks of lines, ``bad_rows`` explains those that are not valid, ``ids`` names the
test rows, and ``profile`` gathers what was found.
"""
