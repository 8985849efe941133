"""Download a data set's files from the first mirror that serves them, and go on with one that was cut off.

pooch keeps what is finished in a folder of the user's cache, and lets a file in only if its checksum is the published
one. It does not go on with half a file, so what is received here goes into a ``.part`` file beside it, which outlives
a killed process. The next attempt, at any mirror, asks for the rest (RFC 9110, section 14: range requests).
"""

from __future__ import annotations

import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
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
CONNECTING = 10.0  # seconds until a mirror must have answered a connection
WAITING = 30.0  # seconds until the next bytes must have come
ROUNDS = 2  # so often a mirror is asked, if what failed may pass
PARTIAL_CONTENT = 206  # the status of an answer with a range of a file
PASSING = {408, 425, 429}  # answers of a server which may be another the next time, as those from 500 on
NO_SUCH_RANGE = 416  # the status of an answer to who has more of a file than there is
TEMPORARY = "tmp????????"  # as Python's tempfile calls what pooch asks it for
MOST_SHOWN = 5  # mirrors in a message
MORE_ROOM = "free some space, or set XDG_CACHE_HOME to a folder that has room"


class NotServedError(Exception):
    """A mirror does not serve a file: the reason, and whether it may pass."""

    def __init__(self, reason: str, *, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of ``size`` bytes; ``report`` is told how many of them are there."""

    size: int
    waiting: float
    report: Callable[[int], None]


def cache_folder(name: str) -> Path:
    """The folder of this user's cache for a data set: ``~/.cache/digit-pipeline/<name>`` on Linux."""
    return Path(pooch.os_cache("digit-pipeline")) / name


def download(
    files: Sequence[DataFile],
    mirrors: Sequence[str],
    cache: Path,
    progress: Progress,
    *,
    waiting: float = WAITING,
) -> dict[str, Path]:
    """Each file's path in the folder ``cache``, by its name; only what is not there yet is downloaded.

    The mirror that served a file is asked first for the next one.

    Raises
    ------
    StageError
        No mirror serves a file as it was published.
    DataError
        The cache cannot be written to.
    """
    pooch.get_logger().setLevel(logging.WARNING)  # it would tell of each file, in its own form
    order, paths = list(mirrors), {}
    total, done = sum(file.size for file in files) / 1e6, 0.0
    with cleaned(cache):
        for file in files:

            def report(n_bytes: int, before: float = done, name: str = file.name) -> None:
                progress(before + n_bytes / 1e6, total, unit="MB", note=name)

            paths[file.name], served_by = from_mirrors(file, order, cache, waiting, report)
            order = [served_by, *(mirror for mirror in order if mirror != served_by)]
            done += file.size / 1e6
    return paths


@contextmanager
def cleaned(cache: Path) -> Iterator[None]:
    """Use the folder ``cache``, without pooch's temporary files that killed processes left in it.

    They are removed if no other process uses it, as a lock on the folder tells.
    """
    with suppress(OSError):  # what is wrong is told where the first file is saved
        cache.mkdir(parents=True, exist_ok=True)
    try:
        folder = os.open(cache, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        yield
        return
    try:
        with suppress(OSError):  # another process is at it, or there are no locks here
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for path in cache.glob(TEMPORARY):
                path.unlink()
        with suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_SH)
        yield
    finally:
        os.close(folder)


def from_mirrors(
    file: DataFile, mirrors: Sequence[str], cache: Path, waiting: float, report: Callable[[int], None]
) -> tuple[Path, str]:
    """The file's path in the cache, and the mirror that served it; the first of them if it was there already.

    Raises
    ------
    StageError
        No mirror serves it, though each was asked again if what failed may pass.
    DataError
        The cache cannot be written to.
    """
    failures: dict[str, NotServedError] = {}
    for _ in range(ROUNDS):
        for mirror in mirrors:
            if mirror in failures and not failures[mirror].may_pass:
                continue
            try:
                return from_mirror(mirror, file, cache, Wanted(file.size, waiting, report)), mirror
            except NotServedError as error:
                failures[mirror] = error
    reasons = [without_secrets(shortened(f"{mirror}: {error}", 300)) for mirror, error in failures.items()]
    more = [f"and {len(reasons) - MOST_SHOWN} more mirrors"] if len(reasons) > MOST_SHOWN else []
    is_kept = part_of(file, cache).exists()
    raise StageError(
        f"{file.name} could not be downloaded: no mirror serves it",
        where=[*reasons[:MOST_SHOWN], *more],
        hint=f"see whether the network can be reached, and fetch again{': what has arrived is kept' * is_kept}; "
        "--mirror URL names another folder on the web that has the files",
    )


def from_mirror(mirror: str, file: DataFile, cache: Path, wanted: Wanted) -> Path:
    """The file's path in the cache, downloaded unless a good one is there.

    Raises
    ------
    NotServedError
        The mirror does not serve it.
    DataError
        The cache cannot be written to.
    """
    part = part_of(file, cache)
    resumed = part.exists()
    try:
        path = pooch.retrieve(
            f"{mirror.rstrip('/')}/{file.name}",
            known_hash=f"md5:{file.md5}",
            fname=file.name,
            path=cache,
            downloader=partial(receive_file, part=part, wanted=wanted),
        )
    except ValueError as error:  # the other part of a file that was cut off may be what is wrong
        raise NotServedError(
            "what arrived is not the published file (its checksum differs)", may_pass=resumed
        ) from error
    except OSError as error:
        full = disk_full(error)
        reason, hint = (full[0], MORE_ROOM) if full else (error.strerror or str(error), "make the folder writable")
        if error.errno == errno.EWOULDBLOCK:
            reason, hint = "another process is downloading it", "wait until that one is done"
        raise DataError(f"{file.name} cannot be saved in the cache: {reason}", where=str(cache), hint=hint) from error
    return Path(path)


def part_of(file: DataFile, cache: Path) -> Path:
    """Where what has arrived of a file is kept."""
    return cache / f"{file.name}.part"


def receive_file(url: str, output: str, _: Any, *, part: Path, wanted: Wanted) -> None:
    """What pooch calls to have ``url`` in the file ``output``: finish ``part``, and move it there.

    Raises
    ------
    NotServedError
        The mirror does not serve the rest; ``part`` keeps what there is.
    BlockingIOError
        Another process is at it.
    """
    with part.open("ab") as file:
        lock(file)
        try:
            if file.tell() != wanted.size:
                receive_rest(file, url, wanted)
            part.replace(output)
        except NotServedError:
            file.flush()
            if not part.stat().st_size:
                part.unlink()
            raise


def lock(file: IO[bytes]) -> None:
    """Keep other processes from writing to ``file``, where the file system has locks.

    Raises
    ------
    BlockingIOError
        Another process has locked it.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:  # there are no locks here; the checksum finds what two processes mixed up
        return


def receive_rest(file: IO[bytes], url: str, wanted: Wanted) -> None:
    """Append to ``file`` what it lacks; or write it anew, if the mirror sends everything.

    Raises
    ------
    NotServedError
        The mirror cannot be reached, refuses, stops, or sends something else.
    """
    there = file.tell() if file.tell() <= wanted.size else 0  # what is longer is something else
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        with requests.get(url, headers=headers, stream=True, timeout=(CONNECTING, wanted.waiting)) as answer:
            if answer.status_code == NO_SUCH_RANGE and there:
                file.truncate(0)
                file.seek(0)
                receive_rest(file, url, wanted)
                return
            answer.raise_for_status()
            there = there if is_rest(answer, there) else 0
            require_length(answer, wanted.size - there)
            file.truncate(there)
            for chunk in answer.iter_content(CHUNK_BYTES):
                there += len(chunk)
                if there > wanted.size:
                    file.truncate(0)
                    raise NotServedError(f"it sends more than the {wanted.size:,} bytes of the file", may_pass=False)
                file.write(chunk)
                wanted.report(there)
    except requests.RequestException as error:
        raise explained(error, there, wanted) from error
    if there < wanted.size:
        raise NotServedError(f"it stopped after {there:,} of {wanted.size:,} bytes", may_pass=True)


def is_rest(answer: requests.Response, there: int) -> bool:
    """Whether an answer is the part of a file from byte ``there`` on, and not the whole of it."""
    begins = answer.headers.get("Content-Range", "").startswith(f"bytes {there}-")
    return answer.status_code == PARTIAL_CONTENT and begins


def require_length(answer: requests.Response, expected: int) -> None:
    """An answer that says how long it is has as many bytes as are ``expected``: a web page has not.

    Raises
    ------
    NotServedError
        It has not.
    """
    length = answer.headers.get("Content-Length", "")
    if length.isdecimal() and int(length) != expected:
        what = f"it sends {int(length):,} bytes where {expected:,} belong: another file, or a web page"
        raise NotServedError(what, may_pass=False)


def explained(error: requests.RequestException, there: int, wanted: Wanted) -> NotServedError:
    """Why a mirror does not serve a file of which ``there`` bytes have arrived, in a few words."""
    if error.response is not None and error.response.status_code >= 400:
        status = error.response.status_code
        return NotServedError(f"{status} {error.response.reason}", may_pass=status >= 500 or status in PASSING)
    if isinstance(error, requests.ConnectTimeout):
        return NotServedError(f"no connection within {CONNECTING:g} s", may_pass=False)
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return NotServedError(f"nothing came for {wanted.waiting:g} s, after {there:,} bytes", may_pass=True)
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return NotServedError(f"it stopped after {there:,} of {wanted.size:,} bytes", may_pass=True)
    return NotServedError(reason_of(error), may_pass=False)


def reason_of(error: BaseException) -> str:
    """What the system said, where an error comes from it; else what the error says."""
    reason: str = type(error).__name__
    link: BaseException | None = error
    while link is not None:
        if isinstance(link, OSError | HTTPException) or type(link).__module__.startswith("urllib3."):
            only = link.args[0] if len(link.args) == 1 and isinstance(link.args[0], str) else ""
            reason = (link.strerror if isinstance(link, OSError) else None) or only or reason
        link = link.__context__
    return " ".join(reason.split())
