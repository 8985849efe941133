"""Raw files as streams of whole lines: CSV, gzipped CSV, or a member of a zip, told apart by content.

A file is read once, in blocks of BLOCK_BYTES that end at a line's end; memory does not grow with the file. A file that
is no CSV at all (a web page, a picture, UTF-16) is refused here by its kind, before it is parsed.
"""

from __future__ import annotations

import gzip
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import BufferedReader, FileIO

from pipeline.errors import DataError, shortage
from pipeline.task import Source, file_identity
from stages.ingest.sources.possible_data import LIBSVM
from stages.ingest.sources.zip_files import WEB_PAGE, largest_expansion, reason_of
from stages.shared.messages import FileName

BLOCK_BYTES = 2**19  # what is parsed at once; its separators' positions take several times that in memory
LONGEST_LINE = 4 * 2**20  # bytes; the header of images of 512 x 512 (pixel0 to pixel262143) still fits

LOOKED_AT = 100  # rows, to see what a column of the header holds

LONGEST_GZIP_HEADER = 2**16  # bytes of names, comments and padding

DOWNLOAD_AGAIN = "download the file again"
UNPACK = "unpack it: a CSV is read as it is, gzipped, or in a zip"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PRINTABLE = bytes(range(32, 127))
NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # control characters but tab and line ends

EXPORT = "export it as CSV"
OFFICE_FILE = re.compile(rb"PK\x03\x04.{26}(\[Content_Types\]|_rels/|docProps/|xl/|mimetype)", re.DOTALL)  # a zip too
OTHER_TABLES = ((OFFICE_FILE, "is a spreadsheet or another office file"), (LIBSVM, "is a libsvm file"))

# What a file that is no CSV begins with, and what to say about it.
OTHER_FORMATS: tuple[tuple[bytes, str, str], ...] = (
    (b"\xff\xfe", "is encoded as UTF-16", "save it as UTF-8"),
    (b"\xfe\xff", "is encoded as UTF-16", "save it as UTF-8"),
    (b"\x89PNG", "is a PNG image", "put the CSV file there"),
    (b"\xff\xd8\xff", "is a JPEG image", "put the CSV file there"),
    (b"%PDF", "is a PDF document", "put the CSV file there"),
    (b"PK\x03\x04", "is a zip", "name it .zip and put it into data/, or set ingest.archive to it"),
    (b"\x1f\x8b", "is gzipped twice", "unpack it once"),
    (b"PAR1", "is a Parquet file", EXPORT),
    (b"\xfd7zXZ\0", "is compressed with xz", UNPACK),
    (b"BZh", "is compressed with bzip2", UNPACK),
    (b"\x28\xb5\x2f\xfd", "is compressed with zstd", UNPACK),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive", UNPACK),
    (b"Rar!", "is a rar archive", UNPACK),
    (b"\xd0\xcf\x11\xe0", "is an Excel file", EXPORT),
    (b"\x93NUMPY", "is a NumPy file", EXPORT),
    (b"\x89HDF", "is an HDF5 file", EXPORT),
    (b"<", "is a web page, not a table", f"{DOWNLOAD_AGAIN}: {WEB_PAGE}"),
    (b"{", "is JSON", EXPORT),
    (b"[", "is JSON", EXPORT),
)


def require_no_other_format(start: bytes, file: FileName) -> None:
    """Raise DataError if a file that begins with ``start`` has a known format that is not CSV."""
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    found = [(what, EXPORT) for form, what in OTHER_TABLES if form.match(start)]
    found += [(what, hint) for magic, what, hint in OTHER_FORMATS if start.startswith(magic) or text.startswith(magic)]
    for what, hint in found:
        raise DataError(f"{file} {what}", where=f"{file.path}, its first bytes", hint=hint)


def no_rows(file: FileName, hint: str) -> DataError:
    """The error for a file that ends behind its header."""
    return DataError(f"{file} has a header, but no rows", where=file.path, hint=hint)


@dataclass(slots=True)
class RawCsv:
    """A raw file that is being read. ``name`` is what messages call it."""

    name: FileName
    size: int  # bytes on disk
    read: Callable[[int], bytes]
    n_read: Callable[[], int]  # bytes that were read from disk so far
    is_packed: bool = False
    n_bytes: int = 0  # of text that came out so far
    first_line: int = 1  # the number of the first line that blocks() gives
    held_back: bytes = b""  # read, but not yet handed out
    ends_within_line: bool = False  # whether the last line, now handed out, has no end in the file

    def read_header(self) -> bytes:
        """The first line, without its end and without a byte-order mark.

        Raises
        ------
        DataError
            The file is empty, or is something else than text.
        """
        start = self._read_piece()
        require_no_other_format(start, self.name)
        start = start.removeprefix(BYTE_ORDER_MARK)
        if not start.strip():
            raise DataError(f"{self.name} is empty", where=self.name.path, hint=DOWNLOAD_AGAIN)
        if not start.strip(b"\0"):
            what, hint = "holds NUL bytes in place of text", f"copy it again, or {DOWNLOAD_AGAIN}"
            raise DataError(f"{self.name} {what}", where=f"{self.name.path}, its first bytes", hint=hint)
        while b"\n" not in start and len(start) <= LONGEST_LINE and (piece := self._read_piece()):
            start += piece
        line, end, self.held_back = start.partition(b"\n")
        if not end and len(line) > LONGEST_LINE:
            raise self._too_long()
        self.first_line = 2
        line = line.removesuffix(b"\r")
        if NO_TEXT.search(line) or (not is_utf8(line) and NO_TEXT.search(start, 0, 1024)):
            if 3 * line.count(b"\0") > len(line) and not line.replace(b"\0", b"").strip(PRINTABLE):
                what, hint = "is encoded as UTF-16", "save it as UTF-8"
            else:
                what, hint = "is damaged, or not a CSV: it holds bytes that are no text", DOWNLOAD_AGAIN
            raise DataError(f"{self.name} {what}", where=f"{self.name.path}, its first bytes", hint=hint)
        if b"\r" in line:
            raise DataError(
                f"{self.name} ends its lines with a carriage return alone",
                where=f"{self.name.path}, line 1",
                hint="save it with line feeds (Unix) or CR LF (Windows)",
            )
        return line

    @property
    def next_lines(self) -> list[bytes]:
        """The first lines after the header, at most ``LOOKED_AT``: whole ones, or the beginning of the only one."""
        first, *others = self.held_back.split(b"\n", LOOKED_AT)
        return [line.removesuffix(b"\r") for line in (first, *others[:-1]) if line]

    def put_back(self, line: bytes) -> None:
        """Hand out ``line``, the one that ``read_header`` gave, again as data."""
        self.held_back = line + b"\n" + self.held_back
        self.first_line = 1

    def blocks(self) -> Iterator[bytes]:
        """The remaining lines, whole and with line ends, about ``BLOCK_BYTES`` at a time.

        Blank lines at the very end of the file are dropped, and a missing last line end is added.

        Raises
        ------
        DataError
            A line is longer than a block, or the file is cut off, damaged, or a bomb.
        """
        text, self.held_back = self.held_back, b""
        n_blank = 0  # blank lines held back: they count only if other lines follow
        while piece := self._read_piece():
            text += piece
            lines = text[: text.rfind(b"\n") + 1]
            rows = lines.rstrip(b"\r\n")
            text = text[len(lines) :]
            if rows:
                yield from blank_lines(n_blank)
                end = lines.index(b"\n", len(rows)) + 1
                n_blank = lines.count(b"\n", end)
                yield lines[:end]
            else:
                n_blank += lines.count(b"\n")
            if len(text) > LONGEST_LINE:
                raise self._too_long()
        if rows := text.rstrip(b"\r\n"):
            yield from blank_lines(n_blank)
            self.ends_within_line = b"\n" not in text[len(rows) :]
            yield rows + b"\n"

    def _read_piece(self) -> bytes:
        try:
            piece = self.read(BLOCK_BYTES)
        except Exception as error:  # zlib, bz2, lzma and zipfile each have errors of their own
            if shortage(error):  # then nothing is wrong with the file
                raise
            raise DataError(f"{self.name} {reason_of(error)}", where=self.name.path, hint=DOWNLOAD_AGAIN) from error
        self.n_bytes += len(piece)
        if self.is_packed and self.n_bytes > largest_expansion(n_read := self.n_read()):
            raise DataError(
                f"{self.name} expands from {n_read:,} to over {self.n_bytes - len(piece):,} bytes, too much for its "
                "size: no table of images does",
                where=self.name.path,
                hint=DOWNLOAD_AGAIN,
            )
        return piece

    def _too_long(self) -> DataError:
        return DataError(
            f"{self.name} has a line of more than {LONGEST_LINE:,} bytes",
            where=f"{self.name.path}, within {self.n_bytes:,} bytes from the start",
            hint="check that the file is a CSV with one image a line",
        )


def blank_lines(n: int) -> Iterator[bytes]:
    """``n`` blank lines, a block at a time."""
    for start in range(0, n, BLOCK_BYTES):
        yield b"\n" * min(BLOCK_BYTES, n - start)


def is_utf8(text: bytes) -> bool:
    """Whether ``text`` can be read as UTF-8."""
    try:
        text.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


@contextmanager
def open_raw(source: Source) -> Iterator[RawCsv]:
    """Open a raw file for reading; gzip is known by its first bytes, whatever the file is called.

    Raises
    ------
    DataError
        The file cannot be opened, or is not the one that the engine has fingerprinted.
    """
    with ExitStack() as stack:
        try:
            file = stack.enter_context(RawBytes(FileIO(source.path)))
            raw = _read_as_csv(source, file, stack)
        except Exception as error:  # zipfile raises errors of every kind for damage
            if shortage(error):  # then nothing is wrong with the file
                raise
            raise DataError(
                f"{source.path.name} {reason_of(error)}",
                where=str(source.path),
                hint=f"check the path, {DOWNLOAD_AGAIN}, or {UNPACK}",
            ) from error
        if source.identity not in {None, file_identity(os.fstat(file.fileno()))}:
            raise DataError(
                f"{source.path.name} was exchanged or changed while the stage ran",
                where=str(source.path),
                hint="run it again when nothing changes the file any more",
            )
        yield raw


def _read_as_csv(source: Source, file: RawBytes, stack: ExitStack) -> RawCsv:
    """The CSV that the open ``file`` is or holds."""
    size = os.fstat(file.fileno()).st_size
    if source.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(file))
        info = archive.getinfo(source.member)
        member = stack.enter_context(archive.open(info))
        n_before = file.n_read  # of the zip's directory
        member_name = source.member if len(source.member) <= 80 else f"...{source.member[-80:]}"
        return RawCsv(
            name=FileName(f"{source.path.name}: {member_name}", f"{source.path}: {member_name}"),
            size=min(info.compress_size, size),  # the zip's directory may be wrong
            read=member.read,
            n_read=lambda: file.n_read - n_before,
            is_packed=True,
        )
    name = FileName(source.path.name, str(source.path))
    if file.peek(2)[:2] == b"\x1f\x8b":
        unpacked = stack.enter_context(gzip.GzipFile(fileobj=file))
        return RawCsv(name, size, unpacked.read, lambda: file.n_read, is_packed=True)
    return RawCsv(name, size, file.read, lambda: file.n_read)


class RawBytes(BufferedReader):
    """The bytes of a file, counted. An endless gzip header is refused: Python would read it byte by byte for ever."""

    n_read = 0  # bytes
    n_single = 0  # bytes that were read one by one, in a row

    def read(self, size: int | None = -1, /) -> bytes:
        """The next ``size`` bytes; BadGzipFile if they are the ``LONGEST_GZIP_HEADER``-th that is read alone."""
        self.n_single = self.n_single + 1 if size == 1 else 0
        if self.n_single > LONGEST_GZIP_HEADER:
            raise gzip.BadGzipFile("a gzip header in it does not end")
        data = super().read(size)
        self.n_read += len(data)
        return data
