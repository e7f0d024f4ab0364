"""Access to models: the use-case form, agreements that were set, and a catalogue that is told to say otherwise."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.models.access import EVERY, Access

NOVA, PRO = "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"


@pytest.fixture
def local():
    with LocalBedrock(region="us-east-1") as made:
        yield made


@pytest.fixture
def bedrock(local):
    return local.session().client("bedrock")


def test_a_form_is_there_once_it_was_submitted(bedrock):
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bedrock.get_use_case_for_model_access()
    bedrock.put_use_case_for_model_access(formData=b'{"companyName":"Example"}')
    assert bedrock.get_use_case_for_model_access()["formData"] == b'{"companyName":"Example"}'


def test_what_was_set_of_one_model_is_said_of_it_alone(local, bedrock):
    local.state.of(Access).set(NOVA, agreement="ERROR", agreement_error="payment")
    local.state.of(Access).set(EVERY, authorization="NOT_AUTHORIZED")
    nova, pro = (bedrock.get_foundation_model_availability(modelId=one) for one in (NOVA, PRO))
    assert nova["agreementAvailability"] == {"status": "ERROR", "errorMessage": "payment"}
    assert pro["agreementAvailability"] == {"status": "AVAILABLE"}
    assert nova["authorizationStatus"] == pro["authorizationStatus"] == "NOT_AUTHORIZED"


def test_details_are_shown_as_they_were_said_and_a_model_can_be_taken_out(local, bedrock):
    access = local.state.of(Access)
    access.say(NOVA, {"responseStreamingSupported": False})
    assert bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]["responseStreamingSupported"] is False
    assert bedrock.get_foundation_model(modelIdentifier=PRO)["modelDetails"]["responseStreamingSupported"] is True
    access.say(PRO, None)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        bedrock.get_foundation_model(modelIdentifier=PRO)
    access.say("profiles", None)
    with pytest.raises(ClientError, match="was not found"):
        bedrock.get_inference_profile(inferenceProfileIdentifier=f"us.{NOVA}")
