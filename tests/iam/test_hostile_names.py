"""No string that a user gives can widen a statement: every field of a scope, through the generator, judged by evaluation.

A string is refused, or the policy made with it permits nothing of what belongs to somebody else. What belongs to others
is a list of resources that no string here can name, asked for with every action of the policy, in a context in which
every condition of the policy holds.
"""

from __future__ import annotations

from dataclasses import fields
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.errors import ConfigError
from bedrock_gateway.iam.actions import fits
from bedrock_gateway.iam.document import Policy
from bedrock_gateway.iam.evaluate import AccessRequest, Layers, evaluate
from bedrock_gateway.iam.generate import generate

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
OWN = "arn:aws:bedrock:us-east-1:111122223333"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:pinecone-AbCdEf"
ROUTER = f"{OWN}:prompt-router/abcdefghij12"
VALID = {
    "region": "us-east-1",
    "account": "111122223333",
    "models": ("us." + MODEL, ROUTER, f"{OWN}:imported-model/abcdefghij12"),
    "wraps": ((ROUTER, ("amazon.nova-lite-v1:0", "us." + MODEL)),),
    "rerankers": ("cohere.rerank-v3-5:0",),
    "knowledge_bases": ("KB12345678",),
    "knowledge_base_roles": ("bedrock-gateway/AmazonBedrockGateway-kb",),
    "logging_bucket": "example-logs",
    "large_data_bucket": "example-large",
    "documents": (("example-handbook", "handbook/"),),
    "answer_documents": (("example-handbook", "handbook/"),),
    "vector_indexes": (("example-vectors", "handbook"),),
    "collections": (("helpdesk-handbook", "helpdesk/handbook"),),
    "embedding_models": ("amazon.titan-embed-text-v2:0",),
    "guardrail": ("abcdefghij12", "3"),
    "guardrail_profile": "us",
    "guardrail_key": KEY,
    "logging_key": KEY,
    "enforced_guardrails": ("mnopqrstuv34",),
    "document_keys": (KEY,),
    "answer_keys": (KEY,),
    "knowledge_base_key": KEY,
    "third_party_secrets": (SECRET,),
    "tagging": True,
    "subscribe": True,
    "products": ("prod-ozonys2hmmpeu",),
    "principal_roles": ("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    "principal_instances": ("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    "principal_groups": ("bedrock-gateway/AmazonBedrockGateway-principal-people",),
    "principal_users": ("bedrock-gateway/alice",),
}
# Batch takes no router and no imported model, so it is made apart from the rest.
TOGETHER = tuple(name for name in CAPABILITIES if name != "batch")

# Every field that holds a string: a value of its own that is valid, and where the string goes.
PLACES = {
    "region": ("us-east-1", str),
    "account": ("111122223333", str),
    "partition": ("aws", str),
    "models": ("us." + MODEL, lambda text: (text,)),
    "wraps": (ROUTER, lambda text: ((text, ("amazon.nova-lite-v1:0",)), *VALID["wraps"])),
    "wraps, inside": ("amazon.nova-lite-v1:0", lambda text: ((ROUTER, (text,)),)),
    "rerankers": ("cohere.rerank-v3-5:0", lambda text: (text,)),
    "knowledge_bases": ("KB12345678", lambda text: (text,)),
    "knowledge_base_roles": ("bedrock-gateway/AmazonBedrockGateway-kb", lambda text: (text,)),
    "logging_role": ("AmazonBedrockGateway-logging", str),
    "boundary": ("bedrock-gateway/AmazonBedrockGateway-boundary", str),
    "batch_role": ("bedrock-gateway/AmazonBedrockGateway-batch", str),
    "log_group": ("/bedrock/invocations", str),
    "logging_bucket": ("example-logs", str),
    "logging_prefix": ("logs/", str),
    "large_data_bucket": ("example-large", str),
    "documents": ("example-handbook", lambda text: ((text, "handbook/"),)),
    "answer_documents": ("example-handbook", lambda text: ((text, "handbook/"),)),
    "answer_documents, prefix": ("handbook/", lambda text: (("example-handbook", text),)),
    "documents, prefix": ("handbook/", lambda text: (("example-handbook", text),)),
    "vector_indexes": ("example-vectors", lambda text: ((text, "handbook"),)),
    "vector_indexes, index": ("handbook", lambda text: (("example-vectors", text),)),
    "collections": ("helpdesk-handbook", lambda text: ((text, "helpdesk/handbook"),)),
    "collections, mark": ("helpdesk/handbook", lambda text: (("helpdesk-handbook", text),)),
    "embedding_models": ("amazon.titan-embed-text-v2:0", lambda text: (text,)),
    # Of service roles alone: no policy of a caller holds it, and test_documents judges what fills a role's.
    "role_parts": ("example-handbook", lambda text: (("source", "s3", (("bucket", text),)),)),
    "guardrail": ("abcdefghij12", lambda text: (text, "3")),
    "guardrail, version": ("3", lambda text: ("abcdefghij12", text)),
    "guardrail_profile": ("us", str),
    "guardrail_key": (KEY, str),
    "logging_key": (KEY, str),
    "enforced_guardrails": ("mnopqrstuv34", lambda text: (text,)),
    "enforced_guardrails, ARN": (f"{OWN}:guardrail/mnopqrstuv34", lambda text: (text,)),
    "document_keys": (KEY, lambda text: (text,)),
    "answer_keys": (KEY, lambda text: (text,)),
    "knowledge_base_key": (KEY, str),
    "third_party_secrets": (SECRET, lambda text: (text,)),
    "products": ("prod-ozonys2hmmpeu", lambda text: (text,)),
    "principal_roles": ("bedrock-gateway/AmazonBedrockGateway-principal-app", lambda text: (text,)),
    "principal_instances": ("bedrock-gateway/AmazonBedrockGateway-principal-app", lambda text: (text,)),
    "principal_groups": ("bedrock-gateway/AmazonBedrockGateway-principal-people", lambda text: (text,)),
    "principal_users": ("bedrock-gateway/alice", lambda text: (text,)),
    "principal_boundaries": ("bedrock-gateway/AmazonBedrockGateway-principals", lambda text: (text,)),
    "extra_destinations": ("eu-west-1", lambda text: (text,)),
}
SWITCHES = {"require_guardrail", "tagging", "subscribe"}

# Pieces, not characters: a string of characters alone seldom holds a wildcard in the middle of a valid name.
PIECES = st.sampled_from(
    (
        "*", "?", "**", "${aws:username}", "${*}", "${", "}", ":", "::", ":*", "/", "/*", "/../", "..", '"', '","', "\\",
        "\n", "\r", "\t", "\x00", " ", "%2A", "\u2217", "\uff0a", "\u0430", "\u0661", "\u202e", "arn:aws:", "us.", "global.",
        "a", "Z", "0", "-", "_", ".", "a" * 10_000,
    )
)  # fmt: skip


def around(valid: str) -> st.SearchStrategy[str]:
    """A valid value with something put in at some place of it, or something else altogether."""
    inside = st.builds(
        lambda place, pieces: valid[:place] + "".join(pieces) + valid[place:],
        st.integers(0, len(valid)),
        st.lists(PIECES, min_size=1, max_size=2),
    )
    return inside | st.lists(PIECES | st.characters(), max_size=5).map("".join)


# What belongs to somebody else. "canary" is no piece of any string above.
FOREIGN = (
    *(f"arn:aws:bedrock:{region}::foundation-model/canary.model-v1:0" for region in ("us-east-1", "eu-west-3", "")),
    f"arn:aws:bedrock:eu-west-3::foundation-model/{MODEL}",
    *(
        f"arn:aws:bedrock:{where}:{kind}"
        for where in ("us-east-1:111122223333", "eu-west-3:111122223333", "us-east-1:123456789012")
        for kind in (
            "inference-profile/us.canary.model-v1:0",
            "prompt-router/canary",
            "imported-model/canary",
            "provisioned-model/canary",
            "knowledge-base/CANARY0000",
            "guardrail/canary",
            "guardrail-profile/eu.guardrail.v1:0",
        )
    ),
    "arn:aws:iam::111122223333:role/canary",
    "arn:aws:iam::111122223333:role/bedrock-gateway/canary",
    "arn:aws:iam::123456789012:role/bedrock-gateway/AmazonBedrockGateway-kb",
    "arn:aws:iam::111122223333:policy/canary",
    "arn:aws:s3:::canary",
    "arn:aws:s3:::canary/handbook/x",
    "arn:aws:s3vectors:us-east-1:111122223333:bucket/canary",
    "arn:aws:s3vectors:us-east-1:111122223333:bucket/canary/index/handbook",
    "arn:aws:logs:us-east-1:111122223333:log-group:canary:*",
    "arn:aws:kms:us-east-1:111122223333:key/canary",
    "arn:aws:sagemaker:us-east-1:111122223333:endpoint/canary",
)


def made(scope: Scope) -> Policy:
    whole = generate(TOGETHER, scope).policy
    batch = generate(["batch"], Scope(**{**everything(scope), "models": ("us." + MODEL,)})).policy
    return Policy((*whole.statements, *batch.statements))


def everything(scope: Scope) -> dict[str, object]:
    return {one.name: getattr(scope, one.name) for one in fields(scope)}


def requests(policy: Policy) -> list[AccessRequest]:
    """Every action on everything foreign, in a context in which each condition of the policy holds as far as it can."""
    context = {
        key.lower(): (values[0].rstrip("*"),)
        for statement in policy.statements
        for _, keys in statement.conditions
        for key, values in keys
    }
    actions = {action for statement in policy.statements for action in statement.actions}
    return [
        AccessRequest(action, resource, context)
        for action in sorted(actions)
        for resource in FOREIGN
        if fits(action, resource)
    ]


def allowed(policy: Policy) -> set[tuple[str, str]]:
    layers = Layers(identity=[policy])
    asked = requests(policy)
    return {(one.action, one.resource) for one in asked if evaluate(one, layers).allowed}


@cache
def baseline() -> tuple[Policy, frozenset[tuple[str, str]]]:
    policy = made(Scope(**VALID))
    return policy, frozenset(allowed(policy))


def test_every_field_of_the_scope_that_holds_a_string_is_tried():
    assert {name.partition(",")[0] for name in PLACES} | SWITCHES == {one.name for one in fields(Scope)}


def test_of_what_belongs_to_others_only_what_has_no_id_yet_and_what_is_read_are_open():
    """They are the same for every string: whoever makes a guardrail may tag any, for AWS assigns its id."""
    policy, open_ones = baseline()
    assert {action for action, _ in open_ones} == {
        "bedrock:CreateGuardrail",
        "bedrock:ListGuardrails",
        "bedrock:TagResource",
        "iam:GetPolicy",
        "iam:GetPolicyVersion",
        # An auditor looks at whoever runs the preflight, and at the key of what logs are written to.
        "iam:GenerateServiceLastAccessedDetails",
        "iam:GetRole",
        "iam:GetRolePolicy",
        "iam:ListAttachedRolePolicies",
        "iam:ListRolePolicies",
        "iam:SimulatePrincipalPolicy",
        "kms:DescribeKey",
        "kms:GetKeyPolicy",
    }
    assert len(requests(policy)) > 150


def test_the_test_sees_a_wildcard():
    policy, before = baseline()
    widened = Policy.parse(policy.to_json().replace("knowledge-base/KB12345678", "knowledge-base/*"))
    assert allowed(widened) - before


def judge(place, data):
    valid, put = PLACES[place]
    text = data.draw(around(valid))
    try:
        policy = made(Scope(**{**VALID, place.partition(",")[0]: put(text)}))
    except ConfigError as error:
        refusal = str(error)
    else:
        judge_policy(policy)
        return
    assert len(refusal) < 1_500, "an error does not repeat 10 kB of input"


def judge_policy(policy):
    assert Policy.parse(policy.to_json()) == policy
    for statement in policy.statements:
        for arn in statement.resources:
            assert "$" not in arn
            assert "?" not in arn
            assert "*" not in arn.rstrip("*").replace(":*", "") or arn == "*"
    _, before = baseline()
    assert allowed(policy) <= before


@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_string_widens_a_statement(place, data):
    judge(place, data)


@pytest.mark.full
@pytest.mark.parametrize("place", PLACES)
@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_no_string_widens_a_statement_at_length(place, data):
    judge(place, data)
