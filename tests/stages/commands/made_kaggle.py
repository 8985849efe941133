"""A program in Kaggle's place: it serves, says and returns what it is told, and notes how it was called."""

from __future__ import annotations

import json
import sys
from pathlib import Path

SCRIPT = """#!{python} -IS
import json, pathlib, shutil, signal, sys
here, words = pathlib.Path({folder!r}), sys.argv[1:]
with here.joinpath("calls").open("a") as calls:
    print(json.dumps(words), file=calls)
if "-f" in words:
    shutil.copy(words[words.index("-f") + 1], here / "sent")
if "-p" in words and here.joinpath("served").exists():
    shutil.copy(here / "served", pathlib.Path(words[words.index("-p") + 1]) / (words[2] + ".zip"))
answers = json.loads(here.joinpath("answers").read_text())
mine = answers.get(words[1]) or answers["*"]
answer = mine[0]
if len(mine) > 1:
    here.joinpath("answers").write_text(json.dumps(dict(answers, **{{words[1]: mine[1:]}})))
sys.stdout.write(answer["text"])
sys.stdout.flush()
sys.stderr.write(answer["says"])
sys.stderr.flush()
if answer["hangs"]:
    signal.pause()
if answer["code"] < 0:
    signal.raise_signal(-answer["code"])
sys.exit(answer["code"])
"""


class Kaggle:
    """The program, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        program = folder / "kaggle"
        program.write_text(SCRIPT.format(python=sys.executable, folder=str(folder)))
        program.chmod(0o755)
        self.set()

    def set(self, *, served: bytes | None = None, says: str = "", code: int = 0) -> None:
        """What it serves, says on standard error and returns, whatever it is asked for."""
        (self.folder / "served").unlink(missing_ok=True)
        if served is not None:
            (self.folder / "served").write_bytes(served)
        (self.folder / "answers").write_text(json.dumps({"*": [answer(says=says, code=code)]}))

    def will(self, command: str, *answers: dict[str, object]) -> None:
        """What it answers to ``kaggle competitions <command>``, one after the other; the last one again and again."""
        path = self.folder / "answers"
        path.write_text(json.dumps({**json.loads(path.read_text()), command: answers}))

    @property
    def calls(self) -> list[list[str]]:
        """The words of every call."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    @property
    def sent(self) -> bytes | None:
        """The bytes of the last file that it was given."""
        path = self.folder / "sent"
        return path.read_bytes() if path.exists() else None


def answer(text: str = "", *, says: str = "", code: int = 0, hangs: bool = False) -> dict[str, object]:
    """Print ``text``, say something on standard error, and end; a negative ``code`` is the signal that kills it."""
    return {"text": text, "says": says, "code": code, "hangs": hangs}
