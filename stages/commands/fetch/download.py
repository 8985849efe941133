"""Download a data set's files from the first mirror that serves them, and resume interrupted downloads.

pooch keeps finished files in the user's cache, and accepts a file only if its checksum is the published one. It cannot
resume. So the bytes received so far are kept here in a ``.part`` file, which outlives a killed process. The next
attempt, at any mirror, requests the rest (RFC 9110, section 14: range requests).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any

import pooch
import requests

from pipeline.errors import DataError, StageError, disk_full, shortened
from pipeline.task import Progress
from stages.commands.data_sets import DataFile
from stages.commands.kaggle_program import without_secrets

CHUNK_BYTES = 2**16
CONNECT_TIMEOUT = 10.0  # seconds
READ_TIMEOUT = 30.0  # seconds without a byte
ROUNDS = 2  # how often a mirror is tried, if its failure may be temporary
PARTIAL_CONTENT = 206  # the status of a response with a range of a file
TEMPORARY_STATUSES = {408, 425, 429}  # and all from 500 on
RANGE_NOT_SATISFIABLE = 416  # the status if the requested range begins after the end of the file
TEMPORARY_FILES = "tmp????????"  # the names that Python's tempfile gives to those of pooch
MOST_SHOWN = 5  # mirrors in a message
MORE_ROOM = "free some space, or set XDG_CACHE_HOME to a folder that has room"


Report = Callable[[int], None]  # called with the number of bytes received so far


class NotServedError(Exception):
    """A mirror does not serve a file: the reason, and whether it may be temporary."""

    def __init__(self, reason: str, *, is_temporary: bool) -> None:
        super().__init__(reason)
        self.is_temporary = is_temporary


def cache_folder(name: str) -> Path:
    """The folder of this user's cache for a data set: ``~/.cache/digit-pipeline/<name>`` on Linux."""
    return Path(pooch.os_cache("digit-pipeline")) / name


def download(files: Sequence[DataFile], mirrors: Sequence[str], cache: Path, progress: Progress) -> dict[str, Path]:
    """Download the files that are not in the folder ``cache`` yet; return the path of each by its name.

    The mirror that served a file is asked first for the next one.
    Raises StageError if no mirror serves a file as it was published, and DataError if the cache cannot be written to.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # pooch would print a line for each file
    order, paths = list(mirrors), {}
    total, done = sum(file.size for file in files) / 1e6, 0.0
    with cleaned(cache):
        for file in files:

            def report(n_bytes: int, before: float = done, name: str = file.name) -> None:
                progress(before + n_bytes / 1e6, total, unit="MB", note=name)

            paths[file.name], served_by = from_mirrors(file, order, cache, report)
            order = [served_by, *(mirror for mirror in order if mirror != served_by)]
            done += file.size / 1e6
    return paths


@contextmanager
def cleaned(cache: Path) -> Iterator[None]:
    """Use the folder ``cache``, after removing the temporary files that killed processes left in it.

    They are removed only if no other process uses the folder, which a lock on it shows.
    """
    with suppress(OSError):  # the error is raised where the first file is saved
        cache.mkdir(parents=True, exist_ok=True)
    try:
        folder = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # another process uses the folder, or the file system has no locks
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in cache.glob(TEMPORARY_FILES):
                path.unlink()
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_SH)
        yield
    finally:
        os.close(folder)


def from_mirrors(file: DataFile, mirrors: Sequence[str], cache: Path, report: Report) -> tuple[Path, str]:
    """The file's path in the cache, and the mirror that served it; the first mirror if the file was there already.

    A mirror is asked again after a temporary failure. Raises StageError if none serves it, and DataError if the cache
    cannot be written to.
    """
    failures: dict[str, NotServedError] = {}
    for _ in range(ROUNDS):
        for mirror in mirrors:
            if mirror in failures and not failures[mirror].is_temporary:
                continue
            try:
                return from_mirror(mirror, file, cache, report), mirror
            except NotServedError as error:
                failures[mirror] = error
    reasons = [without_secrets(shortened(f"{mirror}: {error}", 300)) for mirror, error in failures.items()]
    more = [f"and {len(reasons) - MOST_SHOWN} more mirrors"] if len(reasons) > MOST_SHOWN else []
    is_kept = partial_path(file, cache).exists()
    raise StageError(
        f"{file.name} could not be downloaded: no mirror serves it",
        where=[*reasons[:MOST_SHOWN], *more],
        hint=f"see whether the network can be reached, and fetch again{': what has arrived is kept' * is_kept}; "
        "--mirror URL names another folder on the web that has the files",
    )


def from_mirror(mirror: str, file: DataFile, cache: Path, report: Report) -> Path:
    """The file's path in the cache, downloaded unless a good one is there.

    Raises NotServedError if the mirror does not serve it, and DataError if the cache cannot be written to.
    """
    part = partial_path(file, cache)
    resumed = part.exists()
    try:
        path = pooch.retrieve(
            f"{mirror.rstrip('/')}/{file.name}",
            known_hash=f"md5:{file.md5}",
            fname=file.name,
            path=cache,
            downloader=partial(receive_file, part=part, size=file.size, report=report),
        )
    except ValueError as error:  # the part of an earlier download may be what is wrong
        raise NotServedError(
            "what arrived is not the published file (its checksum differs)", is_temporary=resumed
        ) from error
    except OSError as error:
        full = disk_full(error)
        reason, hint = (full[0], MORE_ROOM) if full else (error.strerror or str(error), "make the folder writable")
        if error.errno == errno.EWOULDBLOCK:
            reason, hint = "another process is downloading it", "wait until that one is done"
        raise DataError(f"{file.name} cannot be saved in the cache: {reason}", where=str(cache), hint=hint) from error
    return Path(path)


def partial_path(file: DataFile, cache: Path) -> Path:
    """The file that keeps the bytes received so far."""
    return cache / f"{file.name}.part"


def receive_file(url: str, output: str, _: Any, *, part: Path, size: int, report: Report) -> None:
    """Download ``url`` to the file ``output`` of ``size`` bytes for pooch: complete ``part``, and rename it.

    Raises NotServedError if the mirror does not serve the rest, after which ``part`` keeps the bytes received, and
    BlockingIOError if another process is downloading the file.
    """
    with part.open("ab") as file:
        lock(file)
        try:
            if file.tell() != size:
                receive_rest(file, url, size, report)
            part.replace(output)
        except NotServedError:
            file.flush()
            if not part.stat().st_size:
                part.unlink()
            raise


def lock(file: IO[bytes]) -> None:
    """Lock ``file`` where the file system has locks; BlockingIOError if another process has locked it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # the file system has no locks; if two processes mix a file up, its checksum shows it
        return


def receive_rest(file: IO[bytes], url: str, size: int, report: Report) -> None:
    """Append the missing bytes of ``size`` to ``file``, or write it from its start if the mirror sends all of it.

    Raises NotServedError if the mirror cannot be reached, refuses, stops, or sends something else.
    """
    there = file.tell() if file.tell() <= size else 0  # a longer file is another one
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)) as response:
            if response.status_code == RANGE_NOT_SATISFIABLE and there:
                file.truncate(0)
                file.seek(0)
                receive_rest(file, url, size, report)
                return
            response.raise_for_status()
            there = there if is_rest(response, there) else 0
            require_length(response, size - there)
            file.truncate(there)
            for chunk in response.iter_content(CHUNK_BYTES):
                there += len(chunk)
                if there > size:
                    file.truncate(0)
                    raise NotServedError(f"it sends more than the {size:,} bytes it should", is_temporary=False)
                file.write(chunk)
                report(there)
    except requests.RequestException as error:
        raise not_served_error(error, there, size) from error
    if there < size:
        raise NotServedError(f"it stopped after {there:,} of {size:,} bytes", is_temporary=True)


def is_rest(response: requests.Response, there: int) -> bool:
    """Whether a response holds the file from byte ``there`` on, and not the whole file."""
    begins = response.headers.get("Content-Range", "").startswith(f"bytes {there}-")
    return response.status_code == PARTIAL_CONTENT and begins


def require_length(response: requests.Response, expected: int) -> None:
    """Raise NotServedError if a response states another length than ``expected``: it may be a web page."""
    length = response.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != expected:
        what = f"it sends {int(length):,} bytes where {expected:,} belong: another file, or a web page"
        raise NotServedError(what, is_temporary=False)


def not_served_error(error: requests.RequestException, there: int, size: int) -> NotServedError:
    """The error for a mirror that failed after ``there`` bytes of a file, with the reason in a few words."""
    if error.response is not None and error.response.status_code >= 400:
        status = error.response.status_code
        is_temporary = status >= 500 or status in TEMPORARY_STATUSES
        return NotServedError(f"{status} {error.response.reason}", is_temporary=is_temporary)
    if isinstance(error, requests.ConnectTimeout):
        return NotServedError(f"no connection within {CONNECT_TIMEOUT:g} s", is_temporary=False)
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return NotServedError(f"nothing came for {READ_TIMEOUT:g} s, after {there:,} bytes", is_temporary=True)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return NotServedError(f"it stopped after {there:,} of {size:,} bytes", is_temporary=True)
    return NotServedError(reason_of(error), is_temporary=False)


def reason_of(error: BaseException) -> str:
    """The message of the last system or network error in the chain of ``error``, or else the name of its class."""
    reason: str = type(error).__name__
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError | HTTPException) or type(link).__module__.startswith("urllib3."):
            only = link.args[0] if len(link.args) == 1 and isinstance(link.args[0], str) else ""
            reason = (link.strerror if isinstance(link, OSError) else None) or only or reason
        link = link.__context__
    return " ".join(reason.split())
