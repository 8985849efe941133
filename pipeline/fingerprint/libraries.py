"""The libraries that code uses: which distributions its imports come from, and which versions are installed.

``import PIL`` comes from the distribution pillow. The table of all names is slow to make, so it is kept in the parse
cache and made again only where it lacks a name or names a distribution that is no longer installed.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from importlib.util import find_spec

from pipeline.fingerprint.parse_cache import ParseCache

NOT_INSTALLED = "not installed"


def library_versions(
    imported: Iterable[str], cache: ParseCache, version_of: Callable[[str], str | None]
) -> dict[str, str]:
    """Return the version of every distribution that top-level imports come from, and Python's minor version.

    ``version_of`` is ``installed_version``, or a cache of it. A name that is
    not installed stands for itself.
    """
    versions = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in sorted(imported):
        if find_spec(name) is None:
            versions[name] = NOT_INSTALLED
            continue
        found = {each: version_of(each) for each in cache.distributions_of(name)}
        if not found or None in found.values():
            cache.keep_distributions(packages_distributions())
            found = {each: version_of(each) for each in cache.distributions_of(name)}
        versions |= {each.lower(): value or NOT_INSTALLED for each, value in (found or {name: None}).items()}
    return versions


def installed_version(distribution: str) -> str | None:
    """Return the version of a distribution that is installed now, None if it is not."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
