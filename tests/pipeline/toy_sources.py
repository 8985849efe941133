"""The sources of the toy project's package; PACKAGE stands for its name."""

SOURCES = {
    "__init__.py": "",
    "sources.py": '''
from pathlib import Path

from pipeline.errors import ConfigError
from pipeline.task import Source, Sources

SAMPLE = Path(__file__).parent / "sample.txt"


def find_numbers(parameters, folder):
    """A configured file, or data/numbers.txt, or else the sample."""
    if parameters.path is not None:
        path = folder / parameters.path
        if not path.exists():
            what = f"load.path is set to {parameters.path!r}, and there is no such file"
            raise ConfigError(what, where=str(path), hint="--set load.path=numbers.txt")
        return Sources((Source("numbers", path),), parameters.path)
    path = folder / "data" / "numbers.txt"
    if path.exists():
        return Sources((Source("numbers", path),), "data/numbers.txt")
    return Sources((Source("numbers", SAMPLE),), "sample", notice="No data found: this is the SAMPLE.")
''',
    "sample.txt": "7\n8\n",
    "words.py": '''
"""What counts as a number."""


def is_number(text):
    """Digits and nothing else."""
    return text.isdigit()
''',
    "load.py": '''
"""Numbers, one a line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pipeline.errors import DataError
from pipeline.task import Outcome
from PACKAGE.words import is_number

if TYPE_CHECKING:
    from PACKAGE.unseen import Unseen


def load(task):
    """Keep the numbers, and set aside what is none."""
    lines = task.sources["numbers"].path.read_text().split()
    numbers = [int(line) for line in lines if is_number(line)][: task.parameters.limit]
    rejected = [line for line in lines if not is_number(line)]
    task.progress(1, 2)
    if not numbers:
        (task.report / "report.txt").write_text("nothing but words")
        raise DataError("there is no number in it", where=str(task.sources["numbers"].path), hint="add one")
    task.outputs["load/numbers.json"].write_text(json.dumps(numbers))
    if rejected:
        task.outputs["load/rejected.txt"].write_text(" ".join(rejected))
    return Outcome(figures={"rows": len(numbers)}, warnings=(f"{len(rejected)} rejected",) if rejected else ())
''',
    "unseen.py": "UNSEEN = 1\n",
    "arithmetic/__init__.py": "",
    "arithmetic/power.py": '''
from .offset import OFFSET


class Raiser:
    """Raises numbers to a power."""

    def __init__(self, exponent):
        self.exponent = exponent

    def raised(self, number):
        return number**self.exponent + OFFSET
''',
    "arithmetic/offset.py": "OFFSET = 0\n",
    "power.py": '''
"""Powers of the numbers."""

import json

import numpy as np

from pipeline.task import Outcome


def power(task):
    from PACKAGE.arithmetic.power import Raiser

    raiser = Raiser(task.parameters.exponent)
    numbers = json.loads(task.inputs["load/numbers.json"].read_text())
    task.progress(1, 2)
    powers = [raiser.raised(number) for number in numbers]
    np.save(task.outputs["power/powers.npy"], np.array(powers, dtype=np.int64))
    return Outcome(figures={"largest": max(powers)})
''',
    "parity.py": """
import json

from pipeline.task import Outcome

ODD = "odd"


def parity(task):
    numbers = json.loads(task.inputs["load/numbers.json"].read_text())
    task.progress(1, 2)
    task.outputs["parity/parity.json"].write_text(json.dumps([ODD if number % 2 else "even" for number in numbers]))
    return Outcome()
""",
    "total.py": """
import json
import threading

import numpy as np

from pipeline.errors import DataError
from pipeline.figures import SHARE, Figure
from pipeline.task import Outcome

ROW = "{word},{power}\\n"


def total(task):
    (task.scratch / "checkpoint").write_text("half way")
    powers = np.load(task.inputs["power/powers.npy"])
    words = json.loads(task.inputs["parity/parity.json"].read_text())
    with task.outputs["total/total.csv"].open("w") as file:
        file.write("word,power\\n")
        for word, power in zip(words, powers):
            file.write(ROW.format(word=word, power=power))
    task.progress(1, 2)
    if task.parameters.waits:
        task.log("waiting")
        while True:
            try:
                threading.Event().wait(60)
            except Exception:
                pass
    if task.parameters.fails:
        (task.report / "report.txt").write_text(f"the sum is {powers.sum()}")
        raise DataError("it was told to fail", where="total.fails", hint="--set total.fails=false")
    value = int(powers.sum()) + task.parameters.start
    task.outputs["total/summary.json"].write_text(json.dumps({"total": value, "share_accuracy": 0.5}))
    share = Figure(0.5, SHARE, is_headline=True)
    return Outcome(figures={"total": value, "share_accuracy": share})
""",
    "parts.py": '''
import json

from pipeline.task import Outcome
from PACKAGE.arithmetic.offset import OFFSET


def parts(task):
    """The numbers' multiples, each a partial result; what is shown of them concerns none."""
    numbers = json.loads(task.inputs["load/numbers.json"].read_text())
    found = []
    for factor in range(task.parameters.count):
        description = {"factor": factor, "base": task.parameters.base}
        if task.partial_results.find(description) is None:
            with task.partial_results.make(description) as folder:
                task.log(f"makes {factor}")
                task.progress(factor, task.parameters.count)
                multiples = [task.parameters.base + factor * number + OFFSET for number in numbers]
                (folder / "multiples.json").write_text(json.dumps(multiples))
                (folder / "note.txt").write_text("made")
        found.append(json.loads((task.partial_results.find(description) / "multiples.json").read_text()))
    task.outputs["parts/parts.json"].write_text(json.dumps(found[: task.parameters.shown]))
    return Outcome(figures={"parts": len(found)})


def check(path):
    json.loads(path.read_text())
''',
    "jobs.py": '''
import os
import signal
import time

import numpy as np

from pipeline.errors import DataError


def until_there(path):
    """Wait for a file; the tests that use this end the process if it never comes."""
    while not path.exists():
        time.sleep(0.01)


def work(job, place):
    """Do what a job says: a number is multiplied with the sum of an array."""
    array = place.arrays["numbers"]
    if isinstance(job, int):
        for step in range(4):
            place.progress(step + 1, 4, unit="steps", note=f"at {step}")
        return job * int(array.sum()), type(array).__name__, os.getpid()
    what, signal_file = job
    if what == "fails":
        raise DataError("it was told to fail", where="here", hint="do not")
    if what == "dies":
        until_there(signal_file)
        os.kill(os.getpid(), signal.SIGKILL)
    if what == "kills its parent":
        first, every = signal_file.parent / "killed", signal_file.name == "every"
        if every or not first.exists():
            first.touch()
            os.kill(os.getppid(), signal.SIGKILL)
            time.sleep(60)
        return "alive"
    if what == "sleeps":
        (signal_file / str(os.getpid())).touch()
        time.sleep(3600)
    if what == "waits":
        (signal_file / str(os.getpid())).touch()
        while True:
            place.progress(1, 2)
            time.sleep(0.01)
''',
    "dag.py": '''
import json

from pipeline.errors import DataError
from pipeline.task import Outcome


def work(task):
    """A node of a made graph: the sum of what it reads and its own value, divided, so that changes may vanish."""
    total = task.parameters.value + sum(json.loads(path.read_text()) for path in task.inputs.values())
    for output in task.outputs.values():
        output.write_text(json.dumps(total // task.parameters.divisor))
    return Outcome()


def check(path):
    if not isinstance(json.loads(path.read_text()), int):
        raise DataError("this is no number", where=str(path), hint="run it again")
''',
    "checks.py": """
import json

import numpy as np

from pipeline.errors import DataError

LEAST = 0


def check_numbers(path):
    numbers = json.loads(path.read_text())
    if not numbers or not all(isinstance(number, int) and number >= LEAST for number in numbers):
        raise DataError("these are not numbers", where=str(path), hint="run it again")


def check_words(path):
    if not path.read_text():
        raise DataError("there is no word", where=str(path), hint="run it again")


def check_powers(path):
    powers = np.load(path, allow_pickle=False)
    if powers.dtype != np.int64 or powers.ndim != 1:
        raise DataError("these are not powers", where=str(path), hint="run it again")


def check_parity(path):
    if not set(json.loads(path.read_text())) <= {"odd", "even"}:
        raise DataError("neither odd nor even", where=str(path), hint="run it again")


def check_total(path):
    if not path.read_text().startswith("word,power"):
        raise DataError("the header is wrong", where=str(path), hint="run it again")


def check_summary(path):
    if "total" not in json.loads(path.read_text()):
        raise DataError("there is no total", where=str(path), hint="run it again")
""",
}
