"""Metadata filters: what the builder compiles to, and what is refused before it is sent."""

from __future__ import annotations

import pytest
from botocore.session import Session
from botocore.validate import ParamValidator
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway import ConfigError, filters
from bedrock_gateway.capabilities.metadata_filters import FILTER_DEPTH, check_filter
from bedrock_gateway.capabilities.stores import OPERATORS
from bedrock_gateway.governance.tenants import within_tenant
from bedrock_gateway.local.knowledge.filters import check as check_vectors
from bedrock_gateway.local.knowledge.filters import matches, translate

SHAPE = Session().get_service_model("bedrock-agent-runtime").shape_for("RetrievalFilter")
YEAR = filters.equals("year", 2026)
TEAM = filters.equals("team", "red")


def test_each_function_is_one_of_awss_operators():
    made = {
        filters.equals("k", 1).operator,
        filters.not_equals("k", 1).operator,
        filters.greater_than("k", 1).operator,
        filters.greater_than_or_equals("k", 1).operator,
        filters.less_than("k", 1).operator,
        filters.less_than_or_equals("k", 1).operator,
        filters.in_("k", ["a"]).operator,
        filters.not_in("k", ["a"]).operator,
        filters.starts_with("k", "a").operator,
        filters.string_contains("k", "a").operator,
        filters.list_contains("k", "a").operator,
        filters.and_all(YEAR, TEAM).operator,
        filters.or_all(YEAR, TEAM).operator,
    }
    assert made == OPERATORS
    assert made <= set(SHAPE.members)


def test_a_chain_of_one_operator_is_one_group():
    assert (YEAR & TEAM & filters.in_("kind", ("a", "b"))).to_dict() == {
        "andAll": [
            {"equals": {"key": "year", "value": 2026}},
            {"equals": {"key": "team", "value": "red"}},
            {"in": {"key": "kind", "value": ["a", "b"]}},
        ]
    }
    assert list((YEAR | TEAM & YEAR).to_dict()) == ["orAll"]
    assert filters.and_all(YEAR) == YEAR


def test_the_opposite_is_said_in_awss_words():
    assert (~YEAR).to_dict() == {"notEquals": {"key": "year", "value": 2026}}
    assert ~filters.in_("k", ["a"]) == filters.not_in("k", ["a"])
    assert ~filters.less_than("k", 1) == filters.greater_than_or_equals("k", 1)
    assert ~(YEAR & TEAM) == ~YEAR | ~TEAM
    for one in (filters.starts_with("k", "a"), filters.list_contains("k", "a"), filters.string_contains("k", "a")):
        with pytest.raises(ConfigError, match="has no opposite"):
            _ = ~one


def test_python_words_that_would_lose_a_filter_are_refused():
    with pytest.raises(ConfigError, match="combined with & and"):
        _ = YEAR and TEAM
    with pytest.raises(ConfigError, match="combined with & and"):
        _ = not YEAR


def test_a_filter_shows_no_value():
    assert "red" not in repr(TEAM & YEAR)
    assert "team" in repr(TEAM)


PLAIN = {"equals": {"key": "k", "value": 1}}
MALFORMED = {
    "no operator": ({}, "exactly one operator, not 0"),
    "two operators": ({**PLAIN, "notEquals": PLAIN["equals"]}, "exactly one operator, not 2"),
    "unknown operator": ({"like": {"key": "k", "value": "a"}}, "is no operator"),
    "group of one": ({"andAll": [PLAIN]}, "a list of 2 to 5"),
    "group of six": ({"orAll": [PLAIN] * 6}, "a list of 2 to 5"),
    "group of nothing": ({"orAll": "ab"}, "a list of 2 to 5"),
    "third level": ({"andAll": [PLAIN, {"orAll": [PLAIN, {"andAll": [PLAIN, PLAIN]}]}]}, "AWS takes one level"),
    "no key": ({"equals": {"value": 1}}, "a key and a value"),
    "more than a key": ({"equals": {"key": "k", "value": 1, "or": 2}}, "a key and a value"),
    "empty key": ({"equals": {"key": "", "value": 1}}, "1 to 100 characters"),
    "long key": ({"equals": {"key": "k" * 101, "value": 1}}, "1 to 100 characters"),
    "list to equal": ({"equals": {"key": "k", "value": ["a"]}}, "a string, a number or a boolean"),
    "text to compare": ({"lessThan": {"key": "k", "value": "1"}}, "value of lessThan is a number"),
    "truth to compare": ({"lessThan": {"key": "k", "value": True}}, "value of lessThan is a number"),
    "one of nothing": ({"in": {"key": "k", "value": []}}, "a list of values"),
    "one of a text": ({"in": {"key": "k", "value": "ab"}}, "a list of values"),
    "no text to begin with": ({"startsWith": {"key": "k", "value": ""}}, "a string that is not empty"),
    "no table": (["equals"], "a table of operators"),
}


@pytest.mark.parametrize("what", MALFORMED)
def test_what_aws_takes_no_filter_for_is_refused(what):
    found, why = MALFORMED[what]
    with pytest.raises(ConfigError, match=why):
        check_filter("opensearch-serverless", found)


scalars = st.one_of(st.text(min_size=1, max_size=3), st.integers(-5, 5), st.booleans())
names = st.sampled_from(["a", "b", "c"])
leaves = st.one_of(
    st.builds(filters.equals, names, scalars),
    st.builds(filters.not_equals, names, scalars),
    st.builds(filters.less_than, names, st.integers(-5, 5)),
    st.builds(filters.greater_than_or_equals, names, st.integers(-5, 5)),
    st.builds(filters.in_, names, st.lists(scalars, min_size=1, max_size=3)),
)
some = st.lists(leaves, min_size=2, max_size=4)
groups = st.one_of(leaves, some.map(lambda few: filters.and_all(*few)), some.map(lambda few: filters.or_all(*few)))
documents = st.fixed_dictionaries({}, optional={"a": scalars, "b": scalars, "c": scalars})


def holds(one, document):
    found = translate(one if isinstance(one, dict) else one.to_dict())
    check_vectors(found)
    return matches(found, document)


@given(groups, documents)
@settings(max_examples=150, deadline=None)
def test_what_the_builder_makes_fits_botocore_and_our_own_check(one, document):
    assert not ParamValidator().validate(one.to_dict(), SHAPE).has_errors()
    check_filter("s3-vectors", one.to_dict())
    assert holds(one & one, document) == holds(one, document)


@given(groups, documents)
@settings(max_examples=150, deadline=None)
def test_no_document_satisfies_a_filter_and_its_opposite(one, document):
    assert not (holds(one, document) and holds(~one, document))
    if all(isinstance(document.get(name), int) and not isinstance(document[name], bool) for name in "abc"):
        assert holds(one, document) or holds(~one, document)


@given(groups, documents, st.sampled_from(["t1", "t2"]))
@settings(max_examples=150, deadline=None)
def test_no_filter_gets_out_of_its_tenant(one, document, owner):
    """Whatever is asked for, what is found is the tenant's own, and nothing of its own that fits is lost."""
    bound = within_tenant(one.to_dict(), "tenant", "t1")
    check_filter("s3-vectors", bound)
    assert holds(bound, {**document, "tenant": owner}) == (owner == "t1" and holds(one, document))
    assert not holds(bound, document)


def test_a_filter_that_leaves_no_room_for_the_tenant_is_refused():
    full = filters.and_all(*[YEAR] * 5)
    with pytest.raises(ConfigError, match="a list of 2 to 5"):
        check_filter("s3-vectors", within_tenant(full.to_dict(), "tenant", "t1"))
    deep = (YEAR & TEAM) | TEAM
    with pytest.raises(ConfigError, match="AWS takes one level"):
        check_filter("s3-vectors", within_tenant(deep.to_dict(), "tenant", "t1"))
    assert FILTER_DEPTH == 2
