"""A real Chromium without a window, and what to open in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stages.evaluate.report import canvas_network

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
QUIETLY = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The browser, with an empty profile of its own."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("there is no Chromium on this machine: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=list(QUIETLY), chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture
def finished(browser: Any, sample_run: Path) -> Path:  # noqa: ARG001 - without a browser nothing need be run
    """The artifacts of a run on the bundled sample."""
    return sample_run / "artifacts"


class Tab:
    """A page that is open, with everything that it asked for and complained about."""

    def __init__(self, context: Any, address: str) -> None:
        self.page = context.new_page()
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: (self.complaints.append(dialog.message), dialog.dismiss()))
        self.page.goto(address)

    def draw(self, *strokes: list[tuple[float, float]]) -> str:
        """Draw strokes, given in shares of the canvas's sides, with the mouse; gives the network's answer."""
        canvas = self.page.locator("#drawing")
        canvas.scroll_into_view_if_needed()
        box, mouse = canvas.bounding_box(), self.page.mouse
        for stroke in strokes:
            (x, y), *rest = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
            mouse.move(x, y)
            mouse.down()
            for x, y in rest:
                mouse.move(x, y, steps=4)
            mouse.up()
        return self.answer()

    def answer(self) -> str:
        """What the network says of the drawing, once the page was drawn anew."""
        self.page.evaluate("() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
        return str(self.page.locator("#answer").inner_text())


@pytest.fixture(scope="session")
def script(browser: Any) -> Any:
    """A window with nothing but network.js, for all tests that only run it: a report takes longer than what they do."""
    page = browser.new_page()
    page.add_script_tag(path=Path(canvas_network.__file__).parent / "templates/network.js")
    return page


@pytest.fixture
def open_page(browser: Any) -> Iterator[Any]:
    """``open_page(path, width=390, color_scheme="dark")`` opens a file in a window of its own; gives a ``Tab``."""
    contexts = []

    def open_it(path: Path, *, width: int = 1280, **settings: Any) -> Tab:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **settings))
        return Tab(contexts[-1], path.as_uri())

    yield open_it
    for context in contexts:
        context.close()
