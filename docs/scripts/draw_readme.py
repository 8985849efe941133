"""Draw the README's pictures, terminal.svg and report.png in docs/pictures, from a real run on Kaggle's files.

    python docs/scripts/draw_readme.py path/to/digit-recognizer.zip

The run takes place on a terminal of its own, in a temporary folder; what it shows while it trains and at its end
becomes the one picture, the top of its report, on which a digit is drawn, the other. Needs the dev extra and Chromium.
"""

from __future__ import annotations

import argparse
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs/pictures"
COLUMNS = 100
PAGE = {"width": 1180, "height": 920}  # of the report's first screen, in pixels
STROKES = (((0.28, 0.22), (0.72, 0.22), (0.42, 0.82)), ((0.38, 0.52), (0.66, 0.52)))  # a 7, in shares of the canvas
ERASED = re.compile(r"\r?\x1b\[2K(?:\x1b\[1A\x1b\[2K)*")  # how lines that move are taken away
FAR_ENOUGH = re.compile(r"^train +━{13,17}─+ .*accuracy", re.MULTILINE)  # a run that is well under way
LARGEST = 300_000  # bytes of a picture


def main() -> None:
    """Run the pipeline and draw both pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("zip", type=Path, nargs="?", default=os.environ.get("DIGIT_RECOGNIZER_ZIP"))
    archive: Path | None = parser.parse_args().zip
    if archive is None:
        parser.error("name Kaggle's zip, or set DIGIT_RECOGNIZER_ZIP")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        (folder / "data/digit-recognizer.zip").symlink_to(Path(archive).resolve())
        draw_terminal(run_on_a_terminal(["run", "all"], folder), PICTURES / "terminal.svg")
        draw_report(folder / "artifacts/evaluate/report.html", PICTURES / "report.png")


def run_on_a_terminal(words: list[str], folder: Path) -> str:
    """Everything that the command writes on a terminal, control sequences and all."""
    code = "from pipeline.cli import main; main(prog_name='pipeline')"
    kept = {key: value for key, value in os.environ.items() if key not in {"NO_COLOR", "COLUMNS", "CI"}}
    environment = {**kept, "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT)}
    command = f"stty rows 40 columns {COLUMNS}; {shlex.join([sys.executable, '-c', code, *words])}"
    done = subprocess.run(  # noqa: S603 - our own program
        ["script", "-qec", command, "/dev/null"],  # noqa: S607 - a program of util-linux
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    text = done.stdout.decode().replace("\r\n", "\n")
    if done.returncode:
        raise SystemExit(text)
    return text


def draw_terminal(text: str, path: Path) -> None:
    """Draw what stood on the terminal while train was at work, and at the end."""
    frames = ERASED.split(text)
    under_way = next(frame for frame in frames if FAR_ENOUGH.search(plain(frame)))
    prompt = "\x1b[1m$ pipeline run all\x1b[0m\n"
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    for part in (prompt, under_way.strip("\n"), "\n...\n\n", frames[-1].strip("\n")):
        console.print(Text.from_ansi(re.sub(r"\x1b\[\?25[lh]", "", part)), end="")
        console.print(end="" if part.endswith("\n") else "\n")
    picture = console.export_svg(title="Digit Recognizer", unique_id="terminal")
    picture = re.sub(r"@font-face \{.*?\}", "", picture, flags=re.DOTALL)  # fonts from elsewhere are not loaded anyway
    picture = "\n".join(line.rstrip() for line in picture.splitlines() if line.strip()) + "\n"
    save(path, picture.encode())


def plain(text: str) -> str:
    """The text without control sequences."""
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


def draw_report(report: Path, path: Path) -> None:
    """Draw the first screen of the report, as a browser shows it."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("there is no Chromium here; docs/pictures/report.png stays as it is")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, chromium_sandbox=False)
        page = chromium.new_page(viewport=PAGE, color_scheme="light")
        page.goto(report.resolve().as_uri())
        canvas = page.locator("#drawing").bounding_box()
        for stroke in STROKES if canvas else ():
            points = [(canvas["x"] + x * canvas["width"], canvas["y"] + y * canvas["height"]) for x, y in stroke]
            page.mouse.move(*points[0])
            page.mouse.down()
            for point in points[1:]:
                page.mouse.move(*point, steps=8)
            page.mouse.up()
        page.mouse.move(0, 0)
        shot = page.screenshot()
        chromium.close()
    buffer = io.BytesIO()
    Image.open(io.BytesIO(shot)).convert("RGB").quantize(128).save(buffer, "PNG", optimize=True)
    save(path, buffer.getvalue())


def save(path: Path, data: bytes) -> None:
    """Write a picture that is small enough to be committed."""
    if len(data) > LARGEST:
        raise SystemExit(f"{path.name} has {len(data):,} bytes, more than {LARGEST:,}")
    path.write_bytes(data)


if __name__ == "__main__":
    main()
