"""Sizes against IAM's quotas, and splits: each part valid and small enough, together exactly what the whole was."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.iam.document import Policy, PolicyError, Statement
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.quotas import QUOTAS, Quota, _fewest, exceeded, size_of, split

ACTIONS = ("bedrock:InvokeModel", "bedrock:Retrieve", "s3:GetObject")
RESOURCES = tuple(f"arn:aws:s3:::{name}/*" for name in ("a", "b", "cc", "ddd", "eeee"))
MANAGED = QUOTAS["managed"]


def statements(number, effect="Allow", size=1):
    return tuple(
        Statement(
            effect, f"S{one}", ("s3:GetObject",), resources=tuple(f"arn:aws:s3:::{one}-{n}/*" for n in range(size))
        )
        for one in range(number)
    )


@pytest.mark.parametrize(
    ("sort", "limit"),
    [("managed", 6_144), ("inline-user", 2_048), ("inline-group", 5_120), ("inline-role", 10_240), ("trust", 2_048)],
)
def test_the_quotas_of_iam(sort, limit):
    assert QUOTAS[sort].limit == limit


def test_the_quota_and_by_how_much_it_is_exceeded_are_named():
    policy = Policy(statements(100))
    assert exceeded(policy, Quota("a note", policy.size - 1, "here")) == (
        f"{policy.size:,} characters are 1 over the {policy.size - 1:,} of a note"
    )
    assert exceeded(policy, Quota("a note", policy.size, "here")) is None
    assert "at most 8,192 on request" in exceeded(policy, QUOTAS["trust"])


def test_characters_are_counted_without_whitespace_and_bytes_with_it():
    policy = Policy((Statement("Allow", "S", ("s3:GetObject",), resources=("arn:aws:s3:::a/my docs/*",)),))
    assert size_of(policy, MANAGED) == policy.size
    assert size_of(policy, QUOTAS["bucket"]) == policy.size + 1


def test_a_policy_that_fits_is_itself():
    policy = Policy(statements(3))
    assert split(policy) == (policy,)


@pytest.mark.parametrize("sort", [sort for sort, quota in QUOTAS.items() if quota.together])
def test_what_is_counted_together_is_not_split(sort):
    with pytest.raises(PolicyError, match="counted together"):
        split(Policy(statements(600)), QUOTAS[sort])


def test_a_statement_that_cannot_fit_is_refused_by_name():
    one = Statement("Allow", "Long", ("s3:GetObject",), resources=("arn:aws:s3:::" + "a" * 7_000,))
    with pytest.raises(PolicyError, match="Long"):
        split(Policy((*statements(1), one)))
    most = Statement("Deny", "Most", tuple(f"s3:Get{number}" for number in range(900)), not_resources=("*",))
    with pytest.raises(PolicyError, match="Most has no resources"):
        split(Policy((most,)))


def test_only_a_statement_that_does_not_fit_alone_is_divided_and_every_part_has_its_own_sid():
    policy = Policy((*statements(1, size=400), *statements(1, "Deny", size=2)))
    parts = split(policy)
    sids = [one.sid for part in parts for one in part.statements]
    assert len(set(sids)) == len(sids)
    assert [one.effect for part in parts for one in part.statements].count("Deny") == 1
    resources = [arn for part in parts for one in part.statements if one.effect == "Allow" for arn in one.resources]
    assert tuple(resources) == policy.statements[0].resources


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 10), max_size=6), st.integers(10, 16))
def test_no_packing_is_smaller(costs, room):
    bins = _fewest(costs, room)
    assert sorted(itertools.chain(*bins)) == list(range(len(costs)))
    assert all(sum(costs[index] for index in one) <= room for one in bins)
    assert len(bins) == fewest(tuple(sorted(costs)), room)


def fewest(costs, room):
    """By brute force: every assignment of items to bins."""
    if not costs:
        return 0
    return next(
        count
        for count in range(1, len(costs) + 1)
        if any(
            all(sum(c for c, b in zip(costs, bins, strict=True) if b == one) <= room for one in range(count))
            for bins in itertools.product(range(count), repeat=len(costs))
        )
    )


@st.composite
def policies(draw):
    made = []
    for number in range(draw(st.integers(1, 8))):
        resources = draw(st.lists(st.sampled_from(RESOURCES), min_size=1, unique=True))
        key = draw(st.sampled_from(("", "aws:SourceAccount")))
        made.append(
            Statement(
                draw(st.sampled_from(("Allow", "Allow", "Deny"))),
                draw(st.sampled_from((f"S{number}", None))),
                tuple(draw(st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True))),
                **(
                    {"not_resources": ("arn:aws:s3:::a/*",)} if draw(st.booleans()) else {"resources": tuple(resources)}
                ),
                conditions=(("StringEquals", ((key, ("111122223333",)),)),) if key else (),
            )
        )
    return Policy(tuple(made))


def said(*parts):
    """What the statements say, one resource at a time: no part may say it twice, or leave it out."""
    return sorted(
        (one.effect, one.actions, arn, one.not_resources, one.conditions)
        for part in parts
        for one in part.statements
        for arn in one.resources or ("",)
    )


@settings(max_examples=80, deadline=None)
@given(policies(), st.integers(220, 420))
def test_the_parts_together_decide_exactly_as_the_whole(policy, limit):
    quota = Quota("a part", limit, "here")
    try:
        parts = split(policy, quota)
    except PolicyError:
        return
    for part in parts:
        assert size_of(part, quota) <= limit
        assert Policy.parse(part.to_json()) == part
        sids = [one.sid for one in part.statements if one.sid]
        assert len(set(sids)) == len(sids)
    assert said(*parts) == said(policy)
    for action, resource, account in itertools.product(ACTIONS, RESOURCES, ("111122223333", "123456789012")):
        request = AccessRequest(action, resource.replace("*", "x"), {"aws:sourceaccount": (account,)})
        whole = evaluate(request, Layers(identity=[policy]))
        together = evaluate(request, Layers(identity=list(parts)))
        assert (whole.allowed, whole.explicit_deny) == (together.allowed, together.explicit_deny)


def test_many_profiles_split_into_the_fewest_managed_policies():
    policy = Policy(statements(300))
    parts = split(policy)
    assert len(parts) == -(-policy.size // MANAGED.limit)
    assert json.loads(parts[0].to_json())["Version"] == "2012-10-17"
