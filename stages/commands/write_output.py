"""Write a file beside the pipeline's own, such as a CSV that the person names: all of it or nothing."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from pipeline.errors import ConfigError, DataError, disk_full
from pipeline.files.safe_files import replacing
from pipeline.planning.output_place import require_output

if TYPE_CHECKING:
    from pipeline.planning.project import Project


def require_file(
    project: Project,
    name: str,
    folder: Path,
    endings: Sequence[str],
    option: str = "--output",
    *,
    inputs: Sequence[Path] = (),
) -> Path:
    """The file to write, relative to ``folder``, and none of those to read, ``inputs`` among them.

    Raises ConfigError, which names the ``option``, if its name has none of the ``endings``, or it may not be written.
    """
    if Path(name).suffix.lower() not in endings:
        how = f"ends neither in {' nor in '.join(endings)}" if len(endings) > 1 else f"does not end in {endings[0]}"
        raise ConfigError(
            f"{option} {name} {how}",
            where=str(folder / name),
            hint=f"{option} {Path(name).stem or 'result'}{endings[0]}",
        )
    return require_output(project, name, folder, option, inputs=inputs)


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write a header and a line for each row, as UTF-8 with line feeds; raises as ``output_file`` does."""
    with output_file(path) as file:
        text = TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        text.detach()  # flushes the text, and leaves the file open


@contextmanager
def output_file(path: Path, option: str = "--output") -> Iterator[IO[bytes]]:
    """Give a file to write, which replaces an older one at the end; DataError that names the ``option`` if it fails."""
    with written(path.name, path, f"name another file with {option}"), replacing(path) as file:
        yield file


@contextmanager
def written(name: str, where: Path, hint: str) -> Iterator[None]:
    """Turn an OSError of a block that writes the file ``name`` into a DataError; ``hint`` is for what is not known."""
    try:
        yield
    except OSError as error:
        reason, hint = disk_full(error) or (error.strerror or str(error), hint)
        raise DataError(f"{name} cannot be written: {reason}", where=str(where), hint=hint) from error
