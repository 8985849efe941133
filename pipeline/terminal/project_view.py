"""What a person sees of a project: its stages and its settings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.config import Config
from pipeline.stage import Stage, upstream
from pipeline.terminal.output import echo, print_table
from pipeline.write_toml import toml_text


def print_config(config: Config, stages: Sequence[Stage]) -> None:
    """Print the resolved settings as TOML, each with its origin; a setting that is none is a comment."""
    lines = [f'preset = "{config.preset}"'] if config.preset else []
    for stage in stages:
        lines += ["", f"[{stage.name}]"] if lines else [f"[{stage.name}]"]
        for key, value in config.values(stage.name).items():
            setting = f"{key} = {toml_text(value)}"
            line = f"# {setting}" if value is None else setting
            lines.append(f"{line:<40} # {config.origins[f'{stage.name}.{key}']}")
    echo(*lines)


def config_data(config: Config) -> dict[str, Any]:
    """Return every setting with its value and origin as plain data."""
    settings = {name: {"value": value, "origin": config.origins[name]} for name, value in config.settings().items()}
    return {"preset": config.preset or None, "settings": settings}


def print_dag(stages: Sequence[Stage]) -> None:
    """Print each stage, what it reads and what it writes."""
    rows = [
        (
            stage.name,
            stage.summary,
            ", ".join(other.name for other in upstream(stage, stages)) or "raw files",
            ", ".join(artifact.file_name for artifact in stage.outputs),
        )
        for stage in stages
    ]
    print_table(("stage", "what it does", "reads", "writes"), rows)


def dag_data(stages: Sequence[Stage]) -> dict[str, Any]:
    """Return the stages and their artifacts as plain data."""
    return {
        stage.name: {
            "summary": stage.summary,
            "inputs": list(stage.inputs),
            "outputs": [artifact.path for artifact in stage.outputs],
            "after": [other.name for other in upstream(stage, stages)],
        }
        for stage in stages
    }
