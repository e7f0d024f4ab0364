"""Rows of documents, by evaluation: what each lets through, what it does not, and that no value widens it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam import actions
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.documents.buckets import BUCKETS
from bedrock_gateway.iam.documents.collection import COLLECTION, collection_access
from bedrock_gateway.iam.documents.keys import KEYS
from bedrock_gateway.iam.documents.provision import PROVISION
from bedrock_gateway.iam.documents.sources import SOURCES
from bedrock_gateway.iam.documents.stores import OPTIONS, STORES
from bedrock_gateway.iam.documents.template import Template, assemble, fill, find
from bedrock_gateway.iam.documents.trusts import TRUSTS
from bedrock_gateway.iam.documents.values import EXAMPLES, KINDS, valid
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, PrincipalRef, evaluate

if TYPE_CHECKING:
    from collections.abc import Mapping

CASES = Path(__file__).parents[1] / "cases" / "documents"
PARTS = json.loads((CASES / "knowledge_base.json").read_text())
RESOURCE_POLICIES = json.loads((CASES / "resource_policies.json").read_text())
SCOPE = Scope(region="us-east-1", account="111122223333")
TABLES: Mapping[str, Mapping[str, Template]] = {
    "source": SOURCES,
    "store": STORES,
    "option": OPTIONS,
    "provision": PROVISION,
    "bucket": BUCKETS,
    "key": KEYS,
    "trust": TRUSTS,
}
ROLE = PrincipalRef(
    "arn:aws:sts::111122223333:assumed-role/AmazonBedrockGateway-kb/s",
    "111122223333",
    role_arn="arn:aws:iam::111122223333:role/AmazonBedrockGateway-kb",
)
FIELDS = [
    pytest.param(table, name, field, id=f"{table}-{name}-{field}")
    for table, templates in TABLES.items()
    for name, template in templates.items()
    for field in template.fields
]


def made(table: str, name: str, values: dict[str, Any]) -> Policy:
    document = assemble(fill(TABLES[table][name], values, SCOPE))
    return Policy.parse(document.policy.to_json())


def passes(policy: Policy, action: str, resource: str, context: dict[str, str]) -> bool:
    return evaluate(AccessRequest(action, resource, context, ROLE), Layers((policy,))).allowed


@pytest.mark.parametrize("case", PARTS, ids=lambda case: f"{case['part']}-{case['name']}")
def test_the_role_may_do_what_its_part_needs_and_nothing_beside_it(case: dict[str, Any]) -> None:
    policy = made(case["part"], case["name"], case["given"])
    assert {str(one): passes(policy, *one) for one in case["allowed"]} == dict.fromkeys(map(str, case["allowed"]), True)
    assert {str(one): passes(policy, *one) for one in case["denied"]} == dict.fromkeys(map(str, case["denied"]), False)


@pytest.mark.parametrize("case", RESOURCE_POLICIES, ids=lambda case: f"{case['form']}-{case['name']}")
def test_a_resource_policy_lets_in_whom_it_names_for_what_they_need(case: dict[str, Any]) -> None:
    policy = made(case["form"], case["name"], case["given"])

    def lets(who: dict[str, str], action: str, resource: str, context: dict[str, str]) -> bool:
        request = AccessRequest(action, resource, context, PrincipalRef(**who), resource_must_allow=True)
        anything = Policy.parse({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
        return evaluate(request, Layers((anything,), policy)).allowed

    assert all(lets(*one) for one in case["allowed"])
    assert not [one for one in case["denied"] if lets(*one)]


def test_every_template_has_a_case() -> None:
    of_parts = {(case["part"], case["name"]) for case in PARTS}
    of_policies = {(case["form"], case["name"]) for case in RESOURCE_POLICIES}
    named = {(table, name) for table, templates in TABLES.items() for name in templates if table != "trust"}
    assert named == of_parts | of_policies


@pytest.mark.parametrize(("table", "name", "field"), FIELDS)
def test_every_value_has_a_kind_that_is_checked(table: str, name: str, field: str) -> None:
    kind = TABLES[table][name].fields[field].kind
    assert kind in KINDS
    assert kind in EXAMPLES
    assert valid(kind, EXAMPLES[kind], SCOPE, name=field) == EXAMPLES[kind]


@pytest.mark.parametrize(
    ("table", "name"), [(t, n) for t in TABLES if t not in {"trust", "bucket", "key"} for n in TABLES[t]]
)
def test_aws_knows_every_action_on_every_resource(table: str, name: str) -> None:
    template = TABLES[table][name]
    given_in_cases = [case["given"] for case in PARTS if (case["part"], case["name"]) == (table, name)]
    for values in (benign(template), *given_in_cases):
        for statement in (part.statement for part in fill(template, values, SCOPE)):
            for action in statement.actions:
                assert action.partition(":")[0] in actions.services()
                for resource in statement.resources:
                    assert actions.fits(action, resource), (action, resource)


HOSTILE = st.one_of(
    st.sampled_from(
        [
            "*",
            "?",
            "${aws:username}",
            "a:b",
            "../x",
            "x/*",
            "a,b",
            'x","y',
            "\u0430bc",
            "x" * 10_000,
            "",
            " ",
            "x\n",
            "{A}",
        ]
    ),
    st.text(max_size=40),
    st.text(alphabet="*?${}:/-._abcXYZ019@+=,\"'\\ ", max_size=40),
)


def benign(template: Template) -> dict[str, Any]:
    return {name: EXAMPLES[field.kind] for name, field in template.fields.items()}


def patterns(policy: Policy) -> list[str]:
    """Every text in which a wildcard or a variable would count, with what was given taken for a letter."""
    return [
        text
        for statement in policy.statements
        for text in (
            *statement.resources,
            *(value for _, value in statement.principals),
            *(part for _, keys in statement.conditions for key, values in keys for part in (key, *values)),
        )
    ]


def shape(policy: Policy) -> list[str]:
    return [re.sub(r"[^*?$]", "", text) for text in patterns(policy)]


@pytest.mark.parametrize(("table", "name", "field"), FIELDS)
@given(value=HOSTILE, beside=st.booleans())
@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_widens_a_document(table: str, name: str, field: str, value: str, beside: bool) -> None:
    """A hostile value, alone or after a good one, is refused, or stands there as the very text that it is."""
    template = TABLES[table][name]
    values = benign(template)
    good = EXAMPLES[template.fields[field].kind]
    hostile = good + value if beside else value
    try:
        policy = made(table, name, {**values, field: hostile})
    except ConfigError:
        return
    if not hostile or template.fields[field].kind in {"claim pattern", "flag"}:
        return
    assert "$" not in hostile
    assert shape(policy) == shape(made(table, name, values))


def test_a_pattern_of_a_claim_binds_what_comes_before_its_wildcard() -> None:
    for text in ("*", "a*", "ab*", "?abc*", "${aws:x}*", "abc"):
        with pytest.raises(ConfigError):
            valid("claim pattern", text, SCOPE, name="subject-like")
    assert valid("claim pattern", "abc*", SCOPE, name="subject-like")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("secret ARN", "arn:aws:secretsmanager:us-west-2:111122223333:secret:x-AbCdEf"),
        ("secret ARN", "arn:aws-us-gov:secretsmanager:us-east-1:111122223333:secret:x-AbCdEf"),
        ("key ARN", "arn:aws:kms:us-east-1:111122223333:alias/x"),
        ("function ARN", "arn:aws:lambda:us-east-1:123456789012:function:x"),
        ("role ARN", "arn:aws:iam::111122223333:user/x"),
    ],
)
def test_an_arn_of_another_region_partition_account_or_kind_is_refused(kind: str, text: str) -> None:
    with pytest.raises(ConfigError, match=f"is not a {kind}"):
        valid(kind, text, SCOPE, name="x")


def test_a_missing_unknown_or_doubled_value_is_named() -> None:
    for values, says in (
        ({}, "s3 needs bucket="),
        ({"bukket": "example-docs"}, "did you mean 'bucket'"),
        ({"bucket": ("example-docs", "example-more")}, "takes one bucket, not 2"),
    ):
        with pytest.raises(ConfigError, match=says):
            made("source", "s3", values)
    with pytest.raises(ConfigError, match="did you mean 'sharepoint'"):
        find(SOURCES, "sharepiont", "data source")


def test_what_aws_does_not_state_is_reported_and_left_out_when_strict() -> None:
    values = {"bucket": "example-docs"}
    (assumption,) = assemble(fill(SOURCES["custom"], values, SCOPE)).assumptions
    assert (assumption.action, assumption.confidence) == ("s3:GetObject", "L")
    with pytest.raises(ConfigError, match="nothing to grant"):
        assemble(fill(SOURCES["custom"], values, SCOPE), strict=True)


def test_a_collection_is_opened_to_the_role_for_its_index_alone() -> None:
    role = "arn:aws:iam::111122223333:role/kb"
    (rule,) = collection_access({"collection": "handbook", "index": "pages", "role": role}, SCOPE)
    assert rule["Principal"] == [role]
    (one,) = rule["Rules"]
    assert one["Resource"] == ["index/handbook/pages"]
    assert one["Permission"] == ["aoss:DescribeIndex", "aoss:ReadDocument", "aoss:WriteDocument"]
    whole = collection_access({"collection": "handbook", "role": role, "creator": role}, SCOPE)
    assert [rule["Rules"][0]["Resource"] for rule in whole] == [["index/handbook/*"]] * 2
    for field in COLLECTION.fields:
        values = {"collection": "handbook", "index": "pages", "role": role, "creator": role, field: "*"}
        with pytest.raises(ConfigError):
            collection_access(values, SCOPE)
