"""Write docs/configuration.md from the settings' own models: python docs/scripts/write_configuration.py."""

from __future__ import annotations

from pathlib import Path

from pipeline.config import describe, plain
from pipeline.config.choices import allowed, setting_type
from pipeline.write_toml import toml_text
from stages import STAGES
from stages.presets import PRESETS

HEAD = """\
# Every setting

Made by `docs/scripts/write_configuration.py` from each stage's `parameters.py`; a test checks that it is current.

Settings come from five places; a later one wins:

1. the defaults
2. a preset: `preset = "fast"` at the top of `pipeline.toml`, `PIPELINE_PRESET`, or `--preset`
3. the tables of `pipeline.toml`
4. the environment: `PIPELINE_TRAIN_EPOCHS=5`
5. the command line: `--set train.epochs=5`

Values are TOML. In the last two, quotes around a text and brackets around a list of texts may be left out, and `none`
unsets a value. `pipeline config` shows every value in use, and where it came from.

`--like 3` takes the settings of run 3, as `pipeline runs` lists it; `--like -1` takes those of the last run that is no
trial of a sweep. Then only `--set` changes them; `pipeline.toml` and the environment do not apply.
"""


def page() -> str:
    lines = [HEAD]
    for stage in STAGES:
        lines += [f"## [{stage.name}]", ""]
        defaults = plain(stage.parameters())
        if not defaults:
            lines += ["It has no settings.", ""]
            continue
        lines += ["| key | default | what it may be | meaning |", "|---|---|---|---|"]
        for key, meaning in describe(stage.parameters).items():
            may_be = allowed(setting_type(stage.parameters, key))
            lines.append(f"| `{key}` | `{toml_text(defaults[key])}` | {may_be} | {meaning} |")
        if stage.not_in_key:
            names = ", ".join(f"`{name}`" for name in stage.not_in_key)
            meaning = (
                "say where files lie: a stage is stale if the files' content or place has changed."
                if stage.sources
                else "says how fast, and not what: changing it reruns nothing."
            )
            lines += ["", f"{names} {meaning}"]
        lines.append("")
    lines += ["## Presets", ""]
    for name, tables in PRESETS.items():
        lines += [f"`{name}`:", "", "```toml"]
        for stage_name, table in tables.items():
            lines.append(f"[{stage_name}]")
            lines += [f"{'# ' * (value is None)}{key} = {toml_text(value)}" for key, value in table.items()]
        lines += ["```", ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    (Path(__file__).parents[1] / "configuration.md").write_text(page(), encoding="utf-8")
