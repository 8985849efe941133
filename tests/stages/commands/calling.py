"""Call a command in a folder as a person would: what it prints, and the exit code that it must end with."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from pipeline.cli import main


def call(command: str, folder: Path, *words: object, code: int = 0, **environment: str) -> Result:
    result = CliRunner().invoke(main, [command, *map(str, words), "-C", str(folder)], env=environment)
    assert result.exit_code == code, result.output
    assert "Traceback" not in result.output
    return result
