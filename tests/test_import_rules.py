"""Imports point one way, as the design says: read from the sources, and once from a running process."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path

import pytest

import pipeline
import stages
from pipeline.fingerprint.code import CodeReader, code_closure, parse_module
from pipeline.stage import Stage

ENGINE = Path(next(iter(pipeline.__path__)))
STAGES = Path(next(iter(stages.__path__)))
STAGES_IN_ORDER = stages.STAGES
STAGE_NAMES = {stage.name for stage in STAGES_IN_ORDER}

# The rooms of the engine. Each may import the rooms that stand before it, and no others.
FLOORS = (
    ("exit_codes",),
    ("errors", "figures", "printable_text", "write_toml"),
    ("files", "child_process", "stage"),
    ("task",),
    ("config",),
    ("fingerprint",),
    ("store", "logs"),
    ("workers",),
    ("planning",),
    ("execution",),
    ("sweep", "history"),
    ("explain",),
    ("terminal",),
    ("cli",),
    ("__main__",),
)
# The rooms of the network, and the files beside them, likewise.
FLOORS_OF_NETWORK = (
    ("delay_signals", "initialisation"),
    ("arrays", "archive"),
    ("layers",),
    ("architecture",),
    ("layer_list",),
    ("network",),
    ("model_file", "gradient_descent"),
    ("parallel",),
    ("predict",),
    ("training",),
)
# What stages may import of the engine.
OF_STAGES = {"errors", "figures", "files.paths", "stage", "task", "printable_text", "write_toml"}
OF_LIST = {*OF_STAGES, "sweep.objective"}  # their list, stages/__init__.py
# What a folder of the stages may import of the others, besides the modules that stages publish in their ``__all__``.
BESIDE = {
    "sample": (),
    "mlp": (),
    "shared": (),
    "images": ("shared",),
    "ingest": ("shared", "sample"),
    "split": ("shared",),
    "encode": ("shared",),
    "train": ("shared", "images", "mlp"),
    "evaluate": ("shared", "mlp", "images"),
    "submit": ("shared", "sample"),
    "estimator": ("images", "mlp", "train"),
    "onnx_export": ("images", "mlp"),
    "notebook": ("mlp",),
}
OF_COMMANDS = {
    *OF_STAGES,
    "exit_codes",
    "cli",
    "terminal",
    "planning.current_result",
    "planning.output_place",
    "history.scores",
    "files.safe_files",
    "files.leftovers",
    "child_process",
}
WRITING = {"mkdir", "write_text", "write_bytes", "rename", "unlink", "symlink_to", "rmtree", "rmdir", "touch", "fsync"}
# The only room that imports an extra, and who may import that room.
EXTRAS = {"sklearn": ("stages.estimator", ()), "onnx": ("stages.onnx_export", ("stages.commands.model.write_onnx",))}
READER = CodeReader(cache(parse_module))
HEAVY = ("numpy", "pandas", "pandera", "pyarrow", "rich", "jinja2", "joblib", "distributed", "PIL", "matplotlib")


def writes(call: ast.Call) -> bool:
    """Whether a call is of a method that changes files, or of some ``open`` that may."""
    is_method, name = isinstance(call.func, ast.Attribute), ast.unparse(call.func)
    if is_method and (name == "os.open" or name.rpartition(".")[2] in WRITING):
        return True
    modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return name.rpartition(".")[2] == "open" and any(
        isinstance(mode, ast.Constant) and isinstance(mode.value, str) and set("wax+") & set(mode.value)
        for mode in modes
    )


@cache
def modules(folder: Path, package: str) -> dict[str, str]:
    """Each module's name and source."""
    found = {}
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found[".".join([package, *(part for part in parts if part != "__init__")])] = path.read_text(encoding="utf-8")
    return found


@cache
def imports(name: str, source: str) -> frozenset[str]:
    """Everything that a module imports when it runs, type checkers' imports left out."""
    folder = ENGINE if name.startswith("pipeline") else STAGES
    parts = name.split(".")[1:]
    return frozenset(parse_module(source, name, (folder.joinpath(*parts) / "__init__.py").exists()).imports)


def assert_points_down(name: str, found: frozenset[str], package: str, floors: tuple[tuple[str, ...], ...]) -> None:
    """A module of ``package`` imports only rooms and files of floors below its own, and its own room."""

    def room_of(module: str) -> str:
        return module.removeprefix(f"{package}.").partition(".")[0]

    floor = next((number for number, rooms in enumerate(floors) if room_of(name) in rooms), None)
    assert floor is not None, f"{name} is in no room"
    below = {room for rooms in floors[:floor] for room in rooms}
    used = {room_of(item) for item in found if item.startswith(f"{package}.")}
    assert used <= below | {room_of(name)}


@pytest.mark.parametrize(("name", "source"), modules(ENGINE, "pipeline").items(), ids=lambda text: text[:40])
def test_the_engine_points_one_way_and_knows_no_stages(name: str, source: str) -> None:
    found = imports(name, source)
    if not name.startswith("pipeline.cli"):
        assert not {item for item in found if item.partition(".")[0] == "stages"}
    if name == "pipeline":
        assert not found
        return
    assert_points_down(name, found, "pipeline", FLOORS)


@pytest.mark.parametrize(("name", "source"), modules(STAGES / "mlp", "stages.mlp").items(), ids=lambda text: text[:40])
def test_the_rooms_of_the_network_point_one_way(name: str, source: str) -> None:
    """A step is read without replicas, and replicas without epochs."""
    if name != "stages.mlp":  # which publishes what all rooms hold
        assert_points_down(name, imports(name, source), "stages.mlp", FLOORS_OF_NETWORK)


ROOMS = sorted(path.name for path in ENGINE.iterdir() if (path / "__init__.py").exists())


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_what_its_first_lines_say(room: str) -> None:
    """``May import: store, ...``, or a room ``and all below it``; the files beside the rooms are for all."""
    said = re.search(r"^May import: (.+?)\.$", (ENGINE / room / "__init__.py").read_text(), re.MULTILINE | re.DOTALL)
    assert said, f"pipeline/{room}/__init__.py does not say what the room may import"
    allowed = set(ROOMS) if "every room" in said[1] else set(re.findall("[a-z]+", said[1]))
    if "all below" in said[1]:
        floor = max(number for number, rooms in enumerate(FLOORS) if allowed & set(rooms))
        allowed |= {name for rooms in FLOORS[:floor] for name in rooms}
    own = [(name, source) for name, source in modules(ENGINE, "pipeline").items() if within(name, {f"pipeline.{room}"})]
    found = {item for name, source in own for item in imports(name, source) if item.startswith("pipeline.")}
    used = {item.split(".")[1] for item in found}
    assert (used & set(ROOMS)) - {room} <= allowed


def test_rooms_and_files_are_small() -> None:
    """A folder of more files than a dozen is asking to be a room with rooms, a file over 400 lines to be two."""
    for top in (ENGINE, STAGES):
        files = list(top.rglob("*.py"))
        long = {str(path): n for path in files if (n := len(path.read_text().splitlines())) > 400}
        full = {str(folder): n for folder, n in Counter(path.parent for path in files).items() if n > 13}
        assert (long, full) == ({}, {})


def test_every_folder_of_the_stages_has_a_rule() -> None:
    folders = {path.parent.name for path in STAGES.glob("*/__init__.py")}
    advice = "each folder of stages/ needs a line in BESIDE, above in this file: what it may import of the others"
    assert folders - set(BESIDE) == {"commands"}, advice


def names_in_table(title: str) -> list[set[str]]:
    """The names in the first cell of each row of a table in docs/architecture.md."""
    page = (Path(__file__).parents[1] / "docs/architecture.md").read_text(encoding="utf-8")
    table = page.partition(f"| room of `{title}/` |")[2].partition("\n\n")[0]
    return [set(re.findall("`([^`]+)`", cell)) for cell in re.findall(r"^\| (`[^|]+) \|", table, re.MULTILINE)]


def test_the_documented_floors_of_the_engine_are_these() -> None:
    *rooms, files = names_in_table("pipeline")
    assert rooms == [found for floor in reversed(FLOORS) if (found := set(floor) & set(ROOMS))]
    beside = {name for floor in FLOORS for name in floor} - {*ROOMS, "__main__"}
    assert files == {f"{name}.py" for name in beside}


def test_every_folder_of_the_stages_is_documented() -> None:
    named = {name for names in names_in_table("stages") for name in names if "/" not in name and "." not in name}
    assert named == {path.parent.name for path in STAGES.glob("*/__init__.py")}


@pytest.mark.parametrize("package", ["pipeline", "stages"])
def test_no_two_files_import_each_other_not_even_by_way_of_others(package: str) -> None:
    folder = ENGINE if package == "pipeline" else STAGES
    every = modules(folder, package)
    # imports for type checkers count too
    found = {name: imports(name, source.replace("if TYPE_CHECKING:", "if True:")) for name, source in every.items()}
    graph = {name: names & every.keys() for name, names in found.items()}
    TopologicalSorter({name: used - {name} for name, used in graph.items()}).prepare()  # raises CycleError


@pytest.mark.parametrize("name", ["staleness", "plan", "selection"])
def test_planning_is_pure(name: str) -> None:
    """What decides neither reads nor writes: it imports nothing that could."""
    source = (ENGINE / f"planning/{name}.py").read_text()
    found = imports(f"pipeline.planning.{name}", source)
    allowed = {"__future__", "collections", "dataclasses", "enum", "typing", "pipeline"}
    assert {item.partition(".")[0] for item in found} <= allowed
    assert "open" not in {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}


def test_only_the_store_the_lock_and_the_log_write_below_artifacts() -> None:
    writers = {
        name
        for name, source in modules(ENGINE, "pipeline").items()
        if any(writes(node) for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    }
    elsewhere = {
        "pipeline.files.safe_files",
        "pipeline.files.leftovers",
        "pipeline.sweep.sweep_files",
        "pipeline.workers.dask_job",
        "pipeline.workers.local",
        "pipeline.terminal.streams",  # /dev/null
    }  # where --output says so, below sweeps/, in temporary folders
    store, files = {"pipeline.store.store", "pipeline.store.generations"}, "pipeline.store.durable_files"
    assert writers == {
        *store,
        "pipeline.store.durable_files",
        "pipeline.store.lock",
        "pipeline.logs.line_log",
        *elsewhere,
    }
    users = {name for name, source in modules(ENGINE, "pipeline").items() if files in imports(name, source)}
    assert users == {*store, "pipeline.store.stored_results", "pipeline.store.clean"}  # the last two only look


def test_layers_know_of_neither_workers_nor_training() -> None:
    """A learner reads them first: NumPy, their own files, and what an array of numbers is."""
    own = ("stages.mlp.layers", "stages.mlp.arrays")
    workers = {"threading", "multiprocessing", "concurrent", "subprocess", "socket", "joblib", "threadpoolctl"}
    for name, source in modules(STAGES, "stages").items():
        if name.startswith("stages.mlp.layers"):
            found = imports(name, source) - {"stages", "stages.mlp"}
            assert not {item.partition(".")[0] for item in found} & workers, name
            assert {item for item in found if item.startswith(("stages", "pipeline"))} <= {
                item for item in found if item.startswith(own)
            }, name


@pytest.mark.parametrize(("name", "source"), modules(STAGES, "stages").items(), ids=lambda text: text[:40])
def test_stages_know_nothing_of_caching(name: str, source: str) -> None:
    found = imports(name, source)
    engine = {item.partition(".")[2] for item in found if item.startswith("pipeline.")}
    allowed = OF_COMMANDS if ".commands" in name else OF_LIST if name == "stages" else OF_STAGES
    assert all(any(item == each or item.startswith(f"{each}.") for each in allowed) for item in engine)
    if name.startswith("stages.mlp"):
        known = {"numpy", "threadpoolctl", "stages", *sys.stdlib_module_names}
        assert {item.partition(".")[0] for item in found} <= known
        assert all(item == "stages" or item.startswith("stages.mlp") for item in found if item.startswith("stages"))


@pytest.mark.parametrize(("name", "source"), modules(STAGES / "commands", "stages.commands").items())
def test_a_command_imports_nothing_of_another_commands_folder(name: str, source: str) -> None:
    folders = {f"stages.commands.{path.name}" for path in (STAGES / "commands").iterdir() if path.is_dir()}
    others = {folder for folder in folders if not within(name, {folder})}
    assert not {item for item in imports(name, source) if within(item, others)}


def published(stage: str) -> set[str]:
    """The modules of a stage that other stages may import."""
    return {f"stages.{stage}.{name}" for name in import_module(f"stages.{stage}").__all__}


@pytest.mark.parametrize("room", BESIDE)
def test_a_stage_imports_of_another_only_what_that_publishes(room: str) -> None:
    """Whatever is imported enters the key: so neither another stage's settings, nor its checks, nor ``stages``."""
    of_stages = {name for stage in STAGE_NAMES - {room} for name in published(stage)} if room in STAGE_NAMES else set()
    beside = {f"stages.{name}" for name in (room, *BESIDE[room])}
    found = {
        item
        for name, source in modules(STAGES, "stages").items()
        if name.split(".")[1:2] == [room]
        for item in imports(name, source)
        if item.partition(".")[0] == "stages"
    }
    assert not {item for item in found if not within(item, beside) and not within(item, of_stages)}


@pytest.mark.parametrize("extra", EXTRAS)
def test_an_extra_is_imported_by_its_room_only_and_that_by_who_may(extra: str) -> None:
    room, users = EXTRAS[extra]
    everything = {**modules(ENGINE, "pipeline"), **modules(STAGES, "stages")}
    found = {name: imports(name, source) for name, source in everything.items() if not within(name, {room})}
    assert not {name for name, used in found.items() if any(within(item, {extra}) for item in used)}
    assert {name for name, used in found.items() if any(within(item, {room}) for item in used)} == set(users)


@pytest.mark.parametrize("stage", STAGES_IN_ORDER, ids=lambda stage: stage.name)
def test_the_key_of_a_stage_covers_of_others_only_what_they_publish(stage: Stage) -> None:
    """Another stage's settings, help texts and checks, the list of stages, and the commands rerun nothing."""
    references = [stage.function, *(output.check for output in stage.outputs)]
    reached = {f"{name}." for name in code_closure(references, READER).digests}
    theirs = {name for name in reached if name.split(".")[1] in STAGE_NAMES - {stage.name}}
    allowed = {name for other in STAGE_NAMES for name in published(other)}
    assert not {name for name in theirs if not within(name, allowed)}
    assert not within("stages.", reached)
    assert not {name for name in reached if name.startswith(("stages.commands", "stages.presets"))}


def within(name: str, rooms: set[str]) -> bool:
    """Whether a dotted name is one of ``rooms``, or lies in one."""
    return any(name == room or name.startswith(f"{room}.") for room in rooms)


@pytest.mark.parametrize("stage", STAGES_IN_ORDER, ids=lambda stage: stage.name)
def test_the_types_of_settings_are_not_kept_as_text(stage: Stage) -> None:
    """Every command would compile them again."""
    assert not [name for name, kind in stage.parameters.__annotations__.items() if isinstance(kind, str)]


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, pipeline.cli\ntry: pipeline.cli.main(['--help'])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "Usage: " in done.stdout
    loaded = done.stdout.splitlines()[-1].split()
    assert "click" in loaded
    assert not {*HEAVY, *EXTRAS} & set(loaded)
