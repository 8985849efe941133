"""Write a file whole or not at all, and never through a link; the old file stays until the new one is on disk."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from pipeline.files.leftovers import open_draft

# The errors of a file system that cannot force the names in a folder to disk, or does not let us open a folder for it.
# They are ignored, as SQLite and PostgreSQL do.
NOT_FOR_FOLDERS = frozenset(
    {
        *(errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS),
        *(errno.EBADF, errno.EACCES, errno.EPERM, errno.EISDIR),
    }
)


@contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """Give a file to write, which takes the place of ``path`` at the end, or not at all if the block fails.

    Until then it has another name in the same folder. A link or a hard link at ``path`` is replaced, and the file that
    it leads to stays as it is. A plain file's permissions stay. Raises OSError.
    """
    descriptor, draft = open_draft(path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            with suppress(FileNotFoundError):
                before = path.lstat()
                if not stat.S_ISREG(before.st_mode) and not stat.S_ISLNK(before.st_mode):
                    raise FileExistsError(errno.EEXIST, "it is not a plain file", str(path))
                if stat.S_ISREG(before.st_mode):
                    with suppress(OSError):  # a file system may have no permissions
                        os.fchmod(descriptor, stat.S_IMODE(before.st_mode))
            yield file
            file.flush()
            os.fsync(descriptor)
            draft.replace(path)
        sync(path.parent.resolve())
    finally:
        with suppress(OSError):
            draft.unlink()


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to disk; raises OSError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in NOT_FOR_FOLDERS or not path.is_dir():
            raise
