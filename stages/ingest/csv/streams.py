"""A raw CSV as a stream of whole lines.

A file is read once, in blocks of BLOCK_BYTES that end at a line's end; memory does not grow with the file. A file that
is no CSV at all (a web page, a picture, UTF-16) is refused here by its kind, before it is parsed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pipeline.errors import DataError, shortage
from stages.ingest.sources.other_formats import OTHER_FORMATS
from stages.ingest.sources.zip_files import largest_expansion, reason_of
from stages.shared.messages import FileName

BLOCK_BYTES = 2**19  # what is parsed at once; its separators' positions take several times that in memory
LONGEST_LINE = 4 * 2**20  # bytes; the header of images of 512 x 512 (pixel0 to pixel262143) still fits

LOOKED_AT = 100  # rows, to see what a column of the header holds

DOWNLOAD_AGAIN = "download the file again"

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
PRINTABLE = bytes(range(32, 127))
NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # control characters but tab and line ends


def fault_of_start(start: bytes) -> tuple[str, str] | None:
    """What a file is that begins with ``start`` and cannot be a CSV, and what to do; None if it may be one."""
    text = start.removeprefix(BYTE_ORDER_MARK).lstrip()
    for form, what, hint in OTHER_FORMATS:
        if re.match(form, start) or re.match(form, text):
            return what, hint
    if not text.strip(b"\0"):
        return "holds NUL bytes in place of text", f"copy it again, or {DOWNLOAD_AGAIN}"
    return None


def fault_of_line(line: bytes, start: bytes) -> tuple[str, str] | None:
    """What is wrong with the first line of a file that begins with ``start``, and what to do; None if it is text."""
    if NO_TEXT.search(line) or (not is_utf8(line) and NO_TEXT.search(start, 0, 1024)):
        if 3 * line.count(b"\0") > len(line) and not line.replace(b"\0", b"").strip(PRINTABLE):
            return "is encoded as UTF-16", "save it as UTF-8"
        return "is damaged, or not a CSV: it holds bytes that are no text", DOWNLOAD_AGAIN
    return None


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
        if not start.removeprefix(BYTE_ORDER_MARK).strip():
            raise DataError(f"{self.name} is empty", where=self.name.path, hint=DOWNLOAD_AGAIN)
        self._require_none(fault_of_start(start))
        start = start.removeprefix(BYTE_ORDER_MARK)
        while b"\n" not in start and len(start) <= LONGEST_LINE and (piece := self._read_piece()):
            start += piece
        line, end, self.held_back = start.partition(b"\n")
        if not end and len(line) > LONGEST_LINE:
            raise self._too_long()
        self.first_line = 2
        line = line.removesuffix(b"\r")
        self._require_none(fault_of_line(line, start))
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
        if self.n_bytes > largest_expansion(n_read := self.n_read()):
            raise DataError(
                f"{self.name} expands from {n_read:,} to over {self.n_bytes - len(piece):,} bytes, too much for its "
                "size: no table of images does",
                where=self.name.path,
                hint=DOWNLOAD_AGAIN,
            )
        return piece

    def _require_none(self, fault: tuple[str, str] | None) -> None:
        if fault is not None:
            what, hint = fault
            raise DataError(f"{self.name} {what}", where=f"{self.name.path}, its first bytes", hint=hint)

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
