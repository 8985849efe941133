"""What is done at the same time, and what is not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from threading import Barrier, Event, current_thread, main_thread
from typing import Any

import pyarrow.parquet as pq
import pytest
from small_csv import ROWS, TEST, TRAIN, Ingest

from stages.ingest import csv_to_table, image_table
from stages.ingest import ingest as stage
from stages.ingest.csv import streams

ROWS_PER_GROUP = 5
SECONDS = 60  # they pass only if the test fails


def test_the_last_two_row_groups_of_train_may_still_be_written_when_test_has_been_parsed(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse_block: Callable[..., Any] = csv_to_table.parse_block
    write_table: Callable[..., Any] = pq.ParquetWriter.write_table
    n_groups = -(-len(ROWS) // ROWS_PER_GROUP)
    is_parsed, written = Event(), []

    def parse(text: bytes, layout: Any, labels: Any) -> Any:
        rows = parse_block(text, layout, labels)
        if str(layout.file) == "test.csv":
            is_parsed.set()
        return rows

    def write(writer: pq.ParquetWriter, table: Any) -> None:
        if "label" in table.column_names:
            written.append(len(written) < n_groups - 2 or is_parsed.wait(SECONDS))
        write_table(writer, table)

    monkeypatch.setattr(image_table, "ROWS_PER_GROUP", ROWS_PER_GROUP)
    monkeypatch.setattr(csv_to_table, "parse_block", parse)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", write)
    ingest({"train.csv": TRAIN, "test.csv": TEST})
    assert n_groups > 2
    assert written == [True] * n_groups


def test_blocks_are_parsed_side_by_side_and_while_a_row_group_is_written(
    ingest: Ingest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two blocks at a time; the first row group is not written before the last block of train.csv is parsed."""
    parse_block: Callable[..., Any] = csv_to_table.parse_block
    write_table: Callable[..., Any] = pq.ParquetWriter.write_table
    both, last, written = Barrier(2), Event(), []

    def parse(text: bytes, layout: Any, labels: Any) -> Any:
        if str(layout.file) == "train.csv":
            if ROWS[0].encode() in text or ROWS[1].encode() in text:
                both.wait(SECONDS)
            if ROWS[-1].encode() in text:
                last.set()
        return parse_block(text, layout, labels)

    def write(writer: pq.ParquetWriter, table: Any) -> None:
        written.append(last.wait(SECONDS))
        write_table(writer, table)

    monkeypatch.setattr(streams, "BLOCK_BYTES", min(map(len, ROWS)))  # no block has more than one row
    monkeypatch.setattr(csv_to_table, "N_THREADS", 2)
    monkeypatch.setattr(image_table, "ROWS_PER_GROUP", len(ROWS) // 2 + 1)
    monkeypatch.setattr(csv_to_table, "parse_block", parse)
    monkeypatch.setattr(pq.ParquetWriter, "write_table", write)
    ingest({"train.csv": TRAIN, "test.csv": TEST})
    assert len(written) > 2
    assert all(written)


def test_the_checks_are_imported_before_anything_is_parsed(ingest: Ingest, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import keeps Python's lock: threads that parse would wait for it at each step, and ingest takes longer."""
    parse_block: Callable[..., Any] = csv_to_table.parse_block
    done: list[str] = []

    def parse(*arguments: Any) -> Any:
        done.append("parsed")
        return parse_block(*arguments)

    def prepare() -> None:
        done.append(f"imported by {current_thread().name}")

    monkeypatch.setattr(csv_to_table, "parse_block", parse)
    monkeypatch.setattr(stage, "prepare_checks", prepare)
    ingest({"train.csv": TRAIN, "test.csv": TEST})
    assert done == [f"imported by {main_thread().name}", "parsed", "parsed"]


def test_importing_the_checks_leaves_the_garbage_collector_as_it_was(tmp_path: Path) -> None:
    code = (
        "import gc, sys; from stages.ingest.ingest import prepare_checks; assert 'pandera' not in sys.modules; "
        "prepare_checks(); print('pandera' in sys.modules, gc.isenabled(), gc.get_freeze_count() > 0); "
        "n = gc.get_freeze_count(); prepare_checks(); print(gc.get_freeze_count() <= n)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.split() == ["True"] * 4
