from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.local.call import Fault
from bedrock_gateway.local.knowledge.filters import check, matches, translate
from bedrock_gateway.local.knowledge.searchable import Searchable

METADATA = {"team": "hr", "year": 2025, "public": True, "tags": ["leave", "pay"], "score": 1.5}


def field(operator, key, value):
    return {operator: {"key": key, "value": value}}


@pytest.mark.parametrize(
    ("retrieval_filter", "holds"),
    [
        (field("equals", "team", "hr"), True),
        (field("equals", "team", "HR"), False),
        (field("equals", "tags", "leave"), True),
        (field("equals", "public", 1), False),
        (field("equals", "absent", "hr"), False),
        (field("notEquals", "team", "it"), True),
        (field("notEquals", "team", "hr"), False),
        (field("notEquals", "absent", "hr"), True),
        (field("greaterThan", "year", 2024), True),
        (field("greaterThan", "year", 2025), False),
        (field("greaterThan", "team", 1), False),
        (field("greaterThanOrEquals", "year", 2025), True),
        (field("lessThan", "score", 1.5), False),
        (field("lessThanOrEquals", "score", 1.5), True),
        (field("in", "team", ["it", "hr"]), True),
        (field("in", "team", ["it"]), False),
        (field("in", "tags", ["pay"]), True),
        (field("notIn", "team", ["it"]), True),
        (field("notIn", "team", ["hr"]), False),
        (field("listContains", "tags", "pay"), True),
        (field("listContains", "tags", "sick"), False),
        ({"andAll": [field("equals", "team", "hr"), field("lessThan", "year", 2026)]}, True),
        ({"andAll": [field("equals", "team", "hr"), field("lessThan", "year", 2025)]}, False),
        ({"orAll": [field("equals", "team", "it"), field("equals", "year", 2025)]}, True),
        ({"orAll": [field("equals", "team", "it"), {"andAll": [field("equals", "team", "hr"), field("equals", "year", 1)]}]}, False),
    ],
)  # fmt: skip
def test_a_retrieval_filter_holds_as_aws_documents(retrieval_filter, holds):
    translated = translate(retrieval_filter)
    check(translated)
    assert matches(translated, METADATA) is holds


@pytest.mark.parametrize("operator", ["startsWith", "stringContains"])
def test_what_s3_vectors_cannot_do_is_refused(operator):
    with pytest.raises(Fault, match=f"{operator} filter is not supported"):
        translate(field(operator, "team", "h"))


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {**field("equals", "a", 1), **field("in", "a", [1])},
        {"andAll": [field("equals", "a", 1)]},
        field("like", "a", "b"),
    ],
)
def test_a_malformed_retrieval_filter_is_a_validation_error(broken):
    with pytest.raises(Fault) as caught:
        translate(broken)
    assert caught.value.code == "ValidationException"


@pytest.mark.parametrize(
    "broken",
    [{}, "x", {"$and": []}, {"$not": {}}, {"a": {"$regex": "x"}}, {"a": {"$gt": "x"}}, {"a": {"$in": []}}, {"a": {"$exists": 1}}, {"secret": "x"}, {"a": {"$gt": True}}, {"$or": [{"secret": 1}]}],
)  # fmt: skip
def test_a_malformed_s3_vectors_filter_is_a_validation_error(broken):
    with pytest.raises(Fault) as caught:
        check(broken, ["secret"])
    assert caught.value.code == "ValidationException"


def test_a_plain_value_means_equality_and_keys_are_all_required():
    assert matches({"team": "hr", "year": 2025}, METADATA)
    assert not matches({"team": "hr", "year": 2024}, METADATA)


def test_exists_asks_for_the_key():
    assert matches({"team": {"$exists": True}}, METADATA)
    assert matches({"absent": {"$exists": False}}, METADATA)
    assert not matches({"absent": {"$exists": True}}, METADATA)


scalars = st.one_of(st.text(max_size=3), st.integers(-3, 3), st.booleans())


@given(st.dictionaries(st.sampled_from("abc"), scalars), st.sampled_from("abc"), scalars)
def test_not_equals_is_the_opposite_of_equals_and_not_in_of_in(metadata, key, value):
    assert matches({key: {"$eq": value}}, metadata) is not matches({key: {"$ne": value}}, metadata)
    assert matches({key: {"$in": [value]}}, metadata) is matches({key: {"$eq": value}}, metadata)
    assert matches({key: {"$nin": [value]}}, metadata) is matches({key: {"$ne": value}}, metadata)


@given(
    st.dictionaries(st.sampled_from("abc"), scalars),
    st.lists(st.tuples(st.sampled_from("abc"), scalars), min_size=2, max_size=4),
)
def test_and_all_and_or_all_are_all_and_any(metadata, pairs):
    parts = [field("equals", key, value) for key, value in pairs]
    each = [matches(translate(part), metadata) for part in parts]
    assert matches(translate({"andAll": parts}), metadata) is all(each)
    assert matches(translate({"orAll": parts}), metadata) is any(each)


@given(
    st.lists(st.dictionaries(st.sampled_from("ab"), st.one_of(scalars, st.lists(st.sampled_from("xyz"), max_size=2))), max_size=8),
    st.sampled_from("ab"),
    scalars,
    st.sampled_from(["$eq", "$ne", "$in", "$nin", "$exists"]),
    st.sampled_from(["$and", "$or"]),
)  # fmt: skip
def test_a_filter_over_all_vectors_at_once_selects_those_that_match_alone(rows, key, value, name, combined):
    wanted = [value] if name in {"$in", "$nin"} else value == 1 if name == "$exists" else value
    query_filter = {combined: [{key: {name: wanted}}, {"b": {"$ne": "x"}}]}
    check(query_filter)
    kept = Searchable(1)
    vectors = [SimpleNamespace(key=n, data={"float32": [1.0]}, metadata=row) for n, row in enumerate(rows)]
    kept.refresh(vectors)
    assert [rows[slot] for slot in kept.selected(query_filter)] == [row for row in rows if matches(query_filter, row)]
