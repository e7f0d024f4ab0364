"""Whatever is there: joining loses nothing of it, and taking out what was joined gives it back."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.iam.document import Policy, Statement
from bedrock_gateway.setup.logging.merging import (
    added_statements,
    is_as_put,
    merged,
    same,
    statements_of,
    with_statements,
    without_statements,
)

SIDS = st.sampled_from(["", "AmazonBedrockLogsWrite", "AmazonBedrockLogsWrite2", "Theirs"])
WORDS = st.sampled_from(["s3:PutObject", "s3:Get*", "*", "a/${aws:username}", "é\u202e"])
STATEMENTS = st.builds(
    lambda sid, effect, action, resource: (
        ({"Sid": sid} if sid else {}) | {"Effect": effect, "Action": action, "Resource": resource}
    ),
    SIDS,
    st.sampled_from(["Allow", "Deny"]),
    st.one_of(WORDS, st.lists(WORDS, min_size=1, max_size=2, unique=True)),
    WORDS,
)
DOCUMENTS = st.builds(
    lambda one, many, version: {"Version": version, "Statement": one or many},
    st.one_of(st.none(), STATEMENTS),
    st.lists(STATEMENTS, min_size=1, max_size=4),
    st.sampled_from(["2012-10-17", "2008-10-17"]),
)
OURS = Policy((Statement("Allow", "AmazonBedrockLogsWrite", ("s3:PutObject",), resources=("arn:aws:s3:::ours/*",)),))


@settings(max_examples=60, deadline=None)
@given(there=DOCUMENTS)
def test_a_policy_keeps_every_statement_word_for_word_and_gets_it_all_back(there: dict[str, Any]) -> None:
    before = copy.deepcopy(there)
    joined = with_statements(there, OURS)
    assert there == before
    assert statements_of(joined)[:-1] == statements_of(before)
    sids = [one["Sid"] for one in statements_of(joined) if one.get("Sid")]
    assert sids.count(sids[-1]) == 1
    added = added_statements(before, joined)
    assert len(added) == 1
    assert same(without_statements(joined, added), before | {"Statement": statements_of(before)})


@settings(max_examples=50, deadline=None)
@given(there=DOCUMENTS, later=st.lists(STATEMENTS, max_size=3))
def test_what_others_add_behind_ours_stays_when_ours_is_taken_out(
    there: dict[str, Any], later: list[dict[str, Any]]
) -> None:
    joined = with_statements(there, OURS)
    added = added_statements(there, joined)
    grown = joined | {"Statement": [*statements_of(joined), *later]}
    left = without_statements(grown, added)
    assert statements_of(left) == [*statements_of(there), *later]


NAMES = st.sampled_from(["one", "two"])
PLACES = st.one_of(st.none(), st.fixed_dictionaries({"bucketName": NAMES}, optional={"keyPrefix": NAMES}))
CLOUDWATCH = st.one_of(
    st.none(),
    st.builds(
        lambda group, role, large: (
            {"logGroupName": group, "roleArn": role} | ({"largeDataDeliveryS3Config": large} if large else {})
        ),
        NAMES,
        NAMES,
        PLACES,
    ),
)
FLAGS = tuple(f"{one}DataDeliveryEnabled" for one in ("text", "image", "audio"))
BOOLS = st.dictionaries(st.sampled_from(FLAGS), st.booleans())


def config(watch: Any, bucket: Any, flags: dict[str, bool]) -> dict[str, Any]:
    return ({"cloudWatchConfig": watch} if watch else {}) | ({"s3Config": bucket} if bucket else {}) | flags


WANTED = st.builds(config, CLOUDWATCH, PLACES, st.just({}))
THERE = st.builds(config, CLOUDWATCH, PLACES, BOOLS)


def leaves(value: Any, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    if not isinstance(value, dict):
        return {path: value}
    return {key: one for name, inner in value.items() for key, one in leaves(inner, (*path, name)).items()}


@settings(max_examples=150, deadline=None)
@given(there=THERE, wanted=WANTED, flags=BOOLS)
def test_of_a_logging_configuration_nothing_is_lost_that_was_not_refused(
    there: dict[str, Any], wanted: dict[str, Any], flags: dict[str, bool]
) -> None:
    made = merged(there, wanted, flags, ours=(), replace=False)
    if made.taken:
        return
    after = leaves(made.config)
    for path, value in leaves(there).items():
        switched_on = path[-1] in flags and flags[path[-1]] and value is False
        assert after[path] == value or switched_on
    for path, value in leaves(wanted).items():
        assert after[path] == value
    for name, on in flags.items():
        assert not on or made.config[name] is True


@settings(max_examples=100, deadline=None)
@given(there=THERE, wanted=WANTED, flags=BOOLS)
def test_whatever_would_be_lost_is_refused(
    there: dict[str, Any], wanted: dict[str, Any], flags: dict[str, bool]
) -> None:
    made = merged(there, wanted, flags, ours=(), replace=False)
    old, new = leaves(there), leaves(wanted)
    led = {path for path, value in old.items() if isinstance(value, str) and new.get(path, value) != value}
    assert not led or made.taken


@settings(max_examples=50, deadline=None)
@given(there=THERE, wanted=WANTED, flags=BOOLS)
def test_replaced_it_is_exactly_what_is_declared(
    there: dict[str, Any], wanted: dict[str, Any], flags: dict[str, bool]
) -> None:
    made = merged(there, wanted, flags, ours=(), replace=True)
    assert made.config == {**wanted, **flags}
    assert made.taken == ()
    assert merged(None, wanted, flags, ours=(), replace=False).config == {**wanted, **flags}


def test_flags_that_nobody_set_are_no_difference_and_destinations_are() -> None:
    put = {"s3Config": {"bucketName": "one"}, "textDataDeliveryEnabled": True}
    assert is_as_put({**put, "audioDataDeliveryEnabled": True}, put)
    assert not is_as_put({**put, "textDataDeliveryEnabled": False}, put)
    assert not is_as_put({**put, "cloudWatchConfig": {"logGroupName": "x", "roleArn": "y"}}, put)
    assert not is_as_put({**put, "s3Config": {"bucketName": "one", "keyPrefix": "p"}}, put)
    assert not is_as_put(None, put)


def test_what_aws_writes_in_another_way_is_the_same() -> None:
    one = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "s3:Get*", "Resource": ["a", "b"]}}
    other = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:Get*"], "Resource": ["b", "a"]}]}
    assert same(one, json.loads(json.dumps(other)))
    assert not same(one, {**other, "Version": "2008-10-17"})
    assert not same({"Tags": [{"Key": "a", "Value": "b"}]}, {"Tags": [{"Key": "a", "Value": "c"}]})
