"""The table against botocore's service models and AWS's action reference."""

from __future__ import annotations

import botocore.session
import pytest

from bedrock_gateway.capabilities import CAPABILITIES, Scope
from bedrock_gateway.iam import actions
from bedrock_gateway.iam.generate import generate

OPERATIONS = {(one.service, one.name): one for row in CAPABILITIES.values() for one in row.operations}
SCOPE = Scope(
    region="us-east-1",
    account="111122223333",
    models=("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    knowledge_bases=("KB12345678",),
    knowledge_base_roles=("bedrock-gateway/AmazonBedrockGateway-kb-handbook",),
    logging_bucket="example-logs",
    documents=(("example-handbook", "handbook/"),),
    vector_indexes=(("example-vectors", "handbook"),),
    guardrail=("abcdefghij12", "3"),
)


@pytest.fixture(scope="module")
def models():
    session = botocore.session.get_session()
    return {service: session.get_service_model(service) for service in {service for service, _ in OPERATIONS}}


@pytest.mark.parametrize(("service", "name"), sorted(OPERATIONS))
def test_an_operation_is_what_botocore_says(models, service, name):
    row, model = OPERATIONS[service, name], models[service].operation_model(name)
    streamed = model.get_event_stream_output()
    members = model.output_shape.members if model.output_shape else {}
    assert row.stream == next((key for key, shape in members.items() if shape is streamed and streamed), None)
    assert row.token == (model.idempotent_members[0] if model.idempotent_members else None)
    assert len(model.idempotent_members) <= 1
    assert (row.resend == "token") == (row.token is not None)


@pytest.mark.parametrize("name", CAPABILITIES)
def test_aws_knows_each_action_on_each_resource_it_is_granted_on(name):
    for grant in generate([name], SCOPE).grants:
        action = actions.action(grant.leg.action)
        if action is None:
            pytest.fail(f"{grant.leg.action} is not an action of AWS")
        assert actions.fits(grant.leg.action, grant.arn), (grant.leg.action, grant.arn)


def test_an_action_without_resource_type_does_not_fit_under_an_arn():
    assert actions.fits("bedrock:RetrieveAndGenerate", "*")
    assert not actions.fits("bedrock:RetrieveAndGenerate", "arn:aws:bedrock:us-east-1:111122223333:knowledge-base/K")
    assert not actions.fits("bedrock:Converse", "*")


def test_runtime_capabilities_hold_no_administrative_action():
    for row in CAPABILITIES.values():
        if row.kind == "runtime":
            assert {leg.action.partition(":")[0] for one in row.operations for leg in one.legs} == {"bedrock"}
