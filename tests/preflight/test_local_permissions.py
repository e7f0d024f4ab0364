"""Each right of the auditor taken away in turn, in the local Bedrock: what it was for is unknown, and the right is named."""

from __future__ import annotations

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway.iam.generate import generate

from .local_account import declared_as
from .local_runner import Case

DECLARED = declared_as("abcdefghij12", "KB12345678")
OF_USERS = {
    "iam:GetUser", "iam:ListUserPolicies", "iam:ListAttachedUserPolicies", "iam:ListGroupsForUser", "iam:ListAccessKeys",
    "iam:ListGroupPolicies", "iam:GetGroupPolicy", "iam:ListAttachedGroupPolicies", "iam:ListMFADevices",
}  # fmt: skip
"""Of a role these are not asked: they are taken away from a user."""
SPARE = {"iam:GetUserPolicy", "iam:ListServiceSpecificCredentials"}
"""Asked only where there is what they are about: a user with a policy of its own, a user of an API key."""


def actions(principal):
    policy = generate(DECLARED.principals[principal].capabilities, DECLARED.scope(principal)).policy
    return sorted({action for one in policy.statements for action in one.actions})


@pytest.mark.full
@pytest.mark.parametrize("action", actions("auditor"))
def test_without_one_right_what_it_was_for_is_unknown_and_names_it(looker, action):
    who = "anna" if action in OF_USERS else ""
    usual, seen = looker.look(Case(who=who)), looker.look(Case(who=who, without=action))
    changed = {name: one for name, one in seen.statuses.items() if usual.statuses[name] != one}
    granted = changed.pop("IAM-04", "")
    if granted in {"warn", "fail"}:  # IAM's simulator finds that what is declared is not granted: no failure to read
        assert action in seen.summaries["IAM-04"]
    assert set(changed.values()) <= {"unknown"}, changed
    unknown = {name: seen.summaries[name] for name in changed}
    # A check that needs another one says which; that one names the right.
    own = [name for name, said in unknown.items() if not said.startswith("needs ")]
    assert {seen.actions.get(name, "") for name in own} <= {action}, unknown
    assert granted or own or action in SPARE, f"{action} is granted, and nothing needs it"
