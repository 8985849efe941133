"""A working folder with everything that planning and running need to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.config import Config
from pipeline.fingerprint.code import Closure
from pipeline.fingerprint.parse_cache import ParseCache
from pipeline.stage import Stage
from pipeline.store.store import Store
from pipeline.task import Progress, Workers
from pipeline.workers.backends import Execution


@dataclass(frozen=True, slots=True)
class Project:
    """A working folder with its stages, its settings and its artifacts.

    ``execution`` says where jobs run, unless ``workers`` are given. ``closures`` caches each stage's code while many
    results are looked up. It is None where stages run, so that the code is read again.
    """

    folder: Path
    stages: tuple[Stage, ...]
    config: Config
    store: Store
    parse_cache: ParseCache = field(default_factory=ParseCache)
    execution: Execution = field(default_factory=Execution)
    workers: Callable[[Progress, Callable[[str], None]], Workers] | None = None
    closures: dict[str, Closure] | None = None
