"""The wildcard matcher against a reference, and what the table of operators promises; their meaning is in the corpus."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bedrock_gateway.iam.conditions import NEGATED, OPERATORS, UndecidableError, fold, holds, lookup, matches
from bedrock_gateway.iam.patterns import Template, bind, tokens


def reference(pattern: str, value: str) -> bool:
    """The definition of `*` and `?`, character by character; quadratic, and obviously right."""
    reachable = {0}
    for one in pattern:
        if one == "*":
            reachable = set(range(min(reachable), len(value) + 1)) if reachable else set()
        else:
            reachable = {at + 1 for at in reachable if at < len(value) and one in ("?", value[at])}
    return len(value) in reachable


PATTERNS = st.text("ab:*?", max_size=12)
VALUES = st.text("ab:*?", max_size=12)


@given(PATTERNS, VALUES)
def test_the_matcher_agrees_with_the_definition(pattern: str, value: str) -> None:
    assert matches(pattern, value) is reference(pattern, value)


@given(st.text(max_size=30), st.text(max_size=30))
def test_the_matcher_takes_any_text(pattern: str, value: str) -> None:
    assert matches(pattern, value) is reference(pattern, value)


ARN_PATTERNS = st.text("ab:*?", min_size=1, max_size=14)
ARN_VALUES = st.text("ab:", max_size=12)


def arn_reference(pattern: str, value: str) -> bool:
    """The rule for `Resource`: before the fifth colon a wildcard stays in its part, but for a star that ends its part."""
    reachable, colons = {0}, 0
    for at, one in enumerate(pattern):
        within = colons < 5 and (one == "?" or (one == "*" and pattern[at + 1 : at + 2] not in {"", ":"}))
        colons += one == ":"
        if one == "*":
            reachable = {
                end
                for start in reachable
                for end in range(start, len(value) + 1)
                if not (within and ":" in value[start:end])
            }
        else:
            reachable = {
                place + 1
                for place in reachable
                if place < len(value) and (value[place] == one or (one == "?" and not (within and value[place] == ":")))
            }
    return len(value) in reachable


@given(ARN_PATTERNS, ARN_VALUES)
def test_a_wildcard_in_a_resource_keeps_to_its_part_of_the_arn(pattern: str, value: str) -> None:
    assert Template(pattern, variables=False, arn=True).matches(value, fold({})) is arn_reference(pattern, value)


@pytest.mark.parametrize(
    ("pattern", "value", "expected"),
    [
        ("arn:aws:sqs:us-*-1:1:queue", "arn:aws:sqs:us-east-1:1:queue", True),
        ("arn:aws:sqs:us-*-1:1:queue", "arn:aws:sqs:us-east:1-1:1:queue", False),
        ("arn:aws:sqs:us-east-?:1:queue", "arn:aws:sqs:us-east-1:1:queue", True),
        ("arn:aws:sqs?us-east-1:1:queue", "arn:aws:sqs:us-east-1:1:queue", False),
        ("arn:aws:sqs:*", "arn:aws:sqs:us-east-1:1:queue", True),
        ("arn:aws:sqs:us*:1:queue", "arn:aws:sqs:us-east-1:1:queue", True),
        ("arn:aws:logs:*:*:log-group:a*:z", "arn:aws:logs:us-east-1:1:log-group:ab:c:z", True),
    ],
)
def test_which_wildcards_pass_a_colon(pattern: str, value: str, expected: bool) -> None:
    assert Template(pattern, variables=False, arn=True).matches(value, fold({})) is expected


HOSTILE = [
    ("a*" * 200 + "b", "a" * 2000),
    ("*a" * 200, "a" * 1000 + "b"),
    ("*?a" * 100 + "c", "a" * 3000),
    ("*" * 2000 + "b", "a" * 2000),
    ("*" + "?" * 3000, "a" * 2999),
    ("*a*b" * 500, "ab" * 400),
    ("(a+)+$*[" * 200 + "*b", "a" * 2000),
]


@pytest.mark.parametrize(("pattern", "value"), HOSTILE)
@pytest.mark.parametrize("arn", [False, True])
def test_no_pattern_takes_long(pattern: str, value: str, arn: bool) -> None:
    def seconds(unread: str) -> float:
        started = time.thread_time()
        for head in (unread, f"arn:aws:x*y:{unread}"):
            Template(head + pattern, variables=False, arn=arn).matches(head + value, fold({}))
        return time.thread_time() - started

    # 20 ms at most where nothing else works; a collection of a whole test run's garbage falls into one of three alone.
    assert min(seconds(unread) for unread in ("x", "y", "z")) < 1


@given(st.text("ab*?$:", min_size=1, max_size=8))
def test_a_value_put_in_by_a_variable_matches_itself_alone(value: str) -> None:
    pattern, context = Template("x/${aws:username}", variables=True), fold({"aws:username": value})
    assert pattern.matches(f"x/{value}", context)
    for other in ("x/", "x/a", "x/ab", "x/*", "x/?"):
        assert pattern.matches(other, context) is (other == f"x/{value}")


CONTEXT = fold({"aws:username": "alice", "aws:TagKeys": ["x", "y"], "aws:PrincipalTag/empty": ""})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no variable", "no variable"),
        ("${aws:username}", "alice"),
        ("${ aws:username }", "alice"),
        ("a/${AWS:USERNAME}/b", "a/alice/b"),
        ("${aws:PrincipalTag/none, 'red'}", "red"),
        ("${aws:PrincipalTag/none,'red'}", "red"),
        ("${aws:PrincipalTag/none, ''}", ""),
        ("${aws:username, 'red'}", "alice"),
        ("${aws:PrincipalTag/cost center, 'a, b'}", "a, b"),
        ("${$}{aws:username}", "${aws:username}"),
        ("${aws:PrincipalTag/none}", None),
        ("$aws:username", "$aws:username"),
        ("{aws:username}", "{aws:username}"),
    ],
)
def test_variables(text: str, expected: str | None) -> None:
    bound = bind(tokens(text, variables=True), CONTEXT)
    assert (None if bound is None else "".join(map(str, bound))) == expected


@pytest.mark.parametrize(
    "text",
    [
        "${}",
        "${ }",
        "${aws:username",
        "a${aws:username/b",
        "${aws:PrincipalTag/none, red}",
        "${aws:PrincipalTag/none, 'red'",
        "${a${aws:username}}",
        "${aws:username,}",
        "${**}",
        "${aws:TagKeys}",
        "${aws:TagKeys, 'default'}",
        "${aws:PrincipalTag/empty}",
    ],
)
def test_a_variable_that_is_malformed_or_has_no_one_value_is_refused(text: str) -> None:
    with pytest.raises(UndecidableError):
        bind(tokens(text, variables=True), CONTEXT)
    assert "".join(map(str, tokens(text.replace("*", "x"), variables=False))) == text.replace("*", "x")


def test_a_key_is_found_whatever_its_case() -> None:
    context = fold({"aws:SourceIp": "127.0.0.1", "aws:TagKeys": ["a", "b"]})
    assert lookup(context, "AWS:sourceip") == ("127.0.0.1",)
    assert lookup(context, "aws:tagkeys") == ("a", "b")
    assert lookup(context, "aws:absent") is None
    assert fold(context) is context
    assert lookup(fold({"aws:TagKeys": []}), "aws:TagKeys") is None


def test_keys_that_differ_in_case_alone_are_one_key_of_several_values() -> None:
    context = {"aws:ResourceTag/team": "red", "aws:ResourceTag/Team": "blue"}
    with pytest.raises(UndecidableError):
        holds((("StringEquals", (("aws:ResourceTag/team", ("red",)),)),), context)
    assert holds((("ForAnyValue:StringEquals", (("aws:ResourceTag/team", ("red",)),)),), context)


AWS_OPERATORS = [
    "StringEquals",
    "StringNotEquals",
    "StringEqualsIgnoreCase",
    "StringNotEqualsIgnoreCase",
    "StringLike",
    "StringNotLike",
    "NumericEquals",
    "NumericNotEquals",
    "NumericLessThan",
    "NumericLessThanEquals",
    "NumericGreaterThan",
    "NumericGreaterThanEquals",
    "DateEquals",
    "DateNotEquals",
    "DateLessThan",
    "DateLessThanEquals",
    "DateGreaterThan",
    "DateGreaterThanEquals",
    "Bool",
    "BinaryEquals",
    "IpAddress",
    "NotIpAddress",
    "ArnEquals",
    "ArnLike",
    "ArnNotEquals",
    "ArnNotLike",
]


@pytest.mark.parametrize("name", AWS_OPERATORS)
def test_every_operator_of_aws_is_in_the_table(name: str) -> None:
    folded = name.casefold()
    assert (folded in OPERATORS) != (folded in NEGATED)
    assert folded not in NEGATED or NEGATED[folded] in OPERATORS


@pytest.mark.parametrize("name", AWS_OPERATORS)
def test_an_absent_key_fails_a_positive_operator_and_passes_a_negated_one(name: str) -> None:
    assert holds(((name, (("k", ("1",)),)),), {}) is (name.casefold() in NEGATED)
    assert holds(((f"{name}IfExists", (("k", ("1",)),)),), {})


VALUES_OF = st.sampled_from(
    [
        "",
        "a",
        "A",
        "a*",
        "60",
        "60.0",
        "true",
        "2026-11-24",
        "192.0.2.1",
        "192.0.2.0/24",
        "arn:aws:s3:::b",
        "nan",
        "YQ==",
    ]
)


def outcome_of(operator: str, wanted: list[str], given: str | list[str]) -> bool | None:
    """What a block of one clause says; None: it cannot be judged."""
    try:
        return holds(((operator, (("k", tuple(wanted)),)),), {"k": given})
    except UndecidableError:
        return None


@given(st.sampled_from(sorted(NEGATED)), st.lists(VALUES_OF, min_size=1, max_size=3), VALUES_OF)
def test_a_negated_operator_is_the_opposite_of_its_positive_one(name: str, wanted: list[str], given_: str) -> None:
    positive, negated = outcome_of(NEGATED[name], wanted, given_), outcome_of(name, wanted, given_)
    assert negated is (None if positive is None else not positive)


@given(st.sampled_from(sorted(OPERATORS)), VALUES_OF, VALUES_OF)
def test_no_value_makes_an_operator_raise_anything_but_a_refusal(name: str, wanted: str, given_: str) -> None:
    assert outcome_of(name, [wanted], given_) in (True, False, None)


@given(
    st.sampled_from(sorted({*OPERATORS, *NEGATED})),
    st.lists(VALUES_OF, min_size=1, max_size=2),
    st.lists(VALUES_OF, min_size=1, max_size=3),
)
def test_for_all_values_implies_for_any_value(name: str, wanted: list[str], values: list[str]) -> None:
    every, some = (outcome_of(f"{qualifier}:{name}", wanted, values) for qualifier in ("ForAllValues", "ForAnyValue"))
    if every and any(values):
        assert some is True
