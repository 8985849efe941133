"""The report: one self-contained HTML page that shows what a network learned, where it errs, and where it came from.

``findings`` is what the page is made from, ``sections`` says what each part of it shows, and ``page`` renders the
templates. The page loads nothing from anywhere and holds no time, so the same run gives the same bytes.
May import: mlp, images, shared, the files of evaluate beside it, and what the stages before evaluate publish.
"""
