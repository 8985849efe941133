"""`pipeline report`: the page opens, or its place is printed; it says if there is none, or a stale one."""

from __future__ import annotations

import json
import webbrowser
from functools import partial
from pathlib import Path

import pytest
from calling import call

report = partial(call, "report")


class Browser:
    """Stands in for the system's browser: keeps what it was asked to open."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.is_there = True

    def open(self, address: str) -> bool:
        self.opened.append(address)
        return self.is_there


@pytest.fixture
def browser(monkeypatch: pytest.MonkeyPatch) -> Browser:
    browser = Browser()
    monkeypatch.setattr(webbrowser, "open", browser.open)
    return browser


def test_the_page_opens_by_its_stable_path(sample_run: Path, browser: Browser) -> None:
    path = sample_run / "artifacts/evaluate/report.html"
    assert report(sample_run).stdout == f"{path}\n"
    assert browser.opened == [path.as_uri()]


def test_with_path_nothing_is_opened(sample_run: Path, browser: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_run)
    path = report(Path(), "--path").stdout.strip()
    assert Path(path).is_absolute()
    assert Path(path).read_bytes() == (sample_run / "artifacts/evaluate/report.html").read_bytes()
    assert json.loads(report(sample_run, "--path", "--json").stdout) == {"path": path, "opened": False, "stale": ""}
    assert browser.opened == []


def test_a_report_that_is_not_up_to_date_opens_with_a_warning(sample_run: Path, browser: Browser) -> None:
    words = ("--set", "train.epochs=21", "--json")
    result = report(sample_run, *words)
    assert "warning: the report is not up to date\n  why:   train: train.epochs 50 -> 21" in result.stderr
    found = json.loads(result.stdout)
    assert found["opened"]
    assert found["stale"].startswith("train: train.epochs")
    assert len(browser.opened) == 1


def test_without_a_browser_the_place_is_named(sample_run: Path, browser: Browser) -> None:
    browser.is_there = False
    result = report(sample_run, code=1)
    assert "error: no browser could be started" in result.stderr
    assert f"where: {sample_run / 'artifacts/evaluate/report.html'}" in result.stderr
    assert result.stdout == ""


def test_the_run_that_makes_it_anew_has_the_settings_that_were_given(sample_run: Path) -> None:
    words = ("--preset", "fast", "--set", "train.epochs=5")
    stderr = report(sample_run, "--path", *words).stderr
    assert f"hint:  pipeline -C {sample_run} run evaluate {' '.join(words)} brings it up to date\n" in stderr
