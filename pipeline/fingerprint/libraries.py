"""The libraries that code uses: which distributions its imports come from, and which versions are installed.

``import PIL`` comes from the distribution pillow. The table of all names is slow to make, so it is kept in the parse
cache and made again only where it lacks a name or names a distribution that is no longer installed.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cached_property
from importlib.util import find_spec

from pipeline.fingerprint.parse_cache import ParseCache

NOT_INSTALLED = "not installed"
SUFFIX = ".dist-info"  # of the folder numpy-2.1.0.dist-info, which every installed distribution has


class Installed:
    """The versions of the distributions that are installed now, read once for several stages."""

    def version(self, distribution: str) -> str | None:
        """Return the version of a distribution, None if it is not installed."""
        return self._versions.get(_normalised(distribution)) or _version_in_metadata(distribution)

    @cached_property
    def _versions(self) -> dict[str, str]:
        """Distribution -> version, from the names of folders: reading all metadata takes ten times as long."""
        found: dict[str, str] = {}
        for place in sys.path:
            with suppress(OSError):  # a zip, or nothing at all
                for name in os.listdir(place or "."):  # noqa: PTH208 - a name is all that is needed
                    if name.endswith(SUFFIX):
                        distribution, _, version = name.removesuffix(SUFFIX).partition("-")
                        found.setdefault(_normalised(distribution), version)
        return found


def library_versions(imported: Iterable[str], cache: ParseCache, installed: Installed) -> dict[str, str]:
    """Return the version of every distribution that top-level imports come from, and Python's minor version.

    A name that is not installed is listed under itself.
    """
    versions = {"python": ".".join(map(str, sys.version_info[:2]))}
    for name in sorted(imported):
        if find_spec(name) is None:
            versions[name] = NOT_INSTALLED
            continue
        found = {each: installed.version(each) for each in cache.distributions_of(name)}
        if not found or None in found.values():
            cache.keep_distributions(_distributions())
            found = {each: installed.version(each) for each in cache.distributions_of(name)}
        versions |= {each.lower(): value or NOT_INSTALLED for each, value in (found or {name: None}).items()}
    return versions


def _distributions() -> Mapping[str, list[str]]:
    """Return the distributions of every top-level import."""
    from importlib.metadata import packages_distributions  # it costs as much as half the other imports of a plan

    return packages_distributions()


def _version_in_metadata(distribution: str) -> str | None:
    """Return the version of a distribution without such a folder, None if it is not installed."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _normalised(distribution: str) -> str:
    """Write a distribution's name as it is compared: Pillow, pillow; scikit-learn, scikit_learn."""
    return re.sub(r"[-_.]+", "-", distribution).lower()
