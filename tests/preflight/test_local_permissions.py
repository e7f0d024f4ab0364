"""Each right of the auditor taken away in turn, in the local Bedrock: what it was for is unknown, and the right is named."""

from __future__ import annotations

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam.generate import generate

from .local_account import declared_as
from .local_runner import Case

DECLARED = declared_as("abcdefghij12", "KB12345678")
UNUSED = {
    # Of a role these are never asked; the same rights of a user are proven as one.
    "iam:GetUser", "iam:ListUserPolicies", "iam:GetUserPolicy", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser",
    "iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies", "iam:ListMFADevices",
}  # fmt: skip


def actions(principal):
    policy = generate(DECLARED.principals[principal].capabilities, DECLARED.scope(principal)).policy
    return sorted({action for one in policy.statements for action in one.actions})


@pytest.mark.full
@pytest.mark.parametrize("action", actions("auditor"))
def test_without_one_right_what_it_was_for_is_unknown_and_names_it(looker, action):
    usual, seen = looker.look(Case()), looker.look(Case(without=action))
    changed = {name: one for name, one in seen.statuses.items() if usual.statuses[name] != one}
    granted = changed.pop("IAM-04", "")
    if granted in {"warn", "fail"}:  # IAM's simulator finds that what is declared is not granted: no failure to read
        assert action in seen.summaries["IAM-04"]
    assert set(changed.values()) <= {"unknown"}, changed
    unknown = {name: seen.summaries[name] for name in changed}
    # A check that needs another one says which; that one names the right.
    own = [name for name, said in unknown.items() if not said.startswith("needs ")]
    assert {seen.actions.get(name, "") for name in own} <= {action}, unknown
    assert granted or own or action in UNUSED, f"{action} is granted, and nothing needs it"
