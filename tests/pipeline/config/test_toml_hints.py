"""A fault in pipeline.toml is told with what puts this very fault right."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.config import load_config
from pipeline.errors import ConfigError
from stages import STAGES
from stages.presets import PRESETS


def hint(folder: Path, *sets: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(STAGES, PRESETS, folder, sets=sets, environment={})
    return caught.value.hint


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("learning_rate = 0,001", "a fraction has a point: learning_rate = 0.001"),
        ("learning_rate = 0,001  # slow", "a fraction has a point: learning_rate = 0.001"),
        ("dropout = 1,5", "a fraction has a point: dropout = 1.5; a list stands in brackets: dropout = [1,5]"),
        ("hidden = 512, 128", "a list stands in brackets: hidden = [512, 128]"),
        ("epochs = 5\nepochs = 6", "the key epochs stands twice in its table: leave one of the two lines out"),
        ("epochs = 5\n[train]\nseed = 1", "[train] stands twice: put all its keys below the first one"),
        (r'activation = "C:\data"', r"in single quotes, 'C:\data\train.csv', or with /"),
        (r'activation = "C:\Users"', r"in single quotes, 'C:\data\train.csv', or with /"),
        ("optimiser = adam", "texts need quotes"),
        ("batch_norm = True", "write batch_norm = true"),
        ("batch_norm = off", "write batch_norm = false"),
        ('batch_norm = "True"', "in small letters and without quotes: true"),
        ("keep = none", "leave the line out"),
        ('keep = "None"', "leave the line out"),
        ('clip_norm = "none"', "leave the line out"),
        ("hidden = [256, 128", "close the list above with ]"),
        ("hidden = [256, 128\n[ingest]", "close the list above with ]"),
        ("hidden = [256, 128,\nepochs = 5", "close the list above with ]"),
        ("hidden = [256, 128,\n  epochs = 5", "close the list above with ]"),
        ("schedule = [a, b]", "texts need quotes"),
        ('preset = "fast"', "above all tables, or use --preset fast"),
        ("[preset]", "above all tables, or use --preset fast"),
        ("[power", "one thing on each line: [train], below it epochs = 5"),
        ("weight_decay = 1e-4, momentum = 0.9", "one thing on each line"),
        ("// slow", "a comment begins with #"),
        ("learning_rate = .001", "write learning_rate = 0.001"),
        ("learning_rate = 1.  # fast", "write learning_rate = 1.0"),
        ("epochs = 010", "write epochs = 10"),
        ("dropout = 20%", "write dropout = 0.2"),
    ],
)
def test_a_frequent_fault_has_a_hint_of_its_own(tmp_path: Path, line: str, told: str) -> None:
    (tmp_path / "pipeline.toml").write_text(f"[train]\n{line}\n")
    assert told in hint(tmp_path)


def test_a_folder_in_the_place_of_the_file_is_to_be_moved_away(tmp_path: Path) -> None:
    (tmp_path / "pipeline.toml").mkdir()
    assert hint(tmp_path) == "move it away: pipeline.toml is a text file"


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-16", "as UTF-16"),
        ("utf-16-le", "as UTF-16"),
        ("latin-1", "in another way than UTF-8 (see line 2)"),
    ],
)
def test_a_file_in_another_encoding_is_to_be_saved_as_utf_8(tmp_path: Path, encoding: str, told: str) -> None:
    (tmp_path / "pipeline.toml").write_bytes("[train]\nepochs = 5  # é\n".encode(encoding))
    with pytest.raises(ConfigError) as caught:
        load_config(STAGES, PRESETS, tmp_path, environment={})
    assert caught.value.what == f"pipeline.toml cannot be read: it is encoded {told}"
    assert caught.value.hint.startswith("save the file as UTF-8")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[train]\nepochs = 2\n\0\0\0\0", "not valid TOML: Invalid statement (at line 3, column 1)"),
        (b"[train]\nepochs = 2 # \0\n", "not valid TOML: Found invalid character '\\x00' (at line 2, column 14)"),
        ("[train]\nepochs = 2\n".encode("utf-32"), "encoded in another way than UTF-8 (see line 1)"),
        ("[train]\nepochs = 2\n".encode("utf-32-le"), "not valid TOML: "),
        (b"\0", "not valid TOML: Invalid statement (at line 1, column 1)"),
    ],
    ids=["NULs at the end", "a NUL in a comment", "UTF-32", "UTF-32 without its mark", "a NUL alone"],
)
def test_not_every_nul_is_told_as_utf_16(tmp_path: Path, content: bytes, told: str) -> None:
    (tmp_path / "pipeline.toml").write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        load_config(STAGES, PRESETS, tmp_path, environment={})
    assert caught.value.what.startswith(f"pipeline.toml cannot be read: it is {told}")


def test_a_decimal_comma_on_the_command_line_is_told_too(tmp_path: Path) -> None:
    assert hint(tmp_path, "train.learning_rate=0,001").startswith("with a decimal point: 0.001; ")
    assert hint(tmp_path, "train.hidden=512,128").startswith("with brackets: [512,128]; ")
    assert hint(tmp_path, "train.epochs=1,5").startswith("it means: ")
