"""Trust documents by evaluation: whom each kind lets in, whom it keeps out, and what it refuses to be made of."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.documents.trusts import TRUSTS
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate
from bedrock_gateway.iam.lint import lint, read
from bedrock_gateway.iam.trust import service_trust, trust

CASES = Path(__file__).parents[1] / "cases" / "trust"
KINDS = json.loads((CASES / "kinds.json").read_text())
REFUSED = json.loads((CASES / "refused.json").read_text())
SCOPE = Scope(region="us-east-1", account="111122223333")
ROLE = "arn:aws:iam::111122223333:role/app"

VARIANTS = [
    pytest.param(case, variant, word == "allowed", id=f"{case['kind']}-{word}-{variant['says']}")
    for case in KINDS
    for word in ("allowed", "denied")
    for variant in ([{"says": "as given"}] if word == "allowed" else []) + case[word]
]


def lets_in(case: dict[str, Any], variant: dict[str, Any]) -> bool:
    """Whether the document of *case* lets in its own caller, with what *variant* changes of it."""
    # Read back from text, so that what IAM would be sent is what is judged.
    policy = Policy.parse(trust(case["kind"], case["given"], SCOPE).policy.to_json())
    context = {**case["context"], **variant.get("context", {})}
    request = AccessRequest(
        variant.get("action", case["action"]),
        ROLE,
        {key: value for key, value in context.items() if value is not None},
        PrincipalRef(**variant.get("who", case["who"])),
        SCOPE.account,
        resource_must_allow=True,
    )
    # The caller's own account allows everything: only the trust decides.
    anything = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
    return evaluate(request, Layers((anything,), policy)).allowed


@pytest.mark.parametrize(("case", "variant", "allowed"), VARIANTS)
def test_a_trust_lets_in_whom_it_names_and_nobody_else(
    case: dict[str, Any], variant: dict[str, Any], allowed: bool
) -> None:
    assert lets_in(case, variant) is allowed


def test_every_kind_has_a_case_with_somebody_who_is_kept_out() -> None:
    assert {case["kind"] for case in KINDS if case["denied"]} == set(TRUSTS)


@pytest.mark.parametrize(("kind", "given", "says"), REFUSED, ids=str)
def test_what_would_let_in_too_many_is_refused(kind: str, given: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        trust(kind, given, SCOPE)


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case["kind"])
def test_a_trust_has_no_resource_no_wildcard_principal_and_a_version(case: dict[str, Any]) -> None:
    document = trust(case["kind"], case["given"], SCOPE).policy
    assert document.version == "2012-10-17"
    for statement in document.statements:
        assert not statement.resources
        assert all("*" not in value for _, value in statement.principals)
        assert all(action.startswith("sts:") and "*" not in action for action in statement.actions)


@pytest.mark.parametrize(
    ("kind", "resource"),
    [("logging", "*"), ("knowledge-base", "knowledge-base/*"), ("batch", "model-invocation-job/*")],
)
@pytest.mark.parametrize(("region", "partition"), [("eu-central-1", "aws"), ("us-gov-west-1", "aws-us-gov")])
def test_bedrock_is_trusted_for_one_account_region_and_kind_of_resource(
    kind: str, resource: str, region: str, partition: str
) -> None:
    scope = Scope(region=region, account="111122223333", partition=partition)
    made = trust(kind, {}, scope).policy
    (one,) = made.dump()["Statement"]
    assert one["Principal"] == {"Service": "bedrock.amazonaws.com"}
    assert one["Condition"]["StringEquals"] == {"aws:SourceAccount": "111122223333"}
    assert one["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:{partition}:bedrock:{region}:111122223333:{resource}"}
    assert service_trust(scope, resource) == made


def test_the_hosts_of_govcloud_are_its_own() -> None:
    scope = Scope(region="us-gov-west-1", account="111122223333", partition="aws-us-gov")
    assert (
        "https://us-gov-west-1.signin.amazonaws-us-gov.com/saml"
        in trust("saml", {"provider": "c"}, scope).policy.to_json()
    )
    pool = {"pool": "us-gov-west-1:12345678-1234-1234-1234-123456789012"}
    assert '"Federated": "cognito-identity-us-gov.amazonaws.com"' in trust("cognito", pool, scope).policy.to_json()
    east = Scope(region="us-gov-east-1", account="111122223333", partition="aws-us-gov")
    pool = {"pool": "us-gov-east-1:12345678-1234-1234-1234-123456789012"}
    assert (
        '"Federated": "cognito-identity.us-gov-east-1.amazonaws.com"' in trust("cognito", pool, east).policy.to_json()
    )


@pytest.mark.parametrize("case", KINDS, ids=lambda case: case["kind"])
def test_our_own_linter_finds_nothing_in_a_trust(case: dict[str, Any]) -> None:
    text = trust(case["kind"], case["given"], SCOPE).policy.to_json(indent=2)
    assert [(one.rule.id, one.hit) for one in lint([read(case["kind"], text)])] == []


def test_a_statement_that_lets_in_is_still_judged_beside_one_that_passes_tags() -> None:
    made = trust("oidc", {"provider": "idp.example.com", "audience": "a", "subject": "s", "tag": "team"}, SCOPE)
    first, second = made.policy.statements
    open_door = Policy((replace(first, conditions=()), second)).to_json(indent=2)
    assert {one.rule.id for one in lint([read("open", open_door)])} == {"BG012"}


def test_what_aws_does_not_document_is_said() -> None:
    for kind in ("directory-service", "lambda", "ec2"):
        assert any("AWS documents" in note for note in trust(kind, {}, SCOPE).notes)
