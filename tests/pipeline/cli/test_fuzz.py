"""Random settings and damaged files of the engine: whatever they are, a command ends with an exit code and a message.

The examples are the same every time. ``ENDLESS`` seconds is far more than any of them takes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from toy_project import OBJECTIVE, Toy, commands

import pipeline.cli.project
from stages import STAGES

ENDLESS = 60
CODES = {0, 1, 2, 3}
NAMES = [f"{stage.name}.{key}" for stage in STAGES for key in stage.parameters.__struct_fields__]
same_every_time = settings(
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],  # to shrink an example takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@contextmanager
def soon() -> Iterator[None]:
    """Fail where a command waits for ever, as for the other end of a named pipe."""

    def too_late(*_: object) -> None:
        raise AssertionError("it does not end")

    earlier = signal.signal(signal.SIGALRM, too_late)
    signal.alarm(ENDLESS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, earlier)


def invoke(*words: str, env: dict[str, str | None] | None = None) -> int:
    """Run a command and see that it ends as commands do."""
    with soon():
        result = CliRunner().invoke(pipeline.cli.main, words, env=env)
    assert result.exit_code in CODES, result.output
    assert "should not have happened" not in result.output, result.output
    assert "Traceback" not in result.output, result.output
    assert len(result.stderr) < 20_000
    return result.exit_code


# settings ------------------------------------------------------------------------------------------

TEXTS = [
    "",
    "auto",
    "none",
    "$",
    "~nobody/x",
    "../..",
    "a\\nb",
    "\\u0000",
    "\\u202e",
    "é",
    "{",
    "[train.hidden]",
    "%s{0}",
]
NUMBERS = ["0", "-1", "1", "7", "64", "1e308", "-1e-308", "nan", "-inf", "1_000", "0x7f", str(2**63), "9" * 4999, "0.5"]
NUMBERS += ["0x" + "f" * 4999]
plain = st.sampled_from(
    [*NUMBERS, *(f'"{text}"' for text in TEXTS), "true", "false", "1979-05-27", "07:32:00", "[]", "{}"]
)
values = st.recursive(
    plain,
    lambda inner: (
        st.lists(inner, max_size=4).map(lambda parts: f"[{', '.join(parts)}]")
        | st.dictionaries(st.sampled_from(["hidden", "a.b", "''", "epochs"]), inner, max_size=2).map(
            lambda parts: "{" + ", ".join(f"{name} = {part}" for name, part in parts.items()) + "}"
        )
    ),
    max_leaves=6,
)
written = st.one_of(
    values,
    values,
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        ["[" * 4000, "[" * 4000 + "]" * 4000, "a." * 4000 + "b", "{" + "a." * 4000 + "b=1}", "\udce9", "1\n[x]"]
    ),
)
names = (
    st.sampled_from(NAMES)
    | st.sampled_from(NAMES)
    | st.sampled_from(["train", ".", "a.b.c", "", "train.Epochs", "é.é"])
)


@given(data=st.data())
@same_every_time
def test_random_settings_are_taken_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    pairs = data.draw(st.lists(st.tuples(names, written), max_size=4))
    lines = [f"{name} = {value}" for name, value in pairs]
    document = "\n".join(lines).encode("utf-8", "surrogateescape")
    content = data.draw(st.sampled_from([b"", document, document + b"\n[train", b"\xff\xfe", b"preset = 1\n"]))
    (tmp_path / "pipeline.toml").write_bytes(content)
    sets = data.draw(st.lists(st.tuples(names, written).map("=".join), max_size=3))
    given_there = data.draw(st.lists(st.tuples(names, written), max_size=2))
    environment = {
        f"PIPELINE_{name.replace('.', '_').upper()}": value for name, value in given_there if "\0" not in value
    }
    command = data.draw(st.sampled_from([("config",), ("config", "--json"), ("status",), ("run", "all", "--dry-run")]))
    words = [word for each in sets for word in ("--set", each)]
    invoke(*command, "-C", str(tmp_path), *words, env={**environment})


@given(data=st.data())
@same_every_time
def test_random_sweeps_are_listed_or_refused(data: st.DataObject, tmp_path: Path) -> None:
    ranges = [
        "1..9",
        "log:1e-9..1e9",
        "0.1..1e300",
        "9..1",
        "nan..inf",
        "..",
        "1,,2",
        "log:0..1",
        "1e400..2e400",
        "1..",
    ]
    ranged = st.lists(st.tuples(names, written | st.sampled_from(ranges)).map("=".join), min_size=1, max_size=3)
    grid = data.draw(st.lists(st.tuples(names, st.lists(written, max_size=3).map(",".join)).map("=".join), max_size=2))
    count = data.draw(st.sampled_from(["3", "3", str(10**9), ""]))
    space = data.draw(ranged) if count else []
    more = data.draw(
        st.lists(st.sampled_from(["--halving", "--folds=3", "--objective=log_loss", "--json"]), max_size=2)
    )
    words = [word for each in grid for word in ("--grid", each)] + (["--random", count] if count else [])
    invoke("sweep", "--dry-run", "-C", str(tmp_path), *more, *words, "--", *space)


# files of the engine ---------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=9) | st.just("9" * 5000),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=9), inner, max_size=2),
    max_leaves=4,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Every place in a JSON document."""
    yield path
    if isinstance(document, dict | list):
        for key in document if isinstance(document, dict) else range(len(document)):
            yield from places(document[key], (*path, key))


def put(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """The document with another value at a place."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = put(copy[path[0]], path[1:], value)
    return copy


def edit_json(path: Path, data: st.DataObject) -> None:
    """Put another value somewhere into a JSON file, or into the last line of a log."""
    try:
        *before, last = path.read_bytes().splitlines() if path.suffix == ".jsonl" else [path.read_bytes()]
        document = json.loads(last)
    except (ValueError, RecursionError):  # it has been damaged already
        return
    place = data.draw(st.sampled_from(sorted(places(document), key=str)))
    changed = json.dumps(put(document, place, data.draw(json_values))).encode()
    path.write_bytes(b"\n".join([*before, changed]) + b"\n")


def damage(path: Path, data: st.DataObject) -> None:
    """Do to a file, or a folder, what a disk, an editor or a stranger may do to it."""
    kinds = ["gone", "garbage", "cut", "folder", "link to nothing", "link to itself", "link to null", "pipe", "nested"]
    kinds += ["json"] * 6 if path.suffix in {".json", ".jsonl"} and path.is_file() else []
    kind = data.draw(st.sampled_from(kinds))
    if kind == "json":
        edit_json(path, data)
        return
    content = path.read_bytes() if path.is_file() else b""
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    if kind == "garbage":
        path.write_bytes(data.draw(st.binary(max_size=30)))
    elif kind == "cut":
        path.write_bytes(content[: data.draw(st.integers(0, max(len(content) - 1, 0)))])
    elif kind == "nested":
        path.write_bytes(b'{"a":' * 3000 + b"1" + b"}" * 3000 + b"\n")
    elif kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind.startswith("link"):
        path.symlink_to({"link to nothing": "nothing", "link to itself": path.name, "link to null": os.devnull}[kind])


COMMANDS = (
    ("status",),
    ("status", "--json"),
    ("run", "all", "--dry-run", "--json"),
    ("run", "all", "--quiet", "--no-wait"),
    ("verify",),
    ("verify", "--json"),
    ("runs",),
    ("runs", "--json"),
    ("diff", "1", "2"),
    ("diff", "2", "1", "--json"),
    ("diff", "1", "2", "--explain", "--dry-run"),
    ("status", "--like", "1"),
    ("run", "all", "--dry-run", "--like", "-1"),
    ("why", "total/total.csv"),
    ("why", "total/total.csv", "--json"),
    ("clean",),
    ("clean", "--yes"),
    ("sweep", "--grid", "power.exponent=2,3", "--no-wait", "--quiet"),
)


@given(data=st.data())
@same_every_time
def test_damaged_files_of_the_engine_are_told_of_or_made_anew(
    data: st.DataObject, toy: Toy, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = toy.work.parent / "kept"
    if not kept.exists():
        toy.run("all")
        toy.settings = {"power.exponent": 3}
        toy.run("all")
        shutil.copytree(toy.artifacts, kept, symlinks=True)
        monkeypatch.setattr(pipeline.cli.project, "load_project", commands(toy))
        monkeypatch.setattr("stages.OBJECTIVE", OBJECTIVE)
        monkeypatch.setattr("pipeline.sweep.sweep_files.picture", lambda *_: "")
    shutil.rmtree(toy.artifacts)
    shutil.copytree(kept, toy.artifacts, symlinks=True)
    for _ in range(data.draw(st.integers(1, 2))):
        everything = sorted(path for path in toy.artifacts.rglob("*") if "__pycache__" not in path.parts)
        engine = [path for path in everything if path.suffix in {".json", ".jsonl", ".lock"} or path.is_symlink()]
        damage(data.draw(st.sampled_from(engine) | st.sampled_from(everything)), data)
    for words in data.draw(st.lists(st.sampled_from(COMMANDS), min_size=1, max_size=2)):
        invoke(*words, "-C", str(toy.work))
