"""Damaged models, pictures and tables: `predict` and `show` end with an exit code and a message, whatever they are."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

from click.testing import CliRunner
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.cli import main

COLUMNS = ",".join(f"pixel{index}" for index in range(64))
TABLE = f"{COLUMNS}\n{','.join(['3'] * 64)}\n".encode()


def picture(kind: str) -> bytes:
    """A picture of a stroke, as a file of that kind."""
    drawn = Image.new("L", (20, 24), 255)
    drawn.paste(0, (8, 4, 12, 20))
    file = BytesIO()
    drawn.save(file, kind)
    return file.getvalue()


STARTS = {"a.png": picture("PNG"), "a.jpg": picture("JPEG"), "a.csv": TABLE, "a.csv.gz": b"\x1f\x8b", "é\n.png": b""}
same_every_time = settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def damaged(content: bytes, data: st.DataObject) -> bytes:
    """The bytes, cut or with some of them others."""
    changed = bytearray(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
    for _ in range(data.draw(st.integers(0, 4)) if changed else 0):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    return bytes(changed) + data.draw(st.binary(max_size=9))


def invoke(*words: str) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code in {0, 1, 2, 3}, result.output
    assert "should not have happened" not in result.output, result.output
    assert "Traceback" not in result.output, result.output
    assert "NaN" not in result.stdout


@given(data=st.data())
@same_every_time
def test_whatever_is_given_to_predict_is_predicted_or_told_of(
    data: st.DataObject, sample_run: Path, tmp_path: Path
) -> None:
    name = data.draw(st.sampled_from(sorted(STARTS)))
    path = tmp_path / name
    path.write_bytes(damaged(STARTS[name], data))
    more = data.draw(st.sampled_from([(), ("--json",), ("--output", str(tmp_path / "out.csv"))]))
    invoke("predict", "-C", str(sample_run), str(path), *more)


@given(data=st.data())
@same_every_time
def test_damaged_artifacts_are_reported_by_predict_and_show(
    data: st.DataObject, sample_run: Path, tmp_path: Path
) -> None:
    project = tmp_path / "project"
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(sample_run, project, symlinks=True)
    stage = data.draw(st.sampled_from(["train", "split", "ingest"]))
    files = sorted((project / "artifacts" / stage).resolve().iterdir())
    for path in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=2, unique=True)):
        path.chmod(0o644)
        path.write_bytes(damaged(path.read_bytes(), data))
    (tmp_path / "a.png").write_bytes(STARTS["a.png"])
    invoke(
        *data.draw(
            st.sampled_from([("predict", str(tmp_path / "a.png")), ("show", "3"), ("show", "3", "--augmented")])
        ),
        "-C",
        str(project),
    )
