"""A receipt is believed only if its seal holds; anything else is told apart by what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import replace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fingerprint.values import digest
from pipeline.store.receipt import FORMAT, Output, Receipt, ReceiptError, Work, from_json, to_json

WORK = Work(
    stage="power",
    parameters={"exponent": 2, "name": "ä", "rates": [0.1, None]},
    inputs={"load/numbers.json": "aa"},
    sources={"numbers": "bb"},
    code={"toy.power.power": "cc"},
    libraries={"numpy": "2.0"},
    outputs=("power/powers.npy",),
)
RECEIPT = Receipt(
    work=WORK,
    outputs={"powers.npy": Output(size=3, bytes="dd", content="ee")},
    figures={"largest": 25, "share": 0.5},
    warnings=("one", "two"),
    origin="data/numbers.txt",
    notice="",
    finished="2026-11-01T00:00:00.000+00:00",
    seconds=1.5,
    environment={"python": "3.11.7"},
)


def test_what_was_written_is_what_is_read() -> None:
    assert from_json(to_json(RECEIPT)) == RECEIPT


def test_a_name_that_is_no_utf8_stands_in_a_receipt_that_all_can_read() -> None:
    receipt = replace(RECEIPT, origin="data/\udce9.zip", warnings=("\udce9.zip: one",))
    assert msgspec.json.decode(to_json(receipt))["warnings"] == ["\\xe9.zip: one"]
    assert from_json(to_json(receipt)) == replace(receipt, origin="data/\\xe9.zip", warnings=("\\xe9.zip: one",))


def test_equal_receipts_are_equal_bytes_with_sorted_keys() -> None:
    other = replace(RECEIPT, work=replace(WORK, parameters=dict(reversed(WORK.parameters.items()))))
    assert to_json(other) == to_json(RECEIPT)
    assert list(json.loads(to_json(RECEIPT))) == sorted(json.loads(to_json(RECEIPT)))


def test_the_key_is_pinned_since_stored_results_are_found_by_it() -> None:
    assert WORK.key[:16] == "628c08924888aaaf"


@pytest.mark.parametrize("field", ["finished", "seconds", "origin", "figures", "warnings", "notice", "environment"])
def test_no_time_and_nothing_that_is_only_told_is_part_of_the_key(field: str) -> None:
    other = replace(
        RECEIPT, **{field: {"a": 1} if field in {"figures", "environment"} else 2.5 if field == "seconds" else "other"}
    )
    assert other.work.key == RECEIPT.work.key
    assert other.generation == RECEIPT.generation


@pytest.mark.parametrize("field", ["stage", "parameters", "inputs", "sources", "code", "libraries", "outputs"])
def test_every_part_of_the_work_is_part_of_the_key(field: str) -> None:
    value = getattr(WORK, field)
    other = "other" if field == "stage" else ("other",) if field == "outputs" else {**value, "other": "1"}
    assert replace(WORK, **{field: other}).key != WORK.key


def test_equal_work_with_other_bytes_is_another_generation() -> None:
    other = replace(RECEIPT, outputs={"powers.npy": Output(size=3, bytes="d0", content="ee")})
    assert other.generation != RECEIPT.generation
    assert other.work.key == RECEIPT.work.key


@given(where=st.integers(0, len(to_json(RECEIPT)) - 2), bit=st.integers(0, 7))
def test_one_flipped_bit_anywhere_breaks_the_seal(where: int, bit: int) -> None:
    data = bytearray(to_json(RECEIPT))
    data[where] ^= 1 << bit
    try:
        read = from_json(bytes(data))
    except ReceiptError:
        return
    assert read == RECEIPT  # a space became another space: the receipt says the same


@given(length=st.integers(0, len(to_json(RECEIPT)) - 3))
def test_a_torn_receipt_is_refused(length: int) -> None:
    with pytest.raises(ReceiptError):
        from_json(to_json(RECEIPT)[:length])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00",
        b"not JSON",
        b"\xff\xfe",
        b"[]",
        b"[1]",
        b'"text"',
        b"3",
        b"null",
        b"{}",
        b"[" * 100_000,
    ],
    ids=lambda data: data[:12].decode("latin-1"),
)
def test_data_that_is_not_a_receipt_is_refused(data: bytes) -> None:
    with pytest.raises(ReceiptError, match="it is not a receipt"):
        from_json(data)


def test_a_newer_version_is_told_by_number_even_if_nothing_else_of_it_is_known() -> None:
    for newer in ({"format": FORMAT + 1, "seal": "?"}, {"format": FORMAT + 1, "signed": "otherwise"}):
        with pytest.raises(ReceiptError, match=f"it has format {FORMAT + 1}, .* reads format {FORMAT}"):
            from_json(json.dumps(newer).encode())


def sealed(body: dict[str, object]) -> bytes:
    return json.dumps({**body, "seal": digest(["receipt", body])}).encode()


@pytest.mark.parametrize("missing", ["seal", "key", "work", "outputs", "figures", "warnings", "finished"])
def test_a_sealed_receipt_that_lacks_something_is_refused(missing: str) -> None:
    body = json.loads(to_json(RECEIPT))
    del body["seal"]
    body.pop(missing, None)
    data = json.dumps(body).encode() if missing == "seal" else sealed(body)
    with pytest.raises(ReceiptError, match="lacks something"):
        from_json(data)


def test_a_receipt_from_before_the_environment_was_noted_is_still_read() -> None:
    body = json.loads(to_json(RECEIPT))
    del body["seal"], body["environment"]
    assert from_json(sealed(body)) == replace(RECEIPT, environment={})


def test_a_receipt_says_what_it_published_by_the_path_of_the_artifact() -> None:
    assert RECEIPT.content("power/powers.npy") == "ee"
    assert RECEIPT.content("power/other.npy") is None


def test_a_receipt_that_is_read_counts_by_what_was_done_and_made_and_not_by_the_time() -> None:
    content = RECEIPT.content("power/receipt.json")
    assert replace(RECEIPT, finished="later", seconds=9.0, origin="elsewhere").content("power/receipt.json") == content
    otherwise = replace(RECEIPT, work=replace(WORK, parameters={"exponent": 3}))
    other_result = replace(RECEIPT, outputs={"powers.npy": Output(size=3, bytes="dd", content="ff")})
    assert len({content, otherwise.content("power/receipt.json"), other_result.content("power/receipt.json")}) == 3


@pytest.mark.parametrize("depth", [900, 3000])
def test_a_deeply_nested_receipt_is_refused(depth: int) -> None:
    with pytest.raises(ReceiptError):
        from_json(b'{"format": 1, "seal": "x", "a": ' + b"[" * depth + b"]" * depth + b"}")
