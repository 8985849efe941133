"""A mirror of a small made data set on this machine, which serves it well, or as badly as it is told to."""

from __future__ import annotations

import gzip
import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.task import silent_progress
from stages.commands.data_sets import DataFile, DataSet
from stages.commands.fetch.competition_files import Fetched, fetch_data_set

NAMES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
TRAIN_IMAGES = NAMES[0]


def idx(values: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    """A gzipped IDX file of unsigned bytes."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    return gzip.compress(header + values.tobytes(), mtime=0)


def make_files(m_train: int = 30, m_test: int = 12) -> dict[str, bytes]:
    """The four files of a set of random images, 28 x 28, each class as often as the others."""
    rng = np.random.default_rng(18)
    files = []
    for m in (m_train, m_test):
        files += [idx(rng.integers(0, 256, (m, 28, 28), np.uint8)), idx((np.arange(m) % 10).astype(np.uint8))]
    return dict(zip(NAMES, files, strict=True))


def make_set(files: dict[str, bytes], *mirrors: str, name: str = "mnist", holds_test_images: bool = True) -> DataSet:
    """The set of these files, with their true sizes and checksums."""
    published = [
        DataFile(name, len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())
        for name, content in files.items()
    ]
    return DataSet(name, mirrors, *published, holds_test_images=holds_test_images)


class Handler(BaseHTTPRequestHandler):
    """Answers as the mirror's ``ways`` say: of each file the first way that is left, and the last one for ever."""

    mirror: Mirror

    def do_GET(self) -> None:
        *_, folder, name = self.path.split("/")
        self.mirror.asked.append((name, self.headers.get("Range", "")))
        ways = self.mirror.ways.get(name, [well]) if folder != "moved" else [well]
        (ways.pop(0) if len(ways) > 1 else ways[0])(self, self.mirror.files[name])

    def answer(self, code: int, body: bytes, **headers: object) -> None:
        self.send_response(code)
        for header, value in {"Content_Length": len(body), **headers}.items():
            if value is not None:
                self.send_header(header.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


Way = Callable[[Handler, bytes], None]


class Mirror:
    """A server on loopback; ``asked`` lists the files that it was asked for, with the ranges."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.ways: dict[str, list[Way]] = {}
        self.asked: list[tuple[str, str]] = []
        self.has_stalled, self.released = threading.Event(), threading.Event()
        handler = type("Handler", (Handler,), {"mirror": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/mnist/"

    def ask(self, way: Way, *then: Way, of: str = TRAIN_IMAGES) -> None:
        """Serve a file in this way, and the next times in the ways that follow."""
        self.ways[of] = [way, *then]

    def ranges(self, of: str = TRAIN_IMAGES) -> list[str]:
        """With which ranges a file was asked for."""
        return [asked for name, asked in self.asked if name == of]


@contextmanager
def running(files: dict[str, bytes]) -> Iterator[Mirror]:
    """A mirror that is running."""
    mirror = Mirror(files)
    thread = threading.Thread(target=mirror.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield mirror
    finally:
        mirror.released.set()
        mirror.server.shutdown()
        mirror.server.server_close()
        thread.join()


def beginning(handler: Handler) -> int:
    """The byte from which on a file is wanted."""
    return int(handler.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))


def well(handler: Handler, content: bytes) -> None:
    """Serve what is wanted of it."""
    there = beginning(handler)
    if there:
        shown = f"bytes {there}-{len(content) - 1}/{len(content)}"
        handler.answer(206, content[there:], Content_Range=shown)
    else:
        handler.answer(200, content)


def for_browsers(handler: Handler, content: bytes) -> None:
    """Serve it as something that is to be unpacked on arrival, to a client that offers to do so."""
    is_unpacked = "gzip" in handler.headers.get("Accept-Encoding", "")
    handler.answer(200, content, Content_Encoding="gzip" if is_unpacked else None)


def whole(handler: Handler, content: bytes) -> None:
    """Serve all of it, whatever is wanted."""
    handler.answer(200, content)


def without_ranges(handler: Handler, content: bytes) -> None:
    """Say that there is no such part, as of a file that is shorter than what the client has."""
    handler.answer(416, b"", Content_Range=f"bytes */{len(content)}")


def half(handler: Handler, content: bytes) -> None:
    """Announce what is wanted of it, send a half of that, and hang up."""
    rest = content[beginning(handler) :]
    code, shown = (206, f"bytes {beginning(handler)}-/{len(content)}") if "Range" in handler.headers else (200, None)
    handler.answer(code, rest[: len(rest) // 2], Content_Length=len(rest), Content_Range=shown)


def stalled(handler: Handler, content: bytes) -> None:
    """Send a half, and then nothing until the test is over."""
    half(handler, content)
    handler.wfile.flush()
    handler.mirror.has_stalled.set()
    handler.mirror.released.wait(60)


def silent(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
    """Send nothing at all until the test is over."""
    handler.mirror.released.wait(60)


def hung_up(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
    """Hang up without a word."""
    handler.close_connection = True


def moved(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
    """Send on to another folder of the same server."""
    handler.answer(302, b"", Location=f"/moved/{handler.path.rsplit('/', 1)[1]}")


def in_a_circle(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
    """Send on to the same place, for ever."""
    handler.answer(302, b"", Location=handler.path)


def wrong(handler: Handler, content: bytes) -> None:
    """Serve as many bytes, one of which is another."""
    handler.answer(200, content[:-1] + bytes([content[-1] ^ 1]))


def page(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
    """Serve a web page in its place."""
    handler.answer(200, b"<html>please sign in</html>", Content_Type="text/html")


def endless(handler: Handler, content: bytes) -> None:
    """Serve more than there is, without saying how much."""
    handler.answer(200, content + b"more" * 1000, Content_Length=None)


def status(code: int) -> Way:
    """Answer with a status and nothing else."""

    def answer(handler: Handler, content: bytes) -> None:  # noqa: ARG001 - as every way is called
        handler.answer(code, b"")

    return answer


FILES = make_files()
SIZE = len(FILES[TRAIN_IMAGES])
PUT = ["data/answers/mnist.csv", "data/mnist.zip"]
UNREACHABLE = "http://127.0.0.1:9/mnist/"  # nothing listens at the port for discarding


def fetched(work: Path, *mirrors: Mirror | str, **others: Any) -> Fetched:
    """Fetch the made set from these mirrors, in this order."""
    urls = [mirror if isinstance(mirror, str) else mirror.url for mirror in mirrors]
    others.setdefault("progress", silent_progress)
    return fetch_data_set(make_set(FILES, *urls), work / "data", **others)


def names(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def zipped(**members: str) -> bytes:
    """A zip of CSV files."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(f"{name}.csv", text)
    return buffer.getvalue()
