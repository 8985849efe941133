"""What the documentation says of the program is so."""

from __future__ import annotations

import re
import runpy
import tomllib
from pathlib import Path

import pytest

from pipeline.cli import main
from stages import STAGES

ROOT = Path(__file__).parents[2]
FILE_ENDINGS = (".md", ".py", ".json", ".parquet", ".npy", ".npz", ".csv", ".html")
PAGES = [ROOT / "README.md", ROOT / "PACKAGE.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_page_of_settings_is_current() -> None:
    page = runpy.run_path(str(ROOT / "docs/scripts/write_configuration.py"))["page"]()
    assert (ROOT / "docs/configuration.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_leads_to_something(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)  # code has none
    links = re.findall(r"\]\(([^)#]+)", text)
    missing = [link for link in links if "://" not in link and not (path.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_command_that_a_page_names_is_there_and_has_the_options_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    context = main.make_context("pipeline", [], resilient_parsing=True)
    for name, words in re.findall(r"(?:^    |`)pipeline ([a-z]+)([^`\n#]*)", text, flags=re.MULTILINE):
        command = main.get_command(context, name)
        assert command is not None, name
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", words)) <= {*known, "--help"}, f"pipeline {name}{words}"


def test_the_readme_names_every_command_and_every_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"pipeline ([a-z]+)", text))
    commands = main.list_commands(main.make_context("pipeline", [], resilient_parsing=True))
    assert [name for name in commands if name not in named] == []
    pages = [path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").glob("*.md")]
    assert [page for page in pages if f"]({page})" not in text] == []


def test_the_page_of_stages_has_a_section_for_each() -> None:
    sections = re.findall(r"^## ([a-z]+):", (ROOT / "docs/stages.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sections == [stage.name for stage in STAGES], "docs/stages.md needs '## <stage>: <what it does>', in order"


def test_the_index_of_decisions_has_them_all() -> None:
    folder = ROOT / "docs/decisions"
    listed = re.findall(r"\]\(([a-z-]+\.md)\)", (folder / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == sorted(path.name for path in folder.glob("*.md") if path.name != "README.md")


def test_every_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        *project["dependencies"],
        *(name for extra in project["optional-dependencies"].values() for name in extra),
    ]
    page = (ROOT / "docs/decisions/dependencies.md").read_text(encoding="utf-8")
    names = {
        name
        for cell in re.findall(r"^\|(.+)\| [^|]+ \|$", page, flags=re.MULTILINE)
        for name in re.split(r"[|, ]+", cell)
    }
    assert {re.split(r"[\[><=]", each)[0] for each in wanted} - names == set()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_setting_that_a_page_names_is_there(path: Path) -> None:
    known = {f"{stage.name}.{key}" for stage in STAGES for key in stage.parameters.__struct_fields__}
    names = "|".join(stage.name for stage in STAGES)
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    named = {f"{stage}.{key}" for stage, key in re.findall(rf"--set (?:'|\")?({names})\.([a-z_]+)", text)}
    named |= {f"{stage}.{key}" for stage, key in re.findall(rf"`({names})\.([a-z_0-9]+)(?: = [^`]+)?`", text)}
    assert {name for name in named if name not in known and not name.endswith(FILE_ENDINGS)} == set()


@pytest.mark.parametrize(
    "name", ["docs/pictures/terminal.svg", "docs/pictures/report.png", "docs/pictures/augmented.png"]
)
def test_pictures_are_small_and_ask_nobody_for_anything(name: str) -> None:
    data = (ROOT / name).read_bytes()
    assert 1000 < len(data) < 300_000
    if name.endswith(".svg"):
        assert b"@font-face" not in data
        assert not re.search(rb"(?:href|src|url)\s*[=(]\s*[\"']?https?:", data)
