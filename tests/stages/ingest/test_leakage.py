"""Test images in the training set are known: MNIST by its labels, any set by its images; and nothing else is."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.errors import DataError
from stages.ingest.csv.parse import ParsedRows, hash_images
from stages.ingest.mnist_labels import COUNTS, PARTS, is_mnist
from stages.ingest.running_summary import Summary
from stages.ingest.sources.notice_of_test_images import NOTE, NOTICE

TEST_CSV = "pixel0,pixel1,pixel2,pixel3\n9,9,9,9\n"
RANDOM = np.random.default_rng(18).integers(0, 10, 3000).tolist()
MNIST = [int(digit) for digit in PARTS[0]]  # the first labels of its training set


def summary(labels: Sequence[Any], block: int = 700) -> Summary:
    """The summary of a set with these labels, taken in block by block."""
    found = Summary(1)
    for start in range(0, len(labels), block):
        part = list(labels[start : start + block])
        pixels = np.zeros((1, len(part)), np.uint8)
        found.add(ParsedRows(pixels, hash_images(pixels), labels=part, ids=[]))
    return found


def test_the_parts_begin_with_the_first_labels_of_mnist() -> None:
    assert MNIST[:10] == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert (len(PARTS), len(set(PARTS)), {len(part) for part in PARTS}) == (70, 70, {20})
    assert [sum(counts) for counts in COUNTS] == [60_000, 70_000]


@pytest.mark.parametrize("at", [0, 690, 1500, 3000], ids=["at first", "over two blocks", "within", "at last"])
def test_a_part_of_mnist_in_its_order_is_recognised_among_other_rows(at: int) -> None:
    assert is_mnist(summary([*RANDOM[:at], *MNIST, *RANDOM[at:]]))


@pytest.mark.parametrize("counts", COUNTS, ids=["training", "all"])
def test_all_of_mnist_is_recognised_in_any_order(counts: tuple[int, ...]) -> None:
    labels = np.repeat(np.arange(10), counts)
    np.random.default_rng(1).shuffle(labels)
    assert is_mnist(summary(labels.tolist(), block=4096))
    assert not is_mnist(summary(labels[1:].tolist(), block=4096))


@pytest.mark.parametrize(
    "labels",
    [RANDOM, [*RANDOM, *MNIST[:-1]], list(range(10)) * 300, sorted(RANDOM), list(map(str, MNIST)), [*MNIST, 10], []],
    ids=["random", "too short a part", "in turn", "sorted", "texts", "another class", "none"],
)
def test_another_set_is_not_taken_for_mnist(labels: list[Any]) -> None:
    assert not is_mnist(summary(labels))


@pytest.mark.parametrize("noted", [True, False], ids=["noted", "renamed"])
def test_ingest_marks_mnist_and_gives_notice_once(ingest: Any, tmp_path: Path, *, noted: bool) -> None:
    labels = [*MNIST, *RANDOM[:100]]
    lines = [f"{label},{row},{row % 7},0,255\n" for row, label in enumerate(labels)]
    files = {"train.csv": "".join(["label,pixel0,pixel1,pixel2,pixel3\n", *lines]), "test.csv": TEST_CSV}
    outcome = ingest(files | ({NOTE: NOTICE} if noted else {}))
    assert json.loads((tmp_path / "ingest/source.json").read_bytes())["holds_test_images"] is True
    assert outcome.notice == ("" if noted else NOTICE)


def sets_that_share(n_shared: int, n_test: int, n_blank: int = 0) -> dict[str, str]:
    """Files of 2 x 2 images without an order of MNIST's, of which some test images are training images as well."""
    images = np.random.default_rng(3).permutation(256**2)[: 400 + n_test]
    train, test = images[:400], np.append(images[:n_shared], images[400 : 400 + n_test - n_shared])
    test[n_shared : n_shared + n_blank] = train[399]  # the same image again and again
    pixels = [[f"{each % 256},{each // 256},7,255\n" for each in some] for some in (train, test)]
    header = "pixel0,pixel1,pixel2,pixel3\n"
    rows = (f"{row % 3},{line}" for row, line in enumerate(pixels[0]))
    return {"train.csv": f"label,{header}{''.join(rows)}", "test.csv": f"{header}{''.join(pixels[1])}"}


@pytest.mark.parametrize(
    ("n_shared", "n_test", "n_blank", "marked"),
    [(20, 200, 0, True), (19, 200, 0, False), (30, 3000, 0, True), (29, 3000, 0, False), (0, 200, 50, False)],
    ids=["20 of 200", "too few", "1 %", "less than 1 %", "one image again and again"],
)
def test_test_images_in_the_training_set_are_recognised_in_any_order(
    ingest: Any, tmp_path: Path, n_shared: int, n_test: int, n_blank: int, *, marked: bool
) -> None:
    outcome = ingest(sets_that_share(n_shared, n_test, n_blank))
    assert json.loads((tmp_path / "ingest/source.json").read_bytes())["holds_test_images"] is marked
    assert outcome.notice.startswith(f"The training set holds {n_shared} of the {n_test:,} TEST IMAGES") is marked


@pytest.mark.parametrize("copied", [str.encode, lambda text: gzip.compress(text.replace("\n", "\r\n").encode())])
def test_a_copy_of_the_training_set_is_no_test_set(ingest: Any, copied: Callable[[str], bytes]) -> None:
    train = sets_that_share(0, 1)["train.csv"]
    with pytest.raises(DataError, match="the training set and the test set have the same rows") as error:
        ingest({"train.csv": train, "test.csv": copied(train)})
    assert "ingest.test" in error.value.hint


def test_a_doubled_row_is_warned_of_if_nothing_else_counts_the_test_rows(ingest: Any) -> None:
    files = sets_that_share(0, 30)
    files["test.csv"] += files["test.csv"].splitlines()[-1] + "\n"
    assert ingest(files).warnings == (
        "1 test image found in an earlier row too: if a row is doubled, the ids after it are wrong",
    )
    sample = "".join(["ImageId,Label\n", *(f"{row},0\n" for row in range(1, 32))])
    assert ingest(files | {"sample_submission.csv": sample}).warnings == ()
