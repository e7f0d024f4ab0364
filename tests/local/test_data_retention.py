"""The account's data retention: remembered, held to AWS's words, and a right of its own."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

import botocore
from botocore.exceptions import ClientError

MODE = {"StringEquals": {"bedrock:DataRetentionMode": "none"}}


@pytest.fixture
def bedrock(served):
    client = served.client("bedrock")
    if "PutAccountDataRetention" not in client.meta.service_model.operation_names:
        pytest.skip(f"botocore {botocore.__version__} knows no data retention")
    return client


def test_nothing_was_set_before_somebody_does(bedrock):
    shown = bedrock.get_account_data_retention()
    assert (shown["mode"], "updatedAt" in shown) == ("default", False)
    before = datetime.now(UTC)
    put = bedrock.put_account_data_retention(mode="provider_data_share")
    shown = bedrock.get_account_data_retention()
    assert (shown["mode"], shown["updatedAt"]) == ("provider_data_share", put["updatedAt"])
    assert shown["updatedAt"] >= before
    bedrock.put_account_data_retention(mode="default")


def test_a_mode_that_aws_does_not_have_is_refused(bedrock):
    with pytest.raises(ClientError) as caught:
        bedrock.put_account_data_retention(mode="for-ever")
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert bedrock.get_account_data_retention()["mode"] == "default"


def test_a_policy_can_name_the_mode_that_may_be_set(served, bedrock):
    allow = {**served.allow("bedrock:PutAccountDataRetention"), "Condition": MODE}
    clerk = served.client("bedrock", served.user("clerk", allow))
    assert clerk.put_account_data_retention(mode="none")["mode"] == "none"
    for call in (lambda: clerk.put_account_data_retention(mode="inherit"), clerk.get_account_data_retention):
        with pytest.raises(ClientError) as caught:
            call()
        assert caught.value.response["Error"]["Code"] == "AccessDeniedException"
    bedrock.put_account_data_retention(mode="default")
