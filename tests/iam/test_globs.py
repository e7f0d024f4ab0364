"""Wildcard patterns as sets of strings: checked against every short string there is."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.iam.conditions import matches
from bedrock_gateway.iam.globs import concrete, covers, overlap, overlap_arn, witness

PATTERN = st.text("ab*?", max_size=4)
WORDS = ["".join(word) for size in range(7) for word in itertools.product("ab", repeat=size)]


def words(pattern: str) -> set[str]:
    return {word for word in WORDS if matches(pattern, word)}


@settings(max_examples=300, deadline=None)
@given(one=PATTERN, other=PATTERN)
def test_patterns_overlap_exactly_where_a_string_matches_both(one: str, other: str) -> None:
    assert overlap(one, other) is bool(words(one) & words(other))
    assert overlap(one, other) is overlap(other, one)


@settings(max_examples=300, deadline=None)
@given(one=PATTERN, other=PATTERN)
def test_a_pattern_that_covers_another_matches_all_that_it_does(one: str, other: str) -> None:
    if covers(one, other):
        assert words(other) <= words(one)


@settings(max_examples=300, deadline=None)
@given(one=PATTERN, other=PATTERN)
def test_a_witness_is_a_string_that_both_match_and_there_is_one_where_they_overlap(one: str, other: str) -> None:
    found = witness(one, other)
    assert (found is not None) is overlap(one, other)
    assert found is None or (matches(one, found) and matches(other, found))


@settings(max_examples=200, deadline=None)
@given(pattern=PATTERN, filler=st.text("ab", max_size=3))
def test_the_concrete_form_of_a_pattern_matches_it(pattern: str, filler: str) -> None:
    assert matches(pattern, concrete(pattern, filler))


def test_a_wildcard_does_not_reach_over_the_parts_of_an_arn() -> None:
    profile = "arn:?*:bedrock:?*:?*:inference-profile/?*"
    assert overlap_arn("arn:aws:bedrock:*:111122223333:inference-profile/*", profile)
    assert not overlap_arn("arn:aws:bedrock:*::inference-profile/*", profile)
    assert overlap_arn("arn:aws:bedrock:us-east-1", profile)
    assert overlap_arn("*", profile)


def test_patterns_too_long_to_compare_are_taken_to_overlap() -> None:
    assert overlap("a*" * 2_000, "b*" * 2_000)
