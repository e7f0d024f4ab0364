"""The linter finds every mistake of its corpus where it stands, and nothing in what this project generates."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.iam.generate import generate
from bedrock_gateway.iam.lint import RULES, Document, Finding, attached, lint, read
from bedrock_gateway.iam.lint.managed import TOO_BROAD
from bedrock_gateway.iam.lint.render import as_json, as_sarif, as_text
from bedrock_gateway.iam.lint.rules import READING_CODES

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases" / "lint"
RULE_CASES = json.loads((CASES / "rules.json").read_text())
MISTAKES = json.loads((CASES / "mistakes.json").read_text())
MODEL = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
EXAMPLE = Scope(
    region="us-east-1",
    account="111122223333",
    models=("us.anthropic.claude-sonnet-4-5-20250929-v1:0",),
    rerankers=("cohere.rerank-v3-5:0",),
    knowledge_bases=("KB12345678",),
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb",),
    logging_bucket="example-logs",
    documents=(("example-docs", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    embedding_models=("amazon.titan-embed-text-v2:0",),
    guardrail=("abcdefghij12", "3"),
    principal_roles=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_instances=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_groups=("bedrock-gateway/AmazonBedrockGateway-principal-people",),
    principal_users=("bedrock-gateway/alice",),
)
SCOPES = {
    "profile": EXAMPLE,
    "global": replace(EXAMPLE, models=("global.anthropic.claude-sonnet-4-5-20250929-v1:0",)),
    "on demand": replace(EXAMPLE, models=("amazon.nova-lite-v1:0",)),
    "on demand and its profile": replace(EXAMPLE, models=("amazon.nova-lite-v1:0", "us.amazon.nova-lite-v1:0")),
    "options": replace(
        EXAMPLE, tagging=True, subscribe=True, enforced_guardrails=("abcdefghij99",), guardrail_profile="us"
    ),
}


def found(document: object, **options: Any) -> list[Finding]:
    return lint([read("p.json", json.dumps(document, indent=2), **options)])


def test_every_rule_has_a_case_that_it_finds_and_one_that_it_does_not() -> None:
    ids = {rule.id for rule in RULES}
    assert {case["rule"] for case in RULE_CASES if case["finds"]} == ids
    assert {case["rule"] for case in RULE_CASES if not case["finds"]} == ids


@pytest.mark.parametrize("case", RULE_CASES, ids=lambda case: f"{case['rule']}-{case['claim']}")
def test_a_rule_finds_its_mistake_and_leaves_the_right_form_alone(case: dict[str, Any]) -> None:
    mine = [one for one in found(case["policy"]) if one.rule.id == case["rule"]]
    if not case["finds"]:
        assert not mine
        return
    assert any(case["says"] in one.hit.message and case.get("fix", "") in one.fix for one in mine), mine


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one['who']}-{one['what']}")
def test_what_other_tools_and_samples_write_is_found_and_nothing_else(mistake: dict[str, Any]) -> None:
    assert sorted({one.rule.id for one in found(mistake["policy"])}) == mistake["rules"]


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES.keys())
@pytest.mark.parametrize("name", CAPABILITIES)
def test_what_this_project_generates_is_clean(name: str, scope: Scope) -> None:
    models = EXAMPLE.embedding_models if name == "embed" else scope.models
    policy = generate([name], replace(scope, models=models)).policy
    assert not lint([Document("generated", policy)])


@pytest.mark.parametrize(
    "names", [("converse", "count-tokens"), ("converse", "rag"), ("invoke", "converse-stream", "rerank")]
)
def test_capabilities_together_are_clean_too(names: tuple[str, ...]) -> None:
    assert not lint([Document("generated", generate(names, EXAMPLE).policy)])


@pytest.mark.parametrize("path", sorted((ROOT / "policies").rglob("*.json")), ids=lambda path: path.stem)
def test_the_documents_in_the_repository_are_clean(path: Path) -> None:
    assert not lint([read(path.name, path.read_bytes())])


def test_a_finding_names_statement_sid_line_and_column() -> None:
    read_objects = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*"}
    actions = ["bedrock:InvokeModelWithResponseStream", "bedrock:Converse"]
    call = {"Sid": "Two", "Effect": "Allow", "Action": actions, "Resource": MODEL}
    text = f'{{"Version": "2012-10-17",\n "Statement": [\n {json.dumps(read_objects)},\n\n  {json.dumps(call)}]}}'
    (finding,) = lint([read("p.json", text)])
    assert (finding.statement, finding.sid, finding.position) == (
        2,
        "Two",
        (5, text.split("\n")[4].index('"bedrock:Converse"') + 1),
    )
    assert as_text([finding]).startswith(f"p.json:5:{finding.position[1]}: error BG002 [Two] bedrock:Converse does not")


def test_a_lone_statement_and_a_reply_of_the_aws_cli_have_positions_as_well() -> None:
    lone = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "bedrock:Converse", "Resource": MODEL}}
    assert [one.position for one in found(lone)] == [(5, 5)]
    reply = {"PolicyVersion": {"VersionId": "v1", "Document": lone}}
    assert [one.position for one in found(reply)] == [(8, 9)]


@pytest.mark.parametrize("row", TOO_BROAD, ids=lambda row: row.name)
@pytest.mark.parametrize("form", ["{}", "arn:aws:iam::aws:policy/{}", "arn:aws-us-gov:iam::aws:policy/service-role/{}"])
def test_a_managed_policy_that_is_too_broad_is_known_by_name_and_arn(row: Any, form: str) -> None:
    listed = {"AttachedPolicies": [{"PolicyName": "x", "PolicyArn": form.format(row.name)}]}
    for findings in (lint([attached([form.format(row.name)])]), found(listed), found([form.format(row.name)])):
        assert [(one.rule.id, row.instead in one.fix) for one in findings] == [("BG040", True)]


@pytest.mark.parametrize("row", TOO_BROAD, ids=lambda row: row.name)
def test_a_managed_policy_that_is_too_broad_is_known_by_what_it_grants(row: Any) -> None:
    managed = pytest.importorskip("moto.iam.aws_managed_policies")
    document = json.loads(managed.aws_managed_policies_data)[row.name]["Document"]
    mine = [one for one in found(document) if one.rule.id == "BG040"]
    assert any(row.name in one.hit.message and row.instead in one.fix for one in mine)


def test_every_policy_that_aws_manages_for_bedrock_can_be_linted() -> None:
    managed = pytest.importorskip("moto.iam.aws_managed_policies")
    named = {
        name: one["Document"]
        for name, one in json.loads(managed.aws_managed_policies_data).items()
        if "Bedrock" in name
    }
    assert len(named) > 20
    for name, document in named.items():
        assert as_text(found(document)), name


@pytest.mark.full
def test_every_policy_that_aws_manages_can_be_linted() -> None:
    managed = pytest.importorskip("moto.iam.aws_managed_policies")
    for name, one in json.loads(managed.aws_managed_policies_data).items():
        assert as_text(found(one["Document"])), name


def test_sarif_has_what_the_schema_requires_and_points_at_its_rules() -> None:
    findings = [one for mistake in MISTAKES for one in found(mistake["policy"])]
    log = as_sarif(findings, version="1.2.3")
    jsonschema.validate(log, json.loads((CASES / "sarif-2.1.0-required.json").read_text()))
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert len(run["results"]) == len(findings)
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run["results"])
    assert {rule["id"] for rule in rules} == {rule.id for rule in RULES}


def test_a_file_name_in_sarif_is_a_uri() -> None:
    (finding,) = lint([read("my policies\\a #1.json", json.dumps(MISTAKES[7]["policy"]))][:1])[:1]
    (result,) = as_sarif([finding], version="1")["runs"][0]["results"]
    assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20policies/a%20%231.json"


def test_json_counts_what_it_lists() -> None:
    report = as_json(found(MISTAKES[0]["policy"]))
    assert sum(report["counts"].values()) == len(report["findings"]) > 0
    assert {"rule", "message", "fix", "line", "column", "statement", "source"} <= report["findings"][0].keys()


# Documents that reading refuses, for the codes of Access Analyzer that say so.
REFUSED: dict[str, str] = {
    "JSON_SYNTAX_ERROR": '{"Statement": [}',
    "MISSING_STATEMENT": '{"Version": "2012-10-17"}',
    "MISSING_EFFECT": '{"Statement": {"Action": "s3:GetObject", "Resource": "*"}}',
    "INVALID_EFFECT": '{"Statement": {"Effect": "allow", "Action": "s3:GetObject", "Resource": "*"}}',
    "MISSING_ACTION": '{"Statement": {"Effect": "Allow", "Resource": "*"}}',
    "INVALID_VERSION": '{"Version": "2020-01-01", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
    "INVALID_POLICY_ELEMENT": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Why": "x"}}',
    "UNSUPPORTED_ELEMENT_COMBINATION": '{"Statement": {"Effect": "Allow", "Action": "*", "NotAction": "*", "Resource": "*"}}',
    "DATA_TYPE_MISMATCH": '{"Statement": {"Effect": "Allow", "Action": 7, "Resource": "*"}}',
    "EMPTY_ARRAY_ACTION": '{"Statement": {"Effect": "Allow", "Action": [], "Resource": "*"}}',
    "EMPTY_ARRAY_RESOURCE": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": []}}',
    "EMPTY_ARRAY_CONDITION": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Bool": {"a:b": []}}}}',
    "INVALID_CONDITION_OPERATOR": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"Equals": {"a:b": "c"}}}}',
    "NULL_WITH_IF_EXISTS": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {"NullIfExists": {"a:b": "true"}}}}',
    "MISSING_QUALIFIER": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {":StringEquals": {"a:b": "c"}}}}',
    "INVALID_PRINCIPAL_KEY": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": {"Aws": "*"}}}',
}


@pytest.mark.parametrize("code", READING_CODES)
def test_what_is_no_policy_is_refused_with_its_position(code: str) -> None:
    with pytest.raises(PolicyError, match=r"line 1, column \d+"):
        read("p.json", REFUSED[code])


@pytest.mark.parametrize(
    "content", [b"\xff\xfe{}", b"{" * 2_000_000, "[" * 100_000, '{"Id": ' + "[" * 900 + "]" * 900 + "}", "[1]", ""]
)
def test_what_cannot_be_read_is_refused_not_raised_through(content: str | bytes) -> None:
    with pytest.raises(PolicyError):
        read("p.json", content)


TEXT = st.sampled_from(["bedrock:InvokeModel", "bedrock:*", "*", "s3:Get*", "nonsense", "iam:PassRole", "x:y", "${aws:username}", MODEL,
                        "arn:aws:bedrock:*:*:inference-profile/*", "arn:aws:s3:::b", "arn:", "arn:aws:iam::1:role/${*}", "🙂", ""])  # fmt: skip
STATEMENT = st.fixed_dictionaries(
    {"Effect": st.sampled_from(["Allow", "Deny"])},
    optional={
        "Sid": TEXT,
        "Resource": st.lists(TEXT, min_size=1, max_size=3),
        "Principal": st.fixed_dictionaries({}, optional={"AWS": TEXT, "Service": TEXT, "Federated": TEXT}),
        "Condition": st.dictionaries(
            st.sampled_from(
                ["StringEquals", "ForAllValues:StringLike", "Null", "Bool", "ArnNotLikeIfExists", "NumericLessThan"]
            ),
            st.dictionaries(TEXT, st.lists(TEXT, min_size=1, max_size=2), max_size=2),
            max_size=2,
        ),
    },
)


@settings(max_examples=100, deadline=None)
@given(
    statements=st.lists(STATEMENT, min_size=1, max_size=3),
    negated=st.booleans(),
    actions=st.lists(TEXT, min_size=1, max_size=3),
)
def test_no_document_that_iam_would_read_breaks_a_rule(statements: Any, negated: bool, actions: list[str]) -> None:
    written = [one | {"NotAction" if negated else "Action": actions} for one in statements]
    try:
        policy = Policy.parse({"Version": "2012-10-17", "Statement": written})
    except PolicyError:
        return
    for kind in ("identity", "resource", "trust", "scp"):
        findings = lint([Document("p.json", policy, kind)])
        assert as_text(findings)
