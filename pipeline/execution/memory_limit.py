"""A limit of memory (``ulimit -v`` or ``-d``) under which the libraries that stages use cannot work.

The limit of a container is not checked: the kernel kills what exceeds it, and the next run continues the work.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import StageError


@dataclass(frozen=True, slots=True)
class Limit:
    """How many bytes this process may have of one kind of memory: ``number`` in ``resource``, ``option`` of ``ulimit``.

    With fewer than ``least`` bytes no run finishes. With fewer than ``enough`` a run may fail, and with fewer than
    ``enough_without_run`` a command that only reads results may fail.
    """

    number: int
    option: str
    least: int
    enough: int
    enough_without_run: int


# Below ``least``, 4 of 106 runs on the sample finished. Arrow gets no thread then: it ended one run in four without an
# error of ours, and one run waited for ever.
LIMITS = (
    Limit(resource.RLIMIT_AS, "-v", 5 * 2**28, 3 * 2**30, 2**30),  # addresses: threads reserve more than they fill
    Limit(resource.RLIMIT_DATA, "-d", 450 * 2**20, 2**30, 2**27),
)


def memory_notices(*, is_run: bool) -> list[str]:
    """Return a notice for each limit of memory that is lower than a run, or another command, needs.

    A library that gets no memory may end the process by itself. No error of ours can be shown then.
    """
    return [
        f"The limit of memory is {size / 2**30:.1f} GiB (ulimit {limit.option}), and "
        f"{'a run' if is_run else 'this command'} needs up to {enough / 2**30:.2g}.\n"
        "A library may end it without an error message.\n"
        f"Raise the limit: ulimit {limit.option} unlimited"
        for limit, size in _limits()
        if size < (enough := limit.enough if is_run else limit.enough_without_run)
    ]


def require_memory() -> None:
    """Raise StageError if this process is allowed less memory than any run needs."""
    for limit, size in _limits():
        if size < limit.least:
            raise StageError(
                f"too little memory is allowed: the limit is {size / 2**30:.1f} GiB, and a run needs up to "
                f"{limit.enough // 2**30}",
                hint=f"raise the limit: ulimit {limit.option} unlimited",
            )


def _limits() -> Iterator[tuple[Limit, int]]:
    """Each limit that is set, and its bytes."""
    for limit in LIMITS:
        size, _ = resource.getrlimit(limit.number)
        if size != resource.RLIM_INFINITY:
            yield limit, size
