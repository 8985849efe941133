"""What is imported while the files are parsed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_importing_the_checks_beside_the_work_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    code = (
        "import gc, sys; from stages.ingest.ingest import prepare_checks; assert 'pandera' not in sys.modules; "
        "prepare_checks(); print('pandera' in sys.modules, gc.isenabled(), gc.get_freeze_count() > 0); "
        "n = gc.get_freeze_count(); prepare_checks(); print(gc.get_freeze_count() <= n)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["True"] * 4
