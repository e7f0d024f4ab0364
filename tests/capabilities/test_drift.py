"""The table against botocore's service models and AWS's action reference."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import botocore
import botocore.session
import pytest
from botocore.model import OperationNotFoundError

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.capabilities.table import CONDITIONS, Condition, Option, Resource
from bedrock_gateway.iam import actions
from bedrock_gateway.iam.generate import ASSUMED, generate
from bedrock_gateway.iam.lint import lint, read
from bedrock_gateway.iam.quotas import split

OPERATIONS = {(one.service, one.name): one for row in CAPABILITIES.values() for one in row.operations}
SCOPE = Scope(
    region="us-east-1",
    account="111122223333",
    models=("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    knowledge_bases=("KB12345678",),
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb-handbook",),
    logging_bucket="example-logs",
    documents=(("example-handbook", "handbook/"),),
    answer_documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    collections=(("helpdesk-handbook", "helpdesk/handbook"),),
    guardrail=("abcdefghij12", "3"),
    principal_roles=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_instances=("bedrock-gateway/AmazonBedrockGateway-principal-app",),
    principal_groups=("bedrock-gateway/AmazonBedrockGateway-principal-people",),
    principal_users=("bedrock-gateway/alice",),
)
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OWN = "arn:aws:bedrock:us-east-1:111122223333"
EVERYTHING = replace(
    SCOPE,
    models=(
        *SCOPE.models,
        "amazon.nova-lite-v1:0",
        f"{OWN}:application-inference-profile/abcdefghij12",
        f"{OWN}:provisioned-model/abcdefghij12",
        f"{OWN}:custom-model-deployment/abcdefghij12",
        f"{OWN}:imported-model/abcdefghij12",
        f"{OWN}:prompt-router/abcdefghij12",
        f"{OWN}:default-prompt-router/anthropic.claude:1",
        "arn:aws:sagemaker:us-east-1:111122223333:endpoint/example",
    ),
    wraps=(("", SCOPE.models),),
    rerankers=("cohere.rerank-v3-5:0",),
    guardrail_profile="us",
    guardrail_key=KEY,
    logging_key=KEY,
    enforced_guardrails=("mnopqrstuv34",),
    document_keys=(KEY,),
    answer_keys=(KEY,),
    knowledge_base_key=KEY,
    third_party_secrets=("arn:aws:secretsmanager:us-east-1:111122223333:secret:pinecone-AbCdEf",),
    tagging=True,
    subscribe=True,
    products=("prod-ozonys2hmmpeu",),
)
# What a call needs of other services, and what AWS's reference calls writing though it only answers.
OF_OTHERS = {
    "s3:GetObject",
    "kms:Decrypt",
    "sagemaker:InvokeEndpoint",
    "sagemaker:InvokeEndpointWithResponseStream",
    "aws-marketplace:Subscribe",
    "aws-marketplace:ViewSubscriptions",
}
BILLED = {"bedrock:Rerank", "bedrock:RetrieveAndGenerate"}
BATCHED = replace(EVERYTHING, models=(*SCOPE.models, f"{OWN}:custom-model/amazon.titan-text-lite-v1:0:4k/abcdefghij12"))
# What AWS takes though its reference does not list it: each with the reason why we grant it all the same.
BEYOND_THE_REFERENCE = {
    ("bedrock:CreateModelInvocationJob", "batch-profile"): "a profile may be the job's model: marked as assumed",
}


def numbers(version):
    return tuple(int(part) for part in version.split(".")[:3])


def every_option(name):
    """A batch job takes other kinds of models than a call does."""
    return BATCHED if name == "batch" else EVERYTHING


@pytest.fixture(scope="module")
def models():
    session = botocore.session.get_session()
    return {service: session.get_service_model(service) for service in {service for service, _ in OPERATIONS}}


@pytest.mark.parametrize(("service", "name"), sorted(OPERATIONS))
def test_an_operation_is_what_botocore_says(models, service, name):
    row = OPERATIONS[service, name]
    try:
        model = models[service].operation_model(name)
    except OperationNotFoundError:
        assert row.known_in is not None
        assert numbers(botocore.__version__) < numbers(row.known_in)
        pytest.skip(f"botocore {botocore.__version__} does not have it, {row.known_in} does")
    streamed = model.get_event_stream_output()
    members = model.output_shape.members if model.output_shape else {}
    assert row.stream == next((key for key, shape in members.items() if shape is streamed and streamed), None)
    assert row.token == (model.idempotent_members[0] if model.idempotent_members else None)
    assert len(model.idempotent_members) <= 1
    assert (row.resend == "token") == (row.token is not None)


@pytest.mark.parametrize("name", CAPABILITIES)
@pytest.mark.parametrize("scope", [SCOPE, None], ids=["plain", "every option"])
def test_aws_knows_each_action_on_each_resource_it_is_granted_on(name, scope):
    granted = generate([name], scope or every_option(name)).grants
    assert granted
    for grant in granted:
        action = actions.action(grant.leg.action)
        if action is None:
            pytest.fail(f"{grant.leg.action} is not an action of AWS")
        if (grant.leg.action, grant.leg.resource) in BEYOND_THE_REFERENCE:
            assert grant.leg.confidence in ASSUMED
        else:
            assert actions.fits(grant.leg.action, grant.arn), (grant.leg.action, grant.arn)


def test_each_condition_is_on_a_key_that_aws_gives_the_action():
    for name in CAPABILITIES:
        for grant in generate([name], every_option(name)).grants:
            for key in (key for _, pairs in grant.conditions for key, _ in pairs):
                if not key.startswith("aws:"):
                    assert key in actions.action(grant.leg.action).condition_keys, (grant.leg.action, key)


def test_every_leg_and_every_option_of_the_table_leads_to_a_grant():
    made = {
        (grant.operation.name, grant.leg)
        for name in CAPABILITIES
        for grant in generate([name], every_option(name)).grants
    }
    table = {(one.name, leg) for row in CAPABILITIES.values() for one in row.operations for leg in one.legs}
    assert table == made
    assert {leg.only_with for _, leg in table} == {None, *get_args(Option)}
    assert {leg.condition for _, leg in table} == {None, *get_args(Condition)} == {None, *CONDITIONS}
    assert {leg.resource for _, leg in table} == set(get_args(Resource))


@pytest.mark.parametrize("option", get_args(Option))
def test_without_an_option_its_legs_are_not_granted(option):
    plain = Scope("us-east-1", "111122223333")
    # A guardrail's profile is nothing without the guardrail.
    options = {option, "guardrail_profile"} if option == "guardrail" else {option}
    for row in CAPABILITIES.values():
        legs = {leg for one in row.operations for leg in one.legs if leg.only_with == option}
        if legs:
            without = replace(every_option(row.name), **{one: getattr(plain, one) for one in options})
            assert not legs & {grant.leg for grant in generate([row.name], without).grants}


def test_an_action_without_resource_type_does_not_fit_under_an_arn():
    assert actions.fits("bedrock:RetrieveAndGenerate", "*")
    assert not actions.fits("bedrock:RetrieveAndGenerate", "arn:aws:bedrock:us-east-1:111122223333:knowledge-base/K")
    assert not actions.fits("bedrock:Converse", "*")


def test_runtime_capabilities_hold_no_administrative_action():
    for row in CAPABILITIES.values():
        if row.kind == "runtime":
            granted = {leg.action for one in row.operations for leg in one.legs}
            assert {one for one in granted if not one.startswith("bedrock:")} <= OF_OTHERS
            levels = {actions.action(one).access_level for one in granted - OF_OTHERS - BILLED}
            assert levels <= {"Read", "List"}


def test_capabilities_that_only_read_hold_reading_actions():
    for row in CAPABILITIES.values():
        if row.kind == "read":
            legs = [leg for one in row.operations for leg in one.legs]
            assert {actions.action(leg.action).access_level for leg in legs} <= {"Read", "List"}


@pytest.mark.parametrize("guarded", [False, True], ids=["", "guardrail required"])
@pytest.mark.parametrize("name", CAPABILITIES)
def test_with_every_option_a_policy_lints_clean_part_by_part(name, guarded):
    scope = replace(every_option(name), require_guardrail=guarded)
    if guarded and name in {"rag", "rag-stream", "rag-document", "batch"}:
        pytest.skip("AWS calls the model without the guardrail: refused")
    for part in split(generate([name], scope).policy):
        assert not lint([read(name, part.to_json())])
