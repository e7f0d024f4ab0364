"""Dates of models: shown by the catalogue's operations, and kept by the calls."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from botocore.exceptions import ClientError

from bedrock_gateway.local.models.lifecycle import Lifecycles

NOVA = "amazon.nova-lite-v1:0"
DATED = ("startOfLifeTime", "legacyTime", "publicExtendedAccessTime", "endOfLifeTime")


def days(number: int) -> datetime:
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=number)


@pytest.fixture
def lifecycles(served):
    held = served.local.state.of(Lifecycles)
    yield held
    held.clear()


@pytest.fixture
def bedrock(served):
    client = served.client("bedrock")
    if "endOfLifeTime" not in client.meta.service_model.shape_for("FoundationModelLifecycle").members:
        pytest.skip("this botocore shows no dates")
    return client


def shown(bedrock) -> dict:
    detail = bedrock.get_foundation_model(modelIdentifier=NOVA)["modelDetails"]["modelLifecycle"]
    (listed,) = [one for one in bedrock.list_foundation_models()["modelSummaries"] if one["modelId"] == NOVA]
    assert listed["modelLifecycle"] == detail
    return detail


def test_no_date_is_invented(bedrock):
    assert shown(bedrock) == {"status": "ACTIVE"}


def test_dates_that_were_set_are_shown(bedrock, lifecycles):
    dates = [days(-400), days(-30), days(-1), days(10)]
    names = ("start_of_life", "legacy", "public_extended_access", "end_of_life")
    lifecycles.set(NOVA, **dict(zip(names, dates, strict=True)))
    assert shown(bedrock) == {"status": "LEGACY", **dict(zip(DATED, dates, strict=True))}


def test_a_model_is_legacy_from_its_date_on(bedrock, lifecycles):
    lifecycles.set(NOVA, legacy=days(3))
    assert shown(bedrock)["status"] == "ACTIVE"
    lifecycles.set(NOVA, legacy=days(-3))
    assert shown(bedrock)["status"] == "LEGACY"
    lifecycles.set(NOVA, status="LEGACY")
    assert shown(bedrock) == {"status": "LEGACY"}


@pytest.mark.parametrize("model", [NOVA, f"us.{NOVA}"])
def test_a_model_is_called_until_its_end_and_not_after_it(served, lifecycles, model):
    converse = served.client("bedrock-runtime").converse
    lifecycles.set(NOVA, end_of_life=days(10))
    assert converse(modelId=model, messages=served.said("Hi"))["stopReason"] == "end_turn"
    lifecycles.set(NOVA, end_of_life=days(-1))
    with pytest.raises(ClientError) as caught:
        converse(modelId=model, messages=served.said("Hi"))
    error = caught.value.response
    assert (error["Error"]["Code"], error["ResponseMetadata"]["HTTPStatusCode"]) == ("ResourceNotFoundException", 404)
    assert "reached the end of its life" in error["Error"]["Message"]
