"""Whatever is there of a principal of ours: the steps end at what is declared, from any point at which they stop, and back."""

from __future__ import annotations

import copy
import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway import GatewayConfig
from bedrock_gateway.setup.principals.deciding import changes
from bedrock_gateway.setup.principals.desired import POLICY, ROLE, wanted
from bedrock_gateway.setup.principals.live import Live, Version
from bedrock_gateway.setup.principals.steps import VERSIONS, Step, steps, steps_back
from bedrock_gateway.setup.resource import Change, Resource

WANT = wanted(
    GatewayConfig.from_toml("""
format = 1
application = "helpdesk"
[env.prod]
account = "111122223333"
region = "us-east-1"
[principals.app]
capabilities = ["converse"]
models = ["amazon.nova-lite-v1:0"]
identity = { kind = "role", name = "app", trust = [{ kind = "lambda" }] }
"""),
    "app",
)
(DECLARED,) = WANT.policies
OURS, STALE = (f"{WANT.policy_prefix}app-{number}" for number in (1, 2))
THEIRS = "arn:aws:iam::111122223333:policy/theirs"
OTHER: dict[str, Any] = {"Version": "2012-10-17", "Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}
OTHER_TRUST: dict[str, Any] = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}
TRUST = WANT.holder.properties["AssumeRolePolicyDocument"]

Account = dict[str, Any]
"""``policy``: versions by number, and which is in force; ``role``: trust and attached policies; None: it is not there."""

policies = st.none() | st.builds(
    lambda documents, default: {"versions": dict(enumerate(documents, 1)), "default": 1 + default % len(documents)},
    st.lists(st.sampled_from([DECLARED.properties["PolicyDocument"], OTHER]), min_size=1, max_size=VERSIONS),
    st.integers(0, 4),
)
roles = st.none() | st.builds(
    lambda trust, attached: {"trust": trust, "attached": attached},
    st.sampled_from([TRUST, OTHER_TRUST]),
    st.lists(st.sampled_from([OURS, STALE, THEIRS]), unique=True),
)
accounts = st.builds(lambda policy, role: {"policy": policy, "role": role}, policies, roles)


def seen(account: Account) -> Live:
    live, policy, role = Live(), account["policy"], account["role"]
    if policy is not None:
        document = policy["versions"][policy["default"]]
        live.before[POLICY, "app-1"] = {**DECLARED.properties, "PolicyDocument": document}
        live.versions["app-1"] = tuple(Version(f"v{one}", one == policy["default"]) for one in policy["versions"])
    if role is not None:
        made = {"AssumeRolePolicyDocument": role["trust"], "ManagedPolicyArns": list(role["attached"])}
        live.before[ROLE, "app"] = {**WANT.holder.properties, **made}
    return live


def perform(account: Account, step: Step) -> None:
    """What IAM does, and refuses."""
    policy, role, params = account["policy"], account["role"], step.params
    match step.operation:
        case "CreatePolicy":
            assert policy is None
            account["policy"] = {"versions": {1: json.loads(params["PolicyDocument"])}, "default": 1}
        case "CreatePolicyVersion":
            assert len(policy["versions"]) < VERSIONS
            number = max(policy["versions"]) + 1
            policy["versions"][number] = json.loads(params["PolicyDocument"])
            policy["default"] = number
        case "DeletePolicyVersion":
            number = int(params["VersionId"][1:])
            assert number != policy["default"]
            del policy["versions"][number]
        case "DeletePolicy":
            assert len(policy["versions"]) == 1
            assert role is None or OURS not in role["attached"]
            account["policy"] = None
        case "CreateRole":
            assert role is None
            account["role"] = {"trust": json.loads(params["AssumeRolePolicyDocument"]), "attached": []}
        case "UpdateAssumeRolePolicy":
            role["trust"] = json.loads(params["PolicyDocument"])
        case "AttachRolePolicy":
            assert params["PolicyArn"] != OURS or policy is not None
            role["attached"].append(params["PolicyArn"])
        case "DetachRolePolicy":
            role["attached"].remove(params["PolicyArn"])
        case "DeleteRole":
            assert not role["attached"]
            account["role"] = None
        case other:
            raise AssertionError(other)


def planned(account: Account) -> tuple[list[Change], list[Step]]:
    live = seen(account)
    found = list(changes(WANT, live))
    return found, [step for one in found for step in steps(one, WANT, live)]


def holds(account: Account) -> tuple[Any, Any, set[str]]:
    policy, role = account["policy"], account["role"]
    return (
        policy and policy["versions"][policy["default"]],
        role and role["trust"],
        set(role["attached"]) if role else set(),
    )


def possible(account: Account) -> bool:
    """Nothing is attached that does not exist."""
    return not (account["policy"] is None and account["role"] and OURS in account["role"]["attached"])


@settings(max_examples=150, deadline=None)
@given(accounts.filter(possible), st.integers(0, 8))
def test_from_wherever_it_stops_it_ends_at_what_is_declared(account: Account, stops_after: int) -> None:
    theirs = THEIRS in (account["role"] or {"attached": ()})["attached"]
    for step in planned(account)[1][:stops_after]:
        perform(account, step)
    for step in planned(account)[1]:
        perform(account, step)
    document, trust, attached = holds(account)
    assert document == DECLARED.properties["PolicyDocument"]
    assert trust == TRUST
    assert attached == {OURS, *([THEIRS] if theirs else [])}
    found, left = planned(account)
    assert left == []
    assert {one.action for one in found} == {"keep"}


@settings(max_examples=150, deadline=None)
@given(accounts.filter(possible), st.integers(0, 8), st.integers(0, 8))
def test_and_back_to_what_was_there_from_wherever_it_stops(account: Account, forth: int, back: int) -> None:
    before = copy.deepcopy(account)
    found, todo = planned(account)
    kept = [one for one in found if one.action in {"create", "update"}]
    for step in todo[:forth]:
        perform(account, step)

    def returning() -> list[Step]:
        live = seen(account)
        undone = [Change(Resource(*one.resource.key, one.resource.properties), "update", one.before) for one in kept]
        return [step for one in reversed(undone) for step in steps_back(one, WANT, live)]

    for step in returning()[:back]:
        perform(account, step)
    for step in returning():
        perform(account, step)
    assert holds(account) == holds(before)
