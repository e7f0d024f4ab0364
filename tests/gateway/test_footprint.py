"""What a preflight leaves in CloudTrail: reads only, at every level, and too few names to look like a thief of models.

Every call is intercepted where botocore makes it, whatever of ours asked for it.
"""

from __future__ import annotations

import pytest

from bedrock_gateway.preflight import LEVELS
from bedrock_gateway.preflight.catalogue import IAM_ACTIONS, rows

# Prowler's check cloudtrail_threat_detection_llm_jacking, critical: it counts, for each identity within a day, which of these
# 14 names of events there are, and reports more than 0.4 of them: six. github.com/prowler-cloud/prowler, config.yaml.
ALARM = {
    "PutUseCaseForModelAccess",
    "PutFoundationModelEntitlement",
    "PutModelInvocationLoggingConfiguration",
    "CreateFoundationModelAgreement",
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "GetUseCaseForModelAccess",
    "GetModelInvocationLoggingConfiguration",
    "GetFoundationModelAvailability",
    "ListFoundationModelAgreementOffers",
    "ListFoundationModels",
    "ListProvisionedModelThroughputs",
    "SearchAgreements",
    "AcceptAgreementRequest",
}
MOST = 4
READS = ("Get", "List", "Describe", "Head", "Simulate")
# AWS's own table of actions lists it among the reads: it has a report made, and changes nothing.
REPORT = "iam:GenerateServiceLastAccessedDetails"
BODY = {"messages": [{"role": "user", "content": [{"text": "Hello"}]}], "inferenceConfig": {"maxTokens": 5}}


def is_read(operation):
    return operation == REPORT or operation.partition(":")[2].startswith(READS)


def listening(session):
    """The operations that any client of *session* is about to send."""
    seen: list[str] = []

    def note(model, **_):
        seen.append(f"{model.service_model.service_name}:{model.name}")

    (getattr(session, "_session", session)).register("before-call", note)
    return seen


@pytest.fixture
def over_http(opened, request):
    if request.node.callspec.params["opened"] != "http":
        pytest.skip("what is sent does not depend on the way")
    return opened


def test_an_application_and_its_preflight_make_four_names_of_the_alarm_at_most(both, account, over_http):
    async def body():
        session = both.session(*account.credentials("app"))
        seen = listening(session)
        async with both.gateway(account.config(), principal="app", session=session, observers=()) as gateway:
            assert (await gateway.preflight("minimal", deadline_seconds=60)).ok
            await gateway.converse("Hello")
            await gateway.invoke_model(BODY)
            async with gateway.converse_stream("Hello") as stream:
                await stream.result()
            async with gateway.invoke_model_stream(BODY) as stream:
                await stream.result()
        names = {one.partition(":")[2] for one in seen}
        assert {"InvokeModel", "InvokeModelWithResponseStream", "GetModelInvocationLoggingConfiguration"} <= names
        assert len(names & ALARM) <= MOST, names & ALARM

    both.run(body)


# The last level makes the checks of the others as well.
@pytest.mark.parametrize("level", [*(pytest.param(one, marks=pytest.mark.full) for one in LEVELS[:-1]), LEVELS[-1]])
def test_a_preflight_only_reads_and_only_what_the_catalogue_says(both, account, over_http, level):
    async def body():
        session = both.session(*account.credentials("operator"))
        seen = listening(session)
        async with both.gateway(account.config(), principal="operator", session=session, observers=()) as gateway:
            await gateway.preflight(level, deadline_seconds=60)
        assert len(seen) > 2
        declared = {one for row in rows(level) for one in row.operations}
        assert set(seen) <= declared <= IAM_ACTIONS.keys()
        assert [one for one in seen if not is_read(one)] == []

    both.run(body)


def test_up_to_level_standard_the_catalogue_leaves_room_for_an_application_that_invokes_both_ways():
    named = {one.partition(":")[2] for row in rows("standard") for one in row.operations}
    calls = {"InvokeModel", "InvokeModelWithResponseStream"}
    assert len((named | calls) & ALARM) <= MOST
    assert all(is_read(one) for level in LEVELS for row in rows(level) for one in row.operations)
