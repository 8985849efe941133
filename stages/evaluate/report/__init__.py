"""The report: one self-contained HTML page that shows what a network learned, where it errs, and where it came from.

``findings`` is what the page is made from, ``page`` puts it together; everything else makes a part of it. The page
loads nothing from anywhere and holds no time, so the same run gives the same bytes.
"""
