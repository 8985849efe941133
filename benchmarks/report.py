"""What the report costs: its share of evaluate, and of the whole run on Kaggle's files.

    python benchmarks/report.py [ZIP]

The zip is Kaggle's digit-recognizer.zip, or DIGIT_RECOGNIZER_ZIP. Medians of fresh processes; importing what only the
report needs (jinja2, matplotlib, pillow) is part of its price.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys

from arguments import parser_with_zip, project_with
from in_turn import PIPELINE

TIMED = """
import time
# evaluate needs these with or without a report
import stages.train.predictor, stages.shared.parquet, stages.ingest.profile
started = time.perf_counter()
import stages.evaluate.report.page
imported = time.perf_counter() - started
import stages.evaluate.evaluate
def render(findings):
    started = time.perf_counter()
    page = stages.evaluate.report.page.render(findings)
    print(imported + time.perf_counter() - started, len(page.encode()))
    return page
stages.evaluate.evaluate.render = render
from pipeline.cli import main
main(["run", "evaluate", "--force", "--only", "--json"], standalone_mode=False)
"""


def main() -> None:
    with project_with(parser_with_zip(__doc__).parse_args().zip) as folder:
        command = [PIPELINE, "run", "all", "--json"]
        whole = json.loads(subprocess.run(command, cwd=folder, check=True, capture_output=True).stdout)
        everything = sum(stage["seconds"] for stage in whole["stages"])
        costs, size = [], 0
        for _ in range(5):
            done = subprocess.run(
                [sys.executable, "-c", TIMED], cwd=folder, check=True, capture_output=True, text=True
            ).stdout
            seconds, page_bytes = done.splitlines()[0].split()
            costs.append(float(seconds))
            size = int(page_bytes)
    cost = statistics.median(costs)
    print(f"the report: {cost:.2f} s of {everything:.1f} s for the whole run ({cost / everything:.1%}); {size:,} bytes")


if __name__ == "__main__":
    main()
