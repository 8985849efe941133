"""What a stage's code is: everything of the project that it reaches, and the templates beside it."""

from __future__ import annotations

import pytest
from toy_project import Toy, actions, ran, why

from pipeline.fingerprint.code import ModuleCode, code_closure
from pipeline.fingerprint.parse_cache import ParseCache


def test_the_closure_follows_project_modules_to_the_end_and_nothing_else(toy: Toy) -> None:
    modules = {name.removeprefix(toy.package + ".") for name in code_closure([f"{toy.package}.power:power"]).digests}
    assert {"power.power", "arithmetic.power.Raiser.raised", "arithmetic.offset", "pipeline.task.Outcome"} <= modules
    assert not any(name.startswith(("load", "words", "numpy", "unseen")) for name in modules)


def test_modules_for_type_checkers_are_not_followed(toy: Toy) -> None:
    digests = code_closure([f"{toy.package}.load:load"]).digests
    assert f"{toy.package}.words.is_number" in digests
    assert f"{toy.package}.unseen" not in digests


def test_a_function_never_hides_a_module_of_the_same_name(toy: Toy) -> None:
    folder = toy.code / toy.package / "twins"
    folder.mkdir()
    (folder / "__init__.py").write_text("from .fit import rate\n\ndef fit(): return rate\n")
    (folder / "fit.py").write_text("rate = 1\n")
    reference = f"{toy.package}.twins:fit"
    first = code_closure([reference]).digests
    (folder / "fit.py").write_text("rate = 2\n")
    second = code_closure([reference]).digests
    (folder / "__init__.py").write_text("from .fit import rate\n\ndef fit(): return rate + 1\n")
    third = code_closure([reference]).digests
    assert len({tuple(found.items()) for found in (first, second, third)}) == 3


@pytest.mark.parametrize(
    ("module", "old", "new", "stale", "named"),
    [
        ("arithmetic/power.py", "number**self", "number * self", "power", "arithmetic.power.Raiser.raised"),
        ("arithmetic/offset.py", "OFFSET = 0", "OFFSET = 1", "power", "arithmetic.offset"),
        ("words.py", "text.isdigit()", "text.isdecimal()", "load", "words.is_number"),
        ("parity.py", 'ODD = "odd"', 'ODD = "even"', "parity", "parity"),
        ("total.py", "value = int", "value = 1 + int", "total", "total.total"),
    ],
)
def test_a_changed_line_reruns_its_stages_and_the_reason_names_the_function(
    toy: Toy, module: str, old: str, new: str, stale: str, named: str
) -> None:
    toy.run("all")
    toy.edit(module, old, new)
    plan = toy.plan()
    assert why(plan, stale) == [f"code changed: {toy.package}.{named}"]
    assert next(name for name, action in actions(plan).items() if action == "will run") == stale
    assert ran(toy.run("all"))[0] == stale


def test_a_changed_check_is_changed_code(toy: Toy) -> None:
    toy.run("all")
    toy.edit("checks.py", "LEAST = 0", "LEAST = 1")
    assert why(toy.plan(), "load") == [f"code changed: {toy.package}.checks"]


def test_a_module_that_lies_beside_the_packages_is_the_projects_own(toy: Toy) -> None:
    (toy.code / "beside.py").write_text("FACTOR = 1\n")
    power = toy.code / toy.package / "power.py"
    power.write_text(power.read_text() + "\nimport beside\n")
    reference = f"{toy.package}.power:power"
    first = code_closure([reference]).digests
    (toy.code / "beside.py").write_text("FACTOR = 2\n")
    second = code_closure([reference]).digests
    assert {name for name in first if first[name] != second[name]} == {"beside"}


def test_a_plan_reads_each_module_once(toy: Toy) -> None:
    toy.run("all")
    read: list[str] = []

    class Watched(ParseCache):
        def parse(self, source: str, module: str, is_package: bool) -> ModuleCode:  # noqa: FBT001 - as ParseCache's
            read.append(module)
            return super().parse(source, module, is_package)

    toy.parse_cache = Watched()
    toy.plan()
    assert len(read) == len(set(read)) > 10


def test_the_files_of_a_folder_of_templates_beside_a_module_count_byte_by_byte(toy: Toy) -> None:
    folder = toy.code / toy.package / "arithmetic/templates"
    (folder / "deep").mkdir(parents=True)
    (folder / "page.html").write_text("<p>")
    (folder / "deep/style.css").write_bytes(b"\xff\x00")
    toy.run("all")
    digests = code_closure([f"{toy.package}.power:power"]).digests
    names = {name for name in digests if "/templates/" in name}
    at = f"{toy.package}.arithmetic/templates"
    assert names == {f"{at}/page.html", f"{at}/deep/style.css"}
    (folder / "page.html").write_text("<p> ")
    assert why(toy.plan(), "power") == [f"code changed: {at}/page.html"]
    assert why(toy.plan(), "parity") == []
    (folder / "page.html").write_text("<p>")
    assert not toy.plan().stale
    (folder / "page.html~").write_text("an editor's backup")
    (folder / ".page.html.swp").write_text("and another's")
    assert not toy.plan().stale
    (folder / "new.js").write_text("")
    assert why(toy.plan(), "power") == [f"code changed: {at}/new.js"]
