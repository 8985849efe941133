"""What was parsed is kept for the next run, and forgotten where it is damaged."""

from __future__ import annotations

import json

import pytest

from pipeline.fingerprint.code import parse_module
from pipeline.fingerprint.parse_cache import ParseCache
from pipeline.fingerprint.values import digest


def test_a_parsed_module_is_found_in_the_cache() -> None:
    cache = ParseCache()
    first = cache.parse("import a\ndef f(): return 1", "p.m", False)
    again = ParseCache(cache.to_bytes())
    assert cache.grown
    assert again.parse("import a\ndef f(): return 1", "p.m", False) == first
    assert not again.grown
    assert again.parse("import a\ndef f(): return 2", "p.m", False) != first


NESTED = b"[" * 100_000 + b"]" * 100_000
SEALED_WRONGLY = [b"[{}, %s]" % json.dumps(digest(["code memory", {}])).encode(), b'{"modules": {}, "seal": ""}']


@pytest.mark.parametrize(
    "kept",
    [b"", b"\xff", b"null", b"[1]", NESTED, b'{"modules": ' + NESTED + b"}", b'{"modules": {"a": 1}}', *SEALED_WRONGLY],
    ids=lambda kept: kept[:20].decode("latin-1"),
)
def test_a_damaged_cache_is_forgotten(kept: bytes) -> None:
    assert ParseCache(kept).distributions_of("PIL") == ()
    assert ParseCache(kept).parse("A = 1", "p.m", False) == parse_module("A = 1", "p.m", False)


def test_a_flipped_bit_in_the_cache_makes_it_forgotten() -> None:
    cache = ParseCache()
    cache.parse("A = 1", "p.m", False)
    cache.keep_distributions({"PIL": ["pillow"]})
    assert list(cache.distributions_of("PIL")) == ["pillow"]
    assert list(ParseCache(cache.to_bytes()).distributions_of("PIL")) == ["pillow"]
    assert ParseCache(cache.to_bytes().replace(b"pillow", b"billow")).distributions_of("PIL") == ()


def test_the_cache_keeps_only_what_was_used() -> None:
    cache = ParseCache()
    cache.keep_distributions({"PIL": ["pillow"], "yaml": ["PyYAML"]})
    cache.distributions_of("yaml")
    assert b"pillow" not in cache.to_bytes()
    assert b"PyYAML" in cache.to_bytes()
