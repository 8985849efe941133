"""Open a raw file as a CSV: plain, gzipped, or a member of a zip; gzip is known by its first bytes, not by the name."""

from __future__ import annotations

import gzip
import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BufferedReader, FileIO

from pipeline.errors import DataError, shortage
from pipeline.task import Source, file_identity
from stages.ingest.csv.streams import DOWNLOAD_AGAIN, RawCsv
from stages.ingest.sources.other_formats import UNPACK
from stages.ingest.sources.zip_files import reason_of
from stages.shared.messages import FileName

LONGEST_GZIP_HEADER = 2**16  # bytes of names, comments and padding


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
            raw = read_as_csv(source, file, stack)
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


def read_as_csv(source: Source, file: RawBytes, stack: ExitStack) -> RawCsv:
    """The CSV that the open ``file`` is or holds."""
    size = os.fstat(file.fileno()).st_size
    if source.member is not None:
        archive = stack.enter_context(zipfile.ZipFile(file))
        info = archive.getinfo(source.member)
        member = stack.enter_context(archive.open(info))
        start = file.tell()
        member_name = source.member if len(source.member) <= 80 else f"...{source.member[-80:]}"
        return RawCsv(
            name=FileName(f"{source.path.name}: {member_name}", f"{source.path}: {member_name}"),
            size=min(info.compress_size, size),  # the zip's directory may be wrong
            read=member.read,
            n_read=lambda: file.tell() - start,
        )
    name = FileName(source.path.name, str(source.path))
    is_gzip = file.peek(2)[:2] == b"\x1f\x8b"
    text = stack.enter_context(gzip.GzipFile(fileobj=file)) if is_gzip else file
    return RawCsv(name, size, text.read, file.tell)


class RawBytes(BufferedReader):
    """The bytes of a file. An endless gzip header is refused: Python would read it byte by byte for ever."""

    n_single = 0  # bytes that were read one by one, in a row

    def read(self, size: int | None = -1, /) -> bytes:
        """The next ``size`` bytes; BadGzipFile if they are the ``LONGEST_GZIP_HEADER``-th that is read alone."""
        self.n_single = self.n_single + 1 if size == 1 else 0
        if self.n_single > LONGEST_GZIP_HEADER:
            raise gzip.BadGzipFile("a gzip header in it does not end")
        return super().read(size)
