"""A limit of memory (``ulimit -v``) under which the libraries that stages use cannot work."""

from __future__ import annotations

import resource

from pipeline.errors import StageError

# Bytes of addresses. With fewer 4 of 106 runs on the sample came to their end. Arrow, which gets no thread then, ended
# one in four without an error of ours, and waited for ever in one.
LEAST = 5 * 2**28
ENOUGH = 3 * 2**30  # bytes of addresses: NumPy's and Arrow's threads reserve far more than they fill
ENOUGH_WITHOUT_RUN = 2**30  # for a command that only reads results


def memory_notice(enough: int = ENOUGH, doer: str = "a run") -> str:
    """Say that this process is allowed fewer bytes of addresses than ``doer`` needs; nothing if they are enough.

    A library that gets no memory may end the process by itself. No error of ours can be shown then.
    """
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY or limit >= enough:
        return ""
    return (
        f"The limit of memory is {limit / 2**30:.1f} GiB (ulimit -v), and {doer} needs up to {enough // 2**30}.\n"
        "A library may end it without an error message.\n"
        "Raise the limit: ulimit -v unlimited"
    )


def require_memory() -> None:
    """Raise StageError if this process is allowed fewer bytes of addresses than any run needs."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < LEAST:
        raise StageError(
            f"too little memory is allowed: the limit is {limit / 2**30:.1f} GiB, and a run needs up to "
            f"{ENOUGH // 2**30}",
            hint="raise the limit: ulimit -v unlimited",
        )
