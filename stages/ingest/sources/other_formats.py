"""Files that are no CSV, known by their first bytes: what they are, and what to do with them."""

from __future__ import annotations

from stages.ingest.sources.zip_files import WEB_PAGE

EXPORT = "export it as CSV"
UNPACK = "unpack it: a CSV is read as it is, gzipped, or in a zip"
PUT_CSV = "put the CSV file there"

OFFICE_FILE = rb"(?s)PK\x03\x04.{26}(\[Content_Types\]|_rels/|docProps/|xl/|mimetype)"  # a zip too
# A line of libsvm may be short, since it leaves out all zeros: a label, and two pixels or more.
LIBSVM = rb"(?m)^[+-]?\d[\d.]* +\d+:[\d.e+-]+ +\d+:[\d.e+-]+(?: |\r?$)"

Formats = tuple[tuple[bytes, str, str], ...]  # a pattern of the first bytes, what the file is, and what to do

# Archives, tables and arrays, which may be the user's data. A header may begin with FEA1: NUL bytes tell them apart.
DATA_FORMATS: Formats = (
    (OFFICE_FILE, "is a spreadsheet or another office file", EXPORT),
    (LIBSVM, "is a libsvm file", EXPORT),
    (rb"PK\x03\x04", "is a zip", "name it .zip and put it into data/, or set ingest.archive to it"),
    (rb"\x1f\x8b", "is gzipped twice", "unpack it once"),
    (rb"\xfd7zXZ\0", "is compressed with xz", UNPACK),
    (rb"BZh", "is compressed with bzip2", UNPACK),
    (rb"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    (rb"\x1f\x9d", "is compressed with compress", UNPACK),
    (rb"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (rb"Rar!", "is a rar archive", UNPACK),
    (rb"PAR1\x15", "is a Parquet file", EXPORT),
    (rb"ARROW1\0\0|FEA1\0{4}", "is an Arrow file", EXPORT),
    (rb"\xd0\xcf\x11\xe0", "is an Excel file", EXPORT),
    (rb"\x93NUMPY", "is a NumPy file", EXPORT),
    (rb"\x89HDF", "is an HDF5 file", EXPORT),
    (rb"SQLite format 3\0", "is an SQLite database", EXPORT),
    (rb"\0\0\x08[\x01\x03]", "is an IDX file", "make a CSV of it, with a row of pixels for each image"),
)
OTHER_FORMATS: Formats = (
    *DATA_FORMATS,
    (rb"\xff\xfe|\xfe\xff", "is encoded as UTF-16", "save it as UTF-8"),
    (rb"\x89PNG", "is a PNG image", PUT_CSV),
    (rb"\xff\xd8\xff", "is a JPEG image", PUT_CSV),
    (rb"%PDF", "is a PDF document", PUT_CSV),
    (rb"<", "is a web page, not a table", f"download the file again: {WEB_PAGE}"),
    (rb"[{[]", "is JSON", EXPORT),
)
