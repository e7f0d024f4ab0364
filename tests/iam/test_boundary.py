"""The permissions boundary: it holds every service role of its configuration, and nothing that makes more of itself."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import MANAGED_QUOTA, boundary
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.globs import overlap
from bedrock_gateway.iam.resources import boundary_arn

CASES = json.loads((Path(__file__).parents[1] / "cases" / "documents" / "knowledge_base.json").read_text())
PARTS = [case for case in CASES if case["part"] != "provision"]
SCOPE = Scope(
    region="us-east-1",
    account="111122223333",
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb",),
    documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
)
BARE = Scope(region="us-east-1", account="111122223333")
EVERYTHING = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
MAKERS = ("iam", "sts", "organizations", "sso", "account", "lambda", "ec2", "cloudformation", "ssm")


def within(document: Policy, action: str, resource: str, context: dict[str, Any] | None = None) -> bool:
    request = AccessRequest(action, resource, context or {})
    return evaluate(request, Layers((EVERYTHING,), boundary=(document,))).allowed


def test_a_role_with_every_right_has_those_of_the_boundary_only() -> None:
    document = boundary(SCOPE)
    mine = {"aws:ResourceAccount": "111122223333"}
    assert within(document, "s3:GetObject", "arn:aws:s3:::example-handbook/handbook/a", mine)
    for action, resource in (
        ("s3:GetObject", "arn:aws:s3:::example-payroll/handbook/a"),
        ("s3:PutObject", "arn:aws:s3:::example-handbook/handbook/a"),
        ("iam:CreateUser", "*"),
        ("iam:PassRole", "arn:aws:iam::111122223333:role/bedrock-gateway/AmazonBedrockGateway-kb"),
        ("sts:AssumeRole", "arn:aws:iam::111122223333:role/admin"),
        ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:us-east-1:111122223333:secret:x-AbCdEf"),
        ("bedrock:DeleteModelInvocationLoggingConfiguration", "*"),
    ):
        assert not within(document, action, resource, mine)


def parts(case: dict[str, Any]) -> roles.KnowledgeBaseParts:
    """A whole knowledge base around one part."""
    chosen = {case["part"]: [(case["name"], case["given"])]}
    return roles.KnowledgeBaseParts(
        chosen.get("source", [("web", {})]),
        chosen.get("store", [("s3-vectors", {"bucket": "example-vectors", "index": "handbook"})]),
        chosen.get("option", []),
        ["amazon.titan-embed-text-v2:0"],
    )


@pytest.mark.parametrize("case", PARTS, ids=lambda case: f"{case['part']}-{case['name']}")
def test_the_boundary_holds_whatever_the_role_of_a_knowledge_base_needs(case: dict[str, Any]) -> None:
    document = boundary(BARE, parts(case))
    assert [one for one in case["allowed"] if not within(document, *one)] == []
    assert not [one for one in case["denied"] if within(document, *one)]


@pytest.mark.parametrize("case", PARTS, ids=lambda case: f"{case['part']}-{case['name']}")
def test_nothing_in_it_gives_rights_away_or_becomes_somebody_else(case: dict[str, Any]) -> None:
    document = boundary(BARE, parts(case))
    granted = [action for one in document.statements for action in one.actions]
    services = {action.partition(":")[0] for action in granted}
    assert not services & (set(MAKERS) - {"lambda"})
    assert {one for one in granted if one.startswith("lambda:")} <= {"lambda:InvokeFunction"}
    assert all("*" not in action for action in granted)
    assert all(one.effect == "Allow" and not one.not_actions and not one.not_resources for one in document.statements)


def test_without_a_knowledge_base_it_is_that_of_the_logging_role() -> None:
    assert boundary(BARE) == roles.logging_role(BARE).permissions


def test_what_it_bounds_is_what_principals_must_name() -> None:
    policy = generate(("kb-provision", "logging-admin"), SCOPE).policy
    bound = {
        action
        for one in policy.statements
        for action in one.actions
        if ("StringEquals", (("iam:PermissionsBoundary", (boundary_arn(SCOPE),)),)) in one.conditions
    }
    granting = {"CreateRole", "PutRolePolicy", "DeleteRolePolicy", "UpdateAssumeRolePolicy"}
    assert bound == {f"iam:{name}" for name in granting}
    assert boundary_arn(SCOPE) == "arn:aws:iam::111122223333:policy/bedrock-gateway/AmazonBedrockGateway-boundary"


MAKES_PRINCIPALS = ("principal-provision", "group-members", "access-keys")


@pytest.mark.parametrize("name", [one for one in CAPABILITIES if one not in MAKES_PRINCIPALS])
def test_no_capability_changes_a_policy_a_boundary_or_a_user(name: str) -> None:
    """Whoever holds one of these is no longer bounded by what he was given."""
    rising = {
        *("CreatePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy", "DeletePolicyVersion"),
        *("PutRolePermissionsBoundary", "DeleteRolePermissionsBoundary", "AttachRolePolicy", "DetachRolePolicy"),
        *("PutUserPolicy", "AttachUserPolicy", "AddUserToGroup", "CreateAccessKey", "CreateLoginProfile"),
        *("CreateUser", "UpdateLoginProfile", "CreateServiceSpecificCredential", "AddRoleToInstanceProfile"),
    }
    actions = {leg.action for operation in CAPABILITIES[name].operations for leg in operation.legs}
    assert not actions & {f"iam:{one}" for one in rising}


def test_what_makes_principals_reaches_no_boundary_and_nothing_outside_its_path() -> None:
    scope = replace(
        SCOPE,
        principal_roles=("bedrock-gateway/app",),
        principal_groups=("bedrock-gateway/people",),
        principal_users=("bedrock-gateway/alice",),
    )
    policy = generate(MAKES_PRINCIPALS, scope).policy
    actions = {action for one in policy.statements for action in one.actions}
    assert not actions & {
        *("iam:PutRolePermissionsBoundary", "iam:DeleteRolePermissionsBoundary", "iam:PutUserPermissionsBoundary"),
        *("iam:DeleteUserPermissionsBoundary", "iam:PutRolePolicy", "iam:PutUserPolicy", "iam:AttachUserPolicy"),
        *("iam:PutGroupPolicy", "iam:PassRole", "iam:CreateLoginProfile", "iam:CreateServiceSpecificCredential"),
    }
    reads = {"iam:GetPolicy", "iam:GetPolicyVersion"}
    (looks,) = (
        one for one in policy.statements if any("AmazonBedrockGateway-principals" in arn for arn in one.resources)
    )
    assert set(looks.actions) == reads
    everything = {arn for one in policy.statements if one != looks for arn in one.resources}
    iam = "arn:aws:iam::111122223333"
    assert everything == {
        f"{iam}:policy/bedrock-gateway/app/*",
        f"{iam}:policy/bedrock-gateway/people/*",
        f"{iam}:role/bedrock-gateway/app",
        f"{iam}:group/bedrock-gateway/people",
        f"{iam}:user/bedrock-gateway/alice",
    }
    assert not any(overlap(arn, f"{iam}:policy/{bound}") for arn in everything for bound in scope.principal_boundaries)
    with pytest.raises(ConfigError, match="below a principal's own policies"):
        replace(scope, principal_boundaries=("bedrock-gateway/app/bound",))


def test_a_role_outside_the_path_is_refused_with_the_name_to_use() -> None:
    outside = Scope(
        region="us-east-1", account="111122223333", knowledge_base_roles=("Admin",), vector_indexes=(("bbb", "iii"),)
    )
    with pytest.raises(ConfigError, match="name it bedrock-gateway/Admin"):
        generate(("kb-provision",), outside)


def test_a_boundary_over_the_size_of_a_managed_policy_is_refused() -> None:
    many = tuple((f"example-handbook-{number:03}", "handbook/") for number in range(30))
    with pytest.raises(ConfigError, match=f"at most {MANAGED_QUOTA}"):
        boundary(
            Scope(
                "us-east-1",
                "111122223333",
                documents=many,
                vector_indexes=(("bbb", "iii"),),
                embedding_models=SCOPE.embedding_models,
            )
        )
