"""The loaded software that the last bits of numbers depend on: Python, NumPy and the matrix library's kernels."""

from __future__ import annotations

import platform
import sys


def loaded_environment() -> dict[str, str]:
    """Return Python's full version and, if this process has imported NumPy, its version and the matrix kernels.

    It imports only threadpoolctl. A library that the stage has not loaded had no effect on its result.
    """
    found = {"python": platform.python_version()}
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        found |= {"numpy": str(numpy.__version__), "kernels": matrix_kernels()}
    return found


def matrix_kernels() -> str:
    """Return the matrix libraries that are loaded with the processors that they chose: ``openblas 0.3.30 Haswell``."""
    from threadpoolctl import threadpool_info

    libraries = [found for found in threadpool_info() if found.get("user_api") == "blas"]
    names = {
        " ".join(str(found[key]) for key in ("internal_api", "version", "architecture") if found.get(key))
        for found in libraries
    }
    return ", ".join(sorted(names))
