"""Agreements in the local Bedrock: offered, accepted once, ended; and what AWS sells itself has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.exceptions import ClientError

from bedrock_gateway.local import LocalBedrock
from bedrock_gateway.local.models.access import Access
from bedrock_gateway.local.models.agreements import Agreements

if TYPE_CHECKING:
    from collections.abc import Iterator

CLAUDE, NOVA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "amazon.nova-lite-v1:0"


@pytest.fixture
def account() -> Iterator[tuple[LocalBedrock, Any]]:
    with LocalBedrock(region="us-east-1") as local:
        yield local, local.session().client("bedrock")
        local.reset()


def code(call: Any, **params: Any) -> str:
    with pytest.raises(ClientError) as caught:
        call(**params)
    return str(caught.value.response["Error"]["Code"])


def status(bedrock: Any, model: str) -> str:
    return str(bedrock.get_foundation_model_availability(modelId=model)["agreementAvailability"]["status"])


def test_an_agreement_is_ended_and_accepted_again(account: tuple[LocalBedrock, Any]) -> None:
    _, bedrock = account
    assert status(bedrock, CLAUDE) == "AVAILABLE"
    (offer,) = bedrock.list_foundation_model_agreement_offers(modelId=CLAUDE)["offers"]
    assert offer["termDetails"]["legalTerm"]["url"]
    accept = {"modelId": CLAUDE, "offerToken": offer["offerToken"]}
    assert code(bedrock.create_foundation_model_agreement, **accept) == "ConflictException"
    bedrock.delete_foundation_model_agreement(modelId=CLAUDE)
    assert status(bedrock, CLAUDE) == "NOT_AVAILABLE"
    assert code(bedrock.delete_foundation_model_agreement, modelId=CLAUDE) == "ResourceNotFoundException"
    bedrock.create_foundation_model_agreement(**accept)
    assert status(bedrock, CLAUDE) == "AVAILABLE"


def test_a_token_is_good_for_the_model_it_was_offered_for(account: tuple[LocalBedrock, Any]) -> None:
    _, bedrock = account
    (offer,) = bedrock.list_foundation_model_agreement_offers(modelId="cohere.rerank-v3-5:0")["offers"]
    for token in (offer["offerToken"], "made-up"):
        assert (
            code(bedrock.create_foundation_model_agreement, modelId=CLAUDE, offerToken=token) == "ValidationException"
        )


def test_what_aws_sells_itself_has_no_offer_and_no_agreement_to_end(account: tuple[LocalBedrock, Any]) -> None:
    _, bedrock = account
    assert bedrock.list_foundation_model_agreement_offers(modelId=NOVA)["offers"] == []
    assert code(bedrock.delete_foundation_model_agreement, modelId=NOVA) == "ResourceNotFoundException"


def test_an_agreement_may_pend_and_may_ask_for_the_form_first(account: tuple[LocalBedrock, Any]) -> None:
    local, bedrock = account
    local.state.of(Access).set(CLAUDE, agreement="NOT_AVAILABLE")
    kept = local.state.of(Agreements)
    kept.pends = kept.needs_form = True
    (offer,) = bedrock.list_foundation_model_agreement_offers(modelId=CLAUDE)["offers"]
    accept = {"modelId": CLAUDE, "offerToken": offer["offerToken"]}
    assert code(bedrock.create_foundation_model_agreement, **accept) == "ValidationException"
    bedrock.put_use_case_for_model_access(formData=b'{"companyName": "Example"}')
    bedrock.create_foundation_model_agreement(**accept)
    assert status(bedrock, CLAUDE) == "PENDING"
