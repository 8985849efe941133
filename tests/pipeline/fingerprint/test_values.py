"""Equal values have equal fingerprints and different values do not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.fingerprint.values import digest, encode

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([0.0, -0.0, 1.0, float("inf")])
    | st.text("01NB;:", max_size=4)
    | st.binary(max_size=3)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=2), inner, max_size=3)
)


def identity(value: Any) -> str:
    """Tell values apart as a person would: by type, then by value."""
    if isinstance(value, list):
        return f"[{','.join(map(identity, value))}]"
    if isinstance(value, dict):
        return f"{{{','.join(f'{key!r}:{identity(value[key])}' for key in sorted(value))}}}"
    return f"{type(value).__name__} {value!r}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "28859e345f55ce45"),
        (1, "3c5defc4cc6437aa"),
        (1.0, "6bbcbaa660c74079"),
        ("1", "5c94d895b8f059b9"),
        (True, "63410e6051317b72"),
        (b"1", "41f1e56854a13135"),
        (["ab", None, -1], "cbcce5d7038dda90"),
        ({"epochs": 20, "rate": 2e-3, "sizes": [256, 64], "name": "ä"}, "baf83a7777907db3"),
    ],
)
def test_golden_digests_stand_for_ever_since_receipts_lie_on_peoples_disks(value: object, expected: str) -> None:
    assert digest(value)[:16] == expected


@given(VALUES, VALUES)
def test_different_plain_values_never_collide(first: object, second: object) -> None:
    assert (encode(first) == encode(second)) == (identity(first) == identity(second))


@pytest.mark.parametrize(
    "values",
    [
        [1, 1.0, "1", True, b"1", [1], {"1": 1}],
        [0, 0.0, -0.0, "", b"", False, None, [], {}],
        [["ab"], ["a", "b"], "ab", [["a"], "b"], ["a", ["b"]]],
        [{"a": {"b": 1}}, {"a": {}, "b": 1}, {"ab": 1}, [["a", "b", 1]]],
    ],
)
def test_similar_values_have_different_digests(values: list[object]) -> None:
    assert len({digest(value) for value in values}) == len(values)


def test_the_order_of_keys_means_nothing_and_the_order_of_items_does() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest([1, 2]) != digest([2, 1])
    assert digest((1, 2)) == digest([1, 2])


@pytest.mark.parametrize("value", [{1: "a"}, {1, 2}, object(), np.int64(1), [object()]])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="canonical form"):
        digest(value)
